-- depends_on: {{ ref('int_identity__assignment_history') }}

{{ config(
    materialized='incremental',
    incremental_strategy='replace_rows',
    unique_key='anchor_node_id'
) }}

{% set last_run = last_own_run() %}

with

{% if is_incremental() %}
-- Customers that won or lost an identifier, or a link. A rule by itself changes no count.
touched as (

    select assignments.anchor_node_id
    from {{ ref('int_identity__assignments') }} as assignments
    where assignments.changed_run > {{ last_run }}

    union

    select history.anchor_node_id
    from {{ ref('int_identity__assignment_history') }} as history
    where history.changed_run > {{ last_run }}

    union

    select assignments.anchor_node_id
    from {{ ref('int_identity__assignments') }} as assignments
    inner join {{ ref('int_identity__links') }} as links
        on assignments.node_id = links.centre_node_id
    where links.changed_run > {{ last_run }}

),
{% endif %}

members as (

    select
        assignments.node_id,
        assignments.anchor_node_id,
        assignments.component_id,
        assignments.is_shared

    from {{ ref('int_identity__assignments') }} as assignments
    {% if is_incremental() %}
    inner join touched on assignments.anchor_node_id = touched.anchor_node_id
    {% endif %}

),

-- Grouped before the ends are looked up: a pair is in several records. A link that is gone merges
-- nobody, and is left out late: a planner would take a condition for a reason to begin with links.
linked_pairs as (

    select
        links.centre_node_id,
        links.node_id,
        max(case when links.is_merging then 1 else 0 end) as is_merging,
        sum(case when links.is_current then 1 else 0 end) as record_count

    from {{ ref('int_identity__links') }} as links
    {% if is_incremental() %}
    inner join members on links.centre_node_id = members.node_id
    {% endif %}
    group by
        links.centre_node_id,
        links.node_id
    having sum(case when links.is_current then 1 else 0 end) > 0

),

-- An edge of the centre's customer where the other end is that one's too, and both merge.
pairs as (

    select
        centres.anchor_node_id,
        linked_pairs.centre_node_id,
        linked_pairs.node_id,
        case
            when
                linked_pairs.is_merging = 1
                and not centres.is_shared
                and not leaves.is_shared
                and centres.component_id = leaves.component_id
                then 1
            else 0
        end as is_edge,
        linked_pairs.record_count

    from linked_pairs
    inner join members as centres on linked_pairs.centre_node_id = centres.node_id
    left join members as leaves on linked_pairs.node_id = leaves.node_id

),

pair_counts as (

    select
        pairs.anchor_node_id,
        sum(pairs.is_edge) as edge_count,
        sum(1 - pairs.is_edge) as suppressed_edge_count,
        sum(case when pairs.is_edge = 1 and pairs.record_count = 1 then 1 else 0 end)
            as single_record_edge_count

    from pairs
    group by pairs.anchor_node_id

),

degrees as (

    select
        ends.anchor_node_id,
        ends.node_id,
        count(*) as degree

    from (
        select
            pairs.anchor_node_id,
            pairs.centre_node_id as node_id

        from pairs
        where pairs.is_edge = 1

        union all

        select
            pairs.anchor_node_id,
            pairs.node_id

        from pairs
        where pairs.is_edge = 1
    ) as ends
    group by
        ends.anchor_node_id,
        ends.node_id

),

max_degrees as (

    select
        degrees.anchor_node_id,
        max(degrees.degree) as max_degree

    from degrees
    group by degrees.anchor_node_id

),

edge_counts as (

    select
        pair_counts.anchor_node_id,
        cast(pair_counts.edge_count as {{ dbt.type_bigint() }}) as edge_count,
        cast(pair_counts.suppressed_edge_count as {{ dbt.type_bigint() }})
            as suppressed_edge_count,
        cast(pair_counts.single_record_edge_count as {{ dbt.type_bigint() }})
            as single_record_edge_count,
        cast(coalesce(max_degrees.max_degree, 0) as {{ dbt.type_bigint() }}) as max_degree,
        {{ current_run() }} as changed_run

    from pair_counts
    left join max_degrees on pair_counts.anchor_node_id = max_degrees.anchor_node_id

    {% if is_incremental() %}
    union all

    -- a customer that has no link any more
    select
        known.anchor_node_id,
        0 as edge_count,
        0 as suppressed_edge_count,
        0 as single_record_edge_count,
        0 as max_degree,
        {{ current_run() }} as changed_run

    from {{ this }} as known
    inner join touched on known.anchor_node_id = touched.anchor_node_id
    left join pair_counts on known.anchor_node_id = pair_counts.anchor_node_id
    where pair_counts.anchor_node_id is null
    {% endif %}

)

select * from edge_counts
