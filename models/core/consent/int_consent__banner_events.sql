{{ config(
    materialized='incremental',
    incremental_strategy='replace_rows',
    unique_key='event_id',
    on_schema_change='append_new_columns',
    meta={'removed_when': 'event_name is null'}
) }}

{% set rows = 'touched' if is_incremental() else 'banner_events' %}

with

{% if is_incremental() %}
-- The body of an event may come, change or go without the event.
touched as (

    select changed.record_key as event_id
    from (
        {{ touched_records([
            'stg_snowplow__events',
            'stg_snowplow__consent_preferences',
            'stg_snowplow__banners_shown',
        ]) }}
    ) as changed

),
{% endif %}

records as (

    select
        records.record_key,
        records.customer_id

    from {{ ref('int_core__records') }} as records
    {% if is_incremental() %}
    inner join touched on records.record_key = touched.event_id
    {% endif %}
    where
        records.source_model = 'stg_snowplow__events'
        and records.is_current

),

events as (

    select * from {{ ref('stg_snowplow__events') }}

),

preferences as (

    select * from {{ ref('stg_snowplow__consent_preferences') }}

),

banners_shown as (

    select * from {{ ref('stg_snowplow__banners_shown') }}

),

-- Staging has one row per event in each of the three, so the joins keep one row per event.
banner_events as (

    select
        events.event_id,
        records.customer_id,
        events.anonymous_id,
        events.user_id,
        events.session_id,
        events.page_view_id,
        case
            when events.event_name = 'cmp_visible' then 'banner_shown'
            else 'banner_answered'
        end as event_name,
        events.country_code,
        preferences.answer,
        preferences.legal_basis,
        preferences.policy_version,
        preferences.policy_url,
        preferences.scopes,
        preferences.domains,
        coalesce(preferences.is_gdpr_applied, false) as is_gdpr_applied,
        banners_shown.load_seconds,
        events.occurred_at,
        events._loaded_at as loaded_at

    from events
    inner join records on events.event_id = records.record_key
    left join preferences on events.event_id = preferences.event_id
    left join banners_shown on events.event_id = banners_shown.event_id
    where events.event_name in ('cmp_visible', 'consent_preferences')

),

-- In a later run, an event that is none of a banner is a row without a name, and makes way.
numbered as (

    select
        {{ rows }}.event_id,
        banner_events.customer_id,
        banner_events.anonymous_id,
        banner_events.user_id,
        banner_events.session_id,
        banner_events.page_view_id,
        banner_events.event_name,
        banner_events.country_code,
        banner_events.answer,
        banner_events.legal_basis,
        banner_events.policy_version,
        banner_events.policy_url,
        banner_events.scopes,
        banner_events.domains,
        banner_events.is_gdpr_applied,
        banner_events.load_seconds,
        banner_events.occurred_at,
        banner_events.loaded_at,
        cast({{ current_run() }} as {{ dbt.type_bigint() }}) as changed_run

    from {{ rows }}
    {% if is_incremental() %}
    left join banner_events on touched.event_id = banner_events.event_id
    {% endif %}

)

select * from numbered
