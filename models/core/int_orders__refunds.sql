with

refunds as (

    select * from {{ ref('stg_shopify__refunds') }}

),

refund_lines as (

    select * from {{ ref('stg_shopify__refund_lines') }}

),

refunds_by_order as (

    select
        refunds.order_id,
        count(distinct refunds.refund_id) as refund_count,
        coalesce(
            sum(refund_lines.subtotal_amount + coalesce(refund_lines.tax_amount, 0)), 0
        ) as refunded_amount,
        max(refunds.refunded_at) as last_refunded_at

    from refunds
    left join refund_lines on refunds.refund_id = refund_lines.refund_id
    group by refunds.order_id

)

select * from refunds_by_order
