with

source as (

    {{ source_rows('zendesk', 'user') }}

),

normalized as (

    select
        *,
        {{ normalized_email('email') }} as normalized_email,
        {{ normalized_phone('phone', var('default_country').zendesk) }} as normalized_phone,
        {{ normalized_name('name') }} as normalized_full_name

    from source

),

users as (

    select
        -- keys
        {{ trimmed_text('id') }} as zendesk_user_id,

        -- identifiers
        {{ trimmed_text('external_id') }} as user_id,
        normalized_email as email,
        {{ canonical_email('normalized_email') }} as email_canonical,
        normalized_phone as phone,

        -- attributes
        normalized_full_name as full_name,
        {{ trimmed_text('role') }} as role,
        {{ trimmed_text('locale') }} as locale,

        -- booleans
        not {{ is_false('active') }} as is_active,
        {{ is_false('active') }} as is_deleted,

        -- timestamps
        {{ utc_timestamp('created_at') }} as created_at,
        {{ utc_timestamp('updated_at') }} as updated_at,
        {{ utc_timestamp('last_login_at') }} as last_login_at,

        -- bookkeeping
        _source_digest,
        {{ rejected_columns({
            'email': 'email',
            'phone': 'phone',
            'full_name': 'name',
        }) }} as _rejected_columns,
        {{ utc_timestamp('_fivetran_synced') }} as _loaded_at

    from normalized

)

select * from users
