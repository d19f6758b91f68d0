-- depends_on: {{ ref('int_refunds__unioned') }}

{{ config(
    materialized='incremental',
    incremental_strategy='replace_rows',
    unique_key='order_key',
    on_schema_change='append_new_columns',
    meta={'removed_when': 'order_line_key is null'}
) }}

{#- What an order takes off or adds as a whole is spread over its lines in proportion, to the cent:
    the lines, the delivery and what no line explains add up to what was charged, in the order's
    currency and in euros (docs/how-to/add-a-commerce-source.md). -#}

with

{% if is_incremental() %}
touched as (

    {{ touched_orders() }}

),
{% endif %}

orders as (

    select
        orders.*,
        -- tax comes on top unless the prices contain it; a sum too small to hold it contains it
        case
            when orders.is_tax_included then 0
            when orders.subtotal_amount + orders.tax_amount > orders.total_amount then 0
            else orders.tax_amount
        end as tax_on_top_amount

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

refunded_by_line as (

    select
        refund_lines.order_line_key,
        sum(refund_lines.quantity) as returned_quantity,
        sum(refund_lines.refunded_amount) as refunded_amount

    from {{ ref('int_refunds__lines') }} as refund_lines
    where
        refund_lines.order_line_key is not null
        and refund_lines.refunded_at <= {{ as_of() }}
    group by refund_lines.order_line_key

),

-- One record and one rate period per order, so the joins keep one row per line.
lines as (

    select
        order_lines.order_line_key,
        order_lines.order_key,
        order_lines.product_id,
        order_lines.sku,
        order_lines.product_name,
        order_lines.is_gift_card,
        coalesce(order_lines.line_index, 0) as line_index,
        coalesce(order_lines.quantity, 0) as quantity,
        coalesce(order_lines.unit_price_amount, 0) as unit_price_amount,
        coalesce(order_lines.quantity, 0) * coalesce(order_lines.unit_price_amount, 0)
            as gross_amount,
        coalesce(order_lines.discount_amount, 0) as own_discount_amount,
        coalesce(refunded_by_line.returned_quantity, 0) as returned_quantity,
        coalesce(refunded_by_line.refunded_amount, 0) as refunded_amount,
        records.customer_id,
        orders.source_name,
        orders.currency,
        orders.is_cancelled
        and coalesce(orders.cancelled_at <= {{ as_of() }}, true) as is_cancelled,
        orders.line_items_amount,
        orders.subtotal_amount,
        orders.tax_amount as order_tax_amount,
        orders.tax_on_top_amount,
        orders.total_amount as order_total_amount,
        {{ exact_rate('exchange_rates.eur_per_unit') }} as eur_per_unit,
        orders.ordered_at

    from {{ ref('int_orders__lines') }} as order_lines
    inner join orders on order_lines.order_key = orders.order_key
    left join records
        on
            orders.source_model = records.source_model
            and orders.record_key = records.record_key
    left join exchange_rates
        on
            orders.currency = exchange_rates.currency
            and orders.ordered_at >= exchange_rates.valid_from
            and orders.ordered_at < coalesce(
                exchange_rates.valid_until, cast('9999-12-31' as {{ dbt.type_timestamp() }})
            )
    left join refunded_by_line
        on order_lines.order_line_key = refunded_by_line.order_line_key

),

-- Sums so far, in the order in which the lines stand.
summed as (

    select
        lines.*,
        lines.gross_amount - lines.own_discount_amount as own_net_amount,
        sum(lines.gross_amount) over (
            {{ lines_so_far('lines') }}
        ) as gross_so_far,
        sum(lines.refunded_amount) over (
            {{ lines_so_far('lines') }}
        ) as refunded_so_far,
        sum(lines.gross_amount - lines.own_discount_amount) over (
            {{ lines_so_far('lines') }}
        ) as own_net_so_far,
        sum(lines.gross_amount) over (partition by lines.order_key) as order_gross_amount,
        sum(lines.gross_amount - lines.own_discount_amount) over (partition by lines.order_key)
            as order_own_net_amount

    from lines

),

-- A discount on the whole order is told from a line that has not landed: where lines are missing,
-- what is there explains less than the order's own sum of lines, or than what was charged.
discounted as (

    select
        summed.*,
        case
            when
                summed.order_own_net_amount > summed.subtotal_amount
                and summed.subtotal_amount >= 0
                and coalesce(
                    summed.line_items_amount = {{ money('summed.order_gross_amount') }}, true
                )
                then
                    (summed.order_own_net_amount - summed.subtotal_amount)
                    / summed.order_own_net_amount
            else 0
        end as order_discount_rate

    from summed

),

netted as (

    select
        discounted.*,
        discounted.own_net_amount - {{ running_share(
            'discounted.order_discount_rate', 'discounted.own_net_so_far', 'discounted.own_net_amount'
        ) }} as net_amount

    from discounted

),

netted_so_far as (

    select
        netted.*,
        sum(netted.net_amount) over (
            {{ lines_so_far('netted') }}
        ) as net_so_far,
        -- the tax of each unit charged, delivery included
        case
            when netted.order_total_amount > netted.tax_on_top_amount
                then
                    netted.order_tax_amount
                    / (netted.order_total_amount - netted.tax_on_top_amount)
            else 0
        end as tax_rate

    from netted

),

taxed as (

    select
        netted_so_far.*,
        {{ running_share(
            'netted_so_far.tax_rate', 'netted_so_far.net_so_far', 'netted_so_far.net_amount'
        ) }} as tax_amount

    from netted_so_far

),

charged as (

    select
        taxed.*,
        taxed.net_amount + case when taxed.tax_on_top_amount > 0 then taxed.tax_amount else 0 end
            as total_amount

    from taxed

),

charged_so_far as (

    select
        charged.*,
        sum(charged.total_amount) over (
            {{ lines_so_far('charged') }}
        ) as total_so_far,
        sum(charged.tax_amount) over (
            {{ lines_so_far('charged') }}
        ) as tax_so_far

    from charged

),

in_eur as (

    select
        charged_so_far.*,
        {{ running_share(
            'charged_so_far.eur_per_unit', 'charged_so_far.gross_so_far', 'charged_so_far.gross_amount'
        ) }} as gross_eur,
        {{ running_share(
            'charged_so_far.eur_per_unit', 'charged_so_far.tax_so_far', 'charged_so_far.tax_amount'
        ) }} as tax_eur,
        {{ running_share(
            'charged_so_far.eur_per_unit', 'charged_so_far.total_so_far', 'charged_so_far.total_amount'
        ) }} as total_eur,
        {{ running_share(
            'charged_so_far.eur_per_unit',
            'charged_so_far.refunded_so_far',
            'charged_so_far.refunded_amount'
        ) }} as refunded_eur

    from charged_so_far

),

order_lines as (

    select
        -- keys
        cast(in_eur.order_line_key as {{ dbt.type_string() }}) as order_line_key,

        -- foreign keys
        cast({{ 'touched' if is_incremental() else 'in_eur' }}.order_key as {{ dbt.type_string() }})
            as order_key,
        in_eur.customer_id,
        in_eur.product_id,

        -- attributes
        cast(in_eur.source_name as {{ dbt.type_string() }}) as source_name,
        in_eur.sku,
        in_eur.product_name,
        in_eur.currency,

        -- booleans
        in_eur.is_gift_card,
        in_eur.is_cancelled,

        -- measures
        cast(in_eur.quantity as {{ dbt.type_bigint() }}) as quantity,
        cast(in_eur.returned_quantity as {{ dbt.type_bigint() }}) as returned_quantity,
        {{ money('in_eur.unit_price_amount') }} as unit_price_amount,
        {{ money('in_eur.gross_amount') }} as gross_amount,
        {{ money('in_eur.gross_amount - in_eur.net_amount') }} as discount_amount,
        {{ money('in_eur.tax_amount') }} as tax_amount,
        {{ money('in_eur.total_amount') }} as total_amount,
        {{ money('in_eur.refunded_amount') }} as refunded_amount,
        {{ money('in_eur.gross_eur') }} as gross_eur,
        {{ money(
            'in_eur.gross_eur - in_eur.total_eur '
            ~ '+ case when in_eur.tax_on_top_amount > 0 then in_eur.tax_eur else 0 end'
        ) }} as discount_eur,
        {{ money('in_eur.tax_eur') }} as tax_eur,
        {{ money('in_eur.total_eur') }} as total_eur,
        {{ money('in_eur.refunded_eur') }} as refunded_eur,
        {{ money(
            'case when in_eur.is_cancelled then 0 '
            ~ 'else in_eur.total_eur - in_eur.refunded_eur end'
        ) }} as revenue_eur,

        -- timestamps
        in_eur.ordered_at,

        -- bookkeeping
        cast({{ current_run() }} as {{ dbt.type_bigint() }}) as changed_run

    {% if is_incremental() %}
    -- an order that has no line any more makes way: a row without a line
    from touched
    left join in_eur on touched.order_key = in_eur.order_key
    {% else %}
    from in_eur
    {% endif %}

)

select * from order_lines
