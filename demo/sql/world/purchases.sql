-- What the people of this block buy, and send back. Everything in minor units of the currency.
--
-- How often: BG/NBD (Fader, Hardie, Lee 2005). A buyer's rate is Gamma(2) a year; after each
-- purchase the buyer is lost with a probability that is Beta(1, 4).
-- How much: gamma-gamma (Fader, Hardie 2013), shapes 3 and 4, mean 85 euro.

create or replace temp table purchase as
with

buyers as (

    select
        person.*,
        seconds_between(person.ready_at, getvariable('as_of')) - 7200 as seconds_left,
        -- Purchases until lost: geometric in a probability with distribution Beta(1, 4).
        1 + least(
            99,
            floor(
                ln(1.0 - uniform(person.person_id, 'purchases until lost'))
                / ln(power(1.0 - uniform(person.person_id, 'loss per purchase'), 0.25))
            )
        )::bigint as purchase_limit,
        31557600 / gamma_2(person.person_id, 'purchase rate') as mean_gap_s,
        8500.0 / gamma_4(person.person_id, 'spend level') as spend_scale

    from person
    where
        person.archetype in ('guest', 'store')
        or (person.archetype = 'member' and chance(person.person_id, 'buys', 0.86))

),

tries as (

    select
        buyers.person_id,
        person_purchase.purchase_index,
        -- The first purchase comes soon after the first contact.
        case
            when person_purchase.purchase_index > 1
                then
                    3600
                    + floor(
                        exponential(buyers.person_id * 128 + person_purchase.purchase_index, 'gap')
                        * buyers.mean_gap_s
                    )::bigint
            else
                3600 + floor(
                    least(
                        exponential(buyers.person_id, 'first gap') * 6 * 86400,
                        0.9 * buyers.seconds_left
                    )
                )::bigint
        end as gap_s

    from buyers
    cross join unnest(range(1, buyers.purchase_limit + 1)) as person_purchase (purchase_index)

),

-- Whole seconds are summed: the result does not depend on the order of adding.
timed as (

    select
        tries.person_id,
        tries.purchase_index,
        sum(tries.gap_s) over (
            partition by tries.person_id
            order by tries.purchase_index
            rows between unbounded preceding and current row
        )::bigint as after_s

    from tries

),

placed as (

    select
        buyers.*,
        timed.purchase_index,
        timed.after_s,
        buyers.person_id * 128 + timed.purchase_index as purchase_id

    from timed
    inner join buyers on timed.person_id = buyers.person_id
    where timed.after_s < buyers.seconds_left

),

channelled as (

    select
        placed.*,
        case
            when placed.archetype = 'store' then 'store'
            when placed.archetype = 'guest' and placed.purchase_index = 1 then 'web'
            when placed.archetype = 'guest' and chance(placed.purchase_id, 'channel', 0.12)
                then 'store'
            when placed.archetype = 'guest' then 'web'
            when placed.shops_in_stores and chance(placed.purchase_id, 'channel', 0.45) then 'store'
            when placed.app_count > 0 and chance(placed.purchase_id, 'in app', 0.45) then 'app'
            else 'web'
        end as channel

    from placed

)

select
    channelled.purchase_id,
    channelled.person_id,
    channelled.purchase_index,
    channelled.channel,
    channelled.currency,
    channelled.country_code,
    -- Stores are open from nine to six; the visit is on the day after.
    case
        when channelled.channel = 'store'
            then
                least(
                    later(
                        date_trunc('day', later(channelled.ready_at, channelled.after_s + 86400)),
                        whole(channelled.purchase_id, 'time of day', 28800, 60000)
                    ),
                    later(getvariable('as_of'), -7200)
                )
        else later(channelled.ready_at, channelled.after_s)
    end as purchased_at,
    -- Of an online one, the visit that it ends began ten to thirty minutes before.
    case
        when channelled.channel <> 'store'
            then
                later(
                    channelled.ready_at,
                    channelled.after_s
                    - whole(channelled.purchase_id, 'length of purchase visit', 600, 1800)
                )
    end as visit_started_at,
    -- A guest checkout makes a customer row in the shop, sometimes one more for the same person.
    channelled.channel <> 'store'
    and (
        channelled.archetype = 'guest'
        or (
            channelled.archetype = 'member'
            and chance(
                channelled.purchase_id, 'as guest', getvariable('mess_guest_checkouts') * 0.25
            )
        )
    ) as is_guest_checkout,
    1 + (
        chance(channelled.person_id, 'second guest row', 0.25)
        and chance(channelled.purchase_id, 'uses second guest row', 0.5)
    )::bigint as guest_row,
    one_of(channelled.purchase_id, 'discount', [0, 0, 0, 0, 0, 0, 0, 10, 15, 20])
        as discount_percent,
    1
    + floor(
        3.5 * uniform(channelled.purchase_id, 'lines') * uniform(channelled.purchase_id, 'lines')
    )::bigint as line_count,
    greatest(
        1500, floor(gamma_3(channelled.purchase_id, 'spend') * channelled.spend_scale)
    )::bigint as wanted_minor_eur,
    channelled.channel <> 'store'
    and chance(channelled.purchase_id, 'cancelled', 0.015) as is_cancelled,
    5400000000000 + opaque(channelled.purchase_id) as order_id,
    'S' || upper(ten_hex_digits(channelled.purchase_id)) as sale_id,
    digest(channelled.purchase_id, 'cart') as cart_token,
    digest(channelled.purchase_id, 'checkout') as checkout_token
