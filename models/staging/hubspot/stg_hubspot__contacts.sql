with

source as (

    {{ source_rows('hubspot', 'contact') }}

),

located as (

    select
        *,
        {{ normalized_country_code('property_country') }} as normalized_country_code

    from source

),

normalized as (

    select
        *,
        {{ normalized_email('property_email') }} as normalized_email,
        {{ normalized_email('property_email_1') }} as normalized_secondary_email,
        {{ normalized_phone(
            'property_phone',
            var('default_country').hubspot,
            'normalized_country_code'
        ) }} as normalized_phone,
        {{ normalized_name('property_firstname') }} as normalized_first_name,
        {{ normalized_name('property_lastname') }} as normalized_last_name

    from located

),

contacts as (

    select
        -- keys
        {{ trimmed_text('id') }} as hubspot_contact_id,

        -- identifiers
        normalized_email as email,
        {{ canonical_email('normalized_email') }} as email_canonical,
        normalized_secondary_email as secondary_email,
        normalized_phone as phone,
        {{ trimmed_text('property_hs_merged_object_ids') }} as merged_contact_ids,

        -- attributes
        normalized_first_name as first_name,
        normalized_last_name as last_name,
        {{ trimmed_text('property_company') }} as company_name,
        {{ trimmed_text('property_jobtitle') }} as job_title,
        normalized_country_code as country_code,

        -- booleans
        {{ is_true('_fivetran_deleted') }} as is_deleted,

        -- timestamps
        coalesce(
            {{ utc_timestamp('property_createdate') }},
            {{ utc_timestamp('property_created_at') }}
        ) as created_at,

        -- bookkeeping
        _source_digest,
        {{ rejected_columns({
            'email': 'property_email',
            'secondary_email': 'property_email_1',
            'phone': 'property_phone',
            'first_name': 'property_firstname',
            'last_name': 'property_lastname',
            'country_code': 'property_country',
        }) }} as _rejected_columns,
        {{ utc_timestamp('_fivetran_synced') }} as _loaded_at

    from normalized

)

select * from contacts
