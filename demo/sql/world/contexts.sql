-- What surrounds a visit: machine, network, landing page, the address the person uses then, and the
-- times and tokens of its cart and checkout.

create or replace temp table visit_context as
with

views as (

    select
        viewed_product.visit_id,
        count(*) as view_count

    from viewed_product
    group by viewed_product.visit_id

),

described as (

    select
        visit.*,
        person.home_ip,
        person.locale,
        lower(person.country_code) as shop,
        if(
            visit.started_at >= person.email_changed_at,
            person.new_email,
            person.email
        ) as email_then,
        person.work_email,
        (mixed(visit.device_key, 'machine') % 6)::bigint as machine,
        chance(visit.visit_id, 'at home', 0.7) as is_at_home,
        coalesce(views.view_count, 0) as view_count

    from visit
    inner join person on visit.person_id = person.person_id
    left join views on visit.visit_id = views.visit_id

)

select
    described.*,
    case
        when described.is_at_home then described.home_ip
        else
            '92.'
            || whole(described.visit_id, 'ip 1', 1, 254)
            || '.'
            || whole(described.visit_id, 'ip 2', 0, 255)
            || '.'
            || whole(described.visit_id, 'ip 3', 1, 254)
    end as context_ip,
    case
        when described.is_app and described.machine < 3
            then 'Nordvik/5.2.1 (iPhone; iOS 17.5; Scale/3.00)'
        when described.is_app then 'Nordvik/5.2.0 (Android 14; Pixel 7; okhttp 4.12)'
        else
            [
                'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36',
                'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1',
                'Mozilla/5.0 (Linux; Android 14; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Mobile Safari/537.36',
                'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15',
                'Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:126.0) Gecko/20100101 Firefox/126.0',
                'Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1'
            ][1 + described.machine]
    end as context_user_agent,
    case
        when not described.is_app then 'analytics.js'
        when described.machine < 3 then 'analytics-ios'
        else 'analytics-android'
    end as context_library_name,
    case
        when not described.is_app then 'next-1.70.0' when described.machine < 3 then '4.1.8' else
            '4.10.4'
    end as context_library_version,
    case
        when not described.is_app then null when described.machine < 3 then 'ios' else 'android'
    end as context_device_type,
    case
        when not described.is_app then null when described.machine < 3 then 'iOS' else 'Android'
    end as context_os_name,
    case when described.is_app then '5.2.' || (described.machine % 2) end as context_app_version,
    described.signed_in_user_id as user_id_after,
    case
        when described.is_family_device then 'family_devices'
        when described.cookie_index > 0 then 'cookie_resets'
    end as cookie_mess,
    entry(
        described.device_id,
        described.device_id,
        case
            when described.device_id = getvariable('placeholder_device_id') then 'placeholders'
            when described.is_family_device then 'family_devices'
        end
    ) as device,
    coalesce(described.remembered_user_id, described.broken_user_id) as user_id_before,
    'https://www.nordvik.example/' || described.shop as site_url,
    case
        when described.newsletter_number is not null then '/journal'
        when chance(described.visit_id, 'lands at home', 0.5) then '/'
        else
            '/collections/'
            || one_of(
                described.visit_id,
                'collection',
                ['jackets', 'footwear', 'tents', 'sale', 'backpacks']
            )
    end as landing_path,
    case
        when arrival.utm_source is not null
            then
                'utm_source=' || arrival.utm_source
                || '&utm_medium=' || arrival.utm_medium
                || '&utm_campaign=' || arrival.utm_campaign
                || coalesce('&utm_content=' || arrival.utm_content, '')
                || coalesce('&utm_term=' || replace(arrival.utm_term, ' ', '+'), '')
                || coalesce('&gclid=' || arrival.gclid, '')
                || coalesce('&fbclid=' || arrival.fbclid, '')
    end as landing_query,
    arrival.referrer,
    arrival.utm_source,
    arrival.utm_medium,
    arrival.utm_campaign,
    arrival.utm_content,
    arrival.utm_term,
    -- The steps at the end of a visit.
    coalesce(
        later(purchase.purchased_at, -240),
        later(described.started_at, 90 + 40 * described.view_count)
    ) as cart_at,
    coalesce(
        later(purchase.purchased_at, -180),
        later(described.started_at, 150 + 40 * described.view_count)
    ) as checkout_at,
    purchase.purchased_at,
    purchase.order_id,
    coalesce(purchase.cart_token, digest(described.visit_id, 'left cart')) as cart_token,
    coalesce(purchase.checkout_token, digest(described.visit_id, 'left checkout')) as checkout_token
from described
left join purchase on described.purchase_id = purchase.purchase_id
left join arrival on described.visit_id = arrival.visit_id;
