with

salesforce_accounts as (

    select * from {{ ref('stg_salesforce__accounts') }}

),

hubspot_companies as (

    select * from {{ ref('stg_hubspot__companies') }}

),

entity_map as (

    select * from {{ ref('identity_entity_map') }}
    where entity = 'account'

),

-- What sales keeps counts before what marketing keeps.
company_records as (

    select
        'stg_salesforce__accounts' as source_model,
        1 as source_rank,
        salesforce_account_id as record_key,
        'salesforce_account_id' as identifier_type,
        parent_account_id as parent_record_key,
        account_name,
        domain,
        industry,
        account_type,
        city,
        country_code,
        employee_count,
        annual_revenue_amount

    from salesforce_accounts
    where not is_deleted

    union all

    select
        'stg_hubspot__companies' as source_model,
        2 as source_rank,
        hubspot_company_id as record_key,
        'hubspot_company_id' as identifier_type,
        {{ dbt.cast('null', dbt.type_string()) }} as parent_record_key,
        company_name as account_name,
        domain,
        industry,
        {{ dbt.cast('null', dbt.type_string()) }} as account_type,
        city,
        country_code,
        {{ dbt.cast('null', dbt.type_bigint()) }} as employee_count,
        annual_revenue_amount

    from hubspot_companies
    where not is_deleted

),

records as (

    select
        -- keys
        company_records.source_model,
        company_records.record_key,
        accounts.entity_id as account_id,
        parents.entity_id as parent_account_id,

        -- attributes
        company_records.account_name,
        company_records.domain,
        company_records.industry,
        company_records.account_type,
        company_records.city,
        company_records.country_code,

        -- measures
        company_records.employee_count,
        company_records.annual_revenue_amount,
        company_records.source_rank

    from company_records
    inner join entity_map as accounts
        on
            company_records.identifier_type = accounts.identifier_type
            and company_records.record_key = accounts.identifier_value
    left join entity_map as parents
        on
            company_records.identifier_type = parents.identifier_type
            and company_records.parent_record_key = parents.identifier_value
            -- two records of one company may be each other's parents
            and accounts.entity_id <> parents.entity_id

)

select * from records
