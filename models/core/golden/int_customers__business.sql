with

contacts as (

    select * from {{ ref('stg_salesforce__contacts') }}

),

contact_companies as (

    select * from {{ ref('stg_hubspot__contact_companies') }}

),

records as (

    select * from {{ ref('int_core__records') }}
    where
        is_current
        and customer_id is not null

),

business_customers as (

    select records.customer_id
    from contacts
    inner join records
        on
            contacts.salesforce_contact_id = records.record_key
            and records.source_model = 'stg_salesforce__contacts'
    where
        contacts.salesforce_account_id is not null
        and not contacts.is_deleted

    -- union, not union all: one row per customer
    union

    select records.customer_id
    from contact_companies
    inner join records
        on
            contact_companies.hubspot_contact_id = records.record_key
            and records.source_model = 'stg_hubspot__contacts'

)

select * from business_customers
