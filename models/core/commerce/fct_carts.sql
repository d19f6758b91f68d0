-- depends_on: {{ ref('int_orders__unioned') }}
-- depends_on: {{ ref('int_refunds__unioned') }}

{{ config(
    materialized='incremental',
    incremental_strategy='replace_rows',
    unique_key='cart_id',
    on_schema_change='append_new_columns',
    meta={'removed_when': 'status is null'}
) }}

with

{% if is_incremental() %}
touched_orders as (

    {{ touched_orders() }}

),

changed_orders as (

    select orders.*
    from {{ ref('fct_orders') }} as orders
    where orders.changed_run > {{ last_own_run() }}

),

-- Carts of which a row changed or time reached one; and carts that an order has to do with: the one
-- it was made from, those of its customer, and the one that it counted for before.
touched as (

    select touched_rows.record_key as cart_id
    from (
        {{ touched_records(
            ['stg_segment__products_added', 'stg_shopify__abandoned_checkouts'], 'parent_key'
        ) }}
    ) as touched_rows

    -- union, not union all: one row per cart
    union

    select products_added.cart_id
    from {{ ref('stg_segment__products_added') }} as products_added
    where
        products_added.cart_id is not null
        and {{ is_reached_anew('products_added.occurred_at') }}

    union

    select abandoned_checkouts.cart_id
    from {{ ref('stg_shopify__abandoned_checkouts') }} as abandoned_checkouts
    where
        {{ is_reached_anew('abandoned_checkouts.started_at') }}
        or {{ is_reached_anew('abandoned_checkouts.updated_at') }}
        or {{ is_reached_anew('abandoned_checkouts.completed_at') }}

    union

    select changed_orders.cart_token
    from changed_orders
    where changed_orders.cart_token is not null

    union

    select own_rows.cart_id
    from {{ this }} as own_rows
    where
        own_rows.recheck_at <= {{ as_of() }}
        or own_rows.customer_id in (
            select changed_orders.customer_id from changed_orders
            where changed_orders.customer_id is not null
        )
        or own_rows.order_key in (select touched_orders.order_key from touched_orders)

),
{% endif %}

checkouts as (

    select checkouts.*
    from {{ ref('stg_shopify__abandoned_checkouts') }} as checkouts
    {% if is_incremental() %}
    inner join touched on checkouts.cart_id = touched.cart_id
    {% endif %}
    where
        not checkouts.is_deleted
        and coalesce(checkouts.started_at <= {{ as_of() }}, true)

),

products_added as (

    select products_added.*
    from {{ ref('stg_segment__products_added') }} as products_added
    {% if is_incremental() %}
    inner join touched on products_added.cart_id = touched.cart_id
    {% endif %}
    where
        products_added.cart_id is not null
        and coalesce(products_added.occurred_at <= {{ as_of() }}, true)

),

records as (

    select * from {{ ref('int_core__records') }}
    where is_current

),

orders as (

    select * from {{ ref('fct_orders') }}

),

exchange_rates as (

    select * from {{ ref('int_exchange_rates') }}

),

checkout_carts as (

    select
        checkouts.cart_id,
        max(records.customer_id) as customer_id,
        max(checkouts.currency) as currency,
        max(checkouts.total_amount) as value_amount,
        min(checkouts.started_at) as started_at,
        max(
            case
                when checkouts.updated_at <= {{ as_of() }} then checkouts.updated_at
                else checkouts.started_at
            end
        ) as last_activity_at,
        max(
            case when checkouts.completed_at <= {{ as_of() }} then checkouts.completed_at end
        ) as completed_at

    from checkouts
    left join records
        on
            checkouts.checkout_id = records.record_key
            and records.source_model = 'stg_shopify__abandoned_checkouts'
    group by checkouts.cart_id

),

tracked_carts as (

    select
        products_added.cart_id,
        max(records.customer_id) as customer_id,
        max(products_added.currency) as currency,
        sum(coalesce(products_added.quantity, 1)) as item_count,
        sum(products_added.price_amount * coalesce(products_added.quantity, 1)) as value_amount,
        min(products_added.occurred_at) as started_at,
        max(products_added.occurred_at) as last_activity_at

    from products_added
    left join records
        on
            products_added.message_id = records.record_key
            and records.source_model = 'stg_segment__products_added'
    group by products_added.cart_id

),

all_carts as (

    select cart_id from tracked_carts
    -- union, not union all: a cart that both sources know is one cart
    union
    select cart_id from checkout_carts

),

