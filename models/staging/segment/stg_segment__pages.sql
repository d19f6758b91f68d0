{{ config(meta={'source_key': 'id'}) }}

with

source as (

    {{ source_rows('segment', 'pages') }}

),

first_received as (

    {{ segment_first_received('source') }}

),

pages as (

    select
        {{ segment_message_columns(page_url='coalesce(context_page_url, url)') }},

        -- attributes of a page view
        {{ trimmed_text('name') }} as page_name,

        -- bookkeeping
        id as _source_key,
        _source_digest,
        cast(duplicate_count as {{ dbt.type_bigint() }}) as _duplicate_count,
        left_out_digest as _left_out_digest

    from first_received

)

select * from pages
