{{ config(materialized='view') }}

with

sessions as (

    select * from {{ ref('fct_sessions') }}

),

hits as (

    select * from {{ ref('int_sessions__hits') }}
    where
        is_current
        and recheck_at is null

),

ranked_sessions as (

    select
        sessions.*,
        row_number() over (
            partition by sessions.visitor_key
            order by sessions.started_at, sessions.session_id desc, sessions.session_key
        ) as first_index,
        row_number() over (
            partition by sessions.visitor_key
            order by sessions.ended_at desc, sessions.session_id desc, sessions.session_key
        ) as last_index

    from sessions
    where sessions.visitor_key is not null

),

figures as (

    select
        ranked_sessions.visitor_key,
        sum(ranked_sessions.page_view_count) as page_view_count,
        count(*) as session_count,
        sum(ranked_sessions.engaged_seconds) as engaged_seconds,
        min(ranked_sessions.started_at) as first_seen_at,
        max(ranked_sessions.ended_at) as last_seen_at

    from ranked_sessions
    group by ranked_sessions.visitor_key

),

-- The last name that the visitor was seen under.
ranked_names as (

    select
        hits.source_name || ':' || hits.visitor_id as visitor_key,
        hits.user_id,
        row_number() over (
            partition by hits.source_name, hits.visitor_id
            order by hits.occurred_at desc, hits.hit_key desc
        ) as recency_index

    from hits
    where
        hits.user_id is not null
        and hits.visitor_id is not null

),

names as (

    select * from ranked_names
    where recency_index = 1

),

visitors as (

    select
        -- keys
        figures.visitor_key,

        -- foreign keys
        last_sessions.customer_id,
        first_sessions.visitor_id,
        names.user_id as last_user_id,
        first_sessions.user_id as first_user_id,
        first_sessions.network_user_id as first_network_user_id,

        -- attributes
        first_sessions.source_name,
        first_sessions.landing_page_url as first_page_url,
        first_sessions.landing_page_title as first_page_title,
        last_sessions.exit_page_url as last_page_url,
        last_sessions.exit_page_title as last_page_title,
        first_sessions.referrer_url as first_referrer_url,
        first_sessions.referrer_host as first_referrer_host,
        first_sessions.utm_source as first_utm_source,
        first_sessions.utm_medium as first_utm_medium,
        first_sessions.utm_campaign as first_utm_campaign,
        first_sessions.utm_content as first_utm_content,
        first_sessions.utm_term as first_utm_term,
        first_sessions.click_id as first_click_id,
        first_sessions.click_network as first_click_network,
        first_sessions.channel_group as first_channel_group,
        first_sessions.country_code as first_country_code,
        last_sessions.last_country_code,

        -- measures
        cast(figures.page_view_count as {{ dbt.type_bigint() }}) as page_view_count,
        cast(figures.session_count as {{ dbt.type_bigint() }}) as session_count,
        cast(figures.engaged_seconds as {{ dbt.type_bigint() }}) as engaged_seconds,

        -- timestamps
        figures.first_seen_at,
        figures.last_seen_at

    from figures
    inner join ranked_sessions as first_sessions
        on
            figures.visitor_key = first_sessions.visitor_key
            and first_sessions.first_index = 1
    inner join ranked_sessions as last_sessions
        on
            figures.visitor_key = last_sessions.visitor_key
            and last_sessions.last_index = 1
    left join names on figures.visitor_key = names.visitor_key

)

select * from visitors
