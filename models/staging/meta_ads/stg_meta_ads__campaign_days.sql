with

source as (

    {{ source_rows('meta_ads', 'basic_campaign') }}

),

campaign_days as (

    select
        -- keys; Meta reports neither device nor network here
        {{ trimmed_text('campaign_id') }} as campaign_id,
        cast(date as date) as spend_date,
        cast(null as {{ dbt.type_string() }}) as device,
        cast(null as {{ dbt.type_string() }}) as network,

        -- measures; this report has no conversions
        cast(inline_link_clicks as {{ dbt.type_bigint() }}) as click_count,
        cast(impressions as {{ dbt.type_bigint() }}) as impression_count,
        {{ money('spend') }} as spend_amount,
        cast(null as decimal(18, 4)) as conversion_count,
        cast(null as decimal(18, 2)) as conversion_value_amount,

        -- bookkeeping
        _source_digest,
        {{ utc_timestamp('_fivetran_synced') }} as _loaded_at

    from source

)

select * from campaign_days
