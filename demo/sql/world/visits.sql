-- Visits to the web shop and the app, with the device, the cookie and the login state of each.

create or replace temp table planned_visit as
with

online as (

    select
        person.*,
        seconds_between(person.first_seen_at, getvariable('as_of')) - 7200 as seconds_left,
        -- A few people come back again and again.
        least(
            120,
            floor(
                case person.archetype when 'member' then 1.4 else 0.8 end
                * power(1.0 - uniform(person.person_id, 'visits'), -0.55)
                - case person.archetype when 'member' then 0 else 0.8 end
            )
        )::bigint as browse_count

    from person
    where person.archetype <> 'store'

),

first_visits as (

    select
        online.person_id,
        0 as slot,
        online.first_seen_at as started_at,
        online.app_count > 0 and chance(online.person_id, 'starts in app', 0.2) as is_app,
        null::bigint as purchase_id,
        null::bigint as newsletter_number

    from online

),

-- The visit on which the account is opened, or the newsletter asked for, unless it is the first.
joining_visits as (

    select
        online.person_id,
        1 as slot,
        online.ready_at as started_at,
        online.app_count > 0 and chance(online.person_id, 'joins in app', 0.3) as is_app,
        null::bigint as purchase_id,
        null::bigint as newsletter_number

    from online
    where
        online.archetype in ('member', 'subscriber')
        and online.ready_at > online.first_seen_at

),

browse_visits as (

    select
        online.person_id,
        1 + browses.browse_index as slot,
        later(
            online.first_seen_at,
            1800
            + uniform(online.person_id * 128 + browses.browse_index, 'browse time')
            * (online.seconds_left - 1800)
        ) as started_at,
        online.app_count > 0
        and chance(online.person_id * 128 + browses.browse_index, 'browse in app', 0.5) as is_app,
        null::bigint as purchase_id,
        null::bigint as newsletter_number

    from online
    cross join unnest(range(1, online.browse_count + 1)) as browses (browse_index)

),

-- A purchase ends its visit, ten to thirty minutes after the start.
purchase_visits as (

    select
        purchase.person_id,
        200 + purchase.purchase_index as slot,
        purchase.visit_started_at as started_at,
        purchase.channel = 'app' as is_app,
        purchase.purchase_id,
        mail.newsletter_number

    from purchase
    left join mail on purchase.purchase_id = mail.purchase_id
    where purchase.channel <> 'store'

),

mail_visits as (

    select
        mail.person_id,
        400 + mail.newsletter_number as slot,
        mail.reacted_at as started_at,
        false as is_app,
        null::bigint as purchase_id,
        mail.newsletter_number

    from mail
    inner join online on mail.person_id = online.person_id
    where
        mail.outcome = 'clicked'
        and mail.purchase_id is null

),

all_visits as (

    select * from first_visits
    union all
    select * from joining_visits
    union all
    select * from browse_visits
    union all
    select * from purchase_visits
    union all
    select * from mail_visits

)

select
    all_visits.person_id * 512 + all_visits.slot as visit_id,
    all_visits.*
from all_visits;

create or replace temp table visit as
with

equipped as (

    select
        planned_visit.*,
        person.archetype,
        person.account_at,
        person.ready_at,
        person.user_id,
        person.company_id,
        person.household_id,
        purchase.is_guest_checkout,
        person.has_family_device
        and chance(planned_visit.visit_id, 'on family device', 0.4) as is_family_device,
        -- Squared: the first device is the one used most.
        floor(
            person.browser_count
            * uniform(planned_visit.visit_id, 'device')
            * uniform(planned_visit.visit_id, 'device')
        )::bigint as browser_index,
        floor(
            person.app_count
            * uniform(planned_visit.visit_id, 'device')
            * uniform(planned_visit.visit_id, 'device')
        )::bigint as app_index

    from planned_visit
    inner join person on planned_visit.person_id = person.person_id
    left join purchase on planned_visit.purchase_id = purchase.purchase_id

),

on_device as (

    select
        equipped.*,
        case
            when equipped.is_family_device
                then equipped.household_id * 16 + if(equipped.is_app, 14, 15)
            else
                equipped.person_id * 16
                + if(equipped.is_app, 8 + equipped.app_index, equipped.browser_index)
        end as device_key

    from equipped

),

