with

source as (

    {{ source_rows('stripe', 'subscription') }}

),

subscriptions as (

    select
        -- keys
        {{ trimmed_text('id') }} as subscription_id,

        -- foreign keys
        {{ trimmed_text('customer_id') }} as stripe_customer_id,

        -- attributes
        {{ trimmed_text('status') }} as status,

        -- booleans
        {{ is_true('cancel_at_period_end') }} as is_cancelling,
        {{ is_false('livemode') }} as is_test,

        -- measures
        cast(quantity as {{ dbt.type_bigint() }}) as quantity,

        -- timestamps
        {{ utc_timestamp('start_date') }} as started_at,
        {{ utc_timestamp('current_period_start') }} as current_period_start_at,
        {{ utc_timestamp('current_period_end') }} as current_period_end_at,
        {{ utc_timestamp('canceled_at') }} as canceled_at,
        {{ utc_timestamp('ended_at') }} as ended_at,
        {{ utc_timestamp('created') }} as created_at,

        -- bookkeeping
        _source_digest,
        {{ utc_timestamp('_fivetran_synced') }} as _loaded_at

    from source

)

select * from subscriptions
