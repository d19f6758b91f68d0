-- Shopify as Fivetran lands it (REST generation). Prices include tax: total_price is line items
-- minus discounts plus shipping, and total_tax is a part of it.

insert into shopify.customer by name
with

orders_by_customer as (

    select
        order_contact.customer_id,
        count(*) as orders_count,
        sum(case when purchase.is_cancelled then 0 else purchase_total.total_minor end)::bigint
            as spent_minor,
        max(purchase.purchased_at) as last_order_at

    from order_contact
    inner join purchase on order_contact.purchase_id = purchase.purchase_id
    inner join purchase_total on order_contact.purchase_id = purchase_total.purchase_id
    group by order_contact.customer_id

)

select
    shop_customer.customer_id as id,
    typed_name(person.first_name, uniform(shop_customer.customer_id, 'shop first name'))
        as first_name,
    typed_name(person.last_name, uniform(shop_customer.customer_id, 'shop last name')) as last_name,
    shop_customer.email.raw as email,
    shop_phone.phone.raw as phone,
    if(shop_customer.guest_row = 0, 'enabled', 'disabled') as state,
    coalesce(orders_by_customer.orders_count, 0) as orders_count,
    coalesce(orders_by_customer.spent_minor, 0) / 100.0 as total_spent,
    shop_customer.created_at,
    greatest(
        shop_customer.created_at,
        coalesce(orders_by_customer.last_order_at, shop_customer.created_at),
        coalesce(
            if(shop_customer.guest_row = 0, person.email_changed_at, null), shop_customer.created_at
        )
    ) as updated_at,
    coalesce(mail_profile.is_subscribed, false) as accepts_marketing,
    shop_customer.guest_row = 0 as verified_email,
    false as tax_exempt,
    9000000000000 + opaque(person.person_id) as default_address_id,
    not_after_today(
        later(
            greatest(
                shop_customer.created_at,
                coalesce(orders_by_customer.last_order_at, shop_customer.created_at)
            ),
            5400
        )
    ) as _fivetran_synced
from shop_customer
inner join person on shop_customer.person_id = person.person_id
inner join shop_phone on shop_customer.customer_id = shop_phone.customer_id
left join mail_profile
    on
        shop_customer.person_id = mail_profile.person_id
        and mail_profile.profile_index = 0
left join orders_by_customer on shop_customer.customer_id = orders_by_customer.customer_id;

insert into shopify."order" by name
select
    purchase.order_id as id,
    '#' || (1000 + opaque(purchase.purchase_id) % 100000000) as name,
    order_contact.email.raw as email,
    purchase.currency,
    purchase_total.subtotal_minor / 100.0 as subtotal_price,
    purchase_total.tax_minor / 100.0 as total_tax,
    purchase_total.total_minor / 100.0 as total_price,
    purchase_total.discount_minor / 100.0 as total_discounts,
    purchase_total.line_items_minor / 100.0 as total_line_items_price,
    true as taxes_included,
    purchase.purchased_at as created_at,
    not_after_today(coalesce(purchase_return.returned_at, later(purchase.purchased_at, 172800)))
        as updated_at,
    purchase.purchased_at as processed_at,
    case when purchase.is_cancelled then later(purchase.purchased_at, 3600) end as cancelled_at,
    case
        when
            not purchase.is_cancelled
            and later(purchase.purchased_at, 432000) < getvariable('as_of')
            then later(purchase.purchased_at, 432000)
    end as closed_at,
    case
        when purchase.is_cancelled
            then one_of(purchase.purchase_id, 'cancel reason', ['customer', 'inventory', 'fraud'])
    end as cancel_reason,
    order_contact.customer_id,
    case
        when purchase.is_cancelled then 'voided'
        when purchase_return.refund_minor = purchase_total.total_minor then 'refunded'
        when purchase_return.refund_minor is not null then 'partially_refunded'
        else 'paid'
    end as financial_status,
    case
        when
            not purchase.is_cancelled
            and later(purchase.purchased_at, 259200) < getvariable('as_of')
            then 'fulfilled'
    end as fulfillment_status,
    case
        when purchase.channel = 'web' then 'web' when
            visit_context.context_os_name = 'iOS'
            then 'iphone' else 'android'
    end as source_name,
    visit_context.referrer as referring_site,
    case
        when not visit_context.is_app
            then visit_context.landing_path || coalesce('?' || visit_context.landing_query, '')
    end as landing_site_base_url,
    visit_context.context_ip as browser_ip,
    digest(purchase.purchase_id, 'order token') as token,
    purchase.cart_token,
    purchase.checkout_token,
    coalesce(mail_profile.is_subscribed, false) as buyer_accepts_marketing,
    false as test,
    1000 + opaque(purchase.purchase_id) % 100000000 as order_number,
    person.full_name as billing_address_name,
    case
        when chance(purchase.purchase_id, 'same phone twice', 0.3) then order_contact.phone.raw
    end as billing_address_phone,
    person.country_code as billing_address_country_code,
    typed_name(person.full_name, uniform(purchase.purchase_id, 'shipping name'))
        as shipping_address_name,
    typed_name(person.first_name, uniform(purchase.purchase_id, 'shipping name'))
        as shipping_address_first_name,
    typed_name(person.last_name, uniform(purchase.purchase_id, 'shipping name'))
        as shipping_address_last_name,
    order_contact.phone.raw as shipping_address_phone,
    person.street as shipping_address_address_1,
    person.city as shipping_address_city,
    person.postal_code as shipping_address_zip,
    person.country_code as shipping_address_country_code,
    not_after_today(later(purchase.purchased_at, 176400)) as _fivetran_synced
