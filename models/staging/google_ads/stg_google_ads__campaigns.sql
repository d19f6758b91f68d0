with

source as (

    {{ source_rows('google_ads', 'campaign_history') }}

),

campaigns as (

    select
        -- keys
        {{ trimmed_text('id') }} as campaign_id,
        {{ utc_timestamp('updated_at') }} as updated_at,

        -- foreign keys
        {{ trimmed_text('customer_id') }} as account_id,

        -- attributes
        {{ trimmed_text('name') }} as campaign_name,
        lower({{ trimmed_text('status') }}) as status,
        lower({{ trimmed_text('advertising_channel_type') }}) as channel_type,

        -- booleans
        not {{ is_false('_fivetran_active') }} as is_current,

        -- dates
        cast(start_date as date) as start_date,
        cast(end_date as date) as end_date,

        -- bookkeeping
        _source_digest,
        {{ utc_timestamp('_fivetran_synced') }} as _loaded_at

    from source

)

select * from campaigns