-- A browser that clears its cookies does so every fifteen days to a year.
with_cookie as (

    select
        on_device.*,
        case
            when chance(on_device.device_key, 'clears cookies', getvariable('mess_cookie_resets'))
                then
                    1 + seconds_between(getvariable('started_at'), on_device.started_at)
                    // (
                        86400
                        * (
                            15
                            + floor(
                                350
                                * uniform(on_device.device_key, 'cookie life')
                                * uniform(on_device.device_key, 'cookie life')
                            )::bigint
                        )
                    )
            else 0
        end as cookie_index

    from on_device

),

signed_in as (

    select
        with_cookie.*,
        with_cookie.device_key * 1024 + with_cookie.cookie_index as cookie_key,
        coalesce(
            with_cookie.archetype = 'member'
            and with_cookie.started_at >= with_cookie.account_at
            and (
                with_cookie.started_at = with_cookie.account_at
                or (with_cookie.purchase_id is not null and not with_cookie.is_guest_checkout)
                or chance(with_cookie.visit_id, 'signs in', if(with_cookie.is_app, 0.9, 0.4))
            ),
            false
        ) as is_sign_in,
        with_cookie.archetype = 'subscriber'
        and with_cookie.started_at = with_cookie.ready_at as is_newsletter_sign_up,
        with_cookie.company_id is not null
        and with_cookie.slot = 0
        and not with_cookie.is_app
        and chance(with_cookie.person_id, 'asks for a quote', 0.5) as is_quote_request

    from with_cookie

)

select
    signed_in.visit_id,
    signed_in.person_id,
    signed_in.slot,
    signed_in.started_at,
    signed_in.is_app,
    signed_in.purchase_id,
    signed_in.newsletter_number,
    signed_in.is_family_device,
    signed_in.device_key,
    signed_in.cookie_key,
    signed_in.cookie_index,
    uuid_text(signed_in.cookie_key, 'anonymous id') as anonymous_id,
    case
        when not signed_in.is_app then null
        -- A phone on which tracking is off sends zeroes.
        when chance(signed_in.device_key, 'tracking off', getvariable('mess_placeholders'))
            then getvariable('placeholder_device_id')
        else uuid_text(signed_in.device_key, 'device id')
    end as device_id,
    signed_in.is_sign_in,
    signed_in.is_newsletter_sign_up,
    signed_in.is_quote_request,
    -- The tracker remembers the user until the cookie goes. A family signs out after use.
    case
        when
            not signed_in.is_family_device
            and min(case when signed_in.is_sign_in then signed_in.started_at end) over (
                partition by signed_in.cookie_key, signed_in.person_id
            ) < signed_in.started_at
            then signed_in.user_id
    end as remembered_user_id,
    case when signed_in.is_sign_in then signed_in.user_id end as signed_in_user_id,
    -- A broken app version writes a word where the user's id belongs.
    case
        when
            not signed_in.is_sign_in
            and chance(signed_in.visit_id, 'broken user id', getvariable('mess_placeholders'))
            then
                one_of(
                    signed_in.visit_id, 'which broken user id', getvariable('placeholder_user_ids')
                )
    end as broken_user_id,
    case
        when signed_in.purchase_id is not null then 'purchase'
        when chance(signed_in.visit_id, 'fills a cart', 0.10) then 'cart'
        else 'browse'
    end as intent,
    signed_in.purchase_id is null
    and chance(signed_in.visit_id, 'begins checkout', 0.55) as begins_checkout
from signed_in;

-- What is looked at during a visit, and what of it goes into the cart.
create or replace temp table viewed_product as
with

bought as (

    select
        visit.visit_id,
        purchase_line.line_index as view_index,
        purchase_line.price_rank,
        purchase_line.quantity,
        true as is_added

    from visit
    inner join purchase_line on visit.purchase_id = purchase_line.purchase_id

),

counted as (

    select
        visit.visit_id,
        visit.intent,
        case
            when visit.intent = 'cart' then whole(visit.visit_id, 'views', 1, 3)
            else whole(visit.visit_id, 'views', -1, 2)
        end as view_count

    from visit
    where visit.intent <> 'purchase'

),

looked_at as (

    select
        counted.visit_id,
        views.view_index,
        whole(counted.visit_id * 8 + views.view_index, 'product viewed', 1, 200) as price_rank,
        1 as quantity,
        counted.intent = 'cart' and views.view_index <= 2 as is_added

    from counted
    cross join unnest(range(1, counted.view_count + 1)) as views (view_index)

)

select * from bought
union all
select * from looked_at;
