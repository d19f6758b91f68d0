{{ config(
    materialized='incremental',
    incremental_strategy='replace_rows',
    unique_key=['source_model', 'record_key'],
    on_schema_change='append_new_columns',
    meta={'removed_when': 'consent_event_key is null'}
) }}

{#- Where answers are recorded, and what else changes such a record when it changes. -#}
{% set sources = {
    'stg_consent_log__consents': [],
    'stg_klaviyo__events': [],
    'stg_salesforce__contacts': [],
    'stg_salesforce__leads': [],
    'stg_snowplow__events': ['stg_snowplow__consent_preferences'],
} %}
{% set rows = 'touched' if is_incremental() else 'answers' %}
{% set no_text = dbt.cast('null', dbt.type_string()) %}

with

purposes as (

    {{ consent_purpose_rows() }}

),

{% if is_incremental() %}
changed_persons as (

    {{ touched_records(['stg_klaviyo__persons']) }}

),

touched as (

    {% for source, bodies in sources.items() %}
    select
        '{{ source }}' as source_model,
        changed.record_key

    from ({{ touched_records([source] + bodies) }}) as changed

    union

    {% endfor %}
    -- who unsubscribed may have another address now
    select
        'stg_klaviyo__events' as source_model,
        email_events.klaviyo_event_id as record_key

    from {{ ref('stg_klaviyo__events') }} as email_events
    inner join changed_persons
        on email_events.klaviyo_person_id = changed_persons.record_key
    where email_events.event_type in ('unsubscribed', 'marked_as_spam')

),
{% endif %}

records as (

    select
        records.source_model,
        records.record_key,
        records.customer_id

    from {{ ref('int_core__records') }} as records
    {% if is_incremental() %}
    inner join touched
        on
            records.source_model = touched.source_model
            and records.record_key = touched.record_key
    {% endif %}
    where
        records.is_current
        and records.source_model in (
            {% for source in sources %}
            '{{ source }}'{{ ',' if not loop.last }}
            {% endfor %}
        )

),

consents as (

    select * from {{ ref('stg_consent_log__consents') }}

),

email_events as (

    select * from {{ ref('stg_klaviyo__events') }}

),

klaviyo_persons as (

    select * from {{ ref('stg_klaviyo__persons') }}

),

salesforce_contacts as (

    select * from {{ ref('stg_salesforce__contacts') }}

),

salesforce_leads as (

    select * from {{ ref('stg_salesforce__leads') }}

),

banner_events as (

    select * from {{ ref('int_consent__banner_events') }}

),

-- A purpose has one row per channel. One that vars.consent_purposes does not list keeps its row,
-- without a channel.
logged_words as (

    select
        records.source_model,
        records.record_key,
        'consent_log:' || consents.consent_id as event_key,
        records.customer_id,
        consents.purpose,
        purposes.channel,
        purposes.address_type,
        purposes.channel_count,
        consents.action,
        case purposes.address_type
            when 'email' then consents.email
            when 'phone' then consents.phone
            else {{ no_text }}
        end as address,
        purposes.address_type is not null
        and ' ' || coalesce(consents._rejected_columns, '') || ' '
        like '% ' || purposes.address_type || ' %' as has_unreadable_address,
        case
            when consents.user_id is not null then 'user_id'
            when consents.email is not null then 'email'
            when consents.phone is not null then 'phone'
            else {{ no_text }}
        end as named_type,
        coalesce(consents.user_id, consents.email, consents.phone) as named_value,
        consents.consent_source,
        consents.legal_basis,
        consents.policy_version,
        consents.recorded_at

    from consents
    inner join records
        on
            consents.consent_id = records.record_key
            and records.source_model = 'stg_consent_log__consents'
    left join purposes on consents.purpose = purposes.purpose
    where
        consents.purpose is not null
        and consents.action is not null

),

-- A yes for one channel does not spread to another. Of a purpose with several channels it counts
-- for those of which it names an address; a no that names none counts for all.
logged_answers as (

    select
        logged_words.source_model,
        logged_words.record_key,
        logged_words.event_key,
        logged_words.customer_id,
        logged_words.purpose,
        logged_words.channel,
        logged_words.action,
        case
            when logged_words.address is not null then logged_words.address_type
            else logged_words.named_type
        end as identifier_type,
        coalesce(logged_words.address, logged_words.named_value) as identifier_value,
        case
            when logged_words.address is not null then 'address'
            when logged_words.has_unreadable_address then 'unreadable_address'
            else 'person'
        end as given_for,
        logged_words.consent_source,
        logged_words.legal_basis,
        logged_words.policy_version,
        logged_words.recorded_at

    from logged_words
    where
        logged_words.action <> 'granted'
        or logged_words.address is not null
        or coalesce(logged_words.channel_count, 1) = 1

),

-- Who unsubscribes or complains in the e-mail tool has withdrawn, whatever the consent log says. A
-- person who was deleted there since may be nobody's by then, and the address still says no.
unsubscribes as (

    select
        records.source_model,
        records.record_key,
        'klaviyo:' || email_events.klaviyo_event_id as event_key,
        records.customer_id,
        klaviyo_persons.email as address,
        'klaviyo_person_id' as named_type,
        email_events.klaviyo_person_id as named_value,
        email_events.event_type as consent_source,
        email_events.occurred_at as recorded_at

    from email_events
    inner join records
        on
            email_events.klaviyo_event_id = records.record_key
            and records.source_model = 'stg_klaviyo__events'
    left join klaviyo_persons
        on email_events.klaviyo_person_id = klaviyo_persons.klaviyo_person_id
    where
        email_events.event_type in ('unsubscribed', 'marked_as_spam')
        and not email_events.is_deleted

),

-- An opt-out box in the CRM has no time of its own: the record's last change is the latest it can
-- be.
contact_opt_outs as (

    select
        records.source_model,
        records.record_key,
        'salesforce_contact:' || salesforce_contacts.salesforce_contact_id as event_key,
        records.customer_id,
        salesforce_contacts.email as address,
        'salesforce_contact_id' as named_type,
        salesforce_contacts.salesforce_contact_id as named_value,
        'crm_opt_out' as consent_source,
        salesforce_contacts.updated_at as recorded_at

    from salesforce_contacts
    inner join records
        on
            salesforce_contacts.salesforce_contact_id = records.record_key
            and records.source_model = 'stg_salesforce__contacts'
    where
        salesforce_contacts.has_opted_out_of_email
        and not salesforce_contacts.is_deleted

),

lead_opt_outs as (

    select
        records.source_model,
        records.record_key,
        'salesforce_lead:' || salesforce_leads.salesforce_lead_id as event_key,
        records.customer_id,
        salesforce_leads.email as address,
        'salesforce_lead_id' as named_type,
        salesforce_leads.salesforce_lead_id as named_value,
        'crm_opt_out' as consent_source,
        salesforce_leads.updated_at as recorded_at

    from salesforce_leads
    inner join records
        on
            salesforce_leads.salesforce_lead_id = records.record_key
            and records.source_model = 'stg_salesforce__leads'
    where
        salesforce_leads.has_opted_out_of_email
        and not salesforce_leads.is_deleted

),

email_opt_outs as (

    select * from unsubscribes
    union all
    select * from contact_opt_outs
    union all
    select * from lead_opt_outs

),

-- Such a no is about e-mail, whatever for: it counts for every purpose that uses the channel.
email_refusals as (

    select
        email_opt_outs.source_model,
        email_opt_outs.record_key,
        email_opt_outs.event_key,
        email_opt_outs.customer_id,
        purposes.purpose,
        purposes.channel,
        'withdrawn' as action,
        case
            when email_opt_outs.address is not null then purposes.address_type
            else email_opt_outs.named_type
        end as identifier_type,
        coalesce(email_opt_outs.address, email_opt_outs.named_value) as identifier_value,
        case when email_opt_outs.address is not null then 'address' else 'person' end as given_for,
        email_opt_outs.consent_source,
        'consent' as legal_basis,
        {{ no_text }} as policy_version,
        email_opt_outs.recorded_at

    from email_opt_outs
    inner join purposes on purposes.channel = 'email'

),

-- An answer to a cookie banner is one about each purpose that has a scope there. One that waits,
-- or that is only implied, is none; one that the banner calls expired counts no longer.
banner_answers as (

    select
        records.source_model,
        records.record_key,
        'banner:' || banner_events.event_id as event_key,
        banner_events.customer_id,
        purposes.purpose,
        purposes.channel,
        case
            when banner_events.answer in ('withdrawn', 'expired') then 'withdrawn'
            when banner_events.answer = 'deny_all' then 'denied'
            when
                ', ' || coalesce(banner_events.scopes, '') || ','
                like '%, ' || purposes.banner_scope || ',%'
                then 'granted'
            else 'denied'
        end as action,
        case when banner_events.user_id is not null then 'user_id' else 'anonymous_id' end
            as identifier_type,
        coalesce(banner_events.user_id, banner_events.anonymous_id) as identifier_value,
        'person' as given_for,
        'cookie_banner' as consent_source,
        banner_events.legal_basis,
        banner_events.policy_version,
        banner_events.occurred_at as recorded_at

    from banner_events
    inner join records
        on
            banner_events.event_id = records.record_key
            and records.source_model = 'stg_snowplow__events'
    -- one row per purpose that the banner asks about
    inner join purposes on purposes.banner_scope is not null
    where
        banner_events.answer in (
            'allow_all', 'allow_selected', 'deny_all', 'withdrawn', 'expired'
        )

),

unioned as (

    select * from logged_answers
    union all
    select * from email_refusals
    union all
    select * from banner_answers

),

-- A record that speaks of several purposes or channels has several rows, and each its own key.
answers as (

    select
        unioned.source_model,
        unioned.record_key,
        case
            when
                count(*) over (partition by unioned.source_model, unioned.record_key) > 1
                then unioned.event_key || ':' || unioned.purpose || ':' || unioned.channel
            else unioned.event_key
        end as consent_event_key,
        unioned.customer_id,
        unioned.purpose,
        unioned.channel,
        unioned.action,
        unioned.identifier_type,
        unioned.identifier_value,
        unioned.given_for,
        unioned.consent_source,
        unioned.legal_basis,
        unioned.policy_version,
        unioned.recorded_at

    from unioned

),

-- In a later run, a record that says nothing any more is a row without a key, and makes way.
numbered as (

    select
        {{ rows }}.source_model,
        {{ rows }}.record_key,
        answers.consent_event_key,
        answers.customer_id,
        answers.purpose,
        answers.channel,
        answers.action,
        answers.identifier_type,
        answers.identifier_value,
        answers.given_for,
        answers.consent_source,
        answers.legal_basis,
        answers.policy_version,
        answers.recorded_at,
        cast({{ current_run() }} as {{ dbt.type_bigint() }}) as changed_run

    from {{ rows }}
    {% if is_incremental() %}
    -- a record has one row per purpose and channel that it speaks of
    left join answers
        on
            touched.source_model = answers.source_model
            and touched.record_key = answers.record_key
    {% endif %}

)

select * from numbered
