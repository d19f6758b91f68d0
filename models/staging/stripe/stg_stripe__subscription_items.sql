with

source as (

    {{ source_rows('stripe', 'subscription_item') }}

),

subscription_items as (

    select
        -- keys
        {{ trimmed_text('id') }} as subscription_item_id,

        -- foreign keys
        {{ trimmed_text('subscription_id') }} as subscription_id,
        {{ trimmed_text('plan_id') }} as price_id,

        -- measures
        cast(quantity as {{ dbt.type_bigint() }}) as quantity,

        -- timestamps
        {{ utc_timestamp('created') }} as created_at,

        -- bookkeeping
        _source_digest,
        {{ utc_timestamp('_fivetran_synced') }} as _loaded_at

    from source

)

select * from subscription_items
