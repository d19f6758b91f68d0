{{ config(materialized='view') }}

with

nodes as (

    select * from {{ ref('int_identity__nodes') }}

),

registry as (

    select * from {{ ref('int_identity__registry') }}

),

blocked as (

    select
        -- identifier
        registry.identifier_type,
        registry.identifier_value,

        -- rule
        nodes.blocked_match as match_kind,
        nodes.blocked_value as rule_value,
        nodes.blocked_reason as reason,

        -- evidence
        cast(nodes.record_count as {{ dbt.type_bigint() }}) as record_count,
        nodes.first_seen_at,
        nodes.last_seen_at

    from nodes
    inner join registry on nodes.node_id = registry.node_id
    where nodes.status = 'blocked'

)

select * from blocked
