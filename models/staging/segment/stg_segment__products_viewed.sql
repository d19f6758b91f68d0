{{ config(meta={'source_key': 'id'}) }}

with

source as (

    {{ source_rows('segment', 'product_viewed') }}

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

products_viewed as (

    select
        {{ segment_message_columns() }},

        -- product
        {{ trimmed_text('product_id') }} as product_id,
        {{ trimmed_text('sku') }} as sku,
        {{ trimmed_text('name') }} as product_name,
        {{ trimmed_text('category') }} as category,

        -- measures
        {{ money('price') }} as price_amount,
        normalized_currency as currency,

        -- bookkeeping
        id as _source_key,
        _source_digest,
        {{ rejected_columns({'currency': 'currency'}) }} as _rejected_columns,
        cast(duplicate_count as {{ dbt.type_bigint() }}) as _duplicate_count,
        left_out_digest as _left_out_digest

    from normalized

)

select * from products_viewed
