with

source as (

    {{ source_rows('stripe', 'customer') }}

),

located as (

    select
        *,
        {{ normalized_country_code('address_country') }} as normalized_country_code

    from source

),

normalized as (

    select
        *,
        {{ normalized_email('email') }} as normalized_email,
        {{ normalized_phone(
            'phone',
            var('default_country').stripe,
            'normalized_country_code'
        ) }} as normalized_phone,
        {{ normalized_name('name') }} as normalized_full_name,
        {{ currency_code('currency') }} as normalized_currency

    from located

),

customers as (

    select
        -- keys
        {{ trimmed_text('id') }} as stripe_customer_id,

        -- identifiers
        {{ trimmed_text(json_text('metadata', 'shop_user_id')) }} as user_id,
        normalized_email as email,
        {{ canonical_email('normalized_email') }} as email_canonical,
        normalized_phone as phone,

        -- attributes
        normalized_full_name as full_name,
        normalized_country_code as country_code,
        normalized_currency as currency,

        -- booleans
        {{ is_true('delinquent') }} as is_delinquent,
        {{ is_false('livemode') }} as is_test,
        {{ is_true('is_deleted') }} as is_deleted,

        -- timestamps
        {{ utc_timestamp('created') }} as created_at,

        -- bookkeeping
        _source_digest,
        {{ rejected_columns({
            'email': 'email',
            'phone': 'phone',
            'full_name': 'name',
            'country_code': 'address_country',
            'currency': 'currency',
        }) }} as _rejected_columns,
        {{ utc_timestamp('_fivetran_synced') }} as _loaded_at

    from normalized

)

select * from customers
