{{ config(
    materialized='incremental',
    incremental_strategy='replace_rows',
    unique_key='subscription_id',
    on_schema_change='append_new_columns',
    meta={'removed_when': 'status is null'}
) }}

with

{% if is_incremental() %}
-- A charge names no subscription, so all subscriptions of its payer are looked at.
touched_payers as (

    {{ touched_records(['stg_stripe__charges'], 'parent_key') }}

    -- union, not union all: one row per payer
    union

    select charges.stripe_customer_id
    from {{ ref('stg_stripe__charges') }} as charges
    where {{ is_reached_anew('charges.charged_at') }}

),

touched_prices as (

    {{ touched_records(['stg_stripe__prices']) }}

),

touched as (

    select touched_rows.record_key as subscription_id
    from ({{ touched_records(['stg_stripe__subscriptions']) }}) as touched_rows

    -- union, not union all: one row per subscription
    union

    select touched_rows.record_key
    from ({{ touched_records(['stg_stripe__subscription_items'], 'parent_key') }}) as touched_rows

    union

    select items.subscription_id
    from {{ ref('stg_stripe__subscription_items') }} as items
    inner join touched_prices on items.price_id = touched_prices.record_key
    where items.subscription_id is not null

    union

    select subscriptions.subscription_id
    from {{ ref('stg_stripe__subscriptions') }} as subscriptions
    where
        {{ is_reached_anew('subscriptions.started_at') }}
        or {{ is_reached_anew('subscriptions.canceled_at') }}
        or {{ is_reached_anew('subscriptions.ended_at') }}
        or subscriptions.stripe_customer_id in (
            select touched_payers.record_key from touched_payers
            where touched_payers.record_key is not null
        )

),
{% endif %}

subscriptions as (

    select
        subscriptions.*,
        coalesce(subscriptions.ended_at <= {{ as_of() }}, false) as is_ended

    from {{ ref('stg_stripe__subscriptions') }} as subscriptions
    {% if is_incremental() %}
    inner join touched on subscriptions.subscription_id = touched.subscription_id
    {% endif %}
    where
        not subscriptions.is_test
        and coalesce(subscriptions.started_at <= {{ as_of() }}, true)

),

records as (

    select * from {{ ref('int_core__records') }}
    where
        is_current
        and source_model = 'stg_stripe__subscriptions'

),

exchange_rates as (

    select * from {{ ref('int_exchange_rates') }}

),

-- What each item costs a month, at the rate of the day on which the period that is paid for began.
monthly_items as (

    select
        items.subscription_id,
        prices.unit_amount
        * coalesce(items.quantity, 1)
        * {{ exact_rate('exchange_rates.eur_per_unit') }}
        * case prices.billing_interval
            when 'day' then 365
            when 'week' then 52
            when 'month' then 12
            when 'year' then 1
        end
        / (12 * coalesce(prices.billing_interval_count, 1)) as mrr_eur

    from subscriptions
    inner join {{ ref('stg_stripe__subscription_items') }} as items
        on subscriptions.subscription_id = items.subscription_id
    inner join {{ ref('stg_stripe__prices') }} as prices
        on items.price_id = prices.price_id
    left join exchange_rates
        on
            prices.currency = exchange_rates.currency
            and coalesce(subscriptions.current_period_start_at, subscriptions.started_at)
            >= exchange_rates.valid_from
            and coalesce(subscriptions.current_period_start_at, subscriptions.started_at)
            < coalesce(
                exchange_rates.valid_until, cast('9999-12-31' as {{ dbt.type_timestamp() }})
            )
    -- what is paid once does not recur
    where prices.billing_interval is not null

),

-- An item whose price or rate is not known leaves the whole unknown, not smaller.
monthly_sums as (

    select
        monthly_items.subscription_id,
        case
            when count(monthly_items.mrr_eur) = count(*) then sum(monthly_items.mrr_eur)
        end as mrr_eur

    from monthly_items
    group by monthly_items.subscription_id

),

-- Of a payer with several subscriptions, a failed charge may be any one's, and counts for each.
failed_charges as (

    select
        subscriptions.subscription_id,
        count(*) as failed_payment_count,
        max(charges.charged_at) as last_payment_failed_at

    from subscriptions
    inner join {{ ref('stg_stripe__charges') }} as charges
        on subscriptions.stripe_customer_id = charges.stripe_customer_id
    where
        charges.status = 'failed'
        and not charges.is_test
        and charges.charged_at <= {{ as_of() }}
        -- the first try may come just before the subscription starts
        and charges.charged_at >= {{ dbt.dateadd('hour', -1, 'subscriptions.started_at') }}
        and (subscriptions.ended_at is null or charges.charged_at <= subscriptions.ended_at)
    group by subscriptions.subscription_id

),

-- One record per subscription, so the join keeps one row each.
stated as (

    select
        subscriptions.*,
        records.customer_id,
        -- an end that lies ahead has not come yet, whatever the status says by then
        case
            when subscriptions.is_ended then 'canceled'
            when subscriptions.status = 'canceled' and subscriptions.ended_at is not null
                then 'active'
            else coalesce(subscriptions.status, 'unknown')
        end as status_by_now,
        monthly_sums.mrr_eur,
        coalesce(failed_charges.failed_payment_count, 0) as failed_payment_count,
        failed_charges.last_payment_failed_at

    from subscriptions
    left join monthly_sums on subscriptions.subscription_id = monthly_sums.subscription_id
    left join records on subscriptions.subscription_id = records.record_key
    left join failed_charges on subscriptions.subscription_id = failed_charges.subscription_id

),

subscription_rows as (

    select
        -- keys
        {{ 'touched' if is_incremental() else 'stated' }}.subscription_id,

        -- foreign keys
        stated.customer_id,
        stated.stripe_customer_id,

        -- attributes
        cast(stated.status_by_now as {{ dbt.type_string() }}) as status,

        -- booleans
        stated.status_by_now in ('active', 'trialing', 'past_due') as is_running,
        stated.status_by_now in ('active', 'trialing', 'past_due')
        and (stated.is_cancelling or coalesce(stated.canceled_at <= {{ as_of() }}, false))
            as is_leaving,

        -- measures
        stated.quantity,
        {{ money(
            "case when stated.status_by_now in ('active', 'past_due') then stated.mrr_eur "
            ~ "when stated.status_by_now is not null then 0 end"
        ) }} as mrr_eur,
        cast(stated.failed_payment_count as {{ dbt.type_bigint() }}) as failed_payment_count,

        -- timestamps
        stated.started_at,
        case when stated.canceled_at <= {{ as_of() }} then stated.canceled_at end as cancelled_at,
        case when stated.is_ended then stated.ended_at end as ended_at,
        stated.current_period_start_at,
        stated.current_period_end_at,
        stated.last_payment_failed_at,

        -- bookkeeping
        cast({{ current_run() }} as {{ dbt.type_bigint() }}) as changed_run

    {% if is_incremental() %}
    -- a subscription that is no more makes way: a row without a status
    from touched
    left join stated on touched.subscription_id = stated.subscription_id
    {% else %}
    from stated
    {% endif %}

)

select * from subscription_rows
