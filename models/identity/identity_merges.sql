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

customer_merges as (

    select
        -- run
        cast(moves.run_id as {{ dbt.type_bigint() }}) as run_id,
        moves.moved_at as merged_at,

        -- customers
        froms.entity_id as from_customer_id,
        intos.entity_id as into_customer_id,
        cast(moves.identifier_count as {{ dbt.type_bigint() }}) as identifier_count,

        -- cause
        moves.cause,
        lefts.identifier_type as left_identifier_type,
        lefts.identifier_value as left_identifier_value,
        rights.identifier_type as right_identifier_type,
        rights.identifier_value as right_identifier_value,
        moves.source_model,
        moves.record_key

    from moves
    inner join nodes
        on
            moves.from_node_id = nodes.node_id
            and nodes.entity = 'customer'
    inner join registry as froms on moves.from_node_id = froms.node_id
    inner join registry as intos on moves.into_node_id = intos.node_id
    left join registry as lefts on moves.left_node_id = lefts.node_id
    left join registry as rights on moves.right_node_id = rights.node_id
    where moves.is_merge

)

select * from customer_merges
