with

source as (

    {{ source_rows('consent_log', 'consent') }}

),

normalized as (

    select
        *,
        {{ normalized_email('email') }} as normalized_email,
        {{ normalized_phone('phone', var('default_country').consent_log) }} as normalized_phone

    from source

),

consents as (

    select
        -- keys
        {{ trimmed_text('consent_id') }} as consent_id,

        -- identifiers
        normalized_email as email,
        {{ canonical_email('normalized_email') }} as email_canonical,
        {{ trimmed_text('user_id') }} as user_id,
        normalized_phone as phone,

        -- attributes
        lower({{ trimmed_text('purpose') }}) as purpose,
        lower({{ trimmed_text('action') }}) as action,
        lower({{ trimmed_text('source') }}) as consent_source,
        lower({{ trimmed_text('legal_basis') }}) as legal_basis,
        {{ trimmed_text('policy_version') }} as policy_version,

        -- timestamps
        {{ utc_timestamp('recorded_at') }} as recorded_at,

        -- bookkeeping
        _source_digest,
        {{ rejected_columns({
            'email': 'email',
            'phone': 'phone',
        }) }} as _rejected_columns,
        {{ utc_timestamp('loaded_at') }} as _loaded_at

    from normalized

)

select * from consents
