{{ config(
    materialized='incremental',
    incremental_strategy='replace_rows',
    unique_key='hit_key',
    on_schema_change='append_new_columns'
) }}

{# A hit that went, or is under another visit, leaves its former row: that visit is cut anew too. #}
{% set sources = {
    'stg_segment__pages': 'segment',
    'stg_segment__screens': 'segment',
    'stg_segment__tracks': 'segment',
    'stg_snowplow__events': 'snowplow',
} %}
{% set source_names = sources | join("', '") %}
{% set rules = session_rules() %}
{% set no_time = 'cast(null as ' ~ dbt.type_timestamp() ~ ')' %}
{% set no_text = 'cast(null as ' ~ dbt.type_string() ~ ')' %}

with

{% if is_incremental() %}
touched as (

    {{ touched_source_records(sources) }}

    union

    -- what waited for its time
    select
        own_rows.source_model,
        own_rows.record_key

    from {{ this }} as own_rows
    where own_rows.recheck_at <= {{ as_of() }}

),
{% endif %}

-- Joined where each source is read, and not after: what is made of a row's texts costs more than
-- the join.
records as (

    select
        records.source_model,
        records.record_key,
        records.customer_id

    from {{ ref('int_core__records') }} as records
    {% if is_incremental() %}
    inner join touched
        on
            records.source_model = touched.source_model
            and records.record_key = touched.record_key
    {% endif %}
    where
        records.source_model in ('{{ source_names }}')
        and records.is_current

),

segment_pages as (

    select
        records.source_model,
        records.record_key,
        records.customer_id,
        {{ tracker_session_id('segment', 'pages') }}
            as session_id,
        pages.anonymous_id as visitor_id,
        'page_view' as hit_kind,
        'page_viewed' as event_name,
        {{ no_text }} as page_view_id,
        pages.user_id,
        {{ no_text }} as network_user_id,
        {{ no_text }} as app_id,
        'web' as platform,
        pages.page_url,
        {{ web_domain('pages.page_url') }} as page_host,
        pages.page_path,
        coalesce(pages.page_title, pages.page_name) as page_title,
        {{ segment_hit_columns('pages') }}

    from {{ ref('stg_segment__pages') }} as pages
    inner join records
        on
            pages.message_id = records.record_key
            and records.source_model = 'stg_segment__pages'

),

segment_screens as (

    select
        records.source_model,
        records.record_key,
        records.customer_id,
        {{ tracker_session_id('segment', 'screens') }}
            as session_id,
        coalesce(screens.device_id, screens.anonymous_id) as visitor_id,
        'page_view' as hit_kind,
        'screen_viewed' as event_name,
        {{ no_text }} as page_view_id,
        screens.user_id,
        {{ no_text }} as network_user_id,
        {{ no_text }} as app_id,
        'app' as platform,
        {{ no_text }} as page_url,
        {{ no_text }} as page_host,
        {{ no_text }} as page_path,
        screens.screen_name as page_title,
        {{ segment_hit_columns('screens') }}

    from {{ ref('stg_segment__screens') }} as screens
    inner join records
        on
            screens.message_id = records.record_key
            and records.source_model = 'stg_segment__screens'

),

segment_tracks as (

    select
        records.source_model,
        records.record_key,
        records.customer_id,
        {{ tracker_session_id('segment', 'tracks') }}
            as session_id,
        case
            when tracks.is_app then coalesce(tracks.device_id, tracks.anonymous_id)
            else tracks.anonymous_id
        end as visitor_id,
        'event' as hit_kind,
        tracks.event_name,
        {{ no_text }} as page_view_id,
        tracks.user_id,
        {{ no_text }} as network_user_id,
        {{ no_text }} as app_id,
        case when tracks.is_app then 'app' else 'web' end as platform,
        tracks.page_url,
        {{ web_domain('tracks.page_url') }} as page_host,
        tracks.page_path,
        tracks.page_title,
        {{ segment_hit_columns('tracks') }}

    from {{ ref('stg_segment__tracks') }} as tracks
    inner join records
        on
            tracks.message_id = records.record_key
            and records.source_model = 'stg_segment__tracks'

),

snowplow_events as (

    select
        records.source_model,
        records.record_key,
        records.customer_id,
        {{ tracker_session_id('snowplow', 'events') }}
            as session_id,
        events.anonymous_id as visitor_id,
        -- a view or a ping that names no page view is an event like others
        case
            when
                events.event_name in ('page_view', 'page_ping')
                and events.page_view_id is not null
                then events.event_name
            else 'event'
        end as hit_kind,
        events.event_name,
        events.page_view_id,
        events.user_id,
        events.network_user_id,
        events.app_id,
        events.platform,
        events.page_url,
        events.page_host,
        events.page_path,
        events.page_title,
        events.referrer_url,
        events.referrer_host,
        events.referrer_medium,
        events.referrer_source,
        events.referrer_term,
        events.utm_source,
        events.utm_medium,
        events.utm_campaign,
        events.utm_content,
        events.utm_term,
        events.click_id,
        events.click_network,
        events.ip_address,
        events.user_agent,
        events.locale,
        events.country_code,
        events.region_name,
        events.city,
        cast(events.session_index as {{ dbt.type_string() }}) as tracker_session_index,
        events.occurred_at,
        events.received_at,
        events.sent_at,
        coalesce(
            {{ rules.max_sent_delay_days }} > 0
            and events.sent_at
            > {{ dbt.dateadd('day', rules.max_sent_delay_days, 'events.created_at') }},
            false
        ) as is_too_late

    from {{ ref('stg_snowplow__events') }} as events
    inner join records
        on
            events.event_id = records.record_key
            and records.source_model = 'stg_snowplow__events'

),

tracked as (

    select * from segment_pages
    union all
    select * from segment_screens
    union all
    select * from segment_tracks
    union all
    select * from snowplow_events

),

clocked as (

    select
        tracked.*,
        {{ clock_corrected('tracked.occurred_at', 'tracked.sent_at', 'tracked.received_at') }}
            as corrected_at

    from tracked

),

-- A visit is the tracker's own where it counts them, else the visitor's, to be cut where it pauses.
hits as (

    select
        clocked.source_model || ':' || clocked.record_key as hit_key,
        clocked.source_model,
        clocked.record_key,
        case
            when clocked.source_model like 'stg_segment__%' then 'segment'
            else 'snowplow'
        end as source_name,
        clocked.customer_id,
        clocked.session_id,
        clocked.visitor_id,
        clocked.hit_kind,
        clocked.event_name,
        clocked.page_view_id,
        clocked.user_id,
        clocked.network_user_id,
        clocked.app_id,
        clocked.platform,
        clocked.page_url,
        clocked.page_host,
        clocked.page_path,
        clocked.page_title,
        clocked.referrer_url,
        clocked.referrer_host,
        clocked.referrer_medium,
        clocked.referrer_source,
        clocked.referrer_term,
        clocked.utm_source,
        clocked.utm_medium,
        clocked.utm_campaign,
        clocked.utm_content,
        clocked.utm_term,
        clocked.click_id,
        clocked.click_network,
        clocked.ip_address,
        clocked.user_agent,
        clocked.locale,
        clocked.country_code,
        clocked.region_name,
        clocked.city,
        cast(clocked.tracker_session_index as {{ dbt.type_bigint() }}) as tracker_session_index,
        clocked.corrected_at as occurred_at,
        coalesce(clocked.received_at, clocked.corrected_at) as received_at,
        case when clocked.corrected_at > {{ as_of() }} then clocked.corrected_at end as recheck_at

    from clocked
    where
        clocked.corrected_at is not null
        and not clocked.is_too_late

),

scoped as (

    select
        hits.*,
        case
            when hits.session_id is not null
                then hits.source_name || ':session:' || hits.session_id
            {% for source_name in rules.sources_with_session_id_only %}
            when hits.source_name = '{{ source_name }}' then {{ no_text }}
            {% endfor %}
            else hits.source_name || ':visitor:' || hits.visitor_id
        end as visit_scope

    from hits

),

current_hits as (

    select * from scoped
    where visit_scope is not null

),

{% if is_incremental() %}
former_hits as (

    select
        own_rows.*,
        row_number() over (
            partition by own_rows.hit_key, own_rows.visit_scope
            order by own_rows.changed_run desc, own_rows.is_current desc
        ) as recency_index

    from {{ this }} as own_rows
    inner join touched
        on
            own_rows.source_model = touched.source_model
            and own_rows.record_key = touched.record_key

),
{% endif %}

{% set columns = [
    'hit_key', 'source_model', 'record_key', 'source_name', 'visit_scope', 'customer_id', 'session_id',
    'visitor_id', 'hit_kind', 'event_name', 'page_view_id', 'user_id', 'network_user_id', 'app_id', 'platform',
    'page_url', 'page_host', 'page_path', 'page_title', 'referrer_url', 'referrer_host', 'referrer_medium',
    'referrer_source', 'referrer_term', 'utm_source', 'utm_medium', 'utm_campaign', 'utm_content', 'utm_term',
    'click_id', 'click_network', 'ip_address', 'user_agent', 'locale', 'country_code', 'region_name', 'city',
    'tracker_session_index', 'occurred_at', 'received_at', 'recheck_at',
] %}
marked as (

    select
        {% for column in columns %}
        current_hits.{{ column }},
        {% endfor %}
        true as is_current,
        cast({{ current_run() }} as {{ dbt.type_bigint() }}) as changed_run

    from current_hits

    {% if is_incremental() %}
    union all

    select
        {% for column in columns %}
        {{ 'former_hits.' ~ column if column != 'recheck_at' else no_time }} as {{ column }},
        {% endfor %}
        false as is_current,
        case
            when former_hits.is_current then cast({{ current_run() }} as {{ dbt.type_bigint() }})
            else former_hits.changed_run
        end as changed_run

    from former_hits
    left join current_hits
        on
            former_hits.hit_key = current_hits.hit_key
            and former_hits.visit_scope = current_hits.visit_scope
    where
        former_hits.recency_index = 1
        and current_hits.hit_key is null
    {% endif %}

)

select * from marked
