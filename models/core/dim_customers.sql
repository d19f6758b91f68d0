{% set fields = [
    'email', 'phone', 'first_name', 'last_name', 'birth_date',
    'address_street', 'postal_code', 'city', 'country_code', 'company_name', 'job_title',
    'user_id', 'loyalty_id', 'tier',
] %}

with

clusters as (

    select * from {{ ref('identity_clusters') }}

),

field_values as (

    select * from {{ ref('customer_field_values') }}

),

orders as (

    select * from {{ ref('fct_orders') }}

),

carts as (

    select * from {{ ref('fct_carts') }}

),

events as (

    select * from {{ ref('fct_customer_events') }}

),

consents as (

    select * from {{ ref('customer_consents') }}

),

salesforce_contacts as (

    select * from {{ ref('stg_salesforce__contacts') }}

),

hubspot_contact_companies as (

    select * from {{ ref('stg_hubspot__contact_companies') }}

),

golden_fields as (

    select
        field_values.customer_id,
    {% for field in fields %}
    max(
        case when field_values.field_name = '{{ field }}' then field_values.field_value end
    ) as {{ field }}{{ ',' if not loop.last }}
    {% endfor %}

    from field_values
    where field_values.value_rank = 1
    group by field_values.customer_id

),

order_figures as (

    select
        orders.customer_id,
        count(*) as order_count,
        sum(orders.item_count) as item_count,
        sum(orders.revenue_eur) as revenue_eur,
        min(orders.ordered_at) as first_ordered_at,
        max(orders.ordered_at) as last_ordered_at

    from orders
    where
        orders.customer_id is not null
        and not orders.is_cancelled
    group by orders.customer_id

),

cart_figures as (

    select
        carts.customer_id,
        count(*) as abandoned_cart_count,
        max(carts.last_activity_at) as last_cart_abandoned_at

    from carts
    where
        carts.customer_id is not null
        and carts.is_abandoned
    group by carts.customer_id

),

event_figures as (

    select
        events.customer_id,
        count(case when events.event_name in ('page_viewed', 'screen_viewed') then 1 end)
            as view_count,
        count(case when events.event_name = 'ticket_opened' then 1 end) as ticket_count,
        count(case when events.event_name = 'email_opened' then 1 end) as email_opened_count,
        count(case when events.event_name = 'email_clicked' then 1 end) as email_clicked_count,
        count(
            case when events.event_name in ('email_bounced', 'email_marked_as_spam') then 1 end
        ) as email_trouble_count,
        max(events.occurred_at) as last_event_at

    from events
    group by events.customer_id

),

granted_consents as (

    select
        consents.customer_id,
        count(case when consents.purpose = 'email_marketing' and consents.is_granted then 1 end)
            as email_marketing_count,
        count(case when consents.purpose = 'sms_marketing' and consents.is_granted then 1 end)
            as sms_marketing_count,
        count(case when consents.purpose = 'ads' and consents.is_granted then 1 end) as ads_count

    from consents
    group by consents.customer_id

),

business_contacts as (

    select {{ resolved_customer_id(['salesforce_contact_id']) }} as customer_id
    from salesforce_contacts
    {{ customer_lookups('salesforce_contacts', ['salesforce_contact_id']) }}
    where
        salesforce_contacts.salesforce_account_id is not null
        and not salesforce_contacts.is_deleted

    -- union, not union all: one row per customer
    union

    select {{ resolved_customer_id(['hubspot_contact_id']) }} as customer_id
    from hubspot_contact_companies
    {{ customer_lookups('hubspot_contact_companies', ['hubspot_contact_id']) }}

),

customers as (

    select
        -- keys
        clusters.customer_id,
        golden_fields.user_id,
        golden_fields.loyalty_id,

        -- contact
        golden_fields.email,
        {{ canonical_email('golden_fields.email') }} as email_canonical,
        golden_fields.phone,

        -- person
        golden_fields.first_name,
        golden_fields.last_name,
        cast(golden_fields.birth_date as date) as birth_date,
        golden_fields.address_street,
        golden_fields.postal_code,
        golden_fields.city,
        golden_fields.country_code,
        golden_fields.company_name,
        golden_fields.job_title,
        golden_fields.tier as loyalty_tier,

        -- standing
        case
            when
                order_figures.order_count = 1
                and order_figures.last_ordered_at >= {{ days_ago(365) }}
                then 'new_customer'
            when order_figures.last_ordered_at >= {{ days_ago(365) }} then 'repeat_customer'
            when order_figures.order_count > 0 then 'lapsed_customer'
            when
                coalesce(
                    golden_fields.email,
                    golden_fields.phone,
                    golden_fields.user_id,
                    golden_fields.loyalty_id
                ) is not null
                then 'lead'
            else 'visitor'
        end as lifecycle_stage,

        -- booleans
        business_contacts.customer_id is not null as is_b2b,
        clusters.is_supercluster,
        coalesce(granted_consents.email_marketing_count, 0) > 0 as has_email_consent,
        coalesce(granted_consents.sms_marketing_count, 0) > 0 as has_sms_consent,
        coalesce(granted_consents.ads_count, 0) > 0 as has_ads_consent,
        coalesce(event_figures.email_trouble_count, 0) > 0 as has_email_trouble,
        cart_figures.last_cart_abandoned_at is not null
        and (
            order_figures.last_ordered_at is null
            or cart_figures.last_cart_abandoned_at > order_figures.last_ordered_at
        ) as has_open_cart,

        -- measures
        clusters.identifier_count,
        coalesce(order_figures.order_count, 0) as order_count,
        cast(coalesce(order_figures.item_count, 0) as {{ dbt.type_bigint() }}) as item_count,
        cast(coalesce(order_figures.revenue_eur, 0) as decimal(18, 2)) as revenue_eur,
        coalesce(cart_figures.abandoned_cart_count, 0) as abandoned_cart_count,
        coalesce(event_figures.view_count, 0) as view_count,
        coalesce(event_figures.ticket_count, 0) as ticket_count,
        coalesce(event_figures.email_opened_count, 0) as email_opened_count,
        coalesce(event_figures.email_clicked_count, 0) as email_clicked_count,

        -- timestamps
        clusters.first_seen_at,
        case
            when
                event_figures.last_event_at > clusters.last_seen_at
                then event_figures.last_event_at
            else coalesce(clusters.last_seen_at, event_figures.last_event_at)
        end as last_seen_at,
        order_figures.first_ordered_at,
        order_figures.last_ordered_at,
        cart_figures.last_cart_abandoned_at

    from clusters
    left join golden_fields on clusters.customer_id = golden_fields.customer_id
    left join order_figures on clusters.customer_id = order_figures.customer_id
    left join cart_figures on clusters.customer_id = cart_figures.customer_id
    left join event_figures on clusters.customer_id = event_figures.customer_id
    left join granted_consents on clusters.customer_id = granted_consents.customer_id
    left join business_contacts on clusters.customer_id = business_contacts.customer_id

)

select * from customers
