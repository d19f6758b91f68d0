{{ config(
    materialized='incremental',
    incremental_strategy='replace_rows',
    unique_key='customer_id',
    on_schema_change='append_new_columns',
    meta={'removed_when': 'view_count is null and recheck_at is null'}
) }}

{% set channels = ['web', 'app', 'store', 'support', 'email'] %}

with

{% if is_incremental() %}
touched as (

    {{ touched_customers_of(['fct_customer_events'], recheck_at='recheck_at') }}

),
{% endif %}

events as (

    select events.*
    from {{ ref('fct_customer_events') }} as events
    {% if is_incremental() %}
    inner join touched on events.customer_id = touched.customer_id
    {% endif %}

),

seen as (

    select
        events.*,
        -- what is sent to people says nothing about where they like to be
        case
            when events.channel in ('web', 'app', 'store', 'support') then events.channel
            when events.event_name in ('email_opened', 'email_clicked') then 'email'
        end as acting_channel

    from events
    where events.occurred_at <= {{ as_of() }}

),

figures as (

    select
        seen.customer_id,
        {% for channel in channels %}
        min(case when seen.acting_channel = '{{ channel }}' then seen.occurred_at end)
            as first_seen_{{ channel }}_at,
        max(case when seen.acting_channel = '{{ channel }}' then seen.occurred_at end)
            as last_seen_{{ channel }}_at,
        {% endfor %}
        count(case when seen.event_name in ('page_viewed', 'screen_viewed') then 1 end)
            as view_count,
        count(case when seen.event_name = 'email_received' then 1 end)
            as email_received_count,
        max(case when seen.event_name = 'email_received' then seen.occurred_at end)
            as last_email_received_at,
        count(case when seen.event_name = 'email_opened' then 1 end) as email_opened_count,
        count(case when seen.event_name = 'email_clicked' then 1 end) as email_clicked_count,
        count(case when seen.event_name = 'email_bounced' then 1 end) as email_bounced_count,
        count(
            case when seen.event_name in ('email_bounced', 'email_marked_as_spam') then 1 end
        ) as email_trouble_count,
        max(seen.occurred_at) as last_event_at

    from seen
    group by seen.customer_id

),

channel_counts as (

    select
        seen.customer_id,
        seen.acting_channel,
        count(*) as event_count,
        max(seen.occurred_at) as last_event_at

    from seen
    where seen.acting_channel is not null
    group by
        seen.customer_id,
        seen.acting_channel

),

-- Where most happens; of equals where something happened last, then by name.
ranked_channels as (

    select
        channel_counts.customer_id,
        channel_counts.acting_channel,
        row_number() over (
            partition by channel_counts.customer_id
            order by
                channel_counts.event_count desc,
                channel_counts.last_event_at desc,
                channel_counts.acting_channel
        ) as channel_rank

    from channel_counts

),

-- Events dated after as_of, for the day on which they count.
waiting as (

    select
        events.customer_id,
        min(events.occurred_at) as recheck_at

    from events
    where events.occurred_at > {{ as_of() }}
    group by events.customer_id

),

customers as (

    select figures.customer_id from figures
    -- union, not union all: one row per customer
    union
    select waiting.customer_id from waiting
    {% if is_incremental() %}
    union
    select touched.customer_id from touched
    {% endif %}

),

-- In a later run, a customer without events makes way: a row without counts.
activity as (

    select
        customers.customer_id,
        ranked_channels.acting_channel as preferred_channel,
        {% for channel in channels %}
        figures.first_seen_{{ channel }}_at,
        figures.last_seen_{{ channel }}_at,
        {% endfor %}
        figures.view_count,
        figures.email_received_count,
        figures.last_email_received_at,
        figures.email_opened_count,
        figures.email_clicked_count,
        figures.email_bounced_count,
        figures.email_trouble_count,
        figures.last_event_at,
        waiting.recheck_at,
        cast({{ current_run() }} as {{ dbt.type_bigint() }}) as changed_run

    from customers
    left join figures on customers.customer_id = figures.customer_id
    left join ranked_channels
        on
            customers.customer_id = ranked_channels.customer_id
            and ranked_channels.channel_rank = 1
    left join waiting on customers.customer_id = waiting.customer_id

)

select * from activity
