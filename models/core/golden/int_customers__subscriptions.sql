{{ config(
    materialized='incremental',
    incremental_strategy='replace_rows',
    unique_key='customer_id',
    on_schema_change='append_new_columns',
    meta={'removed_when': 'running_subscription_count is null'}
) }}

with

{% if is_incremental() %}
touched as (

    {{ touched_customers_of(['fct_subscriptions']) }}

),
{% endif %}

figures as (

    select
        subscriptions.customer_id,
        count(case when subscriptions.is_running then 1 end) as running_subscription_count,
        sum(subscriptions.mrr_eur) as mrr_eur

    from {{ ref('fct_subscriptions') }} as subscriptions
    {% if is_incremental() %}
    inner join touched on subscriptions.customer_id = touched.customer_id
    {% endif %}
    where subscriptions.customer_id is not null
    group by subscriptions.customer_id

),

-- In a later run, a customer without subscriptions makes way: a row without a count.
customer_subscriptions as (

    select
        {{ 'touched' if is_incremental() else 'figures' }}.customer_id,
        figures.running_subscription_count,
        {{ money('figures.mrr_eur') }} as mrr_eur,
        cast({{ current_run() }} as {{ dbt.type_bigint() }}) as changed_run

    {% if is_incremental() %}
    from touched
    left join figures on touched.customer_id = figures.customer_id
    {% else %}
    from figures
    {% endif %}

)

select * from customer_subscriptions
