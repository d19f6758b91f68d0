{{ config(meta={'source_key': 'root_id'}) }}

with

source as (

    {{ source_rows('snowplow', 'cmp_visible') }}

),

ranked as (

    select
        source.*,
        row_number() over (
            partition by source.root_id
            order by
                source.root_tstamp nulls last,
                source._source_digest
        ) as copy_index

    from source

),

banners_shown as (

    select
        -- keys
        {{ trimmed_text('root_id') }} as event_id,

        -- measures
        cast(elapsed_time as {{ dbt.type_float() }}) as load_seconds,

        -- timestamps
        {{ utc_timestamp('root_tstamp') }} as received_at,

        -- bookkeeping
        root_id as _source_key,
        _source_digest

    from ranked
    where
        copy_index = 1
        and root_id is not null

)

select * from banners_shown
