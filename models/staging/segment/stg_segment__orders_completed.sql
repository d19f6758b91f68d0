{{ config(meta={'source_key': 'id'}) }}

with

source as (

    {{ source_rows('segment', 'order_completed') }}

),

first_received as (

    {{ segment_first_received('source') }}

),

normalized as (

    select
        *,
        {{ normalized_email('email') }} as normalized_email,
        {{ currency_code('currency') }} as normalized_currency

    from first_received

),

orders_completed as (

    select
        {{ segment_message_columns() }},

        -- order
        {{ trimmed_text('order_id') }} as order_id,
        {{ trimmed_text('checkout_id') }} as checkout_id,
        normalized_email as email,
        {{ canonical_email('normalized_email') }} as email_canonical,
        {{ trimmed_text('coupon') }} as coupon,
        {{ trimmed_text('products') }} as products_json,

        -- measures
        {{ money('total') }} as total_amount,
        {{ money('revenue') }} as revenue_amount,
        {{ money('shipping') }} as shipping_amount,
        {{ money('tax') }} as tax_amount,
        {{ money('discount') }} as discount_amount,
        normalized_currency as currency,

        -- bookkeeping
        id as _source_key,
        _source_digest,
        {{ rejected_columns({
            'email': 'email',
            'currency': 'currency',
        }) }} as _rejected_columns,
        cast(duplicate_count as {{ dbt.type_bigint() }}) as _duplicate_count,
        left_out_digest as _left_out_digest

    from normalized

)

select * from orders_completed
