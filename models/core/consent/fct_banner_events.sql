{{ config(materialized='view') }}

with

events as (

    select * from {{ ref('int_consent__banner_events') }}

),

-- What is dated after as_of waits until then.
banner_events as (

    select
        -- keys
        events.event_id,
        events.customer_id,
        events.anonymous_id,
        events.user_id,
        events.session_id,
        events.page_view_id,

        -- attributes
        cast(events.event_name as {{ dbt.type_string() }}) as event_name,
        events.country_code,
        events.answer,
        events.legal_basis,
        events.policy_version,
        events.policy_url,
        events.scopes,
        events.domains,

        -- booleans
        events.is_gdpr_applied,

        -- measures
        events.load_seconds,

        -- timestamps
        events.occurred_at,
        events.loaded_at

    from events
    where
        events.occurred_at is null
        or events.occurred_at <= {{ as_of() }}

)

select * from banner_events
