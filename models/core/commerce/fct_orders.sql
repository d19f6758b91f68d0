-- depends_on: {{ ref('int_refunds__unioned') }}

{{ config(
    materialized='incremental',
    incremental_strategy='replace_rows',
    unique_key='order_key',
    on_schema_change='append_new_columns',
    meta={'removed_when': 'order_id is null'}
) }}

with

{% if is_incremental() %}
touched as (

    {{ touched_orders() }}

),
{% endif %}

unioned as (

    select orders.*
    from {{ ref('int_orders__unioned') }} as orders
    {% if is_incremental() %}
    inner join touched on orders.order_key = touched.order_key
    {% endif %}
    where coalesce(orders.ordered_at <= {{ as_of() }}, true)

),

records as (

    select * from {{ ref('int_core__records') }}
    where is_current

),

exchange_rates as (

    select * from {{ ref('int_exchange_rates') }}

),

lines_by_order as (

    select
        order_lines.order_key,
        count(*) as line_count,
        sum(order_lines.quantity) as item_count,
        sum(order_lines.gross_amount) as gross_amount,
        sum(order_lines.discount_amount) as discount_amount,
        sum(order_lines.tax_amount) as tax_amount,
        sum(order_lines.total_amount) as total_amount,
        sum(order_lines.gross_eur) as gross_eur,
        sum(order_lines.discount_eur) as discount_eur,
        sum(order_lines.total_eur) as total_eur

    from {{ ref('fct_order_lines') }} as order_lines
    group by order_lines.order_key

),

refunds_by_order as (

    select
        refunds.order_key,
        sum(refunds.refunded_amount) as refunded_amount,
        sum(refunds.refunded_eur) as refunded_eur

    from {{ ref('fct_refunds') }} as refunds
    where refunds.order_key is not null
    group by refunds.order_key

),

-- One record and one rate period per order, so the joins keep one row per order.
charged as (

    select
        unioned.*,
        records.customer_id,
        unioned.is_cancelled
        and coalesce(unioned.cancelled_at <= {{ as_of() }}, true) as is_cancelled_by_now,
        case
            when unioned.is_tax_included then 0
            when unioned.subtotal_amount + unioned.tax_amount > unioned.total_amount then 0
            else unioned.tax_amount
        end as tax_on_top_amount,
        coalesce(lines_by_order.line_count, 0) as line_count,
        coalesce(unioned.item_count, lines_by_order.item_count, 0) as all_item_count,
        coalesce(lines_by_order.gross_amount, 0) as gross_amount,
        coalesce(lines_by_order.discount_amount, 0) as discount_amount,
        coalesce(lines_by_order.total_amount, 0) as lines_total_amount,
        -- what the lines cost before tax on top
        coalesce(lines_by_order.gross_amount - lines_by_order.discount_amount, 0)
            as lines_net_amount,
        coalesce(refunds_by_order.refunded_amount, 0) as refunded_amount,
        coalesce(lines_by_order.gross_eur, 0) as gross_eur,
        coalesce(lines_by_order.discount_eur, 0) as discount_eur,
        coalesce(lines_by_order.total_eur, 0) as lines_total_eur,
        coalesce(refunds_by_order.refunded_eur, 0) as refunded_eur,
        {{ exact_rate('exchange_rates.eur_per_unit') }} as eur_per_unit

    from unioned
    left join records
        on
            unioned.source_model = records.source_model
            and unioned.record_key = records.record_key
    left join exchange_rates
        on
            unioned.currency = exchange_rates.currency
            and unioned.ordered_at >= exchange_rates.valid_from
            and unioned.ordered_at < coalesce(
                exchange_rates.valid_until, cast('9999-12-31' as {{ dbt.type_timestamp() }})
            )
    left join lines_by_order on unioned.order_key = lines_by_order.order_key
    left join refunds_by_order on unioned.order_key = refunds_by_order.order_key

),

-- What no line explains is told from delivery by the order's own sum of its lines.
explained as (

    select
        charged.*,
        coalesce(charged.subtotal_amount, charged.lines_net_amount) - charged.lines_net_amount
            as unitemised_net_amount

    from charged

),

