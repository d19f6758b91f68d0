with

source as (

    {{ source_rows('till', 'sale_line') }}

),

sale_lines as (

    select
        -- keys
        {{ trimmed_text('sale_id') }} || ':' || cast(line_number as {{ dbt.type_string() }})
            as sale_line_id,
        {{ trimmed_text('sale_id') }} as sale_id,
        cast(line_number as {{ dbt.type_bigint() }}) as line_index,

        -- attributes
        {{ trimmed_text('sku') }} as sku,
        {{ trimmed_text('name') }} as product_name,

        -- measures
        cast(quantity as {{ dbt.type_bigint() }}) as quantity,
        {{ money('unit_price') }} as unit_price_amount,
        {{ money('discount') }} as discount_amount,

        -- bookkeeping
        _source_digest,
        {{ utc_timestamp('exported_at') }} as _loaded_at

    from source

)

select * from sale_lines
