-- depends_on: {{ ref('fct_orders') }}
-- depends_on: {{ ref('int_consent__answers') }}

{{ config(
    materialized='incremental',
    incremental_strategy='replace_rows',
    unique_key='event_key',
    on_schema_change='append_new_columns',
    meta={'removed_when': 'source_name is null'}
) }}

{#- What an event's key begins with, by the staging model that it comes from. -#}
{% set prefixes = {
    'stg_segment__pages': 'segment:page:',
    'stg_segment__screens': 'segment:screen:',
    'stg_segment__tracks': 'segment:track:',
    'stg_snowplow__events': 'snowplow:',
    'stg_zendesk__tickets': 'zendesk:',
    'stg_klaviyo__events': 'klaviyo:',
    'stg_loyalty__members': 'loyalty:',
    'stg_stripe__charges': 'stripe:',
} %}
{#- What says more of a track, under the same key. -#}
{% set details = [
    'stg_segment__products_viewed',
    'stg_segment__products_added',
    'stg_segment__checkouts_started',
] %}
{% set source_models = prefixes | join("', '") %}
{% set order_models = {
    'shopify': 'stg_shopify__orders',
    'till': 'stg_till__sales',
    'online_retail': 'stg_online_retail__lines',
} %}
{% set no_time = 'cast(null as ' ~ dbt.type_timestamp() ~ ')' %}
{% set rows = 'touched' if is_incremental() else 'dated' %}

with

{% if is_incremental() %}
touched_rows as (

    select
        case
            when {{ is_listed('changed.source_model', details) }} then 'stg_segment__tracks'
            else changed.source_model
        end as source_model,
        changed.record_key

    from (
        {{ touched_source_records(prefixes.keys() | list + details) }}
    ) as changed

    union

    -- what waited for its time
    select
        own_rows.source_model,
        own_rows.record_key

    from {{ this }} as own_rows
    where own_rows.recheck_at <= {{ as_of() }}

),

touched as (

    select
        case touched_rows.source_model
            {% for source_model, prefix in prefixes.items() %}
            when '{{ source_model }}' then '{{ prefix }}'
            {% endfor %}
        end || touched_rows.record_key as event_key

    from touched_rows
    where {{ is_listed('touched_rows.source_model', prefixes) }}

    union

    select 'order:' || changed.order_key
    from {{ ref('fct_orders') }} as changed
    {% if not starts_over() %}
    where changed.changed_run > {{ last_own_run() }}
    {% endif %}

    union

    select 'consent:' || changed.consent_event_key
    from {{ ref('int_consent__answers') }} as changed
    {% if not starts_over() %}
    where changed.changed_run > {{ last_own_run() }}
    {% endif %}

    union

    -- orders and answers that are no more
    select own_rows.event_key
    from {{ this }} as own_rows
    left join {{ ref('fct_orders') }} as orders on own_rows.event_key = 'order:' || orders.order_key
    where
        own_rows.event_key like 'order:%'
        and orders.order_key is null

    union

    select own_rows.event_key
    from {{ this }} as own_rows
    left join {{ ref('int_consent__answers') }} as answers
        on own_rows.event_key = 'consent:' || answers.consent_event_key
    where
        own_rows.event_key like 'consent:%'
        and answers.consent_event_key is null

    union

    -- what waited for its time
    select own_rows.event_key
    from {{ this }} as own_rows
    where own_rows.recheck_at <= {{ as_of() }}

),
{% endif %}

records as (

    select
        records.source_model,
        records.record_key,
        records.customer_id

    from {{ ref('int_core__records') }} as records
    {% if is_incremental() %}
    inner join touched_rows
        on
            records.source_model = touched_rows.source_model
            and records.record_key = touched_rows.record_key
    {% endif %}
    where
        records.source_model in ('{{ source_models }}')
        and records.is_current

),

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

    select * from {{ ref('int_consent__answers') }}

),

members as (

    select * from {{ ref('stg_loyalty__members') }}

),

charges as (

    select * from {{ ref('stg_stripe__charges') }}

),

web_events as (

    select * from {{ ref('stg_snowplow__events') }}

),

page_views as (

    select
        'segment:page:' || pages.message_id as event_key,
        records.customer_id,
        'page_viewed' as event_name,
        'segment' as source_name,
        'web' as channel,
        coalesce(pages.page_path, pages.page_name) as subject,
        pages.message_id as related_id,
        cast(null as decimal(18, 2)) as amount,
        cast(null as {{ dbt.type_string() }}) as currency,
        records.source_model,
        records.record_key,
        pages.occurred_at,
        pages.received_at as received_at,
        pages.sent_at as sent_at

    from pages
    inner join records
        on
            records.source_model = 'stg_segment__pages'
            and pages.message_id = records.record_key

),

screen_views as (

    select
        'segment:screen:' || screens.message_id as event_key,
        records.customer_id,
        'screen_viewed' as event_name,
        'segment' as source_name,
        'app' as channel,
        screens.screen_name as subject,
        screens.message_id as related_id,
        cast(null as decimal(18, 2)) as amount,
        cast(null as {{ dbt.type_string() }}) as currency,
        records.source_model,
        records.record_key,
        screens.occurred_at,
        screens.received_at as received_at,
        screens.sent_at as sent_at

    from screens
    inner join records
        on
            records.source_model = 'stg_segment__screens'
            and screens.message_id = records.record_key

),

-- Orders come from the shop's own records below, not from what the browser said about them.
tracked_events as (

    select
        'segment:track:' || tracks.message_id as event_key,
        records.customer_id,
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
        records.source_model,
        records.record_key,
        tracks.occurred_at,
        tracks.received_at as received_at,
        tracks.sent_at as sent_at

    from tracks
    left join products_viewed on tracks.message_id = products_viewed.message_id
    left join products_added on tracks.message_id = products_added.message_id
    left join checkouts_started on tracks.message_id = checkouts_started.message_id
    inner join records
        on
            records.source_model = 'stg_segment__tracks'
            and tracks.message_id = records.record_key
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
        case orders.source_name
            {% for source_name, source_model in order_models.items() %}
            when '{{ source_name }}' then '{{ source_model }}'
            {% endfor %}
        end as source_model,
        orders.order_id as record_key,
        orders.ordered_at as occurred_at,
        {{ no_time }} as received_at,
        {{ no_time }} as sent_at

    from orders
    {% if is_incremental() %}
    inner join touched on 'order:' || orders.order_key = touched.event_key
    {% endif %}

),

ticket_events as (

    select
        'zendesk:' || tickets.ticket_id as event_key,
        records.customer_id,
        'ticket_opened' as event_name,
        'zendesk' as source_name,
        'support' as channel,
        tickets.subject,
        tickets.ticket_id as related_id,
        cast(null as decimal(18, 2)) as amount,
        cast(null as {{ dbt.type_string() }}) as currency,
        records.source_model,
        records.record_key,
        tickets.created_at as occurred_at,
        {{ no_time }} as received_at,
        {{ no_time }} as sent_at

    from tickets
    inner join records
        on
            records.source_model = 'stg_zendesk__tickets'
            and tickets.ticket_id = records.record_key
    where not tickets.is_deleted

),

campaign_events as (

    select
        'klaviyo:' || email_events.klaviyo_event_id as event_key,
        records.customer_id,
        'email_' || email_events.event_type as event_name,
        'klaviyo' as source_name,
        'email' as channel,
        coalesce(email_events.campaign_name, email_events.subject) as subject,
        email_events.campaign_id as related_id,
        cast(null as decimal(18, 2)) as amount,
        cast(null as {{ dbt.type_string() }}) as currency,
        records.source_model,
        records.record_key,
        email_events.occurred_at,
        {{ no_time }} as received_at,
        {{ no_time }} as sent_at

    from email_events
    inner join records
        on
            records.source_model = 'stg_klaviyo__events'
            and email_events.klaviyo_event_id = records.record_key
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
        consent_events.source_model,
        consent_events.record_key,
        consent_events.recorded_at as occurred_at,
        {{ no_time }} as received_at,
        {{ no_time }} as sent_at

    from consent_events
    {% if is_incremental() %}
    inner join touched on 'consent:' || consent_events.consent_event_key = touched.event_key
    {% endif %}

),

joined_loyalty as (

    select
        'loyalty:' || members.loyalty_id as event_key,
        records.customer_id,
        'loyalty_joined' as event_name,
        'loyalty' as source_name,
        'store' as channel,
        members.tier as subject,
        members.loyalty_id as related_id,
        cast(null as decimal(18, 2)) as amount,
        cast(null as {{ dbt.type_string() }}) as currency,
        records.source_model,
        records.record_key,
        members.joined_at as occurred_at,
        {{ no_time }} as received_at,
        {{ no_time }} as sent_at

    from members
    inner join records
        on
            records.source_model = 'stg_loyalty__members'
            and members.loyalty_id = records.record_key
    where members.loyalty_id is not null

),

payments as (

    select
        'stripe:' || charges.charge_id as event_key,
        records.customer_id,
        case when charges.is_paid then 'payment_succeeded' else 'payment_failed' end as event_name,
        'stripe' as source_name,
        'subscription' as channel,
        charges.failure_code as subject,
        charges.charge_id as related_id,
        charges.charge_amount as amount,
        charges.currency,
        records.source_model,
        records.record_key,
        charges.charged_at as occurred_at,
        {{ no_time }} as received_at,
        {{ no_time }} as sent_at

    from charges
    inner join records
        on
            records.source_model = 'stg_stripe__charges'
            and charges.charge_id = records.record_key

),

-- How long a page is looked at is told by sessions; banners by what was answered.
snowplow_events as (

    select
        'snowplow:' || web_events.event_id as event_key,
        records.customer_id,
        case
            when web_events.event_name = 'page_view' then 'page_viewed'
            else web_events.event_name
        end as event_name,
        'snowplow' as source_name,
        case when web_events.platform = 'mob' then 'app' else 'web' end as channel,
        coalesce(web_events.page_path, web_events.page_title) as subject,
        web_events.event_id as related_id,
        cast(null as decimal(18, 2)) as amount,
        cast(null as {{ dbt.type_string() }}) as currency,
        records.source_model,
        records.record_key,
        web_events.occurred_at,
        web_events.received_at,
        web_events.sent_at

    from web_events
    inner join records
        on
            records.source_model = 'stg_snowplow__events'
            and web_events.event_id = records.record_key
    where
        coalesce(web_events.event_name, '') not in (
            'page_ping', 'cmp_visible', 'consent_preferences'
        )

),

unioned as (

    select * from page_views
    union all
    select * from snowplow_events
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

),

-- A device's clock may be wrong; what it said stays beside.
dated as (

    select
        unioned.*,
        {{ clock_corrected('unioned.occurred_at', 'unioned.sent_at', 'unioned.received_at') }}
            as corrected_at

    from unioned

),

-- In a later run, an event that is no more is a row without a source, and makes way.
numbered as (

    select
        {{ rows }}.event_key,
        dated.customer_id,
        dated.event_name,
        dated.source_name,
        dated.channel,
        dated.subject,
        dated.related_id,
        dated.amount,
        dated.currency,
        dated.source_model,
        dated.record_key,
        dated.corrected_at as occurred_at,
        dated.occurred_at as tracked_at,
        dated.received_at,
        case when dated.corrected_at > {{ as_of() }} then dated.corrected_at end as recheck_at,
        cast({{ current_run() }} as {{ dbt.type_bigint() }}) as changed_run

    from {{ rows }}
    {% if is_incremental() %}
    left join dated on touched.event_key = dated.event_key
    {% endif %}

)

select * from numbered
