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
        cast(orders.order_id as {{ dbt.type_string() }}) as order_id,

        -- foreign keys
        cast(orders.customer_id as {{ dbt.type_string() }}) as customer_id,
        cast(orders.store_id as {{ dbt.type_string() }}) as store_id,
        cast(orders.cart_token as {{ dbt.type_string() }}) as cart_token,

        -- attributes
        cast(orders.source_name as {{ dbt.type_string() }}) as source_name,
        cast(orders.channel as {{ dbt.type_string() }}) as channel,
        cast(orders.country_code as {{ dbt.type_string() }}) as country_code,
        cast(orders.currency as {{ dbt.type_string() }}) as currency,

        -- booleans
        cast(orders.is_cancelled as {{ dbt.type_boolean() }}) as is_cancelled,
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
        cast(orders.ordered_at as {{ dbt.type_timestamp() }}) as ordered_at

    from orders
    left join exchange_rates
        on
            orders.currency = exchange_rates.currency
            and orders.ordered_at >= exchange_rates.valid_from
            and (orders.ordered_at < exchange_rates.valid_until or exchange_rates.valid_until is null)

)

select * from orders_in_eur
