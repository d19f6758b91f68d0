-- depends_on: {{ ref('int_sessions__hits') }}

{{ config(
    materialized='incremental',
    incremental_strategy='replace_rows',
    unique_key='session_key',
    on_schema_change='append_new_columns',
    meta={'removed_when': 'started_at is null'}
) }}

{% set domains = session_rules().internal_email_domains %}

with

all_sessions as (

    select * from {{ ref('int_sessions__sessions') }}

),

{% if is_incremental() %}
touched_visits as (

    {{ touched_visits() }}

),

-- A session that comes or goes moves the numbers of its customer's other ones, and its visitor's.
touched_people as (

    select
        own_rows.customer_id,
        own_rows.visitor_key

    from {{ this }} as own_rows
    inner join touched_visits on own_rows.visit_scope = touched_visits.visit_scope

    union

    select
        all_sessions.customer_id,
        all_sessions.visitor_key

    from all_sessions
    inner join touched_visits on all_sessions.visit_scope = touched_visits.visit_scope

    {% if domains %}
    union

    -- an e-mail address of ours may come or go without any visit of its customer
    select
        seen_customers.customer_id,
        cast(null as {{ dbt.type_string() }}) as visitor_key

    from (
        {{ touched_customers() }}
    ) as seen_customers
    {% endif %}

),

touched as (

    select own_rows.session_key
    from {{ this }} as own_rows
    where
        own_rows.customer_id in (
            select touched_people.customer_id from touched_people
            where touched_people.customer_id is not null
        )
        or own_rows.visitor_key in (
            select touched_people.visitor_key from touched_people
            where touched_people.visitor_key is not null
        )
        or own_rows.visit_scope in (select touched_visits.visit_scope from touched_visits)

    union

    select all_sessions.session_key
    from all_sessions
    where
        all_sessions.customer_id in (
            select touched_people.customer_id from touched_people
            where touched_people.customer_id is not null
        )
        or all_sessions.visitor_key in (
            select touched_people.visitor_key from touched_people
            where touched_people.visitor_key is not null
        )
        or all_sessions.visit_scope in (select touched_visits.visit_scope from touched_visits)

),
{% else %}
touched as (

    select all_sessions.session_key
    from all_sessions

),
{% endif %}

-- All sessions of a touched customer or visitor are counted, also those that keep their number.
counted_sessions as (

    select all_sessions.*
    from all_sessions
    {% if is_incremental() %}
    where
        all_sessions.session_key in (select touched.session_key from touched)
        or all_sessions.customer_id in (
            select neighbours.customer_id
            from all_sessions as neighbours
            inner join touched on neighbours.session_key = touched.session_key
            where neighbours.customer_id is not null
        )
        or all_sessions.visitor_key in (
            select neighbours.visitor_key
            from all_sessions as neighbours
            inner join touched on neighbours.session_key = touched.session_key
            where neighbours.visitor_key is not null
        )
    {% endif %}

),

numbered as (

    select
        counted_sessions.*,
        row_number() over (
            partition by counted_sessions.customer_id
            order by counted_sessions.started_at, counted_sessions.session_key
        ) as customer_session_index,
        row_number() over (
            partition by counted_sessions.visitor_key
            order by counted_sessions.started_at, counted_sessions.session_key
        ) as visitor_session_index

    from counted_sessions

),

email_domains as (

    select
        identity_map.customer_id,
        {{ dbt.split_part('identity_map.identifier_value', "'@'", 2) }} as domain_name

    from {{ ref('identity_map') }} as identity_map
    where identity_map.identifier_type = 'email'

),

internal_customers as (

    select distinct email_domains.customer_id
    from email_domains
    where {{ is_listed('email_domains.domain_name', domains) }}

),

sessions as (

    select
        -- keys
        touched.session_key,
        numbered.visit_scope,

        -- foreign keys
        numbered.customer_id,
        numbered.visitor_key,
        numbered.visitor_id,
        numbered.session_id,
        numbered.user_id,
        numbered.network_user_id,

        -- attributes
        numbered.source_name,
        numbered.app_id,
        numbered.platform,
        numbered.landing_page_url,
        numbered.landing_page_host,
        numbered.landing_page_path,
        numbered.landing_page_title,
        numbered.exit_page_url,
        numbered.exit_page_host,
        numbered.exit_page_path,
        numbered.exit_page_title,
        numbered.referrer_url,
        numbered.referrer_host,
        numbered.referrer_medium,
        numbered.referrer_source,
        numbered.referrer_term,
        numbered.utm_source,
        numbered.utm_medium,
        numbered.utm_campaign,
        numbered.utm_content,
        numbered.utm_term,
        numbered.click_id,
        numbered.click_network,
        numbered.traffic_source,
        numbered.traffic_medium,
        numbered.channel_group,
        numbered.locale,
        numbered.country_code,
        numbered.region_name,
        numbered.city,
        numbered.last_locale,
        numbered.last_country_code,
        numbered.last_region_name,
        numbered.last_city,

        -- booleans
        coalesce(
            numbered.page_view_count <= 1
            and numbered.other_event_count = 0
            and numbered.engaged_seconds < 10,
            false
        ) as is_bounce,
        coalesce(numbered.conversion_count > 0, false) as is_converted,
        coalesce(numbered.is_bot, false) as is_bot,
        coalesce(numbered.is_internal_ip, false)
        or internal_customers.customer_id is not null as is_internal,
        coalesce(numbered.is_quarantined, false) as is_quarantined,

        -- measures
        case
            when numbered.customer_id is not null
                then cast(numbered.customer_session_index as {{ dbt.type_bigint() }})
        end as session_index,
        case
            when numbered.visitor_key is not null
                then cast(numbered.visitor_session_index as {{ dbt.type_bigint() }})
        end as visitor_session_index,
        numbered.tracker_session_index,
        numbered.page_view_count,
        numbered.event_count,
        numbered.conversion_count,
        numbered.engaged_seconds,
        cast(
            {{ dbt.datediff('numbered.started_at', 'numbered.ended_at', 'second') }}
            as {{ dbt.type_bigint() }}
        ) as duration_seconds,
        numbered.left_out_count,

        -- timestamps
        numbered.started_at,
        numbered.ended_at,

        -- bookkeeping
        cast({{ current_run() }} as {{ dbt.type_bigint() }}) as changed_run

    from touched
    left join numbered on touched.session_key = numbered.session_key
    left join internal_customers on numbered.customer_id = internal_customers.customer_id

)

select * from sessions
