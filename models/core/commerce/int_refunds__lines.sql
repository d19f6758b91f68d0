{{ config(materialized='view') }}

with

refunds as (

    select * from {{ ref('int_refunds__unioned') }}

),

shopify_orders as (

    select * from {{ ref('stg_shopify__orders') }}

),

shopify_refunds as (

    select * from {{ ref('stg_shopify__refunds') }}

),

shopify_refund_lines as (

    select * from {{ ref('stg_shopify__refund_lines') }}

),

till_sale_lines as (

    select * from {{ ref('stg_till__sale_lines') }}

),

web_refund_lines as (

    select
        'shopify:' || shopify_refund_lines.refund_line_id as refund_line_key,
        'shopify:' || shopify_refund_lines.refund_id as refund_key,
        'shopify:' || shopify_refunds.order_id as order_key,
        'shopify:' || shopify_refund_lines.order_line_id as order_line_key,
        coalesce(shopify_refund_lines.quantity, 0) as quantity,
        coalesce(shopify_refund_lines.subtotal_amount, 0)
        + case
            when shopify_orders.is_tax_included then 0
            else coalesce(shopify_refund_lines.tax_amount, 0)
        end as refunded_amount,
        shopify_refunds.refunded_at

    from shopify_refund_lines
    inner join shopify_refunds on shopify_refund_lines.refund_id = shopify_refunds.refund_id
    inner join shopify_orders on shopify_refunds.order_id = shopify_orders.order_id

),

-- A returned line names the article and not the line that sold it: the first line of that
-- article takes it.
first_lines_of_articles as (

    select
        till_sale_lines.sale_id,
        till_sale_lines.sku,
        till_sale_lines.sale_line_id,
        row_number() over (
            partition by till_sale_lines.sale_id, till_sale_lines.sku
            order by till_sale_lines.line_index, till_sale_lines.sale_line_id
        ) as article_index

    from till_sale_lines
    where till_sale_lines.sku is not null

),

store_refund_lines as (

    select
        'till:' || till_sale_lines.sale_line_id as refund_line_key,
        refunds.refund_key,
        refunds.order_key,
        'till:' || first_lines_of_articles.sale_line_id as order_line_key,
        abs(coalesce(till_sale_lines.quantity, 0)) as quantity,
        abs(
            coalesce(till_sale_lines.quantity * till_sale_lines.unit_price_amount, 0)
            - coalesce(till_sale_lines.discount_amount, 0)
        ) as refunded_amount,
        refunds.refunded_at

    from till_sale_lines
    inner join refunds on 'till:' || till_sale_lines.sale_id = refunds.refund_key
    left join first_lines_of_articles
        on
            refunds.order_key = 'till:' || first_lines_of_articles.sale_id
            and till_sale_lines.sku = first_lines_of_articles.sku
            and first_lines_of_articles.article_index = 1

),

refund_lines as (

    select * from web_refund_lines
    union all
    select * from store_refund_lines

)

select * from refund_lines
