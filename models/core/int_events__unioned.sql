with

pages as (

    select * from {{ ref('stg_segment__pages') }}

),

screens as (

    select * from {{ ref('stg_segment__screens') }}

),

tracks as (

    select * from {{ ref('stg_segment__tracks') }}

),

products_viewed as (

    select * from {{ ref('stg_segment__products_viewed') }}

),

products_added as (

    select * from {{ ref('stg_segment__products_added') }}

),

checkouts_started as (

    select * from {{ ref('stg_segment__checkouts_started') }}

),

orders as (

    select * from {{ ref('fct_orders') }}

),

tickets as (

    select * from {{ ref('stg_zendesk__tickets') }}

),

email_events as (

    select * from {{ ref('stg_klaviyo__events') }}

),

consent_events as (

    select * from {{ ref('fct_consent_events') }}

),

members as (

    select * from {{ ref('stg_loyalty__members') }}

),

charges as (

    select * from {{ ref('stg_stripe__charges') }}

),

page_views as (

    select
        'segment:page:' || pages.message_id as event_key,
        {{ resolved_customer_id(['user_id', 'anonymous_id']) }} as customer_id,
        'page_viewed' as event_name,
        'segment' as source_name,
        'web' as channel,
        coalesce(pages.page_path, pages.page_name) as subject,
        pages.message_id as related_id,
        cast(null as decimal(18, 2)) as amount,
        cast(null as {{ dbt.type_string() }}) as currency,
        pages.occurred_at

    from pages
    {{ customer_lookups('pages', ['user_id', 'anonymous_id']) }}

),

screen_views as (

    select
        'segment:screen:' || screens.message_id as event_key,
        {{ resolved_customer_id(['user_id', 'device_id', 'anonymous_id']) }} as customer_id,
        'screen_viewed' as event_name,
        'segment' as source_name,
        'app' as channel,
        screens.screen_name as subject,
        screens.message_id as related_id,
        cast(null as decimal(18, 2)) as amount,
        cast(null as {{ dbt.type_string() }}) as currency,
        screens.occurred_at

    from screens
    {{ customer_lookups('screens', ['user_id', 'device_id', 'anonymous_id']) }}

),

-- Orders come from the shop's own records below, not from what the browser said about them.
tracked_events as (

    select
        'segment:track:' || tracks.message_id as event_key,
        {{ resolved_customer_id(['user_id', 'device_id', 'anonymous_id']) }} as customer_id,
        tracks.event_name,
        'segment' as source_name,
        case when tracks.is_app then 'app' else 'web' end as channel,
        coalesce(
            products_viewed.product_name,
            products_added.product_name,
            tracks.event_text
        ) as subject,
        tracks.message_id as related_id,
        coalesce(
            products_viewed.price_amount,
            products_added.price_amount * coalesce(products_added.quantity, 1),
            checkouts_started.value_amount
        ) as amount,
        coalesce(
            products_viewed.currency,
            products_added.currency,
            checkouts_started.currency
        ) as currency,
        tracks.occurred_at

    from tracks
    left join products_viewed on tracks.message_id = products_viewed.message_id
    left join products_added on tracks.message_id = products_added.message_id
    left join checkouts_started on tracks.message_id = checkouts_started.message_id
    {{ customer_lookups('tracks', ['user_id', 'device_id', 'anonymous_id']) }}
    where tracks.event_name <> 'order_completed'

),

order_events as (

    select
        'order:' || orders.order_key as event_key,
        orders.customer_id,
        case when orders.is_cancelled then 'order_cancelled' else 'order_placed' end as event_name,
        orders.source_name,
        orders.channel,
        cast(orders.item_count as {{ dbt.type_string() }}) || ' items' as subject,
        orders.order_id as related_id,
        orders.total_amount as amount,
        orders.currency,
        orders.ordered_at as occurred_at

    from orders

),

ticket_events as (

    select
        'zendesk:' || tickets.ticket_id as event_key,
        {{ resolved_customer_id(['zendesk_user_id']) }} as customer_id,
        'ticket_opened' as event_name,
        'zendesk' as source_name,
        'support' as channel,
        tickets.subject,
        tickets.ticket_id as related_id,
        cast(null as decimal(18, 2)) as amount,
        cast(null as {{ dbt.type_string() }}) as currency,
        tickets.created_at as occurred_at

    from tickets
    {{ customer_lookups('tickets', ['zendesk_user_id']) }}
    where not tickets.is_deleted

),

campaign_events as (

    select
        'klaviyo:' || email_events.klaviyo_event_id as event_key,
        {{ resolved_customer_id(['klaviyo_person_id']) }} as customer_id,
        'email_' || email_events.event_type as event_name,
        'klaviyo' as source_name,
        'email' as channel,
        coalesce(email_events.campaign_name, email_events.subject) as subject,
        email_events.campaign_id as related_id,
        cast(null as decimal(18, 2)) as amount,
        cast(null as {{ dbt.type_string() }}) as currency,
        email_events.occurred_at

    from email_events
    {{ customer_lookups('email_events', ['klaviyo_person_id']) }}
    where not email_events.is_deleted

),

consent_changes as (

    select
        'consent:' || consent_events.consent_event_key as event_key,
        consent_events.customer_id,
        'consent_' || consent_events.action as event_name,
        'consent_log' as source_name,
        consent_events.consent_source as channel,
        consent_events.purpose as subject,
        consent_events.consent_event_key as related_id,
        cast(null as decimal(18, 2)) as amount,
        cast(null as {{ dbt.type_string() }}) as currency,
        consent_events.recorded_at as occurred_at

    from consent_events

),

joined_loyalty as (

    select
        'loyalty:' || members.loyalty_id as event_key,
        {{ resolved_customer_id(['loyalty_id']) }} as customer_id,
        'loyalty_joined' as event_name,
        'loyalty' as source_name,
        'store' as channel,
        members.tier as subject,
        members.loyalty_id as related_id,
        cast(null as decimal(18, 2)) as amount,
        cast(null as {{ dbt.type_string() }}) as currency,
        members.joined_at as occurred_at

    from members
    {{ customer_lookups('members', ['loyalty_id']) }}
    where members.loyalty_id is not null

),

payments as (

    select
        'stripe:' || charges.charge_id as event_key,
        {{ resolved_customer_id(['stripe_customer_id']) }} as customer_id,
        case when charges.is_paid then 'payment_succeeded' else 'payment_failed' end as event_name,
        'stripe' as source_name,
        'subscription' as channel,
        charges.failure_code as subject,
        charges.charge_id as related_id,
        charges.charge_amount as amount,
        charges.currency,
        charges.charged_at as occurred_at

    from charges
    {{ customer_lookups('charges', ['stripe_customer_id']) }}

),

unioned as (

    select * from page_views
    union all
    select * from screen_views
    union all
    select * from tracked_events
    union all
    select * from order_events
    union all
    select * from ticket_events
    union all
    select * from campaign_events
    union all
    select * from consent_changes
    union all
    select * from joined_loyalty
    union all
    select * from payments

)

select * from unioned
