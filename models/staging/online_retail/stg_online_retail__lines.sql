{% set raw_columns = [
    'invoiceno', 'stockcode', 'description', 'quantity', 'invoicedate', 'unitprice', 'customerid',
    'country',
] %}

with

source as (

    {{ source_rows('online_retail', 'lines') }}

),

-- Lines have no key of their own, and an invoice may hold the same line twice.
told_apart as (

    select
        *,
        {{ normalized_country_code('country') }} as normalized_country_code,
        {{ quick_hash(raw_columns) }} as line_hash,
        row_number() over (
            partition by {{ raw_columns | join(', ') }}
            order by _source_digest
        ) as copy_index

    from source

),

lines as (

    select
        -- keys
        {{ trimmed_text('invoiceno') }}
        || ':' || cast(line_hash as {{ dbt.type_string() }})
        || ':' || cast(copy_index as {{ dbt.type_string() }}) as invoice_line_id,

        -- foreign keys
        {{ trimmed_text('invoiceno') }} as invoice_id,

        -- identifiers; a column of numbers with gaps becomes 17850.0 on its way to the warehouse
        case
            when {{ trimmed_text('customerid') }} like '%.0'
                then replace({{ trimmed_text('customerid') }}, '.0', '')
            else {{ trimmed_text('customerid') }}
        end as user_id,

        -- attributes
        {{ trimmed_text('stockcode') }} as sku,
        {{ trimmed_text('description') }} as product_name,
        normalized_country_code as country_code,

        -- booleans
        upper(substring({{ trimmed_text('invoiceno') }}, 1, 1)) = 'C' as is_cancellation,

        -- measures
        cast(quantity as {{ dbt.type_bigint() }}) as quantity,
        {{ money('unitprice') }} as unit_price_amount,
        cast('GBP' as {{ dbt.type_string() }}) as currency,

        -- timestamps
        {{ utc_timestamp('invoicedate') }} as invoiced_at,

        -- bookkeeping
        _source_digest,
        {{ rejected_columns({'country_code': 'country'}) }} as _rejected_columns,
        cast(null as {{ dbt.type_timestamp() }}) as _loaded_at

    from told_apart

)

select * from lines
