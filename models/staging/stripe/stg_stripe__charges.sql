with

source as (

    {{ source_rows('stripe', 'charge') }}

),

normalized as (

    select
        *,
        {{ normalized_email('receipt_email') }} as normalized_receipt_email,
        {{ currency_code('currency') }} as normalized_currency

    from source

),

charges as (

    select
        -- keys
        {{ trimmed_text('id') }} as charge_id,

        -- foreign keys
        {{ trimmed_text('customer_id') }} as stripe_customer_id,

        -- identifiers
        normalized_receipt_email as receipt_email,

        -- attributes
        {{ trimmed_text('status') }} as status,
        {{ trimmed_text('failure_code') }} as failure_code,

        -- booleans
        {{ is_true('paid') }} as is_paid,
        {{ is_true('refunded') }} as is_refunded,
        {{ is_false('livemode') }} as is_test,

        -- measures
        {{ minor_units('amount', 'currency') }} as charge_amount,
        {{ minor_units('amount_refunded', 'currency') }} as refunded_amount,
        normalized_currency as currency,

        -- timestamps
        {{ utc_timestamp('created') }} as charged_at,

        -- bookkeeping
        _source_digest,
        {{ rejected_columns({
            'receipt_email': 'receipt_email',
            'currency': 'currency',
        }) }} as _rejected_columns,
        {{ utc_timestamp('_fivetran_synced') }} as _loaded_at

    from normalized

)

select * from charges
