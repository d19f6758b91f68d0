with

source as (

    {{ source_rows('stripe', 'price') }}

),

prices as (

    select
        -- keys
        {{ trimmed_text('id') }} as price_id,

        -- attributes
        {{ trimmed_text('nickname') }} as price_name,
        {{ trimmed_text('recurring_interval') }} as billing_interval,

        -- booleans
        {{ is_true('is_deleted') }} as is_deleted,
        {{ is_false('livemode') }} as is_test,

        -- measures
        {{ minor_units('unit_amount', 'currency') }} as unit_amount,
        {{ currency_code('currency') }} as currency,
        cast(recurring_interval_count as {{ dbt.type_bigint() }}) as billing_interval_count,

        -- timestamps
        {{ utc_timestamp('created') }} as created_at,

        -- bookkeeping
        _source_digest,
        {{ utc_timestamp('_fivetran_synced') }} as _loaded_at

    from source

)

select * from prices
