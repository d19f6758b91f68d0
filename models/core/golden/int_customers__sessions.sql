{{ config(
    materialized='incremental',
    incremental_strategy='replace_rows',
    unique_key='customer_id',
    on_schema_change='append_new_columns',
    meta={'removed_when': 'session_count is null'}
) }}

with

{% if is_incremental() %}
-- A hit of somebody else may take a session over from a customer of whom no row changed: it shows
-- in the count, for a session that came or changed is a row written anew.
counted_sessions as (

    select
        sessions.customer_id,
        count(case when not sessions.is_bot then 1 end) as session_count

    from {{ ref('fct_sessions') }} as sessions
    where sessions.customer_id is not null
    group by sessions.customer_id

),

touched as (

    {{ touched_customers_of(['fct_sessions']) }}

    union

    select known.customer_id
    from {{ this }} as known
    left join counted_sessions on known.customer_id = counted_sessions.customer_id
    where known.session_count <> coalesce(counted_sessions.session_count, 0)

),
{% endif %}

-- What robots do under a customer's cookie says nothing about the customer.
sessions as (

    select
        sessions.*,
        row_number() over (
            partition by sessions.customer_id
            order by sessions.started_at, sessions.session_key
        ) as first_index,
        row_number() over (
            partition by sessions.customer_id
            order by sessions.started_at desc, sessions.session_key desc
        ) as last_index

    from {{ ref('fct_sessions') }} as sessions
    {% if is_incremental() %}
    inner join touched on sessions.customer_id = touched.customer_id
    {% endif %}
    where
        sessions.customer_id is not null
        and not sessions.is_bot

),

figures as (

    select
        sessions.customer_id,
        count(*) as session_count,
        count(case when not sessions.is_bounce then 1 end) as engaged_session_count,
        sum(sessions.engaged_seconds) as engaged_seconds,
        {% for column in ['traffic_source', 'traffic_medium', 'utm_campaign', 'channel_group'] %}
        max(case when sessions.first_index = 1 then sessions.{{ column }} end)
            as acquisition_{{ column | replace('traffic_', '') | replace('utm_', '') }},
        {% endfor %}
        max(case when sessions.last_index = 1 then sessions.platform end) as last_session_platform,
        max(case when sessions.last_index = 1 then sessions.channel_group end)
            as last_session_channel_group,
        min(sessions.started_at) as first_session_at,
        max(sessions.started_at) as last_session_at

    from sessions
    group by sessions.customer_id

),

-- In a later run, a customer without sessions makes way: a row without a count.
customer_sessions as (

    select
        {{ 'touched' if is_incremental() else 'figures' }}.customer_id,
        cast(figures.session_count as {{ dbt.type_bigint() }}) as session_count,
        cast(figures.engaged_session_count as {{ dbt.type_bigint() }}) as engaged_session_count,
        cast(figures.engaged_seconds as {{ dbt.type_bigint() }}) as engaged_seconds,
        figures.acquisition_source,
        figures.acquisition_medium,
        figures.acquisition_campaign,
        figures.acquisition_channel_group,
        figures.last_session_platform,
        figures.last_session_channel_group,
        figures.first_session_at,
        figures.last_session_at,
        cast({{ current_run() }} as {{ dbt.type_bigint() }}) as changed_run

    {% if is_incremental() %}
    from touched
    left join figures on touched.customer_id = figures.customer_id
    {% else %}
    from figures
    {% endif %}

)

select * from customer_sessions
