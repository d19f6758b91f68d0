with

source as (

    {{ source_rows('shopify', 'order') }}

),

located as (

    select
        *,
        {{ normalized_country_code(
            first_text(['shipping_address_country_code', 'billing_address_country_code'])
        ) }} as normalized_country_code

    from source

),

normalized as (

    select
        *,
        {{ normalized_email('email') }} as normalized_email,
        coalesce(
            {{ normalized_phone(
                'shipping_address_phone',
                var('default_country').shopify,
                'normalized_country_code'
            ) }},
            {{ normalized_phone(
                'billing_address_phone',
                var('default_country').shopify,
                'normalized_country_code'
            ) }}
        ) as normalized_phone,
        {{ normalized_name('shipping_address_first_name') }} as normalized_first_name,
        {{ normalized_name('shipping_address_last_name') }} as normalized_last_name,
        {{ currency_code('currency') }} as normalized_currency

    from located

),

orders as (

    select
        -- keys
        {{ trimmed_text('id') }} as order_id,

        -- foreign keys
        {{ trimmed_text('customer_id') }} as shopify_customer_id,
        {{ trimmed_text('cart_token') }} as cart_token,
        {{ trimmed_text('checkout_token') }} as checkout_token,

        -- identifiers
        normalized_email as email,
        {{ canonical_email('normalized_email') }} as email_canonical,
        normalized_phone as phone,

        -- attributes
        {{ trimmed_text('name') }} as order_name,
        normalized_first_name as first_name,
        normalized_last_name as last_name,
        {{ trimmed_text('shipping_address_address_1') }} as address_street,
        {{ trimmed_text('shipping_address_city') }} as city,
        {{ trimmed_text('shipping_address_zip') }} as postal_code,
        normalized_country_code as country_code,
        {{ trimmed_text('financial_status') }} as financial_status,
        {{ trimmed_text('fulfillment_status') }} as fulfillment_status,
        {{ trimmed_text('source_name') }} as source_name,
        {{ trimmed_text('referring_site') }} as referring_site,
        {{ trimmed_text('landing_site_base_url') }} as landing_site_url,
        {{ trimmed_text('browser_ip') }} as ip_address,

        -- booleans
        {{ is_true('test') }} as is_test,
        cancelled_at is not null as is_cancelled,
        {{ is_true('taxes_included') }} as is_tax_included,

        -- measures
        {{ money('total_line_items_price') }} as line_items_amount,
        {{ money('subtotal_price') }} as subtotal_amount,
        {{ money('total_tax') }} as tax_amount,
        {{ money('total_price') }} as total_amount,
        {{ money('total_discounts') }} as discount_amount,
        normalized_currency as currency,

        -- timestamps
        coalesce(
            {{ utc_timestamp('processed_at') }},
            {{ utc_timestamp('created_at') }}
        ) as ordered_at,
        {{ utc_timestamp('cancelled_at') }} as cancelled_at,
        {{ utc_timestamp('updated_at') }} as updated_at,

        -- bookkeeping
        _source_digest,
        {{ rejected_columns({
            'email': 'email',
            'phone': first_text(['shipping_address_phone', 'billing_address_phone']),
            'first_name': 'shipping_address_first_name',
            'last_name': 'shipping_address_last_name',
            'country_code': first_text([
                'shipping_address_country_code',
                'billing_address_country_code',
            ]),
            'currency': 'currency',
        }) }} as _rejected_columns,
        {{ utc_timestamp('_fivetran_synced') }} as _loaded_at

    from normalized

)

select * from orders
