with

source as (

    {{ source_rows('klaviyo', 'campaign') }}

),

campaigns as (

    select
        -- keys
        {{ trimmed_text('id') }} as campaign_id,

        -- attributes
        {{ trimmed_text('name') }} as campaign_name,
        {{ trimmed_text('subject') }} as subject,
        lower({{ trimmed_text('status') }}) as status,

        -- booleans
        {{ is_true('_fivetran_deleted') }} as is_deleted,

        -- timestamps
        {{ utc_timestamp('sent_at') }} as sent_at,

        -- bookkeeping
        _source_digest,
        {{ utc_timestamp('_fivetran_synced') }} as _loaded_at

    from source

)

select * from campaigns
