{{ config(materialized='view') }}

with

history as (

    select * from {{ ref('int_identity__assignment_history') }}

),

registry as (

    select * from {{ ref('int_identity__registry') }}

),

nodes as (

    select * from {{ ref('int_identity__nodes') }}

),

map_history as (

    select
        -- identifier
        registry.identifier_type,
        registry.identifier_value,

        -- customer
        anchors.entity_id as customer_id,
        history.is_shared,
        history.valid_to_run is null as is_current,

        -- time
        history.valid_from,
        history.valid_to,
        cast(history.valid_from_run as {{ dbt.type_bigint() }}) as valid_from_run,
        cast(history.valid_to_run as {{ dbt.type_bigint() }}) as valid_to_run

    from history
    inner join nodes
        on
            history.node_id = nodes.node_id
            and nodes.entity = 'customer'
    inner join registry on history.node_id = registry.node_id
    inner join registry as anchors on history.anchor_node_id = anchors.node_id

)

select * from map_history
