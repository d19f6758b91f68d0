with

shopify_orders as (

    select * from {{ ref('stg_shopify__orders') }}

),

shopify_order_lines as (

    select * from {{ ref('stg_shopify__order_lines') }}

),

refunds_by_order as (

    select * from {{ ref('int_orders__refunds') }}

),

till_sales as (

    select * from {{ ref('stg_till__sales') }}

),

items_by_order as (

    select
        shopify_order_lines.order_id,
        sum(shopify_order_lines.quantity) as item_count

    from shopify_order_lines
    group by shopify_order_lines.order_id

),

web_orders as (

    select
        'shopify' as source_name,
        shopify_orders.order_id,
        {{ resolved_customer_id(['shopify_customer_id', 'email', 'phone']) }} as customer_id,
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
        coalesce(shopify_orders.total_amount, 0) as total_amount,
        coalesce(refunds_by_order.refunded_amount, 0) as refunded_amount,
        coalesce(items_by_order.item_count, 0) as item_count,
        shopify_orders.is_cancelled,
        shopify_orders.ordered_at

    from shopify_orders
    left join items_by_order on shopify_orders.order_id = items_by_order.order_id
    left join refunds_by_order on shopify_orders.order_id = refunds_by_order.order_id
    {{ customer_lookups('shopify_orders', ['shopify_customer_id', 'email', 'phone']) }}
    where not shopify_orders.is_test

),

-- A return at the till is money back on the sale that it names.
till_returns as (

    select
        till_sales.original_sale_id as sale_id,
        sum(abs(till_sales.total_amount)) as refunded_amount

    from till_sales
    where
        till_sales.is_return
        and till_sales.original_sale_id is not null
    group by till_sales.original_sale_id

),

store_orders as (

    select
        'till' as source_name,
        till_sales.sale_id as order_id,
        {{ resolved_customer_id(['loyalty_id', 'email']) }} as customer_id,
        'store' as channel,
        till_sales.store_id,
        cast(null as {{ dbt.type_string() }}) as country_code,
        cast(null as {{ dbt.type_string() }}) as cart_token,
        till_sales.currency,
        coalesce(till_sales.total_amount, 0) as total_amount,
        coalesce(till_returns.refunded_amount, 0) as refunded_amount,
        coalesce(till_sales.item_count, 0) as item_count,
        false as is_cancelled,
        till_sales.sold_at as ordered_at

    from till_sales
    left join till_returns on till_sales.sale_id = till_returns.sale_id
    {{ customer_lookups('till_sales', ['loyalty_id', 'email']) }}
    where not till_sales.is_return

),

orders as (

    select * from web_orders
    union all
    select * from store_orders

)

select * from orders