from purchase
inner join order_contact on purchase.purchase_id = order_contact.purchase_id
inner join purchase_total on purchase.purchase_id = purchase_total.purchase_id
inner join person on purchase.person_id = person.person_id
inner join visit_context on purchase.purchase_id = visit_context.purchase_id
left join purchase_return on purchase.purchase_id = purchase_return.purchase_id
left join mail_profile
    on
        purchase.person_id = mail_profile.person_id
        and mail_profile.profile_index = 0;

insert into shopify.order_line by name
select
    12000000000000 + opaque(purchase_line.line_id) as id,
    purchase.order_id,
    product.product_id,
    product.variant_id,
    product.name,
    product.name as title,
    product.brand as vendor,
    product.sku,
    purchase_line.unit_minor / 100.0 as price,
    purchase_line.quantity,
    purchase_line.discount_minor / 100.0 as total_discount,
    false as gift_card,
    purchase_line.line_index as index,
    not_after_today(later(purchase.purchased_at, 176400)) as _fivetran_synced
from purchase_line
inner join purchase on purchase_line.purchase_id = purchase.purchase_id
inner join product on purchase_line.price_rank = product.price_rank
where purchase.channel <> 'store';

insert into shopify.refund by name
select
    880000000000 + opaque(purchase_return.purchase_id) as id,
    purchase.order_id,
    purchase_return.returned_at as created_at,
    purchase_return.returned_at as processed_at,
    one_of(
        purchase_return.purchase_id,
        'refund note',
        [null, 'wrong size', 'damaged in transit', 'changed mind', 'arrived too late']
    ) as note,
    chance(purchase_return.purchase_id, 'restocked', 0.8) as restock,
    81000000000 + whole(purchase_return.purchase_id, 'refunding staff', 1, 6) as user_id,
    not_after_today(later(purchase_return.returned_at, 7200)) as _fivetran_synced
from purchase_return
inner join purchase on purchase_return.purchase_id = purchase.purchase_id
where purchase.channel <> 'store';

