with

source as (

    {{ source_rows('shopify', 'order_line_refund') }}

),

refund_lines as (

    select
        -- keys
        {{ trimmed_text('id') }} as refund_line_id,

        -- foreign keys
        {{ trimmed_text('refund_id') }} as refund_id,
        {{ trimmed_text('order_line_id') }} as order_line_id,

        -- measures
        cast(quantity as {{ dbt.type_bigint() }}) as quantity,
        {{ money('subtotal') }} as subtotal_amount,
        {{ money('total_tax') }} as tax_amount,

        -- bookkeeping
        _source_digest,
        {{ utc_timestamp('_fivetran_synced') }} as _loaded_at

    from source

)

select * from refund_lines
