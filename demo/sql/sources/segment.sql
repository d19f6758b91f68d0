-- Segment: one row per message as received, web and app. Typed event tables repeat the tracks row.

-- Every message of the block, narrow. step orders the messages of a visit.
create or replace temp table message as
with

landings as (

    select
        visit_context.visit_id,
        0 as step,
        if(visit_context.is_app, 'screen', 'page') as kind,
        visit_context.started_at as happened_at,
        null::bigint as price_rank,
        null::bigint as quantity

    from visit_context

),

views as (

    select
        viewed_product.visit_id,
        steps.step_offset + viewed_product.view_index as step,
        if(steps.kind = 'page' and visit_context.is_app, 'screen', steps.kind) as kind,
        later(
            visit_context.started_at,
            steps.delay_s
            + 40 * viewed_product.view_index
            + whole(viewed_product.visit_id * 8 + viewed_product.view_index, 'looks around', 0, 20)
        ) as happened_at,
        viewed_product.price_rank,
        viewed_product.quantity

    from viewed_product
    inner join visit_context on viewed_product.visit_id = visit_context.visit_id
    inner join
        (values ('page', 0, 0), ('product_viewed', 16, 1), ('product_added', 24, 15))
            as steps (kind, step_offset, delay_s)
        on steps.kind <> 'product_added' or viewed_product.is_added

),

endings as (

    select
        visit_context.visit_id,
        steps.step,
        if(steps.kind = 'page' and visit_context.is_app, 'screen', steps.kind) as kind,
        case
            when steps.step in (7) then visit_context.cart_at
            when steps.step in (8, 40) then visit_context.checkout_at
            else visit_context.purchased_at
        end as happened_at,
        null::bigint as price_rank,
        null::bigint as quantity

    from visit_context
    inner join
        (
            values (7, 'page'),
            (8, 'page'),
            (9, 'page'),
            (40, 'checkout_started'),
            (41, 'order_completed')
        ) as steps (step, kind)
        on
            (steps.step = 7 and visit_context.intent in ('cart', 'purchase'))
            or (
                steps.step in (8, 40)
                and (
                    visit_context.intent = 'purchase'
                    or (visit_context.intent = 'cart' and visit_context.begins_checkout)
                )
            )
            or (steps.step in (9, 41) and visit_context.intent = 'purchase')

),

-- Signing in comes twenty seconds after landing; a guest gives an address at the checkout.
introductions as (

    select
        visit_context.visit_id,
        10 as step,
        'identify' as kind,
        case
            when visit_context.is_sign_in then later(visit_context.started_at, 20)
            when visit_context.intent = 'purchase' then later(visit_context.checkout_at, 40)
            else later(visit_context.started_at, 35)
        end as happened_at,
        null::bigint as price_rank,
        null::bigint as quantity

    from visit_context
    where
        visit_context.is_sign_in
        or visit_context.is_newsletter_sign_up
        or visit_context.is_quote_request
        or (
            visit_context.intent = 'purchase'
            and chance(visit_context.visit_id, 'gives address to tracker', 0.7)
        )

),

steps_of_visits as (

    select * from landings
    union all
    select * from views
    union all
    select * from endings
    union all
    select * from introductions

),

keyed as (

    select
        steps_of_visits.*,
        steps_of_visits.visit_id * 64 + steps_of_visits.step as message_key

    from steps_of_visits

),

-- Most messages leave within seconds; a phone without a network keeps them for days.
sent as (

    select
        keyed.*,
        uuid_text(keyed.message_key, 'message') as id,
        not_after_today(later(keyed.happened_at, whole(keyed.message_key, 'queue', 0, 4)))
            as sent_at,
        case
            when chance(keyed.message_key, 'is late', getvariable('mess_late_messages'))
                then 86400 + floor(uniform(keyed.message_key, 'how late') * 4 * 86400)::bigint
            else whole(keyed.message_key, 'travel', 0, 2)
        end as travel_s

    from keyed

)

select
    sent.*,
    not_after_today(later(sent.sent_at, sent.travel_s)) as received_at
