with

source as (

    {{ source_rows('salesforce', 'account') }}

),

located as (

    select
        *,
        {{ normalized_country_code(
            first_text(['billing_country_code', 'billing_country'])
        ) }} as normalized_country_code

    from source

),

normalized as (

    select
        *,
        {{ normalized_name('name') }} as normalized_account_name,
        {{ web_domain('website') }} as normalized_domain,
        {{ normalized_phone(
            'phone',
            var('default_country').salesforce,
            'normalized_country_code'
        ) }} as normalized_phone

    from located

),

accounts as (

    select
        -- keys
        {{ trimmed_text('id') }} as salesforce_account_id,

        -- foreign keys
        {{ trimmed_text('parent_id') }} as parent_account_id,

        -- attributes
        normalized_account_name as account_name,
        normalized_domain as domain,
        {{ trimmed_text('industry') }} as industry,
        {{ trimmed_text('type') }} as account_type,
        normalized_phone as phone,
        {{ trimmed_text('billing_city') }} as city,
        normalized_country_code as country_code,

        -- booleans
        {{ is_true('is_deleted') }} or {{ is_false('_fivetran_active') }} as is_deleted,

        -- measures
        cast(number_of_employees as {{ dbt.type_bigint() }}) as employee_count,
        {{ money('annual_revenue') }} as annual_revenue_amount,

        -- bookkeeping
        _source_digest,
        {{ rejected_columns({
            'account_name': 'name',
            'domain': 'website',
            'phone': 'phone',
            'country_code': first_text(['billing_country_code', 'billing_country']),
        }) }} as _rejected_columns,
        {{ utc_timestamp('_fivetran_synced') }} as _loaded_at

    from normalized

)

select * from accounts
