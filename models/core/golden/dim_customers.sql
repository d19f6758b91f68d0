{{ config(
    materialized='incremental',
    incremental_strategy='replace_rows',
    unique_key='customer_id',
    on_schema_change='append_new_columns',
    meta={'removed_when': 'lifecycle_stage is null'}
) }}

{% set fields = [
    'email', 'phone', 'first_name', 'last_name', 'birth_date', 'gender', 'locale',
    'address_street', 'postal_code', 'city', 'country_code', 'company_name', 'job_title',
    'user_id', 'loyalty_id', 'tier',
] %}
{% set purposes = ['email_marketing', 'sms_marketing', 'ads', 'personalisation', 'analytics'] %}
{# An age band reaches from its years to those of the next one. #}
{% set age_bands = {18: '18-24', 25: '25-34', 35: '35-44', 45: '45-54', 55: '55-64', 65: '65+'} %}
{% set channels = ['web', 'app', 'store', 'support', 'email'] %}
{% set session_figures = [
    'acquisition_source', 'acquisition_medium', 'acquisition_campaign', 'acquisition_channel_group',
    'last_session_platform', 'last_session_channel_group', 'first_session_at', 'last_session_at',
] %}
{% set session_counts = ['session_count', 'engaged_session_count', 'engaged_seconds'] %}
{% set email_counts = [
    'email_received_count', 'email_opened_count', 'email_clicked_count', 'email_bounced_count',
] %}
{% set traits = promoted_trait_entries() %}
{% set rows = 'touched' if is_incremental() else 'staged' %}

with

households as (

    select * from {{ ref('customer_households') }}
    where is_current

),

accounts as (

    select * from {{ ref('customer_accounts') }}
    where is_primary

),

{% if is_incremental() %}
touched as (

    {{ touched_customers_of([
        'int_customers__field_values',
        'int_customers__traits',
        'int_customers__identifiers',
        'int_customers__activity',
        'int_customers__sessions',
        'int_customers__tickets',
        'int_customers__subscriptions',
        'int_orders__customer_figures',
        'fct_carts',
        'int_consent__standings',
    ], recheck_at='recheck_at') }}

    -- a contact's company may come and go without the contact
    union

    select known.customer_id
    from {{ this }} as known
    left join {{ ref('int_customers__business') }} as business
        on known.customer_id = business.customer_id
    where known.is_b2b <> (business.customer_id is not null)

    {# Where all are worked on anew, the table may not have these columns yet. #}
    {% if not starts_over() %}
    -- others may make or break up a household, and an account may go to another company
    union

    select known.customer_id
    from {{ this }} as known
    left join households on known.customer_id = households.customer_id
    left join accounts on known.customer_id = accounts.customer_id
    where
        known.household_id is distinct from households.household_id
        or known.account_id is distinct from accounts.account_id

    {% endif %}
),
{% endif %}

clusters as (

    select clusters.*
    from {{ ref('identity_clusters') }} as clusters
    {% if is_incremental() %}
    inner join touched on clusters.customer_id = touched.customer_id
    {% endif %}

),

business_customers as (

    select * from {{ ref('int_customers__business') }}

),

identifiers as (

    select * from {{ ref('int_customers__identifiers') }}

),

activity as (

    select * from {{ ref('int_customers__activity') }}

),

session_figures as (

    select * from {{ ref('int_customers__sessions') }}

),

ticket_figures as (

    select * from {{ ref('int_customers__tickets') }}

),

order_figures as (

    select * from {{ ref('int_orders__customer_figures') }}

),

subscription_figures as (

    select * from {{ ref('int_customers__subscriptions') }}

),

golden_fields as (

    select
        field_values.customer_id,
    {% for field in fields %}
    max(
        case when field_values.field_name = '{{ field }}' then field_values.field_value end
    ) as {{ field }}{{ ',' if not loop.last }}
    {% endfor %}

    from {{ ref('int_customers__field_values') }} as field_values
    inner join clusters on field_values.customer_id = clusters.customer_id
    where field_values.value_rank = 1
    group by field_values.customer_id

),

cart_figures as (

    select
        carts.customer_id,
        count(*) as abandoned_cart_count,
        max(carts.last_activity_at) as last_cart_abandoned_at

    from {{ ref('fct_carts') }} as carts
    inner join clusters on carts.customer_id = clusters.customer_id
    where carts.is_abandoned
    group by carts.customer_id

),

-- What the customer as a whole allows, and the means that was allowed last.
granted_consents as (

    select
        consents.customer_id,
        consents.purpose,
        consents.channel,
        consents.is_granted,
        row_number() over (
            partition by consents.customer_id
            order by
                case
                    when
                        consents.is_granted
                        and consents.purpose in ('email_marketing', 'sms_marketing')
                        then 0
                    else 1
                end,
                case when consents.recorded_at is null then 1 else 0 end,
                consents.recorded_at desc,
                consents.purpose,
                consents.channel
        ) as choice_rank

    from {{ ref('int_consent__standings') }} as consents
    inner join clusters on consents.customer_id = clusters.customer_id
    where consents.address is null

),

consent_flags as (

    select
        granted_consents.customer_id,
        {% for purpose in purposes %}
        count(
            case
                when granted_consents.purpose = '{{ purpose }}' and granted_consents.is_granted
                    then 1
            end
        ) > 0 as allows_{{ purpose }},
        {% endfor %}
        max(
            case
                when
                    granted_consents.choice_rank = 1
                    and granted_consents.is_granted
                    and granted_consents.purpose in ('email_marketing', 'sms_marketing')
                    then granted_consents.channel
            end
        ) as stated_channel

    from granted_consents
    group by granted_consents.customer_id

),

{% if traits %}
traits as (

    select
        traits.customer_id,
    {% for trait in traits %}
    max(
        case when traits.trait_name = '{{ trait.trait }}' then traits.value_{{ trait.type }} end
    ) as {{ trait.trait }}{{ ',' if not loop.last }}
    {% endfor %}

    from {{ ref('int_customers__traits') }} as traits
    inner join clusters on traits.customer_id = clusters.customer_id
    group by traits.customer_id

),
{% endif %}

joined as (

    select
        -- keys
        clusters.customer_id,
        golden_fields.user_id,
        golden_fields.loyalty_id,
        households.household_id,
        accounts.account_id,

        -- contact
        golden_fields.email,
        {{ canonical_email('golden_fields.email') }} as email_canonical,
        golden_fields.phone,

        -- person
        golden_fields.first_name,
        golden_fields.last_name,
        cast(golden_fields.birth_date as date) as birth_date,
        cast(golden_fields.birth_date as {{ dbt.type_timestamp() }}) as born_at,
        golden_fields.gender,
        golden_fields.locale,
        golden_fields.address_street,
        golden_fields.postal_code,
        golden_fields.city,
        golden_fields.country_code,
        golden_fields.company_name,
        golden_fields.job_title,
        golden_fields.tier as loyalty_tier,

        -- identifiers
        identifiers.shopify_customer_id,
        identifiers.hubspot_contact_id,
        identifiers.salesforce_contact_id,
        identifiers.salesforce_lead_id,
        identifiers.zendesk_user_id,
        identifiers.klaviyo_person_id,
        identifiers.stripe_customer_id,
        identifiers.device_id,
        identifiers.anonymous_id,

        -- channels
        activity.preferred_channel,
        consent_flags.stated_channel,

        -- visits and tickets
        {% for figure in session_figures %}
        session_figures.{{ figure }},
        {% endfor %}
        ticket_figures.last_ticket_status,
        ticket_figures.last_ticket_sentiment,
        ticket_figures.last_ticket_opened_at,

        -- booleans
        business_customers.customer_id is not null as is_b2b,
        clusters.is_supercluster,
        coalesce(consent_flags.allows_email_marketing, false) as has_email_consent,
        coalesce(consent_flags.allows_sms_marketing, false) as has_sms_consent,
        coalesce(consent_flags.allows_ads, false) as has_ads_consent,
        coalesce(consent_flags.allows_personalisation, false) as has_personalisation_consent,
        coalesce(consent_flags.allows_analytics, false) as has_analytics_consent,
        coalesce(activity.email_trouble_count, 0) > 0 as has_email_trouble,
        cart_figures.last_cart_abandoned_at is not null
        and (
            order_figures.last_ordered_at is null
            or cart_figures.last_cart_abandoned_at > order_figures.last_ordered_at
        ) as has_open_cart,

        -- measures
        clusters.identifier_count,
        coalesce(identifiers.email_count, 0) as email_count,
        coalesce(identifiers.phone_count, 0) as phone_count,
        coalesce(identifiers.device_count, 0) as device_count,
        coalesce(identifiers.anonymous_count, 0) as anonymous_count,
        coalesce(order_figures.order_count, 0) as order_count,
        coalesce(order_figures.cancelled_order_count, 0) as cancelled_order_count,
        coalesce(order_figures.refund_count, 0) as refund_count,
        cast(coalesce(order_figures.item_count, 0) as {{ dbt.type_bigint() }}) as item_count,
        {{ money('coalesce(order_figures.total_eur, 0)') }} as ordered_eur,
        {{ money('coalesce(order_figures.discount_eur, 0)') }} as discount_eur,
        {{ money('coalesce(order_figures.refunded_eur, 0)') }} as refunded_eur,
        {{ money('coalesce(order_figures.revenue_eur, 0)') }} as revenue_eur,
        {{ money('order_figures.average_order_eur') }} as average_order_eur,
        coalesce(cart_figures.abandoned_cart_count, 0) as abandoned_cart_count,
        coalesce(subscription_figures.running_subscription_count, 0) as running_subscription_count,
        {{ money('coalesce(subscription_figures.mrr_eur, 0)') }} as mrr_eur,
        coalesce(activity.view_count, 0) as view_count,
        {% for count in session_counts %}
        coalesce(session_figures.{{ count }}, 0) as {{ count }},
        {% endfor %}
        coalesce(ticket_figures.ticket_count, 0) as ticket_count,
        coalesce(ticket_figures.open_ticket_count, 0) as open_ticket_count,
        {% for count in email_counts %}
        coalesce(activity.{{ count }}, 0) as {{ count }},
        {% endfor %}

        {% if traits %}
        -- traits
        {% for trait in traits %}
        {% if trait.aggregate in ['count', 'distinct_count'] %}
        cast(coalesce(traits.{{ trait.trait }}, 0) as {{ dbt.type_bigint() }}) as {{ trait.trait }},
        {% else %}
        traits.{{ trait.trait }},
        {% endif %}
        {% endfor %}

        {% endif %}
        -- timestamps
        clusters.first_seen_at,
        case
            when activity.last_event_at > clusters.last_seen_at then activity.last_event_at
            else coalesce(clusters.last_seen_at, activity.last_event_at)
        end as last_seen_at,
        {% for channel in channels %}
        activity.first_seen_{{ channel }}_at,
        activity.last_seen_{{ channel }}_at,
        {% endfor %}
        order_figures.first_ordered_at,
        order_figures.last_ordered_at,
        cart_figures.last_cart_abandoned_at,
        activity.last_email_received_at

    from clusters
    left join golden_fields on clusters.customer_id = golden_fields.customer_id
    left join identifiers on clusters.customer_id = identifiers.customer_id
    left join households on clusters.customer_id = households.customer_id
    left join accounts on clusters.customer_id = accounts.customer_id
    left join activity on clusters.customer_id = activity.customer_id
    left join session_figures on clusters.customer_id = session_figures.customer_id
    left join ticket_figures on clusters.customer_id = ticket_figures.customer_id
    left join order_figures on clusters.customer_id = order_figures.customer_id
    left join subscription_figures
        on clusters.customer_id = subscription_figures.customer_id
    left join cart_figures on clusters.customer_id = cart_figures.customer_id
    left join consent_flags on clusters.customer_id = consent_flags.customer_id
    left join business_customers on clusters.customer_id = business_customers.customer_id
    {% if traits %}
    left join traits on clusters.customer_id = traits.customer_id
    {% endif %}

),

-- What depends on as_of alone: the stage and the age.
staged as (

    select
        joined.*,
        case
            when
                joined.order_count = 1
                and joined.last_ordered_at >= {{ days_ago(365) }}
                then 'new_customer'
            when joined.last_ordered_at >= {{ days_ago(365) }} then 'repeat_customer'
            when joined.order_count > 0 then 'lapsed_customer'
            when
                coalesce(joined.email, joined.phone, joined.user_id, joined.loyalty_id) is not null
                then 'lead'
            else 'visitor'
        end as lifecycle_stage,
        case
            {% for years, band in age_bands.items() | list | reverse %}
            when {{ dbt.dateadd('year', years, 'joined.born_at') }} <= {{ as_of() }}
                then '{{ band }}'
            {% endfor %}
            when joined.birth_date is not null then 'under 18'
        end as age_band

    from joined

),

-- The first instant at which one of them would read differently.
thresholds as (

    select
        staged.customer_id,
        {{ dbt.dateadd('day', 365, 'staged.last_ordered_at') }} as threshold_at,
        -- on the last of the 365 days it reads as before
        true as is_included

    from staged
    where staged.last_ordered_at >= {{ days_ago(365) }}

    {% for years in age_bands %}
    union all

    select
        staged.customer_id,
        {{ dbt.dateadd('year', years, 'staged.born_at') }} as threshold_at,
        false as is_included

    from staged
    where staged.birth_date is not null

    {% endfor %}
),

rechecks as (

    select
        thresholds.customer_id,
        min(thresholds.threshold_at) as recheck_at

    from thresholds
    where
        thresholds.threshold_at > {{ as_of() }}
        or thresholds.is_included
    group by thresholds.customer_id

),

customers as (

    select
        -- keys
        {{ rows }}.customer_id,
        staged.user_id,
        staged.loyalty_id,

        -- foreign keys
        staged.household_id,
        staged.account_id,

        -- contact
        staged.email,
        staged.email_canonical,
        staged.phone,

        -- person
        staged.first_name,
        staged.last_name,
        staged.birth_date,
        cast(staged.age_band as {{ dbt.type_string() }}) as age_band,
        staged.gender,
        staged.locale,
        staged.address_street,
        staged.postal_code,
        staged.city,
        staged.country_code,
        staged.company_name,
        staged.job_title,
        staged.loyalty_tier,

        -- identifiers
        staged.shopify_customer_id,
        staged.hubspot_contact_id,
        staged.salesforce_contact_id,
        staged.salesforce_lead_id,
        staged.zendesk_user_id,
        staged.klaviyo_person_id,
        staged.stripe_customer_id,
        staged.device_id,
        staged.anonymous_id,

        -- standing
        cast(staged.lifecycle_stage as {{ dbt.type_string() }}) as lifecycle_stage,
        staged.preferred_channel,
        staged.stated_channel,
        {% for figure in session_figures if not figure.endswith('_at') %}
        staged.{{ figure }},
        {% endfor %}
        staged.last_ticket_status,
        cast(staged.last_ticket_sentiment as {{ dbt.type_string() }}) as last_ticket_sentiment,

        -- booleans
        staged.is_b2b,
        staged.is_supercluster,
        staged.has_email_consent,
        staged.has_sms_consent,
        staged.has_ads_consent,
        staged.has_personalisation_consent,
        staged.has_analytics_consent,
        staged.has_email_trouble,
        staged.has_open_cart,

        -- measures
        staged.identifier_count,
        staged.email_count,
        staged.phone_count,
        staged.device_count,
        staged.anonymous_count,
        staged.order_count,
        staged.cancelled_order_count,
        staged.refund_count,
        staged.item_count,
        staged.ordered_eur,
        staged.discount_eur,
        staged.refunded_eur,
        staged.revenue_eur,
        staged.average_order_eur,
        staged.abandoned_cart_count,
        staged.running_subscription_count,
        staged.mrr_eur,
        staged.view_count,
        {% for count in session_counts %}
        staged.{{ count }},
        {% endfor %}
        staged.ticket_count,
        staged.open_ticket_count,
        {% for count in email_counts %}
        staged.{{ count }},
        {% endfor %}

        {% if traits %}
        -- traits
        {% for trait in traits %}
        staged.{{ trait.trait }},
        {% endfor %}

        {% endif %}
        -- timestamps
        staged.first_seen_at,
        staged.last_seen_at,
        {% for channel in channels %}
        staged.first_seen_{{ channel }}_at,
        staged.last_seen_{{ channel }}_at,
        {% endfor %}
        staged.first_ordered_at,
        staged.last_ordered_at,
        staged.last_cart_abandoned_at,
        staged.first_session_at,
        staged.last_session_at,
        staged.last_ticket_opened_at,
        staged.last_email_received_at,

        -- bookkeeping
        rechecks.recheck_at,
        cast({{ current_run() }} as {{ dbt.type_bigint() }}) as changed_run

    from {{ rows }}
    {% if is_incremental() %}
    -- a customer who is no more makes way: a row without a stage
    left join staged on touched.customer_id = staged.customer_id
    {% endif %}
    left join rechecks on {{ rows }}.customer_id = rechecks.customer_id

)

select * from customers
