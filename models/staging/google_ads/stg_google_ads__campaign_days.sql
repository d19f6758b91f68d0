with

source as (

    {{ source_rows('google_ads', 'campaign_stats') }}

),

campaign_days as (

    select
        -- keys
        {{ trimmed_text('id') }} as campaign_id,
        cast(date as date) as spend_date,
        lower({{ trimmed_text('device') }}) as device,
        lower({{ trimmed_text('ad_network_type') }}) as network,

        -- measures
        cast(clicks as {{ dbt.type_bigint() }}) as click_count,
        cast(impressions as {{ dbt.type_bigint() }}) as impression_count,
        {{ money('cost_micros / 1000000.0') }} as spend_amount,
        cast(conversions as decimal(18, 4)) as conversion_count,
        {{ money('conversions_value') }} as conversion_value_amount,

        -- bookkeeping
        _source_digest,
        {{ utc_timestamp('_fivetran_synced') }} as _loaded_at

    from source

)

select * from campaign_days