parted as (

    select
        explained.*,
        -- lines that are missing take their share of the tax on top
        case
            when explained.total_amount > explained.tax_on_top_amount
                then
                    {{ money(
                        'explained.unitemised_net_amount * explained.total_amount '
                        ~ '/ (explained.total_amount - explained.tax_on_top_amount)'
                    ) }}
            else explained.unitemised_net_amount
        end as unitemised_amount

    from explained

),

-- Rounded once as a whole; delivery is what is left.
in_eur as (

    select
        parted.*,
        {{ money('parted.total_amount * parted.eur_per_unit') }} as total_eur,
        {{ money('parted.tax_amount * parted.eur_per_unit') }} as tax_eur,
        {{ money('parted.unitemised_amount * parted.eur_per_unit') }} as unitemised_eur

    from parted

),

orders as (

    select
        -- keys
        cast({{ 'touched' if is_incremental() else 'in_eur' }}.order_key as {{ dbt.type_string() }})
            as order_key,
        in_eur.order_id,

        -- foreign keys
        in_eur.customer_id,
        in_eur.store_id,
        in_eur.cart_token,

        -- attributes
        cast(in_eur.source_name as {{ dbt.type_string() }}) as source_name,
        cast(in_eur.channel as {{ dbt.type_string() }}) as channel,
        in_eur.country_code,
        in_eur.currency,

        -- booleans
        in_eur.is_cancelled_by_now as is_cancelled,
        cast(in_eur.refunded_amount > 0 as {{ dbt.type_boolean() }}) as is_refunded,

        -- measures
        cast(in_eur.line_count as {{ dbt.type_bigint() }}) as line_count,
        cast(in_eur.all_item_count as {{ dbt.type_bigint() }}) as item_count,
        {{ money('in_eur.gross_amount') }} as gross_amount,
        {{ money('in_eur.discount_amount') }} as discount_amount,
        {{ money('in_eur.tax_amount') }} as tax_amount,
        {{ money('in_eur.total_amount - in_eur.lines_total_amount - in_eur.unitemised_amount') }}
            as shipping_amount,
        {{ money('in_eur.unitemised_amount') }} as unitemised_amount,
        {{ money('in_eur.total_amount') }} as total_amount,
        {{ money('in_eur.refunded_amount') }} as refunded_amount,
        {{ money(
            'case when in_eur.is_cancelled_by_now '
            ~ 'then in_eur.total_amount - in_eur.refunded_amount else 0 end'
        ) }} as cancelled_amount,
        {{ money(
            'case when in_eur.is_cancelled_by_now '
            ~ 'then 0 else in_eur.total_amount - in_eur.refunded_amount end'
        ) }} as net_amount,
        {{ money('case when in_eur.eur_per_unit is not null then in_eur.gross_eur end') }}
            as gross_eur,
        {{ money('case when in_eur.eur_per_unit is not null then in_eur.discount_eur end') }}
            as discount_eur,
        in_eur.tax_eur,
        {{ money('in_eur.total_eur - in_eur.lines_total_eur - in_eur.unitemised_eur') }}
            as shipping_eur,
        in_eur.unitemised_eur,
        in_eur.total_eur,
        {{ money('case when in_eur.eur_per_unit is not null then in_eur.refunded_eur end') }}
            as refunded_eur,
        {{ money(
            'case when in_eur.is_cancelled_by_now '
            ~ 'then 0 else in_eur.total_eur - in_eur.refunded_eur end'
        ) }} as revenue_eur,

        -- timestamps
        in_eur.ordered_at,
        case when in_eur.is_cancelled_by_now then in_eur.cancelled_at end as cancelled_at,

        -- bookkeeping
        cast({{ current_run() }} as {{ dbt.type_bigint() }}) as changed_run

    {% if is_incremental() %}
    -- an order that is no more makes way: a row without an id
    from touched
    left join in_eur on touched.order_key = in_eur.order_key
    {% else %}
    from in_eur
    {% endif %}

)

select * from orders
