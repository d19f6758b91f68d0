with

consents as (

    select * from {{ ref('stg_consent_log__consents') }}

),

email_events as (

    select * from {{ ref('stg_klaviyo__events') }}

),

salesforce_contacts as (

    select * from {{ ref('stg_salesforce__contacts') }}

),

salesforce_leads as (

    select * from {{ ref('stg_salesforce__leads') }}

),

logged_consents as (

    select
        'consent_log:' || consents.consent_id as consent_event_key,
        {{ resolved_customer_id(['user_id', 'email', 'phone']) }} as customer_id,
        consents.purpose,
        consents.action,
        consents.consent_source,
        consents.legal_basis,
        consents.policy_version,
        consents.recorded_at

    from consents
    {{ customer_lookups('consents', ['user_id', 'email', 'phone']) }}

),

-- Who unsubscribes or complains in the e-mail tool has withdrawn, whatever the consent log says.
unsubscribes as (

    select
        'klaviyo:' || email_events.klaviyo_event_id as consent_event_key,
        {{ resolved_customer_id(['klaviyo_person_id']) }} as customer_id,
        'email_marketing' as purpose,
        'withdrawn' as action,
        email_events.event_type as consent_source,
        'consent' as legal_basis,
        cast(null as {{ dbt.type_string() }}) as policy_version,
        email_events.occurred_at as recorded_at

    from email_events
    {{ customer_lookups('email_events', ['klaviyo_person_id']) }}
    where
        email_events.event_type in ('unsubscribed', 'marked_as_spam')
        and not email_events.is_deleted

),

-- An opt-out box in the CRM has no time of its own: the record's last change is the latest
-- it can be.
contact_opt_outs as (

    select
        'salesforce_contact:' || salesforce_contacts.salesforce_contact_id as consent_event_key,
        {{ resolved_customer_id(['salesforce_contact_id']) }} as customer_id,
        'email_marketing' as purpose,
        'withdrawn' as action,
        'crm_opt_out' as consent_source,
        'consent' as legal_basis,
        cast(null as {{ dbt.type_string() }}) as policy_version,
        salesforce_contacts.updated_at as recorded_at

    from salesforce_contacts
    {{ customer_lookups('salesforce_contacts', ['salesforce_contact_id']) }}
    where
        salesforce_contacts.has_opted_out_of_email
        and not salesforce_contacts.is_deleted

),

lead_opt_outs as (

    select
        'salesforce_lead:' || salesforce_leads.salesforce_lead_id as consent_event_key,
        {{ resolved_customer_id(['salesforce_lead_id']) }} as customer_id,
        'email_marketing' as purpose,
        'withdrawn' as action,
        'crm_opt_out' as consent_source,
        'consent' as legal_basis,
        cast(null as {{ dbt.type_string() }}) as policy_version,
        salesforce_leads.updated_at as recorded_at

    from salesforce_leads
    {{ customer_lookups('salesforce_leads', ['salesforce_lead_id']) }}
    where
        salesforce_leads.has_opted_out_of_email
        and not salesforce_leads.is_deleted

),

unioned as (

    select * from logged_consents
    union all
    select * from unsubscribes
    union all
    select * from contact_opt_outs
    union all
    select * from lead_opt_outs

),

consent_events as (

    select
        -- keys
        unioned.consent_event_key,
        unioned.customer_id,

        -- attributes
        unioned.purpose,
        unioned.action,
        unioned.consent_source,
        unioned.legal_basis,
        unioned.policy_version,

        -- timestamps
        unioned.recorded_at

    from unioned
    where
        unioned.purpose is not null
        and unioned.action is not null

)

select * from consent_events
