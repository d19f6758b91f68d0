{{ config(materialized='view') }}

with

shopify_order_lines as (

    select * from {{ ref('stg_shopify__order_lines') }}

),

till_sale_lines as (

    select * from {{ ref('stg_till__sale_lines') }}

),

online_retail_lines as (

    select * from {{ ref('stg_online_retail__lines') }}

),

web_lines as (

    select
        'shopify:' || shopify_order_lines.order_line_id as order_line_key,
        'shopify:' || shopify_order_lines.order_id as order_key,
        shopify_order_lines.line_index,
        shopify_order_lines.product_id,
        shopify_order_lines.sku,
        shopify_order_lines.product_name,
        shopify_order_lines.is_gift_card,
        shopify_order_lines.quantity,
        shopify_order_lines.unit_price_amount,
        shopify_order_lines.discount_amount

    from shopify_order_lines

),

-- Lines of returns are among them: no order has their key, so they count for none.
store_lines as (

    select
        'till:' || till_sale_lines.sale_line_id as order_line_key,
        'till:' || till_sale_lines.sale_id as order_key,
        till_sale_lines.line_index,
        cast(null as {{ dbt.type_string() }}) as product_id,
        till_sale_lines.sku,
        till_sale_lines.product_name,
        false as is_gift_card,
        till_sale_lines.quantity,
        till_sale_lines.unit_price_amount,
        till_sale_lines.discount_amount

    from till_sale_lines

),

invoice_lines as (

    select
        'online_retail:' || online_retail_lines.invoice_line_id as order_line_key,
        'online_retail:' || online_retail_lines.invoice_id as order_key,
        cast(null as {{ dbt.type_bigint() }}) as line_index,
        cast(null as {{ dbt.type_string() }}) as product_id,
        online_retail_lines.sku,
        online_retail_lines.product_name,
        false as is_gift_card,
        online_retail_lines.quantity,
        online_retail_lines.unit_price_amount,
        cast(0 as decimal(18, 2)) as discount_amount

    from online_retail_lines

),

order_lines as (

    select * from web_lines
    union all
    select * from store_lines
    union all
    select * from invoice_lines

)

select * from order_lines
