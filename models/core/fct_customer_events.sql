with

events as (

    select * from {{ ref('int_events__unioned') }}

),

-- What nobody can be named for, or has no time, is no part of anyone's timeline.
customer_events as (

    select
        -- keys
        cast(events.event_key as {{ dbt.type_string() }}) as event_key,
        cast(events.customer_id as {{ dbt.type_string() }}) as customer_id,

        -- attributes
        cast(events.event_name as {{ dbt.type_string() }}) as event_name,
        cast(events.source_name as {{ dbt.type_string() }}) as source_name,
        cast(events.channel as {{ dbt.type_string() }}) as channel,
        cast(events.subject as {{ dbt.type_string() }}) as subject,
        cast(events.related_id as {{ dbt.type_string() }}) as related_id,

        -- measures
        cast(events.amount as decimal(18, 2)) as amount,
        cast(events.currency as {{ dbt.type_string() }}) as currency,

        -- timestamps
        cast(events.occurred_at as {{ dbt.type_timestamp() }}) as occurred_at

    from events
    where
        events.customer_id is not null
        and events.occurred_at is not null

)

select * from customer_events
