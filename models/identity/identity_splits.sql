{{ config(materialized='view') }}

with

moves as (

    select * from {{ ref('int_identity__moves') }}

),

registry as (

    select * from {{ ref('int_identity__registry') }}

),

nodes as (

    select * from {{ ref('int_identity__nodes') }}

),

customer_splits as (

    select
        -- run
        cast(moves.run_id as {{ dbt.type_bigint() }}) as run_id,
        moves.moved_at as split_at,

        -- customers
        froms.entity_id as from_customer_id,
        intos.entity_id as into_customer_id,
        cast(moves.identifier_count as {{ dbt.type_bigint() }}) as identifier_count,

        -- cause
        moves.cause

    from moves
    inner join nodes
        on
            moves.from_node_id = nodes.node_id
            and nodes.entity = 'customer'
    inner join registry as froms on moves.from_node_id = froms.node_id
    inner join registry as intos on moves.into_node_id = intos.node_id
    where not moves.is_merge

)

select * from customer_splits
