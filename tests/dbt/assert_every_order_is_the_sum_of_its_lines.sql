-- To the cent, in the order's currency and in euros.
{{ config(meta={'dagster': {'ref': {'name': 'fct_orders'}}}) }}

with

orders as (

    select * from {{ ref('fct_orders') }}

),

line_sums as (

    select
        order_lines.order_key,
        sum(order_lines.gross_amount) as gross_amount,
        sum(order_lines.total_amount) as total_amount,
        sum(order_lines.gross_eur) as gross_eur,
        sum(order_lines.total_eur) as total_eur

    from {{ ref('fct_order_lines') }} as order_lines
    group by order_lines.order_key

),

differing as (

    select orders.order_key
    from orders
    left join line_sums on orders.order_key = line_sums.order_key
    where
        orders.gross_amount <> coalesce(line_sums.gross_amount, 0)
        or orders.gross_eur <> coalesce(line_sums.gross_eur, 0)
        or orders.total_amount
        <> coalesce(line_sums.total_amount, 0)
        + orders.shipping_amount
        + orders.unitemised_amount
        or orders.total_eur
        <> coalesce(line_sums.total_eur, 0) + orders.shipping_eur + orders.unitemised_eur
        or orders.net_amount
        <> orders.total_amount - orders.refunded_amount - orders.cancelled_amount

)

select * from differing
