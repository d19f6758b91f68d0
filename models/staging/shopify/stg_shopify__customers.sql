with

source as (

    {{ source_rows('shopify', 'customer') }}

),

normalized as (

    select
        *,
        {{ normalized_email('email') }} as normalized_email,
        {{ normalized_phone('phone', var('default_country').shopify) }} as normalized_phone,
        {{ normalized_name('first_name') }} as normalized_first_name,
        {{ normalized_name('last_name') }} as normalized_last_name

    from source

),

customers as (

    select
        -- keys
        {{ trimmed_text('id') }} as shopify_customer_id,

        -- identifiers; a guest has a customer row too, but no account to sign in to
        case
            when state = 'enabled' then {{ trimmed_text('id') }}
        end as user_id,
        normalized_email as email,
        {{ canonical_email('normalized_email') }} as email_canonical,
        normalized_phone as phone,

        -- attributes
        normalized_first_name as first_name,
        normalized_last_name as last_name,
        {{ trimmed_text('state') }} as account_state,

        -- booleans
        {{ is_true('accepts_marketing') }} as accepts_marketing,
        {{ is_true('verified_email') }} as has_verified_email,

        -- measures
        cast(orders_count as {{ dbt.type_bigint() }}) as order_count,
        {{ money('total_spent') }} as total_spent_amount,

        -- timestamps
        {{ utc_timestamp('created_at') }} as created_at,
        {{ utc_timestamp('updated_at') }} as updated_at,

        -- bookkeeping
        _source_digest,
        {{ rejected_columns({
            'email': 'email',
            'phone': 'phone',
            'first_name': 'first_name',
            'last_name': 'last_name',
        }) }} as _rejected_columns,
        {{ utc_timestamp('_fivetran_synced') }} as _loaded_at

    from normalized

)

select * from customers
