{{ config(
    materialized='incremental',
    incremental_strategy='replace_rows',
    unique_key='node_id'
) }}

{% set hygiene = identity_hygiene() %}

with

blocked_values as (

    select * from {{ ref('int_identity__blocked_values') }}

),

identifier_types as (

    {{ identifier_type_rows() }}

),

max_linked as (

    {{ max_linked_rows() }}

),

touched as (

    select registry.node_id
    from {{ ref('int_identity__registry') }} as registry
    where {{ rules_changed('node_rules') }}

    union

    select observations.node_id
    from {{ ref('int_identity__observations') }} as observations
    where observations.changed_run > {{ last_own_run() }}

),

sightings as (

    select
        observations.node_id,
        min(observations.first_seen_at) as first_seen_at,
        max(observations.last_seen_at) as last_seen_at,
        sum(observations.record_count) as record_count

    from {{ ref('int_identity__observations') }} as observations
    inner join touched on observations.node_id = touched.node_id
    where observations.is_current
    group by observations.node_id

),

identifiers as (

    select
        registry.node_id,
        registry.identifier_type,
        lower(registry.identifier_value) as comparable_value,
        identifier_types.type_rank,
        identifier_types.entity,
        identifier_types.is_merging,
        sightings.first_seen_at,
        sightings.last_seen_at,
        cast(coalesce(sightings.record_count, 0) as {{ dbt.type_bigint() }}) as record_count

    from {{ ref('int_identity__registry') }} as registry
    inner join touched on registry.node_id = touched.node_id
    inner join identifier_types on registry.identifier_type = identifier_types.identifier_type
    left join sightings on registry.node_id = sightings.node_id

),

-- More values of a type than max_linked allows; the strongest such type is named.
shared as (

    select
        linked_counts.node_id,
        linked_counts.linked_type,
        max_linked.linked_limit,
        linked_counts.linked_count,
        row_number() over (
            partition by linked_counts.node_id
            order by linked_types.type_rank
        ) as rule_index

    from {{ ref('int_identity__linked_counts') }} as linked_counts
    inner join identifiers on linked_counts.node_id = identifiers.node_id
    inner join max_linked
        on
            identifiers.identifier_type = max_linked.identifier_type
            and linked_counts.linked_type = max_linked.linked_type
    inner join identifier_types as linked_types
        on linked_counts.linked_type = linked_types.identifier_type
    where linked_counts.linked_count > max_linked.linked_limit

),

crowds as (

    select
        linked_counts.node_id,
        max(linked_counts.linked_count) as linked_count,
        max(linked_counts.busiest_day_count) as busiest_day_count

    from {{ ref('int_identity__linked_counts') }} as linked_counts
    inner join touched on linked_counts.node_id = touched.node_id
    group by linked_counts.node_id
    having
        max(linked_counts.linked_count) > {{ hygiene.shared_by }}
        or max(linked_counts.busiest_day_count) > {{ hygiene.burst_per_day }}

),

judged as (

    select
        identifiers.*,
        blocked_values.match as blocked_match,
        blocked_values.rule_value as blocked_value,
        blocked_values.reason as blocked_reason,
        shared.linked_type as shared_linked_type,
        cast(shared.linked_limit as {{ dbt.type_bigint() }}) as shared_limit,
        cast(shared.linked_count as {{ dbt.type_bigint() }}) as shared_count,
        -- the most telling suspicion
        case
            when crowds.linked_count > {{ hygiene.shared_by }} then 'shared'
            when crowds.node_id is not null then 'burst'
            when {{ is_placeholder_shape('identifiers.comparable_value') }} then 'placeholder_shape'
        end as suspicion

    from identifiers
    left join blocked_values on identifiers.node_id = blocked_values.node_id
    left join shared
        on
            identifiers.node_id = shared.node_id
            and shared.rule_index = 1
    left join crowds on identifiers.node_id = crowds.node_id

),

nodes as (

    select
        judged.node_id,
        judged.type_rank,
        judged.entity,
        case
            when judged.record_count = 0 then 'absent'
            when judged.blocked_match is not null then 'blocked'
            {% if hygiene.block %}
            when judged.suspicion is not null then 'blocked'
            {% endif %}
            when judged.shared_linked_type is not null then 'shared'
            when not judged.is_merging then 'attached'
            else 'active'
        end as status,
        {% if hygiene.block %}
        case
            when judged.suspicion is not null then coalesce(judged.blocked_match, 'suspect')
            else judged.blocked_match
        end as blocked_match,
        {% else %}
        judged.blocked_match,
        {% endif %}
        judged.blocked_value,
        judged.blocked_reason,
        judged.shared_linked_type,
        judged.shared_limit,
        judged.shared_count,
        judged.suspicion,
        judged.first_seen_at,
        judged.last_seen_at,
        judged.record_count

    from judged

),

{% if is_incremental() %}
changed as (

    select
        nodes.*,
        {{ current_run() }} as changed_run,
        case
            when
                known.status = nodes.status
                and known.type_rank = nodes.type_rank
                and known.entity = nodes.entity
                then known.status_changed_run
            else {{ current_run() }}
        end as status_changed_run

    from nodes
    left join {{ this }} as known on nodes.node_id = known.node_id
    where
        known.node_id is null
        or known.status <> nodes.status
        or known.type_rank <> nodes.type_rank
        or known.entity <> nodes.entity
        or known.record_count <> nodes.record_count
        or known.first_seen_at is distinct from nodes.first_seen_at
        or known.last_seen_at is distinct from nodes.last_seen_at
        or known.blocked_match is distinct from nodes.blocked_match
        or known.blocked_value is distinct from nodes.blocked_value
        or known.blocked_reason is distinct from nodes.blocked_reason
        or known.shared_linked_type is distinct from nodes.shared_linked_type
        or known.shared_limit is distinct from nodes.shared_limit
        or known.shared_count is distinct from nodes.shared_count
        or known.suspicion is distinct from nodes.suspicion

)
{% else %}
changed as (

    select
        nodes.*,
        {{ current_run() }} as changed_run,
        {{ current_run() }} as status_changed_run

    from nodes

)
{% endif %}

select * from changed