from sent;

-- An SDK that hears nothing back sends again: the same id arrives twice, now and then three times.
insert into message
select
    message.* replace (
        not_after_today(later(message.received_at, 30 * copies.copy_index)) as received_at
    )
from message
inner join (values (1, 1.0), (2, 0.1)) as copies (copy_index, share)
    on
        chance(
            message.message_key,
            'is sent again',
            getvariable('mess_duplicate_messages') * copies.share
        );

-- The columns that every Segment table has, as one struct, beside what the single tables need.
create or replace temp view message_in_context as
select
    {
        'id': message.id,
        'anonymous_id': visit_context.anonymous_id,
        'user_id': case
            when
                visit_context.is_sign_in
                and message.happened_at >= later(visit_context.started_at, 20)
                then visit_context.user_id_after
            else visit_context.user_id_before
        end,
        'received_at': message.received_at,
        'sent_at': message.sent_at,
        'original_timestamp': message.happened_at,
        'timestamp': message.happened_at,
        'uuid_ts': not_after_today(later(message.received_at, 240)),
        'context_ip': visit_context.context_ip,
        'context_user_agent': visit_context.context_user_agent,
        'context_locale': visit_context.locale,
        'context_library_name': visit_context.context_library_name,
        'context_library_version': visit_context.context_library_version,
        'context_page_url': case
            when visit_context.is_app then null
            when message.step = 0
                then
                    visit_context.site_url || visit_context.landing_path
                    || coalesce('?' || visit_context.landing_query, '')
            else
                visit_context.site_url
                || coalesce('/products/' || product.handle, ending.path, visit_context.landing_path)
        end,
        'context_page_path': case
            when visit_context.is_app then null
            else
                '/'
                || visit_context.shop
                || coalesce('/products/' || product.handle, ending.path, visit_context.landing_path)
        end,
        'context_page_referrer': case
            when visit_context.is_app then null
            when message.step = 0 then visit_context.referrer
            else visit_context.site_url || '/'
        end,
        'context_page_title': case
            when visit_context.is_app then null
            else coalesce(product.name, ending.title, 'Nordvik') || ' | Nordvik'
        end,
        'context_campaign_source': if(message.step = 0, visit_context.utm_source, null),
        'context_campaign_medium': if(message.step = 0, visit_context.utm_medium, null),
        'context_campaign_name': if(message.step = 0, visit_context.utm_campaign, null),
        'context_campaign_content': if(message.step = 0, visit_context.utm_content, null),
        'context_campaign_term': if(message.step = 0, visit_context.utm_term, null),
        'context_device_id': visit_context.device_id,
        'context_device_type': visit_context.context_device_type,
        'context_os_name': visit_context.context_os_name,
        'context_app_version': visit_context.context_app_version
    } as common,
    message.kind,
    message.step,
    message.quantity,
    message.price_rank,
    visit_context.visit_id,
    '?' || visit_context.landing_query as landing_search,
    coalesce(ending.screen, if(product.name is not null, 'Product', 'Home')) as screen_name
from message
inner join visit_context on message.visit_id = visit_context.visit_id
left join product on message.price_rank = product.price_rank
left join (
    values
    (7, '/cart', 'Your cart', 'Cart'),
    (8, '/checkout', 'Checkout', 'Checkout'),
    (9, '/checkout/thank-you', 'Thank you', 'Thank you'),
    (40, '/checkout', 'Checkout', 'Checkout'),
    (41, '/checkout/thank-you', 'Thank you', 'Thank you')
) as ending (step, path, title, screen)
    on message.step = ending.step;

insert into segment.pages by name
select
    common.*,
    case when step = 0 then 'Landing' else screen_name end as name,
    common.context_page_path as path,
    common.context_page_url as url,
    common.context_page_referrer as referrer,
    common.context_page_title as title,
    if(step = 0, landing_search, null) as search
from message_in_context
where kind = 'page';

insert into segment.screens by name
select
    common.*,
    screen_name as name
from message_in_context
where kind = 'screen';

