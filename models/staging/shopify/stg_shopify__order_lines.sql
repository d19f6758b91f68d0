with

source as (

    {{ source_rows('shopify', 'order_line') }}

),

order_lines as (

    select
        -- keys
        {{ trimmed_text('id') }} as order_line_id,

        -- foreign keys
        {{ trimmed_text('order_id') }} as order_id,
        {{ trimmed_text('product_id') }} as product_id,
        {{ trimmed_text('variant_id') }} as variant_id,

        -- attributes
        {{ trimmed_text('sku') }} as sku,
        coalesce({{ trimmed_text('title') }}, {{ trimmed_text('name') }}) as product_name,

        -- booleans
        {{ is_true('gift_card') }} as is_gift_card,

        -- measures
        {{ money('price') }} as unit_price_amount,
        cast(quantity as {{ dbt.type_bigint() }}) as quantity,
        {{ money('total_discount') }} as discount_amount,
        cast(index as {{ dbt.type_bigint() }}) as line_index,

        -- bookkeeping
        _source_digest,
        {{ utc_timestamp('_fivetran_synced') }} as _loaded_at

    from source

)

select * from order_lines
