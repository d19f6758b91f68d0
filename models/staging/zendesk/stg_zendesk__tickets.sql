with

source as (

    {{ source_rows('zendesk', 'ticket') }}

),

tickets as (

    select
        -- keys
        {{ trimmed_text('id') }} as ticket_id,

        -- foreign keys
        {{ trimmed_text('requester_id') }} as zendesk_user_id,

        -- attributes
        {{ trimmed_text('subject') }} as subject,
        {{ trimmed_text('description') }} as description,
        {{ trimmed_text('status') }} as status,
        {{ trimmed_text('priority') }} as priority,
        {{ trimmed_text('type') }} as ticket_type,
        {{ trimmed_text('via_channel') }} as channel,

        -- booleans
        coalesce({{ trimmed_text('status') }} = 'deleted', false) as is_deleted,

        -- timestamps
        {{ utc_timestamp('created_at') }} as created_at,
        {{ utc_timestamp('updated_at') }} as updated_at,

        -- bookkeeping
        _source_digest,
        {{ utc_timestamp('_fivetran_synced') }} as _loaded_at

    from source

)

select * from tickets
