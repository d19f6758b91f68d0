{# Orders that a later run works on anew: those of which a row came, went, changed or changed hands (the order, its
   lines, its refunds), and those that time alone brings: placed, cancelled or refunded since as_of of the last run
   that this table was written in.

   A refund that names no order stands under its own key, as int_refunds__unioned has it in origin_key.
   Returns: a query with one column, order_key; gone orders are among them. #}
{% macro touched_orders() -%}
    {#- Said before any condition: dbt looks for references while it parses. -#}
    {%- set orders = ref('int_orders__unioned') -%}
    {%- set refunds = ref('int_refunds__unioned') -%}
    {%- set keyed = [
        ('shopify', ['stg_shopify__orders'], 'record_key'),
        ('shopify', ['stg_shopify__order_lines', 'stg_shopify__refunds'], 'parent_key'),
        ('till', ['stg_till__sales'], 'record_key'),
        ('till', ['stg_till__sales', 'stg_till__sale_lines'], 'parent_key'),
        ('online_retail', ['stg_online_retail__lines'], 'parent_key'),
    ] -%}
    {%- for source_name, models, column in keyed %}
    select '{{ source_name }}:' || touched_rows.record_key as order_key
    from ({{ touched_records(models, column) }}) as touched_rows

    -- union, not union all: one row per order
    union
    {% endfor %}
    -- a line that is given back names its refund, and the refund its order
    select 'shopify:' || refund_records.parent_key as order_key
    from ({{ touched_records(['stg_shopify__refund_lines'], 'parent_key') }}) as touched_rows
    inner join {{ ref('int_core__records') }} as refund_records
        on
            touched_rows.record_key = refund_records.record_key
            and refund_records.source_model = 'stg_shopify__refunds'
    where refund_records.parent_key is not null

    union

    select orders.order_key
    from {{ orders }} as orders
    where
        {{ is_reached_anew('orders.ordered_at') }}
        or {{ is_reached_anew('orders.cancelled_at') }}

    union

    select refunds.origin_key as order_key
    from {{ refunds }} as refunds
    where {{ is_reached_anew('refunds.refunded_at') }}
{%- endmacro %}
