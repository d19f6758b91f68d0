with

source as (

    {{ source_rows('google_ads', 'click_view') }}

),

clicks as (

    select
        -- keys
        {{ trimmed_text('gclid') }} as gclid,

        -- foreign keys
        {{ trimmed_text('campaign_id') }} as campaign_id,
        {{ trimmed_text('ad_group_id') }} as ad_group_id,

        -- attributes
        lower({{ trimmed_text('device') }}) as device,

        -- dates
        cast(date as date) as clicked_date,

        -- bookkeeping
        _source_digest,
        {{ utc_timestamp('_fivetran_synced') }} as _loaded_at

    from source

)

select * from clicks
