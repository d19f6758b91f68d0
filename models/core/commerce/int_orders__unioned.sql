{{ config(materialized='view') }}

{#- The one place that says what an order is in each source: a new source is a CTE here, one in
    int_orders__lines and one in int_refunds__unioned (docs/how-to/add-a-commerce-source.md). -#}

with

shopify_orders as (

    select * from {{ ref('stg_shopify__orders') }}

),

till_sales as (

    select * from {{ ref('stg_till__sales') }}

),

online_retail_lines as (

    select * from {{ ref('stg_online_retail__lines') }}

),

web_orders as (

    select
        'shopify:' || shopify_orders.order_id as order_key,
        shopify_orders.order_id,
        'shopify' as source_name,
        'stg_shopify__orders' as source_model,
        shopify_orders.order_id as record_key,
        case
            when lower(shopify_orders.source_name) in ('pos', 'shopify_pos') then 'store'
            when
                lower(shopify_orders.source_name) in (
                    'app', 'iphone', 'ios', 'android', 'mobile_app'
                )
                then 'app'
            else 'web'
        end as channel,
        cast(null as {{ dbt.type_string() }}) as store_id,
        shopify_orders.country_code,
        shopify_orders.cart_token,
        shopify_orders.currency,
        shopify_orders.is_tax_included,
        shopify_orders.is_cancelled,
        shopify_orders.line_items_amount,
        shopify_orders.subtotal_amount,
        coalesce(shopify_orders.tax_amount, 0) as tax_amount,
        coalesce(shopify_orders.total_amount, 0) as total_amount,
        cast(null as {{ dbt.type_bigint() }}) as item_count,
        shopify_orders.ordered_at,
        shopify_orders.cancelled_at

    from shopify_orders
    where not shopify_orders.is_test

),

-- A till's prices contain the tax, and nothing is delivered.
store_orders as (

    select
        'till:' || till_sales.sale_id as order_key,
        till_sales.sale_id as order_id,
        'till' as source_name,
        'stg_till__sales' as source_model,
        till_sales.sale_id as record_key,
        'store' as channel,
        till_sales.store_id,
        cast(null as {{ dbt.type_string() }}) as country_code,
        cast(null as {{ dbt.type_string() }}) as cart_token,
        till_sales.currency,
        true as is_tax_included,
        false as is_cancelled,
        cast(null as decimal(18, 2)) as line_items_amount,
        coalesce(till_sales.total_amount, 0) as subtotal_amount,
        coalesce(till_sales.tax_amount, 0) as tax_amount,
        coalesce(till_sales.total_amount, 0) as total_amount,
        coalesce(till_sales.item_count, 0) as item_count,
        till_sales.sold_at as ordered_at,
        cast(null as {{ dbt.type_timestamp() }}) as cancelled_at

    from till_sales
    where not till_sales.is_return

),

invoices as (

    select
        online_retail_lines.invoice_id,
        min(online_retail_lines.invoice_line_id) as record_key,
        min(online_retail_lines.country_code) as country_code,
        min(online_retail_lines.currency) as currency,
        sum(online_retail_lines.quantity * online_retail_lines.unit_price_amount) as total_amount,
        sum(online_retail_lines.quantity) as item_count,
        min(online_retail_lines.invoiced_at) as ordered_at

    from online_retail_lines
    where not online_retail_lines.is_cancellation
    group by online_retail_lines.invoice_id
    -- An invoice below zero is a debt written off, and one of nothing but missing articles a
    -- correction of the stock.
    having
        sum(online_retail_lines.quantity * online_retail_lines.unit_price_amount) >= 0
        and max(online_retail_lines.quantity) > 0

),

-- All lines of an invoice name the same customer, so any of them stands for it.
invoiced_orders as (

    select
        'online_retail:' || invoices.invoice_id as order_key,
        invoices.invoice_id as order_id,
        'online_retail' as source_name,
        'stg_online_retail__lines' as source_model,
        invoices.record_key,
        'web' as channel,
        cast(null as {{ dbt.type_string() }}) as store_id,
        invoices.country_code,
        cast(null as {{ dbt.type_string() }}) as cart_token,
        invoices.currency,
        true as is_tax_included,
        false as is_cancelled,
        cast(null as decimal(18, 2)) as line_items_amount,
        {{ money('invoices.total_amount') }} as subtotal_amount,
        0 as tax_amount,
        {{ money('invoices.total_amount') }} as total_amount,
        cast(invoices.item_count as {{ dbt.type_bigint() }}) as item_count,
        invoices.ordered_at,
        cast(null as {{ dbt.type_timestamp() }}) as cancelled_at

    from invoices

),

orders as (

    select * from web_orders
    union all
    select * from store_orders
    union all
    select * from invoiced_orders

)

select * from orders
