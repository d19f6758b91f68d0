with

source as (

    {{ source_rows('salesforce', 'contact') }}

),

located as (

    select
        *,
        {{ normalized_country_code(
            first_text(['mailing_country_code', 'mailing_country'])
        ) }} as normalized_country_code

    from source

),

normalized as (

    select
        *,
        {{ normalized_email('email') }} as normalized_email,
        {{ normalized_phone(
            'phone',
            var('default_country').salesforce,
            'normalized_country_code'
        ) }} as normalized_phone,
        {{ normalized_phone(
            'mobile_phone',
            var('default_country').salesforce,
            'normalized_country_code'
        ) }} as normalized_mobile_phone,
        {{ normalized_name('first_name') }} as normalized_first_name,
        {{ normalized_name('last_name') }} as normalized_last_name

    from located

),

contacts as (

    select
        -- keys
        {{ trimmed_text('id') }} as salesforce_contact_id,

        -- foreign keys
        {{ trimmed_text('master_record_id') }} as merged_into_contact_id,
        {{ trimmed_text('account_id') }} as salesforce_account_id,

        -- identifiers
        normalized_email as email,
        {{ canonical_email('normalized_email') }} as email_canonical,
        normalized_phone as phone,
        normalized_mobile_phone as mobile_phone,

        -- attributes
        normalized_first_name as first_name,
        normalized_last_name as last_name,
        {{ trimmed_text('title') }} as job_title,
        {{ trimmed_text('mailing_street') }} as address_street,
        {{ trimmed_text('mailing_city') }} as city,
        {{ trimmed_text('mailing_postal_code') }} as postal_code,
        normalized_country_code as country_code,

        -- booleans
        {{ is_true('has_opted_out_of_email') }} as has_opted_out_of_email,
        {{ is_true('is_deleted') }} or {{ is_false('_fivetran_active') }} as is_deleted,

        -- timestamps
        {{ utc_timestamp('created_date') }} as created_at,
        {{ utc_timestamp('last_modified_date') }} as updated_at,

        -- bookkeeping
        _source_digest,
        {{ rejected_columns({
            'email': 'email',
            'phone': 'phone',
            'mobile_phone': 'mobile_phone',
            'first_name': 'first_name',
            'last_name': 'last_name',
            'country_code': first_text(['mailing_country_code', 'mailing_country']),
        }) }} as _rejected_columns,
        {{ utc_timestamp('_fivetran_synced') }} as _loaded_at

    from normalized

)

select * from contacts
