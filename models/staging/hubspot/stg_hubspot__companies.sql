with

source as (

    {{ source_rows('hubspot', 'company') }}

),

normalized as (

    select
        *,
        {{ normalized_name('property_name') }} as normalized_company_name,
        {{ web_domain('property_domain') }} as normalized_domain,
        {{ normalized_country_code('property_country') }} as normalized_country_code

    from source

),

companies as (

    select
        -- keys
        {{ trimmed_text('id') }} as hubspot_company_id,

        -- attributes
        normalized_company_name as company_name,
        normalized_domain as domain,
        {{ trimmed_text('property_industry') }} as industry,
        {{ trimmed_text('property_city') }} as city,
        normalized_country_code as country_code,

        -- booleans
        {{ is_true('is_deleted') }} as is_deleted,

        -- measures
        {{ money('property_annualrevenue') }} as annual_revenue_amount,

        -- timestamps
        {{ utc_timestamp('property_createdate') }} as created_at,

        -- bookkeeping
        _source_digest,
        {{ rejected_columns({
            'company_name': 'property_name',
            'domain': 'property_domain',
            'country_code': 'property_country',
        }) }} as _rejected_columns,
        {{ utc_timestamp('_fivetran_synced') }} as _loaded_at

    from normalized

)

select * from companies