-- The shop knows a cart once its checkout has begun; before that only the tracked events do.
known_carts as (

    select
        all_carts.cart_id,
        coalesce(checkout_carts.customer_id, tracked_carts.customer_id) as customer_id,
        coalesce(checkout_carts.currency, tracked_carts.currency) as currency,
        tracked_carts.item_count,
        coalesce(checkout_carts.value_amount, tracked_carts.value_amount) as value_amount,
        case
            when tracked_carts.started_at < checkout_carts.started_at
                then tracked_carts.started_at
            else coalesce(checkout_carts.started_at, tracked_carts.started_at)
        end as started_at,
        case
            when tracked_carts.last_activity_at > checkout_carts.last_activity_at
                then tracked_carts.last_activity_at
            else coalesce(checkout_carts.last_activity_at, tracked_carts.last_activity_at)
        end as last_activity_at,
        checkout_carts.completed_at

    from all_carts
    left join tracked_carts on all_carts.cart_id = tracked_carts.cart_id
    left join checkout_carts on all_carts.cart_id = checkout_carts.cart_id

),

timed_carts as (

    select
        known_carts.*,
        {{ dbt.dateadd(
            'minute', var('cart_abandoned_after_minutes'), 'known_carts.last_activity_at'
        ) }} as left_at

    from known_carts

),

-- Orders of the cart come first, then the customer's next one, however it was placed.
orders_of_carts as (

    select
        timed_carts.cart_id,
        orders.order_key,
        orders.ordered_at,
        0 as kind_rank

    from timed_carts
    inner join orders on timed_carts.cart_id = orders.cart_token

    union all

    select
        timed_carts.cart_id,
        orders.order_key,
        orders.ordered_at,
        1 as kind_rank

    from timed_carts
    inner join orders on timed_carts.customer_id = orders.customer_id
    where
        not orders.is_cancelled
        and orders.ordered_at > timed_carts.last_activity_at
        and orders.ordered_at <= {{ dbt.dateadd(
            'day', var('cart_recovered_within_days'), 'timed_carts.left_at'
        ) }}

),

ranked_orders as (

    select
        orders_of_carts.*,
        row_number() over (
            partition by orders_of_carts.cart_id
            order by
                orders_of_carts.kind_rank,
                orders_of_carts.ordered_at,
                orders_of_carts.order_key
        ) as order_index

    from orders_of_carts

),

-- A checkout that says it was completed is an order, even where the order itself is not known.
ended_carts as (

    select
        timed_carts.*,
        case
            when ranked_orders.kind_rank = 0 or timed_carts.completed_at is null
                then ranked_orders.order_key
        end as order_key,
        case
            when ranked_orders.kind_rank = 0 then ranked_orders.ordered_at
            else coalesce(timed_carts.completed_at, ranked_orders.ordered_at)
        end as ordered_at

    from timed_carts
    left join ranked_orders
        on
            timed_carts.cart_id = ranked_orders.cart_id
            and ranked_orders.order_index = 1

),

statuses as (

    select
        ended_carts.*,
        case
            when ended_carts.ordered_at > ended_carts.left_at then 'recovered'
            when ended_carts.ordered_at is not null then 'ordered'
            when ended_carts.left_at > {{ as_of() }} then 'open'
            else 'abandoned'
        end as status

    from ended_carts

),

-- Rate periods of a currency do not overlap, so the join keeps one row per cart.
valued_carts as (

    select
        statuses.*,
        {{ money('statuses.value_amount * ' ~ exact_rate('exchange_rates.eur_per_unit')) }}
            as value_eur

    from statuses
    left join exchange_rates
        on
            statuses.currency = exchange_rates.currency
            and statuses.started_at >= exchange_rates.valid_from
            and statuses.started_at < coalesce(
                exchange_rates.valid_until, cast('9999-12-31' as {{ dbt.type_timestamp() }})
            )

),

carts as (

    select
        -- keys
        {{ 'touched' if is_incremental() else 'valued_carts' }}.cart_id,

        -- foreign keys
        valued_carts.customer_id,
        valued_carts.order_key,

        -- attributes
        valued_carts.currency,
        cast(valued_carts.status as {{ dbt.type_string() }}) as status,

        -- booleans
        valued_carts.status = 'abandoned' as is_abandoned,
        valued_carts.status = 'recovered' as is_recovered,

        -- measures
        cast(valued_carts.item_count as {{ dbt.type_bigint() }}) as item_count,
        {{ money('valued_carts.value_amount') }} as value_amount,
        valued_carts.value_eur,

        -- timestamps
        valued_carts.started_at,
        valued_carts.last_activity_at,
        case when valued_carts.status in ('abandoned', 'recovered') then valued_carts.left_at end
            as abandoned_at,
        valued_carts.ordered_at,

        -- bookkeeping
        case when valued_carts.status = 'open' then valued_carts.left_at end as recheck_at,
        cast({{ current_run() }} as {{ dbt.type_bigint() }}) as changed_run

    {% if is_incremental() %}
    -- a cart that is no more makes way: a row without a status
    from touched
    left join valued_carts on touched.cart_id = valued_carts.cart_id
    {% else %}
    from valued_carts
    {% endif %}

)

select * from carts
