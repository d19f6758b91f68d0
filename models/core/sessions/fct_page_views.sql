{{ config(materialized='view') }}

with

page_views as (

    select * from {{ ref('int_sessions__page_views') }}

),

hits as (

    select * from {{ ref('int_sessions__hits') }}

),

-- One row per page view: a hit is current under one visit only.
viewed as (

    select
        -- keys
        page_views.session_key || '|' || page_views.page_view_key as page_view_key,

        -- foreign keys
        page_views.session_key,
        hits.customer_id,
        hits.visitor_id,
        hits.page_view_id,
        hits.source_model,
        hits.record_key,

        -- attributes
        hits.source_name,
        hits.app_id,
        hits.platform,
        hits.page_url,
        hits.page_host,
        hits.page_path,
        hits.page_title,
        hits.referrer_url,
        hits.referrer_host,

        -- measures
        page_views.page_view_index,
        page_views.engaged_seconds,

        -- timestamps
        page_views.started_at,
        page_views.ended_at

    from page_views
    inner join hits
        on
            page_views.hit_key = hits.hit_key
            and hits.is_current
    where page_views.is_viewed

)

select * from viewed
