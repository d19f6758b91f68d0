{{ config(materialized='view') }}

with

banner_events as (

    select * from {{ ref('fct_banner_events') }}

),

-- The next event of the visitor tells whether the banner was answered, or only shown again.
followed as (

    select
        banner_events.event_id,
        banner_events.customer_id,
        banner_events.anonymous_id,
        banner_events.session_id,
        banner_events.page_view_id,
        banner_events.event_name,
        banner_events.load_seconds,
        banner_events.occurred_at as shown_at,
        lead(banner_events.event_name) over (
            partition by banner_events.anonymous_id
            order by banner_events.occurred_at, banner_events.event_id
        ) as next_event_name,
        lead(banner_events.answer) over (
            partition by banner_events.anonymous_id
            order by banner_events.occurred_at, banner_events.event_id
        ) as next_answer,
        lead(banner_events.occurred_at) over (
            partition by banner_events.anonymous_id
            order by banner_events.occurred_at, banner_events.event_id
        ) as next_occurred_at

    from banner_events
    where banner_events.anonymous_id is not null

),

answered as (

    select
        followed.*,
        case when followed.next_event_name = 'banner_answered' then followed.next_answer end
            as answer,
        case when followed.next_event_name = 'banner_answered' then followed.next_occurred_at end
            as answered_at

    from followed
    where followed.event_name = 'banner_shown'

),

banner_views as (

    select
        -- keys
        answered.event_id,
        answered.customer_id,
        answered.anonymous_id,
        answered.session_id,
        answered.page_view_id,

        -- attributes
        answered.answer,

        -- measures
        answered.load_seconds,
        cast(
            {{ dbt.datediff('answered.shown_at', 'answered.answered_at', 'second') }}
            as {{ dbt.type_bigint() }}
        ) as answer_seconds,

        -- timestamps
        answered.shown_at,
        answered.answered_at

    from answered

)

select * from banner_views
