{{ config(materialized='view') }}

with

nodes as (

    select * from {{ ref('int_identity__nodes') }}

),

registry as (

    select * from {{ ref('int_identity__registry') }}

),

linked_counts as (

    select * from {{ ref('int_identity__linked_counts') }}

),

crowds as (

    select
        linked_counts.node_id,
        max(linked_counts.linked_count) as linked_count,
        max(linked_counts.busiest_day_count) as busiest_day_count

    from linked_counts
    group by linked_counts.node_id

),

review as (

    select
        -- identifier
        registry.identifier_type,
        registry.identifier_value,

        -- finding
        nodes.suspicion as finding,
        nodes.status = 'blocked' as is_blocked,
        nodes.status = 'shared' as is_shared,

        -- evidence
        cast(coalesce(crowds.linked_count, 0) as {{ dbt.type_bigint() }}) as linked_count,
        cast(coalesce(crowds.busiest_day_count, 0) as {{ dbt.type_bigint() }})
            as busiest_day_count,
        cast(nodes.record_count as {{ dbt.type_bigint() }}) as record_count,
        nodes.first_seen_at,
        nodes.last_seen_at

    from nodes
    inner join registry on nodes.node_id = registry.node_id
    left join crowds on nodes.node_id = crowds.node_id
    where
        nodes.suspicion is not null
        and nodes.status <> 'absent'

)

select * from review
