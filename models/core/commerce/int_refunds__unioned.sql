{{ config(materialized='view') }}

with

shopify_orders as (

    select * from {{ ref('stg_shopify__orders') }}

),

shopify_refunds as (

    select * from {{ ref('stg_shopify__refunds') }}

),

shopify_refund_lines as (

    select * from {{ ref('stg_shopify__refund_lines') }}

),

till_sales as (

    select * from {{ ref('stg_till__sales') }}

),

online_retail_lines as (

    select * from {{ ref('stg_online_retail__lines') }}

),

shopify_refunded as (

    select
        shopify_refund_lines.refund_id,
        sum(coalesce(shopify_refund_lines.subtotal_amount, 0)) as goods_amount,
        sum(coalesce(shopify_refund_lines.tax_amount, 0)) as tax_amount,
        sum(coalesce(shopify_refund_lines.quantity, 0)) as item_count

    from shopify_refund_lines
    group by shopify_refund_lines.refund_id

),

-- Where the shop's prices contain the tax, so do the amounts given back.
web_refunds as (

    select
        'shopify:' || shopify_refunds.refund_id as refund_key,
        'shopify:' || shopify_refunds.order_id as order_key,
        'shopify' as source_name,
        'stg_shopify__refunds' as source_model,
        shopify_refunds.refund_id as record_key,
        cast(null as {{ dbt.type_string() }}) as store_id,
        shopify_orders.currency,
        coalesce(shopify_refunded.goods_amount, 0)
        + case
            when shopify_orders.is_tax_included then 0
            else coalesce(shopify_refunded.tax_amount, 0)
        end as refunded_amount,
        coalesce(shopify_refunded.tax_amount, 0) as tax_amount,
        coalesce(shopify_refunded.item_count, 0) as item_count,
        shopify_refunds.refunded_at

    from shopify_refunds
    left join shopify_refunded on shopify_refunds.refund_id = shopify_refunded.refund_id
    left join shopify_orders on shopify_refunds.order_id = shopify_orders.order_id
    where not coalesce(shopify_orders.is_test, false)

),

-- A return at the till is a receipt below zero; without the first receipt it names no sale.
store_refunds as (

    select
        'till:' || till_sales.sale_id as refund_key,
        'till:' || till_sales.original_sale_id as order_key,
        'till' as source_name,
        'stg_till__sales' as source_model,
        till_sales.sale_id as record_key,
        till_sales.store_id,
        till_sales.currency,
        abs(coalesce(till_sales.total_amount, 0)) as refunded_amount,
        abs(coalesce(till_sales.tax_amount, 0)) as tax_amount,
        abs(coalesce(till_sales.item_count, 0)) as item_count,
        till_sales.sold_at as refunded_at

    from till_sales
    where till_sales.is_return

),

-- A cancellation does not say which invoice it takes back; an invoice below zero is a debt
-- written off.
credit_notes as (

    select
        online_retail_lines.invoice_id,
        min(online_retail_lines.invoice_line_id) as record_key,
        min(online_retail_lines.currency) as currency,
        -sum(online_retail_lines.quantity * online_retail_lines.unit_price_amount)
            as refunded_amount,
        -sum(online_retail_lines.quantity) as item_count,
        min(online_retail_lines.invoiced_at) as refunded_at

    from online_retail_lines
    group by
        online_retail_lines.invoice_id,
        online_retail_lines.is_cancellation
    having
        online_retail_lines.is_cancellation
        or sum(online_retail_lines.quantity * online_retail_lines.unit_price_amount) < 0

),

invoiced_refunds as (

    select
        'online_retail:' || credit_notes.invoice_id as refund_key,
        cast(null as {{ dbt.type_string() }}) as order_key,
        'online_retail' as source_name,
        'stg_online_retail__lines' as source_model,
        credit_notes.record_key,
        cast(null as {{ dbt.type_string() }}) as store_id,
        credit_notes.currency,
        {{ money('credit_notes.refunded_amount') }} as refunded_amount,
        0 as tax_amount,
        cast(credit_notes.item_count as {{ dbt.type_bigint() }}) as item_count,
        credit_notes.refunded_at

    from credit_notes

),

unioned as (

    select * from web_refunds
    union all
    select * from store_refunds
    union all
    select * from invoiced_refunds

),

-- What a later run works on anew together: the order and all its refunds, or a refund alone.
refunds as (

    select
        unioned.*,
        coalesce(unioned.order_key, unioned.refund_key) as origin_key

    from unioned

)

select * from refunds
