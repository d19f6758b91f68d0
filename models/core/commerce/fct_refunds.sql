{{ config(
    materialized='incremental',
    incremental_strategy='replace_rows',
    unique_key='origin_key',
    on_schema_change='append_new_columns',
    meta={'removed_when': 'refund_key is null'}
) }}

with

{% if is_incremental() %}
touched as (

    {{ touched_orders() }}

),
{% endif %}

unioned as (

    select refunds.*
    from {{ ref('int_refunds__unioned') }} as refunds
    {% if is_incremental() %}
    inner join touched on refunds.origin_key = touched.order_key
    {% endif %}
    where coalesce(refunds.refunded_at <= {{ as_of() }}, true)

),

orders as (

    select * from {{ ref('int_orders__unioned') }}
    where coalesce(ordered_at <= {{ as_of() }}, true)

),

records as (

    select * from {{ ref('int_core__records') }}
    where is_current

),

exchange_rates as (

    select * from {{ ref('int_exchange_rates') }}

),

-- A refund takes back a sale, so it counts at the rate of the sale; where no sale is known, at
-- that of its own day. One order, two records and one rate period per refund: no row multiplies.
attributed as (

    select
        unioned.*,
        orders.order_key as known_order_key,
        coalesce(orders.channel, case when unioned.source_name = 'till' then 'store' else 'web' end)
            as channel,
        case
            when orders.order_key is null then refund_records.customer_id
            else coalesce(order_records.customer_id, refund_records.customer_id)
        end as customer_id,
        coalesce(orders.currency, unioned.currency) as paid_currency,
        {{ exact_rate('exchange_rates.eur_per_unit') }} as eur_per_unit

    from unioned
    left join orders on unioned.order_key = orders.order_key
    left join records as order_records
        on
            orders.source_model = order_records.source_model
            and orders.record_key = order_records.record_key
    left join records as refund_records
        on
            unioned.source_model = refund_records.source_model
            and unioned.record_key = refund_records.record_key
    left join exchange_rates
        on
            coalesce(orders.currency, unioned.currency) = exchange_rates.currency
            and coalesce(orders.ordered_at, unioned.refunded_at) >= exchange_rates.valid_from
            and coalesce(orders.ordered_at, unioned.refunded_at) < coalesce(
                exchange_rates.valid_until, cast('9999-12-31' as {{ dbt.type_timestamp() }})
            )

),

summed as (

    select
        attributed.*,
        sum(attributed.refunded_amount) over (
            partition by attributed.origin_key
            order by attributed.refunded_at, attributed.refund_key
            rows between unbounded preceding and current row
        ) as refunded_so_far

    from attributed

),

in_eur as (

    select
        summed.*,
        {{ running_share(
            'summed.eur_per_unit', 'summed.refunded_so_far', 'summed.refunded_amount'
        ) }} as refunded_eur

    from summed

),

refunds as (

    select
        -- keys
        cast(in_eur.refund_key as {{ dbt.type_string() }}) as refund_key,

        -- foreign keys
        cast(in_eur.known_order_key as {{ dbt.type_string() }}) as order_key,
        in_eur.customer_id,
        in_eur.store_id,

        -- attributes
        cast(in_eur.source_name as {{ dbt.type_string() }}) as source_name,
        cast(in_eur.channel as {{ dbt.type_string() }}) as channel,
        in_eur.paid_currency as currency,

        -- measures
        cast(in_eur.item_count as {{ dbt.type_bigint() }}) as item_count,
        {{ money('in_eur.refunded_amount') }} as refunded_amount,
        {{ money('in_eur.tax_amount') }} as tax_amount,
        {{ money('in_eur.refunded_eur') }} as refunded_eur,

        -- timestamps
        in_eur.refunded_at,

        -- bookkeeping
        {{ dbt.cast(
            'touched.order_key' if is_incremental() else 'in_eur.origin_key', dbt.type_string()
        ) }} as origin_key,
        cast({{ current_run() }} as {{ dbt.type_bigint() }}) as changed_run

    {% if is_incremental() %}
    -- an order that has no refund any more makes way: a row without a refund
    from touched
    left join in_eur on touched.order_key = in_eur.origin_key
    {% else %}
    from in_eur
    {% endif %}

)

select * from refunds
