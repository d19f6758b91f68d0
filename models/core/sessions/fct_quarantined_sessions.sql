{{ config(materialized='view') }}

with

sessions as (

    select * from {{ ref('int_sessions__sessions') }}

),

quarantined as (

    select
        -- keys
        sessions.session_key,

        -- foreign keys
        sessions.customer_id,
        sessions.visitor_id,
        sessions.session_id,

        -- attributes
        sessions.source_name,

        -- measures
        sessions.event_count,
        sessions.left_out_count,

        -- timestamps
        sessions.started_at,
        sessions.ended_at

    from sessions
    where sessions.is_quarantined

)

select * from quarantined
