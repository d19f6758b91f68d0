{{ config(materialized='view') }}

with

figures as (

    select * from {{ ref('int_orders__customer_figures') }}

),

-- What changes from day to day is worked out here, so that a day without orders rewrites nobody.
dated as (

    select
        -- keys
        figures.customer_id,

        -- measures
        figures.order_count,
        figures.cancelled_order_count,
        figures.refund_count,
        figures.item_count,
        figures.purchase_day_count,
        case when figures.purchase_day_count > 0 then figures.purchase_day_count - 1 end
            as repeat_day_count,
        {{ dbt.datediff('figures.first_purchased_on', 'figures.last_purchased_on', 'day') }}
            as purchase_span_days,
        {{ dbt.datediff('figures.first_purchased_on', 'cast(' ~ as_of() ~ ' as date)', 'day') }}
            as tenure_days,
        {{ dbt.datediff('figures.last_purchased_on', 'cast(' ~ as_of() ~ ' as date)', 'day') }}
            as days_since_purchase,
        figures.total_eur,
        figures.discount_eur,
        figures.refunded_eur,
        figures.revenue_eur,
        figures.average_order_eur,
        figures.repeat_day_eur,

        -- timestamps
        figures.first_purchased_on,
        figures.last_purchased_on,
        figures.first_ordered_at,
        figures.last_ordered_at

    from figures

)

select * from dated
