{{ config(
    materialized='incremental',
    incremental_strategy='replace_rows',
    unique_key='node_id',
    meta={'removed_when': 'linked_type is null'}
) }}

{% set last_run = last_own_run() %}

with

blocked_nodes as (

    select blocked_values.node_id
    from {{ ref('int_identity__blocked_values') }} as blocked_values
    where blocked_values.match is not null

),

{% if is_incremental() %}
touched as (

    select blocked_values.node_id
    from {{ ref('int_identity__blocked_values') }} as blocked_values
    where {{ rules_changed('node_rules') }}

    union

    select changed.node_id
    from {{ ref('int_identity__observations') }} as changed
    where changed.changed_run > {{ last_run }}

),
{% endif %}

-- Gone ones are left out late: a planner would take a condition for a reason to begin with these.
own_records as (

    select
        observations.node_id,
        observations.fingerprint,
        observations.first_seen_at,
        observations.is_current

    from {{ ref('int_identity__observations') }} as observations
    {% if is_incremental() %}
    where observations.node_id in (select touched.node_id from touched)
    {% endif %}

),

-- Who stood in one record only can have met two values of a type only where records have two.
seen_again as (

    select own_records.node_id
    from own_records
    group by own_records.node_id
    having sum(case when own_records.is_current then 1 else 0 end) > 1

),

meeting_records as (

    select
        own_records.node_id,
        own_records.fingerprint,
        own_records.first_seen_at

    from own_records
    where
        own_records.is_current
        and (
            own_records.node_id in (select seen_again.node_id from seen_again)
            {% if sources_with_twin_columns() %}
            or own_records.fingerprint in (
                select records.fingerprint
                from {{ ref('int_identity__records') }} as records
                where records.source_model in ('{{ sources_with_twin_columns() | join("', '") }}')
            )
            {% endif %}
        )

),

-- A record's identifiers come and go together, so no condition says here that they are current.
counted as (

    select
        observations.fingerprint,
        observations.node_id,
        observations.identifier_type

    from {{ ref('int_identity__observations') }} as observations
    where
        observations.identifier_type in (
            {% for type in counted_identifier_types() %}
            '{{ type }}'{{ ',' if not loop.last }}
            {% endfor %}
        )

),

-- Each value with each other one that stood in a record of its own, when first.
meetings as (

    select
        meeting_records.node_id,
        counted.identifier_type as linked_type,
        counted.node_id as linked_node_id,
        min(meeting_records.first_seen_at) as first_met_at

    from meeting_records
    inner join counted on meeting_records.fingerprint = counted.fingerprint
    where meeting_records.node_id <> counted.node_id
    group by
        meeting_records.node_id,
        counted.identifier_type,
        counted.node_id

),

daily_meetings as (

    select
        meetings.node_id,
        meetings.linked_type,
        count(*) as linked_count

    from meetings
    where meetings.linked_node_id not in (select blocked_nodes.node_id from blocked_nodes)
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

{% if is_incremental() %}
known as (

    select distinct own_rows.node_id
    from {{ this }} as own_rows

),
{% endif %}

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
    inner join known on touched.node_id = known.node_id
    left join linked_counts on touched.node_id = linked_counts.node_id
    where linked_counts.node_id is null
    {% endif %}

)

select * from marked
