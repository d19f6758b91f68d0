with

records as (

    select * from {{ ref('int_core__records') }}
    where
        is_current
        and customer_id is not null

),

entity_map as (

    select * from {{ ref('identity_entity_map') }}
    where entity = 'account'

),

accounts as (

    select distinct account_id
    from {{ ref('int_accounts__records') }}

),

salesforce_contacts as (

    select * from {{ ref('stg_salesforce__contacts') }}

),

salesforce_leads as (

    select * from {{ ref('stg_salesforce__leads') }}

),

hubspot_contacts as (

    select * from {{ ref('stg_hubspot__contacts') }}

),

hubspot_contact_companies as (

    select * from {{ ref('stg_hubspot__contact_companies') }}

),

-- Who works where, by the record that says so; the more telling one first.
statements as (

    select
        1 as source_rank,
        'stg_salesforce__contacts' as source_model,
        salesforce_contact_id as record_key,
        'salesforce_account_id' as identifier_type,
        salesforce_account_id as identifier_value

    from salesforce_contacts
    where not is_deleted

    union all

    select
        2 as source_rank,
        'stg_hubspot__contacts' as source_model,
        hubspot_contacts.hubspot_contact_id as record_key,
        'hubspot_company_id' as identifier_type,
        hubspot_contact_companies.hubspot_company_id as identifier_value

    from hubspot_contacts
    inner join hubspot_contact_companies
        on hubspot_contacts.hubspot_contact_id = hubspot_contact_companies.hubspot_contact_id
    where not hubspot_contacts.is_deleted

    union all

    select
        3 as source_rank,
        'stg_salesforce__leads' as source_model,
        salesforce_lead_id as record_key,
        'salesforce_account_id' as identifier_type,
        salesforce_account_id as identifier_value

    from salesforce_leads
    where not is_deleted

),

people as (

    select
        entity_map.entity_id as account_id,
        records.customer_id,
        min(statements.source_rank) as source_rank,
        count(distinct statements.source_model || ' ' || statements.record_key) as record_count

    from statements
    inner join records
        on
            statements.source_model = records.source_model
            and statements.record_key = records.record_key
    inner join entity_map
        on
            statements.identifier_type = entity_map.identifier_type
            and statements.identifier_value = entity_map.identifier_value
    inner join accounts on entity_map.entity_id = accounts.account_id
    group by
        entity_map.entity_id,
        records.customer_id

),

customer_accounts as (

    select
        -- keys
        account_id,
        customer_id,

        -- attributes
        case source_rank
            when 1 then 'salesforce_contact'
            when 2 then 'hubspot_contact'
            else 'salesforce_lead'
        end as link_source,

        -- booleans
        row_number() over (
            partition by customer_id
            order by
                source_rank,
                record_count desc,
                account_id
        ) = 1 as is_primary,

        -- measures
        cast(record_count as {{ dbt.type_bigint() }}) as record_count

    from people

)

select * from customer_accounts
