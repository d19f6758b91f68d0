{{ config(meta={'source_key': 'id'}) }}

with

source as (

    {{ source_rows('segment', 'tracks') }}

),

first_received as (

    {{ segment_first_received('source') }}

),

tracks as (

    select
        {{ segment_message_columns() }},

        -- attributes of an event
        {{ trimmed_text('event') }} as event_name,
        {{ trimmed_text('event_text') }} as event_text,

        -- bookkeeping
        id as _source_key,
        _source_digest,
        cast(duplicate_count as {{ dbt.type_bigint() }}) as _duplicate_count,
        left_out_digest as _left_out_digest

    from first_received

)

select * from tracks
