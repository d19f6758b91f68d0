{{ config(
    materialized='incremental',
    incremental_strategy='replace_rows',
    unique_key='node_id',
    meta={'removed_when': 'linked_type is null'}
) }}

with

observations as (

    select * from {{ ref('int_identity__observations') }}

),

registry as (

    select * from {{ ref('int_identity__registry') }}

),

blocked_values as (

    select * from {{ ref('int_identity__blocked_values') }}

),

-- The types that a rule, or the look-out for suspects, counts.
counted_types as (

    select distinct max_linked.linked_type as identifier_type
    from ({{ max_linked_rows() }}) as max_linked

    union

    select identifier_types.identifier_type
    from ({{ identifier_type_rows() }}) as identifier_types
    where identifier_types.type_limit is not null

),

{% if is_incremental() %}
touched as (

    select registry.node_id
    from registry
    where {{ rules_changed('node_rules') }}

    union

    select observations.node_id
    from observations
    where observations.changed_run > {{ last_own_run() }}

),
{% endif %}

-- A value of one record meets others of a type only as often as the record has columns of it, and
-- nearly always once: those of two records or more can have met two.
own_records as (

    select
        observations.node_id,
        observations.fingerprint,
        observations.first_seen_at,
        count(*) over (partition by observations.node_id) as own_record_count

    from observations
    {% if is_incremental() %}
    inner join touched on observations.node_id = touched.node_id
    {% endif %}
    where observations.is_current

),

nearby as (

    {% if is_incremental() %}
    select
        observations.fingerprint,
        observations.node_id

    from observations
    inner join (select distinct own_records.fingerprint from own_records) as own_fingerprints
        on observations.fingerprint = own_fingerprints.fingerprint
    where observations.is_current
    {% else %}
    select
        observations.fingerprint,
        observations.node_id

    from observations
    {% endif %}

),

counted_records as (

    select
        nearby.fingerprint,
        registry.node_id,
        registry.identifier_type,
        count(*) over (
            partition by nearby.fingerprint, registry.identifier_type
        ) as record_value_count

    from nearby
    inner join registry on nearby.node_id = registry.node_id
    inner join counted_types on registry.identifier_type = counted_types.identifier_type
    inner join blocked_values on registry.node_id = blocked_values.node_id
    where blocked_values.match is null

),

-- Each value with each other one that stood in a record of its own, when first.
meetings as (

    select
        own_records.node_id,
        counted_records.identifier_type as linked_type,
        counted_records.node_id as linked_node_id,
        min(own_records.first_seen_at) as first_met_at

    from own_records
    inner join counted_records on own_records.fingerprint = counted_records.fingerprint
    where
        own_records.node_id <> counted_records.node_id
        and (own_records.own_record_count > 1 or counted_records.record_value_count > 1)
    group by
        own_records.node_id,
        counted_records.identifier_type,
        counted_records.node_id

),

daily_meetings as (

    select
        meetings.node_id,
        meetings.linked_type,
        count(*) as linked_count

    from meetings
    group by
        meetings.node_id,
        meetings.linked_type,
        cast(meetings.first_met_at as date)

),

linked_counts as (

    select
        daily_meetings.node_id,
        daily_meetings.linked_type,
        cast(sum(daily_meetings.linked_count) as {{ dbt.type_bigint() }}) as linked_count,
        max(daily_meetings.linked_count) as busiest_day_count

    from daily_meetings
    group by
        daily_meetings.node_id,
        daily_meetings.linked_type
    having sum(daily_meetings.linked_count) > 1

),

marked as (

    select
        linked_counts.node_id,
        linked_counts.linked_type,
        linked_counts.linked_count,
        linked_counts.busiest_day_count,
        {{ current_run() }} as changed_run

    from linked_counts

    {% if is_incremental() %}
    union all

    select
        touched.node_id,
        null as linked_type,
        null as linked_count,
        null as busiest_day_count,
        {{ current_run() }} as changed_run

    from touched
    left join linked_counts on touched.node_id = linked_counts.node_id
    where linked_counts.node_id is null
    {% endif %}

)

select * from marked
