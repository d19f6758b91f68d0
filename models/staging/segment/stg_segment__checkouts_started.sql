{{ config(meta={'source_key': 'id'}) }}

with

source as (

    {{ source_rows('segment', 'checkout_started') }}

),

first_received as (

    {{ segment_first_received('source') }}

),

normalized as (

    select
        *,
        {{ currency_code('currency') }} as normalized_currency

    from first_received

),

checkouts_started as (

    select
        {{ segment_message_columns() }},

        -- checkout; the event calls its id order_id, although no order exists yet
        {{ trimmed_text('order_id') }} as checkout_id,
        {{ trimmed_text('cart_id') }} as cart_id,
        {{ trimmed_text('coupon') }} as coupon,
        {{ trimmed_text('products') }} as products_json,

        -- measures
        {{ money('value') }} as value_amount,
        normalized_currency as currency,

        -- bookkeeping
        id as _source_key,
        _source_digest,
        {{ rejected_columns({'currency': 'currency'}) }} as _rejected_columns,
        cast(duplicate_count as {{ dbt.type_bigint() }}) as _duplicate_count,
        left_out_digest as _left_out_digest

    from normalized

)

select * from checkouts_started
