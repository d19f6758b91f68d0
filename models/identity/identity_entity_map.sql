{{ config(materialized='view') }}

with

assignments as (

    select * from {{ ref('int_identity__assignments') }}

),

nodes as (

    select * from {{ ref('int_identity__nodes') }}

),

registry as (

    select * from {{ ref('int_identity__registry') }}

),

entity_map as (

    select
        -- identifier
        nodes.entity,
        registry.identifier_type,
        registry.identifier_value,

        -- entity
        anchors.entity_id,
        assignments.is_shared,

        -- evidence
        cast(nodes.record_count as {{ dbt.type_bigint() }}) as record_count,
        nodes.first_seen_at,
        nodes.last_seen_at

    from assignments
    inner join nodes on assignments.node_id = nodes.node_id
    inner join registry on assignments.node_id = registry.node_id
    inner join registry as anchors on assignments.anchor_node_id = anchors.node_id
    where nodes.entity <> 'customer'

)

select * from entity_map
