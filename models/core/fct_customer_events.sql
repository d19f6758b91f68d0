with

events as (

    select * from {{ ref('int_events__unioned') }}

),

-- What nobody can be named for, or has no time, is no part of anyone's timeline.
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

        -- timestamps
        events.occurred_at

    from events
    where
        events.customer_id is not null
        and events.occurred_at is not null

)

select * from customer_events
