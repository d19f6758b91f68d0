with

orders as (

    select * from {{ ref('int_orders__unioned') }}

),

exchange_rates as (

    select * from {{ ref('int_exchange_rates') }}

),

-- Rate periods of a currency do not overlap, so the join keeps one row per order.
orders_in_eur as (

    select
        -- keys
        cast(orders.source_name || ':' || orders.order_id as {{ dbt.type_string() }}) as order_key,
        orders.order_id,

        -- foreign keys
        orders.customer_id,
        orders.store_id,
        orders.cart_token,

        -- attributes
        orders.source_name,
        orders.channel,
        orders.country_code,
        orders.currency,

        -- booleans
        orders.is_cancelled,
        cast(orders.refunded_amount > 0 as {{ dbt.type_boolean() }}) as is_refunded,

        -- measures
        cast(orders.item_count as {{ dbt.type_bigint() }}) as item_count,
        cast(orders.total_amount as decimal(18, 2)) as total_amount,
        cast(orders.refunded_amount as decimal(18, 2)) as refunded_amount,
        cast(orders.total_amount * exchange_rates.eur_per_unit as decimal(18, 2)) as total_eur,
        cast(
            case
                when orders.is_cancelled then 0
                else (orders.total_amount - orders.refunded_amount) * exchange_rates.eur_per_unit
            end as decimal(18, 2)
        ) as revenue_eur,

        -- timestamps
        orders.ordered_at

    from orders
    left join exchange_rates
        on
            orders.currency = exchange_rates.currency
            and orders.ordered_at >= exchange_rates.valid_from
            and orders.ordered_at < coalesce(
                exchange_rates.valid_until, cast('9999-12-31' as {{ dbt.type_timestamp() }})
            )

)

select * from orders_in_eur