insert into segment.tracks by name
select
    common.*,
    kind as event,
    case kind
        when 'product_viewed' then 'Product Viewed'
        when 'product_added' then 'Product Added'
        when 'checkout_started' then 'Checkout Started'
        else 'Order Completed'
    end as event_text
from message_in_context
where kind in ('product_viewed', 'product_added', 'checkout_started', 'order_completed');

insert into segment.product_viewed by name
select
    common.*,
    'product_viewed' as event,
    'Product Viewed' as event_text,
    product.product_id::varchar as product_id,
    product.sku,
    product.name,
    product.category,
    case person.currency
        when 'EUR' then product.minor_eur when 'NOK' then product.minor_nok else product.minor_pln
    end
    / 100.0 as price,
    person.currency
from message_in_context
inner join product on message_in_context.price_rank = product.price_rank
inner join visit on message_in_context.visit_id = visit.visit_id
inner join person on visit.person_id = person.person_id
where kind = 'product_viewed';

insert into segment.product_added by name
select
    common.*,
    'product_added' as event,
    'Product Added' as event_text,
    visit_context.cart_token as cart_id,
    product.product_id::varchar as product_id,
    product.sku,
    product.name,
    product.category,
    case person.currency
        when 'EUR' then product.minor_eur when 'NOK' then product.minor_nok else product.minor_pln
    end
    / 100.0 as price,
    message_in_context.quantity,
    person.currency
from message_in_context
inner join product on message_in_context.price_rank = product.price_rank
inner join visit_context on message_in_context.visit_id = visit_context.visit_id
inner join person on visit_context.person_id = person.person_id
where kind = 'product_added';

insert into segment.checkout_started by name
select
    common.*,
    'checkout_started' as event,
    'Checkout Started' as event_text,
    visit_context.checkout_token as order_id,
    visit_context.cart_token as cart_id,
    coalesce(purchase_total.subtotal_minor, cart.value_minor) / 100.0 as value,
    person.currency,
    case when purchase.discount_percent > 0 then 'TUR' || purchase.discount_percent end as coupon,
    cart.products
from message_in_context
inner join visit_context on message_in_context.visit_id = visit_context.visit_id
inner join person on visit_context.person_id = person.person_id
inner join cart on visit_context.visit_id = cart.visit_id
left join purchase on visit_context.purchase_id = purchase.purchase_id
left join purchase_total on visit_context.purchase_id = purchase_total.purchase_id
where kind = 'checkout_started';

-- What people tell the tracker about themselves.
create or replace temp table introduction as
with

told as (

    select
        message_in_context.common,
        visit_context.visit_id,
        visit_context.person_id,
        person.full_name,
        person.first_name as own_first_name,
        person.last_name as own_last_name,
        coalesce(visit_context.user_id_after, visit_context.remembered_user_id) as own_user_id,
        if(
            visit_context.is_quote_request and not visit_context.is_sign_in,
            visit_context.work_email,
            visit_context.email_then
        ) as given_email,
        if(chance(visit_context.visit_id, 'identifies with phone', 0.2), person.phone, null)
            as given_phone,
        if(
            visit_context.is_sign_in
            and chance(visit_context.visit_id, 'identifies with card', 0.3),
            person.loyalty_id,
            null
        ) as loyalty_id,
        chance(visit_context.visit_id, 'identifies with name', 0.6) as tells_name,
        uniform(visit_context.visit_id, 'identify e-mail') as email_fate,
        uniform(visit_context.visit_id, 'identify phone') as phone_fate,
        uniform(visit_context.visit_id, 'identify name') as name_fate

    from message_in_context
    inner join visit_context on message_in_context.visit_id = visit_context.visit_id
    inner join person on visit_context.person_id = person.person_id
    where message_in_context.kind = 'identify'

)

select
    told.common,
    told.visit_id,
    told.person_id,
    told.own_user_id,
    told.loyalty_id,
    typed_email(told.given_email, told.full_name, told.email_fate) as email,
    typed_phone(told.given_phone, told.phone_fate, false) as phone,
    if(told.tells_name, typed_name(told.own_first_name, told.name_fate), null) as first_name,
    if(told.tells_name, typed_name(told.own_last_name, told.name_fate), null) as last_name
