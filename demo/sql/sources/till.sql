-- The till: a nightly export of forty stores. E-mail and card number are typed by hand. A return is
-- a sale of its own with negative amounts that names the sale it undoes.

create or replace temp table till_sale as
with

rung_up as (

    select
        purchase.purchase_id,
        purchase.person_id,
        purchase.sale_id,
        purchase.purchased_at as sold_at,
        null::varchar as original_sale_id,
        false as is_return,
        purchase_total.total_minor as amount_minor,
        purchase_total.tax_minor,
        purchase_total.item_count

    from purchase
    inner join purchase_total on purchase.purchase_id = purchase_total.purchase_id
    where purchase.channel = 'store'

),

taken_back as (

    select
        purchase.purchase_id,
        purchase.person_id,
        'R' || substr(purchase.sale_id, 2) as sale_id,
        purchase_return.returned_at as sold_at,
        purchase.sale_id as original_sale_id,
        true as is_return,
        -purchase_return.refund_minor as amount_minor,
        -(
            (purchase_return.refund_minor * purchase_total.tax_percent)
            // (100 + purchase_total.tax_percent)
        ) as tax_minor,
        -purchase_return.item_count as item_count

    from purchase_return
    inner join purchase on purchase_return.purchase_id = purchase.purchase_id
    inner join purchase_total on purchase_return.purchase_id = purchase_total.purchase_id
    where purchase.channel = 'store'

),

both_ways as (

    select * from rung_up
    union all
    select * from taken_back

),

served as (

    select
        both_ways.*,
        both_ways.purchase_id * 2 + both_ways.is_return::bigint as slip_key,
        person.currency,
        person.user_id,
        person.country_code,
        person.email as own_email,
        person.full_name,
        if(
            chance(both_ways.purchase_id, 'at home store', 0.75),
            person.home_store_id,
            person.country_code
            || lpad(whole(both_ways.purchase_id, 'another store', 1, 8)::varchar, 2, '0')
        ) as store_id,
        if(card_holder.joined_at <= both_ways.sold_at, card_holder.loyalty_id, null) as own_card

    from both_ways
    inner join person on both_ways.person_id = person.person_id
    left join card_holder on both_ways.person_id = card_holder.person_id

),

told as (

    select
        served.*,
        if(chance(served.slip_key, 'shows card', 0.8), served.own_card, null) as given_card,
        if(
            not served.is_return and chance(served.slip_key, 'receipt by mail', 0.35),
            served.own_email,
            null
        ) as given_email,
        uniform(served.slip_key, 'till card') as card_fate,
        uniform(served.slip_key, 'till e-mail') as email_fate

    from served

)

select
    told.*,
    store.timezone,
    card_typed_at_the_till(told.given_card, told.card_fate) as card,
    email_typed_at_the_till(told.given_email, told.full_name, told.email_fate) as email
from told
inner join store on told.store_id = store.store_id;

insert into till.sale by name
select
    till_sale.sale_id,
    till_sale.store_id,
    till_sale.store_id || '-' || whole(till_sale.slip_key, 'register', 1, 4) as register_id,
    (100000 + opaque(till_sale.slip_key) % 900000)::varchar as receipt_number,
    strftime(
        (till_sale.sold_at at time zone 'UTC') at time zone till_sale.timezone, '%Y-%m-%d %H:%M:%S'
    ) as sold_at_local,
    till_sale.timezone as store_timezone,
    till_sale.sold_at,
    till_sale.email.raw as email,
    till_sale.card.raw as loyalty_card,
    till_sale.amount_minor / 100.0 as amount,
    till_sale.tax_minor / 100.0 as tax,
    till_sale.currency,
    till_sale.item_count,
    till_sale.is_return,
    till_sale.original_sale_id,
    not_after_today(later(date_trunc('day', till_sale.sold_at), 86400 + 7200)) as exported_at
from till_sale;

insert into till.sale_line by name
with