insert into shopify.order_line_refund by name
select
    390000000000 + opaque(returned_line.line_id) as id,
    880000000000 + opaque(returned_line.purchase_id) as refund_id,
    12000000000000 + opaque(returned_line.line_id) as order_line_id,
    returned_line.quantity,
    returned_line.refund_minor / 100.0 as subtotal,
    ((returned_line.refund_minor * returned_line.tax_percent) // (100 + returned_line.tax_percent))
    / 100.0 as total_tax,
    if(chance(returned_line.purchase_id, 'restocked', 0.8), 'return', 'no_restock') as restock_type,
    not_after_today(later(returned_line.returned_at, 7200)) as _fivetran_synced
from returned_line
inner join purchase on returned_line.purchase_id = purchase.purchase_id
where purchase.channel <> 'store';

-- A checkout that was begun and not finished, by somebody who had said who they are. Some come
-- back within three days and buy after all.
create or replace temp table left_checkout as
with

begun as (

    select
        visit_context.visit_id,
        visit_context.person_id,
        visit_context.checkout_at,
        visit_context.is_sign_in or visit_context.remembered_user_id is not null as is_signed_in,
        min(purchase.purchased_at) as completed_at

    from visit_context
    left join purchase
        on
            visit_context.person_id = purchase.person_id
            and purchase.channel <> 'store'
            and visit_context.checkout_at < purchase.purchased_at
            and later(visit_context.checkout_at, 259200) > purchase.purchased_at
    where
        visit_context.intent = 'cart'
        and visit_context.begins_checkout
    group by all

),

told as (

    select
        begun.*,
        person.full_name,
        if(
            begun.is_signed_in or chance(begun.visit_id, 'types e-mail', 0.6),
            visit_context.email_then,
            null
        ) as given_email,
        if(chance(begun.visit_id, 'types phone', 0.4), person.phone, null) as given_phone,
        uniform(begun.visit_id, 'checkout e-mail') as email_fate,
        uniform(begun.visit_id, 'checkout phone') as phone_fate,
        chance(begun.visit_id, 'checkout deleted', getvariable('mess_soft_deletes')) as is_deleted

    from begun
    inner join visit_context on begun.visit_id = visit_context.visit_id
    inner join person on begun.person_id = person.person_id
    where person.archetype <> 'visitor'

)

select
    told.*,
    typed_email(told.given_email, told.full_name, told.email_fate) as email,
    typed_phone(told.given_phone, told.phone_fate, true) as phone
from told
where told.given_email is not null;

insert into shopify.abandoned_checkout by name
select
    33000000000000 + opaque(left_checkout.visit_id) as id,
    visit_context.checkout_token as token,
    visit_context.cart_token,
    if(left_checkout.is_signed_in, person.account_id, null) as customer_id,
    left_checkout.email.raw as email,
    null as phone,
    left_checkout.checkout_at as created_at,
    not_after_today(later(coalesce(left_checkout.completed_at, left_checkout.checkout_at), 60))
        as updated_at,
    left_checkout.completed_at,
    null as closed_at,
    person.currency,
    cart.value_minor / 100.0 as subtotal_price,
    cart.value_minor / 100.0 as total_price,
    person.locale as customer_locale,
    case
        when not visit_context.is_app
            then visit_context.landing_path || coalesce('?' || visit_context.landing_query, '')
    end as landing_site_base_url,
    visit_context.referrer as referring_site,
    visit_context.site_url
    || '/checkouts/'
    || visit_context.checkout_token
    || '/recover' as abandoned_checkout_url,
    left_checkout.phone.raw as shipping_address_phone,
    person.country_code as shipping_address_country_code,
    coalesce(mail_profile.is_subscribed, false) as buyer_accepts_marketing,
    left_checkout.is_deleted as _fivetran_deleted,
    not_after_today(later(left_checkout.checkout_at, 7200)) as _fivetran_synced
from left_checkout
inner join visit_context on left_checkout.visit_id = visit_context.visit_id
inner join cart on left_checkout.visit_id = cart.visit_id
inner join person on left_checkout.person_id = person.person_id
left join mail_profile
    on
        left_checkout.person_id = mail_profile.person_id
        and mail_profile.profile_index = 0;

insert into sighting
select
    shop_customer.person_id,
    'shopify.customer' as source,
    shop_customer.customer_id as record_key,
    true as is_live,
    unnest(
        seen([
            owned('shopify_customer_id', shop_customer.customer_id, null),
            owned(
                'user_id', if(shop_customer.guest_row = 0, shop_customer.customer_id, null), null
            ),
            named('email', shop_customer.email),
            named('phone', shop_phone.phone)
        ]),
        recursive := true
    )
from shop_customer
inner join shop_phone on shop_customer.customer_id = shop_phone.customer_id;

insert into sighting
with

orders as (

    select
        order_contact.person_id,
        min(order_contact.purchase_id) as record_key,
        order_contact.customer_id,
        as_read(order_contact.email) as email,
        as_read(order_contact.phone) as phone

    from order_contact
    group by all

)

select
    orders.person_id,
    'shopify.order' as source,
    orders.record_key,
    true as is_live,
    unnest(
        seen([
            owned('shopify_customer_id', orders.customer_id, null),
            named('email', orders.email),
            named('phone', orders.phone)
        ]),
        recursive := true
    )
from orders;

insert into sighting
select
    left_checkout.person_id,
    'shopify.abandoned_checkout' as source,
    left_checkout.visit_id as record_key,
    not left_checkout.is_deleted as is_live,
    unnest(
        seen([
            owned(
                'shopify_customer_id', if(left_checkout.is_signed_in, person.account_id, null), null
            ),
            named('email', left_checkout.email),
            named('phone', left_checkout.phone)
        ]),
        recursive := true
    )
from left_checkout
inner join person on left_checkout.person_id = person.person_id;
