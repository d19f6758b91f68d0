with

source as (

    {{ source_rows('hubspot', 'contact_company') }}

),

contact_companies as (

    select
        -- keys
        {{ trimmed_text('contact_id') }} as hubspot_contact_id,
        {{ trimmed_text('company_id') }} as hubspot_company_id,
        {{ trimmed_text('type_id') }} as association_type_id,

        -- bookkeeping
        _source_digest,
        {{ utc_timestamp('_fivetran_synced') }} as _loaded_at

    from source

)

select * from contact_companies