from channelled;

create or replace temp table purchase_line as
with

wanted as (

    select
        purchase.purchase_id,
        purchase.currency,
        purchase.discount_percent,
        lines.line_index,
        purchase.purchase_id * 4 + lines.line_index - 1 as line_id,
        floor(
            purchase.wanted_minor_eur
            * (0.5 + uniform(purchase.purchase_id * 4 + lines.line_index, 'share of basket'))
            / purchase.line_count
        )::bigint as wanted_minor_eur

    from purchase
    cross join unnest(range(1, purchase.line_count + 1)) as lines (line_index)

),

-- Around the dearest article that the money buys; the cheapest of all when it buys none.
ranked as (

    select
        wanted.*,
        greatest(
            1,
            least(
                200,
                coalesce(price_ladder.price_rank, 1) + whole(wanted.line_id, 'taste', -6, 6)
            )
        ) as price_rank

    from wanted
    asof left join price_ladder on wanted.wanted_minor_eur >= price_ladder.from_minor_eur

),

priced as (

    select
        ranked.line_id,
        ranked.purchase_id,
        ranked.line_index,
        ranked.discount_percent,
        ranked.price_rank,
        case ranked.currency
            when 'EUR' then product.minor_eur when 'NOK' then product.minor_nok else
                product.minor_pln
        end as unit_minor,
        case
            when ranked.price_rank < 60 and chance(ranked.line_id, 'quantity', 0.2)
                then whole(ranked.line_id, 'how many', 2, 3)
            else 1
        end as quantity

    from ranked
    inner join product on ranked.price_rank = product.price_rank

)

select
    priced.*,
    (priced.unit_minor * priced.quantity * priced.discount_percent) // 100 as discount_minor,
    priced.unit_minor * priced.quantity
    - (priced.unit_minor * priced.quantity * priced.discount_percent)
    // 100 as net_minor
from priced;

-- Prices include value added tax, so tax is a part of the total, not added to it.
create or replace temp table purchase_total as
with

summed as (

    select
        purchase_line.purchase_id,
        sum(purchase_line.unit_minor * purchase_line.quantity)::bigint as line_items_minor,
        sum(purchase_line.discount_minor)::bigint as discount_minor,
        sum(purchase_line.net_minor)::bigint as subtotal_minor,
        sum(purchase_line.quantity)::bigint as item_count

    from purchase_line
    group by purchase_line.purchase_id

),

shipped as (

    select
        summed.*,
        case purchase.country_code when 'NL' then 21 when 'NO' then 25 else 23 end as tax_percent,
        case
            when purchase.channel = 'store' then 0
            when purchase.currency = 'EUR' then if(summed.subtotal_minor < 7500, 495, 0)
            when purchase.currency = 'NOK' then if(summed.subtotal_minor < 89900, 5900, 0)
            else if(summed.subtotal_minor < 29900, 1499, 0)
        end as shipping_minor

    from summed
    inner join purchase on summed.purchase_id = purchase.purchase_id

)

select
    shipped.*,
    shipped.subtotal_minor + shipped.shipping_minor as total_minor,
    ((shipped.subtotal_minor + shipped.shipping_minor) * shipped.tax_percent)
    // (100 + shipped.tax_percent) as tax_minor
from shipped;

-- One purchase in fourteen comes back, whole or in part; a cancelled one was never paid.
create or replace temp table returned_line as
with

returns as (

    select
        purchase.purchase_id,
        purchase.person_id,
        later(
            purchase.purchased_at,
            86400 * (2 + 18 * uniform(purchase.purchase_id, 'days until return'))
        ) as returned_at

    from purchase
    where
        not purchase.is_cancelled
        and chance(purchase.purchase_id, 'returned', 0.07)

)

select
    returns.purchase_id,
    returns.person_id,
    returns.returned_at,
    purchase_line.line_id,
    purchase_line.line_index,
    purchase_line.price_rank,
    purchase_line.unit_minor,
    whole(purchase_line.line_id, 'quantity returned', 1, purchase_line.quantity) as quantity,
    (
        purchase_line.net_minor
        * whole(purchase_line.line_id, 'quantity returned', 1, purchase_line.quantity)
    )
    // purchase_line.quantity as refund_minor,
    purchase_total.tax_percent
from returns
inner join purchase_line on returns.purchase_id = purchase_line.purchase_id
inner join purchase_total on returns.purchase_id = purchase_total.purchase_id
where
    returns.returned_at <= later(getvariable('as_of'), -7200)
    and (purchase_line.line_index = 1 or chance(purchase_line.line_id, 'line returned', 0.5));

create or replace temp table purchase_return as
select
    returned_line.purchase_id,
    returned_line.person_id,
    returned_line.returned_at,
    sum(returned_line.quantity)::bigint as item_count,
    sum(returned_line.refund_minor)::bigint as refund_minor
from returned_line
group by
    returned_line.purchase_id,
    returned_line.person_id,
    returned_line.returned_at;
