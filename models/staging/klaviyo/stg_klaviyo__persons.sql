with

source as (

    {{ source_rows('klaviyo', 'person') }}

),

located as (

    select
        *,
        {{ normalized_country_code('country') }} as normalized_country_code

    from source

),

normalized as (

    select
        *,
        {{ normalized_email('email') }} as normalized_email,
        {{ normalized_phone(
            'phone_number',
            var('default_country').klaviyo,
            'normalized_country_code'
        ) }} as normalized_phone,
        {{ normalized_name('first_name') }} as normalized_first_name,
        {{ normalized_name('last_name') }} as normalized_last_name

    from located

),

persons as (

    select
        -- keys
        {{ trimmed_text('id') }} as klaviyo_person_id,

        -- identifiers
        normalized_email as email,
        {{ canonical_email('normalized_email') }} as email_canonical,
        normalized_phone as phone,

        -- attributes
        normalized_first_name as first_name,
        normalized_last_name as last_name,
        {{ trimmed_text('city') }} as city,
        {{ trimmed_text('zip') }} as postal_code,
        normalized_country_code as country_code,

        -- booleans
        {{ is_true('_fivetran_deleted') }} as is_deleted,

        -- timestamps
        {{ utc_timestamp('created') }} as created_at,
        {{ utc_timestamp('updated') }} as updated_at,

        -- bookkeeping
        _source_digest,
        {{ rejected_columns({
            'email': 'email',
            'phone': 'phone_number',
            'first_name': 'first_name',
            'last_name': 'last_name',
            'country_code': 'country',
        }) }} as _rejected_columns,
        {{ utc_timestamp('_fivetran_synced') }} as _loaded_at

    from normalized

)

select * from persons