lines as (

    select
        purchase_line.purchase_id,
        purchase_line.line_index,
        purchase_line.price_rank,
        false as is_return,
        purchase_line.quantity,
        purchase_line.unit_minor,
        purchase_line.discount_minor

    from purchase_line
    union all
    select
        returned_line.purchase_id,
        returned_line.line_index,
        returned_line.price_rank,
        true as is_return,
        -returned_line.quantity as quantity,
        returned_line.unit_minor,
        -(returned_line.unit_minor * returned_line.quantity - returned_line.refund_minor)
            as discount_minor

    from returned_line

)

select
    till_sale.sale_id,
    lines.line_index as line_number,
    product.sku,
    product.name,
    lines.quantity,
    lines.unit_minor / 100.0 as unit_price,
    lines.discount_minor / 100.0 as discount,
    not_after_today(later(date_trunc('day', till_sale.sold_at), 86400 + 7200)) as exported_at
from lines
inner join till_sale
    on
        lines.purchase_id = till_sale.purchase_id
        and lines.is_return = till_sale.is_return
inner join product on lines.price_rank = product.price_rank;

insert into sighting
select
    till_sale.person_id,
    'till.sale' as source,
    till_sale.slip_key as record_key,
    true as is_live,
    unnest(
        seen([
            named('loyalty_id', till_sale.card),
            named('email', till_sale.email)
        ]),
        recursive := true
    )
from till_sale;

-- In three flagship stores the staff look customers up on a tablet, which tells Segment about
-- each of them under its own anonymous id.
create or replace temp table tablet_use as
select
    till_sale.person_id,
    till_sale.slip_key,
    store_tablet.anonymous_id,
    store_tablet.device_id,
    later(till_sale.sold_at, -300) as happened_at,
    till_sale.own_card as loyalty_id,
    if(till_sale.own_card is null, till_sale.user_id, null) as user_id,
    if(till_sale.own_card is null, till_sale.own_email, null) as email,
    uuid_text(till_sale.slip_key, 'tablet identify') as identify_id,
    uuid_text(till_sale.slip_key, 'tablet screen') as screen_id
from till_sale
inner join store_tablet on till_sale.country_code = store_tablet.country_code
where
    not till_sale.is_return
    and chance(till_sale.slip_key, 'looked up on tablet', getvariable('mess_store_tablets'))
    and coalesce(till_sale.own_card, till_sale.given_email, till_sale.user_id) is not null;

create or replace temp view tablet_message as
select
    {
        'anonymous_id': tablet_use.anonymous_id,
        'user_id': tablet_use.user_id,
        'received_at': later(tablet_use.happened_at, 2),
        'sent_at': later(tablet_use.happened_at, 1),
        'original_timestamp': tablet_use.happened_at,
        'timestamp': tablet_use.happened_at,
        'uuid_ts': later(tablet_use.happened_at, 240),
        'context_user_agent': 'Nordvik Store/2.4.0 (iPad; iOS 17.5; Scale/2.00)',
        'context_library_name': 'analytics-ios',
        'context_library_version': '4.1.8',
        'context_device_id': tablet_use.device_id,
        'context_device_type': 'ios',
        'context_os_name': 'iOS',
        'context_app_version': 'store-2.4.0'
    } as common,
    tablet_use.identify_id,
    tablet_use.screen_id,
    tablet_use.email,
    tablet_use.loyalty_id
from tablet_use;

insert into segment.identifies by name
select
    common.*,
    identify_id as id,
    email,
    loyalty_id
from tablet_message;

insert into segment.screens by name
select
    common.*,
    screen_id as id,
    'Customer lookup' as name
from tablet_message;

insert into sighting
select
    tablet_use.person_id,
    'segment.tablet' as source,
    tablet_use.slip_key as record_key,
    true as is_live,
    unnest(
        seen([
            owned('user_id', tablet_use.user_id, null),
            owned('email', tablet_use.email, null),
            owned('loyalty_id', tablet_use.loyalty_id, null)
        ]),
        recursive := true
    )
from tablet_use;