from told;

insert into segment.identifies by name
select
    common.*,
    email.raw as email,
    phone.raw as phone,
    first_name,
    last_name,
    loyalty_id
from introduction;

insert into segment.order_completed by name
select
    common.*,
    'order_completed' as event,
    'Order Completed' as event_text,
    visit_context.order_id::varchar as order_id,
    visit_context.checkout_token as checkout_id,
    purchase_total.total_minor / 100.0 as total,
    purchase_total.subtotal_minor / 100.0 as revenue,
    purchase_total.shipping_minor / 100.0 as shipping,
    purchase_total.tax_minor / 100.0 as tax,
    purchase_total.discount_minor / 100.0 as discount,
    case when purchase.discount_percent > 0 then 'TUR' || purchase.discount_percent end as coupon,
    purchase.currency,
    order_contact.email.raw as email,
    cart.products
from message_in_context
inner join visit_context on message_in_context.visit_id = visit_context.visit_id
inner join purchase on visit_context.purchase_id = purchase.purchase_id
inner join purchase_total on purchase.purchase_id = purchase_total.purchase_id
inner join order_contact on purchase.purchase_id = order_contact.purchase_id
inner join cart on visit_context.visit_id = cart.visit_id
where kind = 'order_completed';

-- Who was really at the keyboard. Messages of one cookie and one login state name the same people.
insert into sighting
select
    visit_context.person_id,
    'segment.visit' as source,
    min(visit_context.visit_id) as record_key,
    true as is_live,
    unnest(
        seen([
            owned('anonymous_id', visit_context.anonymous_id, visit_context.cookie_mess),
            named('device_id', visit_context.device),
            owned('user_id', users.user_id, null)
        ]),
        recursive := true
    )
from visit_context
cross join
    unnest([visit_context.user_id_after, visit_context.remembered_user_id]) as users (user_id)
group by
    visit_context.person_id,
    visit_context.anonymous_id,
    visit_context.cookie_mess,
    visit_context.device,
    users.user_id;

insert into sighting
select
    null as person_id,
    'segment.broken' as source,
    min(visit_context.visit_id) as record_key,
    true as is_live,
    'user_id' as identifier_type,
    visit_context.broken_user_id as identifier_value,
    'placeholders' as mess
from visit_context
where visit_context.broken_user_id is not null
group by visit_context.broken_user_id;

insert into sighting
with

introductions as (

    select
        introduction.person_id,
        min(introduction.visit_id) as record_key,
        visit_context.anonymous_id,
        visit_context.cookie_mess,
        visit_context.device,
        introduction.own_user_id,
        introduction.loyalty_id,
        as_read(introduction.email) as email,
        as_read(introduction.phone) as phone

    from introduction
    inner join visit_context on introduction.visit_id = visit_context.visit_id
    group by all

)

select
    introductions.person_id,
    'segment.identifies' as source,
    introductions.record_key,
    true as is_live,
    unnest(
        seen([
            owned('anonymous_id', introductions.anonymous_id, introductions.cookie_mess),
            named('device_id', introductions.device),
            owned('user_id', introductions.own_user_id, null),
            named('email', introductions.email),
            named('phone', introductions.phone),
            owned('loyalty_id', introductions.loyalty_id, null)
        ]),
        recursive := true
    )
from introductions;

insert into sighting
with

orders as (

    select
        visit_context.person_id,
        min(visit_context.visit_id) as record_key,
        visit_context.anonymous_id,
        visit_context.cookie_mess,
        as_read(order_contact.email) as email

    from visit_context
    inner join order_contact on visit_context.purchase_id = order_contact.purchase_id
    group by all

)

select
    orders.person_id,
    'segment.order_completed' as source,
    orders.record_key,
    true as is_live,
    unnest(
        seen([
            owned('anonymous_id', orders.anonymous_id, orders.cookie_mess),
            named('email', orders.email)
        ]),
        recursive := true
    )
from orders;
