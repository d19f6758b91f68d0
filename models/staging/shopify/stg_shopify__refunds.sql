with

source as (

    {{ source_rows('shopify', 'refund') }}

),

refunds as (

    select
        -- keys
        {{ trimmed_text('id') }} as refund_id,

        -- foreign keys
        {{ trimmed_text('order_id') }} as order_id,

        -- attributes
        {{ trimmed_text('note') }} as note,

        -- timestamps
        coalesce(
            {{ utc_timestamp('processed_at') }},
            {{ utc_timestamp('created_at') }}
        ) as refunded_at,

        -- bookkeeping
        _source_digest,
        {{ utc_timestamp('_fivetran_synced') }} as _loaded_at

    from source

)

select * from refunds
