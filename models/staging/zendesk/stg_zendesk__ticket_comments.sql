with

source as (

    {{ source_rows('zendesk', 'ticket_comment') }}

),

ticket_comments as (

    select
        -- keys
        {{ trimmed_text('id') }} as comment_id,

        -- foreign keys
        {{ trimmed_text('ticket_id') }} as ticket_id,
        {{ trimmed_text('user_id') }} as zendesk_user_id,

        -- attributes
        {{ trimmed_text('body') }} as body,

        -- booleans
        {{ is_true('public') }} as is_public,

        -- timestamps
        {{ utc_timestamp('created') }} as created_at,

        -- bookkeeping
        _source_digest,
        {{ utc_timestamp('_fivetran_synced') }} as _loaded_at

    from source

)

select * from ticket_comments
