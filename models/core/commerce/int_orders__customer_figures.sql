{{ config(
    materialized='incremental',
    incremental_strategy='replace_rows',
    unique_key='customer_id',
    on_schema_change='append_new_columns',
    meta={'removed_when': 'order_count is null'}
) }}

with

{% if is_incremental() %}
-- A line or a refund that changed names no customer by itself; its order does.
touched as (

    {{ touched_customers() }}

    -- union, not union all: one row per customer
    union

    select orders.customer_id
    from {{ ref('fct_orders') }} as orders
    where
        orders.customer_id is not null
        and orders.changed_run > {{ last_own_run() }}

    union

    select refunds.customer_id
    from {{ ref('fct_refunds') }} as refunds
    where
        refunds.customer_id is not null
        and refunds.changed_run > {{ last_own_run() }}

),
{% endif %}

orders as (

    select orders.*
    from {{ ref('fct_orders') }} as orders
    {% if is_incremental() %}
    inner join touched on orders.customer_id = touched.customer_id
    {% endif %}
    where orders.customer_id is not null

),

refunds as (

    select refunds.*
    from {{ ref('fct_refunds') }} as refunds
    {% if is_incremental() %}
    inner join touched on refunds.customer_id = touched.customer_id
    {% endif %}
    where refunds.customer_id is not null

),

order_sums as (

    select
        orders.customer_id,
        count(case when not orders.is_cancelled then 1 end) as order_count,
        count(case when orders.is_cancelled then 1 end) as cancelled_order_count,
        sum(case when not orders.is_cancelled then orders.item_count else 0 end) as item_count,
        sum(case when not orders.is_cancelled then orders.total_eur else 0 end) as total_eur,
        sum(case when not orders.is_cancelled then orders.discount_eur else 0 end)
            as discount_eur,
        sum(orders.revenue_eur) as revenue_eur,
        min(case when not orders.is_cancelled then orders.ordered_at end) as first_ordered_at,
        max(case when not orders.is_cancelled then orders.ordered_at end) as last_ordered_at

    from orders
    group by orders.customer_id

),

-- A refund without an order is no part of any order's revenue, so it is taken off here.
refund_sums as (

    select
        refunds.customer_id,
        count(*) as refund_count,
        sum(refunds.refunded_eur) as refunded_eur,
        sum(case when refunds.order_key is null then refunds.refunded_eur else 0 end)
            as unmatched_refunded_eur

    from refunds
    group by refunds.customer_id

),

-- Several orders on one day are one purchase; an order of nothing but gifts is none.
purchase_days as (

    select
        orders.customer_id,
        cast(orders.ordered_at as date) as purchased_on,
        sum(orders.total_eur) as total_eur

    from orders
    where
        not orders.is_cancelled
        and orders.total_amount > 0
        and orders.ordered_at is not null
    group by
        orders.customer_id,
        cast(orders.ordered_at as date)

),

numbered_days as (

    select
        purchase_days.*,
        row_number() over (
            partition by purchase_days.customer_id
            order by purchase_days.purchased_on
        ) as day_index

    from purchase_days

),

day_sums as (

    select
        numbered_days.customer_id,
        count(*) as purchase_day_count,
        avg(case when numbered_days.day_index > 1 then numbered_days.total_eur end)
            as repeat_day_eur,
        min(numbered_days.purchased_on) as first_purchased_on,
        max(numbered_days.purchased_on) as last_purchased_on

    from numbered_days
    group by numbered_days.customer_id

),

buyers as (

    select order_sums.customer_id from order_sums
    -- union, not union all: one row per customer
    union
    select refund_sums.customer_id from refund_sums

),

summed as (

    select
        buyers.customer_id,
        coalesce(order_sums.order_count, 0) as order_count,
        coalesce(order_sums.cancelled_order_count, 0) as cancelled_order_count,
        coalesce(refund_sums.refund_count, 0) as refund_count,
        cast(coalesce(order_sums.item_count, 0) as {{ dbt.type_bigint() }}) as item_count,
        coalesce(day_sums.purchase_day_count, 0) as purchase_day_count,
        {{ money('coalesce(order_sums.total_eur, 0)') }} as total_eur,
        {{ money('coalesce(order_sums.discount_eur, 0)') }} as discount_eur,
        {{ money('coalesce(refund_sums.refunded_eur, 0)') }} as refunded_eur,
        {{ money(
            'coalesce(order_sums.revenue_eur, 0) - coalesce(refund_sums.unmatched_refunded_eur, 0)'
        ) }} as revenue_eur,
        {{ money('order_sums.total_eur / nullif(order_sums.order_count, 0)') }}
            as average_order_eur,
        {{ money('coalesce(day_sums.repeat_day_eur, 0)') }} as repeat_day_eur,
        day_sums.first_purchased_on,
        day_sums.last_purchased_on,
        order_sums.first_ordered_at,
        order_sums.last_ordered_at

    from buyers
    left join order_sums on buyers.customer_id = order_sums.customer_id
    left join refund_sums on buyers.customer_id = refund_sums.customer_id
    left join day_sums on buyers.customer_id = day_sums.customer_id

),

figures as (

    select
        -- keys
        {{ 'touched' if is_incremental() else 'summed' }}.customer_id,

        -- measures
        summed.order_count,
        summed.cancelled_order_count,
        summed.refund_count,
        summed.item_count,
        summed.purchase_day_count,
        summed.total_eur,
        summed.discount_eur,
        summed.refunded_eur,
        summed.revenue_eur,
        summed.average_order_eur,
        summed.repeat_day_eur,

        -- timestamps
        summed.first_purchased_on,
        summed.last_purchased_on,
        summed.first_ordered_at,
        summed.last_ordered_at,

        -- bookkeeping
        cast({{ current_run() }} as {{ dbt.type_bigint() }}) as changed_run

    {% if is_incremental() %}
    -- a customer without orders makes way: a row without a count
    from touched
    left join summed on touched.customer_id = summed.customer_id
    {% else %}
    from summed
    {% endif %}

)

select * from figures
