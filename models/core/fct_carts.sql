with

abandoned_checkouts as (

    select * from {{ ref('stg_shopify__abandoned_checkouts') }}

),

products_added as (

    select * from {{ ref('stg_segment__products_added') }}

),

orders as (

    select * from {{ ref('fct_orders') }}

),

checkout_carts as (

    select
        coalesce(
            abandoned_checkouts.cart_token,
            abandoned_checkouts.checkout_token,
            abandoned_checkouts.checkout_id
        ) as cart_id,
        {{ resolved_customer_id(['shopify_customer_id', 'email', 'phone']) }} as customer_id,
        abandoned_checkouts.currency,
        abandoned_checkouts.total_amount as value_amount,
        abandoned_checkouts.started_at,
        coalesce(
            abandoned_checkouts.updated_at,
            abandoned_checkouts.started_at
        ) as last_activity_at,
        abandoned_checkouts.completed_at

    from abandoned_checkouts
    {{ customer_lookups('abandoned_checkouts', ['shopify_customer_id', 'email', 'phone']) }}
    where not abandoned_checkouts.is_deleted

),

tracked_carts as (

    select
        products_added.cart_id,
        {{ resolved_customer_id(['user_id', 'anonymous_id']) }} as customer_id,
        products_added.currency,
        products_added.price_amount * coalesce(products_added.quantity, 1) as value_amount,
        products_added.occurred_at as started_at,
        products_added.occurred_at as last_activity_at,
        cast(null as {{ dbt.type_timestamp() }}) as completed_at

    from products_added
    {{ customer_lookups('products_added', ['user_id', 'anonymous_id']) }}
    where products_added.cart_id is not null

),

-- The shop knows a cart once its checkout has begun; before that only the tracked events do.
tracked_carts_summed as (

    select
        tracked_carts.cart_id,
        max(tracked_carts.customer_id) as customer_id,
        max(tracked_carts.currency) as currency,
        sum(tracked_carts.value_amount) as value_amount,
        min(tracked_carts.started_at) as started_at,
        max(tracked_carts.last_activity_at) as last_activity_at

    from tracked_carts
    group by tracked_carts.cart_id

),

checkout_carts_summed as (

    select
        checkout_carts.cart_id,
        max(checkout_carts.customer_id) as customer_id,
        max(checkout_carts.currency) as currency,
        max(checkout_carts.value_amount) as value_amount,
        min(checkout_carts.started_at) as started_at,
        max(checkout_carts.last_activity_at) as last_activity_at,
        max(checkout_carts.completed_at) as completed_at

    from checkout_carts
    group by checkout_carts.cart_id

),

orders_by_cart as (

    select
        orders.cart_token as cart_id,
        min(orders.ordered_at) as ordered_at

    from orders
    where orders.cart_token is not null
    group by orders.cart_token

),

all_carts as (

    select cart_id from tracked_carts_summed
    -- union, not union all: a cart that both sources know is one cart
    union
    select cart_id from checkout_carts_summed

),

carts as (

    select
        -- keys
        all_carts.cart_id,
        coalesce(checkout_carts_summed.customer_id, tracked_carts_summed.customer_id)
            as customer_id,

        -- attributes
        coalesce(checkout_carts_summed.currency, tracked_carts_summed.currency) as currency,

        -- booleans
        orders_by_cart.ordered_at is null
        and checkout_carts_summed.completed_at is null as is_abandoned,

        -- measures
        cast(
            coalesce(checkout_carts_summed.value_amount, tracked_carts_summed.value_amount)
            as decimal(18, 2)
        ) as value_amount,

        -- timestamps
        case
            when tracked_carts_summed.started_at < checkout_carts_summed.started_at
                then tracked_carts_summed.started_at
            else coalesce(checkout_carts_summed.started_at, tracked_carts_summed.started_at)
        end as started_at,
        case
            when tracked_carts_summed.last_activity_at > checkout_carts_summed.last_activity_at
                then tracked_carts_summed.last_activity_at
            else
                coalesce(
                    checkout_carts_summed.last_activity_at, tracked_carts_summed.last_activity_at
                )
        end as last_activity_at,
        coalesce(orders_by_cart.ordered_at, checkout_carts_summed.completed_at) as ordered_at

    from all_carts
    left join tracked_carts_summed on all_carts.cart_id = tracked_carts_summed.cart_id
    left join checkout_carts_summed on all_carts.cart_id = checkout_carts_summed.cart_id
    left join orders_by_cart on all_carts.cart_id = orders_by_cart.cart_id

)

select * from carts
