with

source as (

    {{ source_rows('shopify', 'abandoned_checkout') }}

),

located as (

    select
        *,
        {{ normalized_country_code(
            'shipping_address_country_code'
        ) }} as normalized_country_code

    from source

),

normalized as (

    select
        *,
        {{ normalized_email('email') }} as normalized_email,
        coalesce(
            {{ normalized_phone(
                'phone',
                var('default_country').shopify,
                'normalized_country_code'
            ) }},
            {{ normalized_phone(
                'shipping_address_phone',
                var('default_country').shopify,
                'normalized_country_code'
            ) }}
        ) as normalized_phone,
        {{ currency_code('currency') }} as normalized_currency

    from located

),

abandoned_checkouts as (

    select
        -- keys
        {{ trimmed_text('id') }} as checkout_id,

        -- foreign keys
        {{ trimmed_text('token') }} as checkout_token,
        {{ trimmed_text('cart_token') }} as cart_token,
        coalesce(
            {{ trimmed_text('cart_token') }},
            {{ trimmed_text('token') }},
            {{ trimmed_text('id') }}
        ) as cart_id,
        {{ trimmed_text('customer_id') }} as shopify_customer_id,

        -- identifiers
        normalized_email as email,
        {{ canonical_email('normalized_email') }} as email_canonical,
        normalized_phone as phone,

        -- attributes
        normalized_country_code as country_code,
        {{ trimmed_text('abandoned_checkout_url') }} as checkout_url,

        -- booleans
        {{ is_true('_fivetran_deleted') }} as is_deleted,

        -- measures
        {{ money('subtotal_price') }} as subtotal_amount,
        {{ money('total_price') }} as total_amount,
        normalized_currency as currency,

        -- timestamps
        {{ utc_timestamp('created_at') }} as started_at,
        {{ utc_timestamp('updated_at') }} as updated_at,
        {{ utc_timestamp('completed_at') }} as completed_at,
        {{ utc_timestamp('closed_at') }} as closed_at,

        -- bookkeeping
        _source_digest,
        {{ rejected_columns({
            'email': 'email',
            'phone': first_text(['phone', 'shipping_address_phone']),
            'country_code': 'shipping_address_country_code',
            'currency': 'currency',
        }) }} as _rejected_columns,
        {{ utc_timestamp('_fivetran_synced') }} as _loaded_at

    from normalized

)

select * from abandoned_checkouts
