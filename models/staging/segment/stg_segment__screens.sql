{{ config(meta={'source_key': 'id'}) }}

with

source as (

    {{ source_rows('segment', 'screens') }}

),

first_received as (

    {{ segment_first_received('source') }}

),

screens as (

    select
        {{ segment_message_columns() }},

        -- attributes of a screen view
        {{ trimmed_text('name') }} as screen_name,

        -- bookkeeping
        id as _source_key,
        _source_digest,
        cast(duplicate_count as {{ dbt.type_bigint() }}) as _duplicate_count,
        left_out_digest as _left_out_digest

    from first_received

)

select * from screens
