{{ config(materialized='view') }}

with

events as (

    select * from {{ ref('int_events__unioned') }}

),

-- What nobody can be named for, or has no time, is no part of anyone's timeline. What lies
-- after as_of waits until then.
customer_events as (

    select
        -- keys
        events.event_key,
        events.customer_id,

        -- attributes
        events.event_name,
        events.source_name,
        events.channel,
        events.subject,
        events.related_id,

        -- measures
        cast(events.amount as decimal(18, 2)) as amount,
        events.currency,

        -- where it comes from
        events.source_model,
        events.record_key,

        -- timestamps
        events.occurred_at,
        events.tracked_at,
        events.received_at,

        -- bookkeeping
        events.changed_run

    from events
    where
        events.customer_id is not null
        and events.occurred_at is not null
        and events.recheck_at is null

)

select * from customer_events
