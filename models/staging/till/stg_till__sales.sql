with

source as (

    {{ source_rows('till', 'sale') }}

),

normalized as (

    select
        *,
        {{ normalized_email('email') }} as normalized_email,
        {{ normalized_loyalty_id('loyalty_card') }} as normalized_loyalty_id,
        {{ currency_code('currency') }} as normalized_currency

    from source

),

sales as (

    select
        -- keys
        {{ trimmed_text('sale_id') }} as sale_id,

        -- foreign keys
        {{ trimmed_text('store_id') }} as store_id,
        {{ trimmed_text('register_id') }} as register_id,
        {{ trimmed_text('original_sale_id') }} as original_sale_id,

        -- identifiers
        normalized_email as email,
        {{ canonical_email('normalized_email') }} as email_canonical,
        normalized_loyalty_id as loyalty_id,

        -- attributes
        {{ trimmed_text('receipt_number') }} as receipt_number,

        -- booleans
        {{ is_true('is_return') }} as is_return,

        -- measures
        {{ money('amount') }} as total_amount,
        {{ money('tax') }} as tax_amount,
        normalized_currency as currency,
        cast(item_count as {{ dbt.type_bigint() }}) as item_count,

        -- timestamps; an old till sends no UTC time, only the clock on the wall
        coalesce(
            {{ utc_timestamp('sold_at') }},
            {{ utc_from_local('sold_at_local', 'store_timezone') }}
        ) as sold_at,

        -- bookkeeping
        _source_digest,
        {{ rejected_columns({
            'email': 'email',
            'loyalty_id': 'loyalty_card',
            'currency': 'currency',
        }) }} as _rejected_columns,
        {{ utc_timestamp('exported_at') }} as _loaded_at

    from normalized

)

select * from sales
