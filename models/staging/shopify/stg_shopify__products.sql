with

source as (

    {{ source_rows('shopify', 'product') }}

),

products as (

    select
        -- keys
        {{ trimmed_text('id') }} as product_id,

        -- attributes
        {{ trimmed_text('title') }} as product_name,
        {{ trimmed_text('handle') }} as handle,
        {{ trimmed_text('product_type') }} as category,
        {{ trimmed_text('vendor') }} as brand,

        -- booleans
        {{ is_true('_fivetran_deleted') }} as is_deleted,

        -- timestamps
        {{ utc_timestamp('created_at') }} as created_at,
        {{ utc_timestamp('updated_at') }} as updated_at,
        {{ utc_timestamp('published_at') }} as published_at,

        -- bookkeeping
        _source_digest,
        {{ utc_timestamp('_fivetran_synced') }} as _loaded_at

    from source

)

select * from products
