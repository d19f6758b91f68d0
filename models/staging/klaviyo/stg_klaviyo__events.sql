with

source as (

    {{ source_rows('klaviyo', 'event') }}

),

events as (

    select
        -- keys
        {{ trimmed_text('id') }} as klaviyo_event_id,

        -- foreign keys
        {{ trimmed_text('person_id') }} as klaviyo_person_id,
        {{ trimmed_text('campaign_id') }} as campaign_id,
        {{ trimmed_text('flow_id') }} as flow_id,

        -- attributes
        case lower({{ trimmed_text('type') }})
            when 'received email' then 'received'
            when 'opened email' then 'opened'
            when 'clicked email' then 'clicked'
            when 'bounced email' then 'bounced'
            when 'unsubscribed' then 'unsubscribed'
            when 'unsubscribed from email marketing' then 'unsubscribed'
            when 'marked email as spam' then 'marked_as_spam'
            else 'other'
        end as event_type,
        {{ trimmed_text('type') }} as event_label,
        {{ trimmed_text('property_subject') }} as subject,
        {{ trimmed_text('property_url') }} as url,
        {{ trimmed_text('property_campaign_name') }} as campaign_name,

        -- booleans
        {{ is_true('_fivetran_deleted') }} as is_deleted,

        -- timestamps
        coalesce(
            {{ utc_timestamp('datetime') }},
            {{ utc_timestamp('timestamp') }}
        ) as occurred_at,

        -- bookkeeping
        _source_digest,
        {{ utc_timestamp('_fivetran_synced') }} as _loaded_at

    from source

)

select * from events
