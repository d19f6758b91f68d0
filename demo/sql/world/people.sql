-- The people of this block, numbers first_person to last_person: who they are, how they can be
-- reached, and how they relate to Nordvik. Nothing here is a record of any system yet.
--
-- archetype: visitor (never says who they are), subscriber (newsletter only), guest (buys without
-- an account), member (has an account), store (never online).

create or replace temp table person as
with

numbered as (

    select
        numbers.person_id,
        household_of(numbers.person_id) as household_id,
        household_of(greatest(numbers.person_id - 36, 1)) as earlier_household_id,
        household_of(numbers.person_id + 36) as later_household_id

    from range(getvariable('first_person'), getvariable('last_person') + 1) as numbers (person_id)

),

-- An operator gives a number out again: a person has the one that the person 36 places before them
-- (another household, same country) still stands with in old records.
placed as (

    select
        numbered.person_id,
        numbered.household_id,
        country_of(numbered.household_id) as country_code,
        numbered.person_id > 36
        and chance(numbered.person_id, 'reused phone', getvariable('mess_reused_phones'))
        and country_of(numbered.household_id)
        = country_of(numbered.earlier_household_id) as has_reused_phone,
        chance(numbered.person_id + 36, 'reused phone', getvariable('mess_reused_phones'))
        and numbered.person_id + 36 <= getvariable('people')
        and country_of(numbered.household_id)
        = country_of(numbered.later_household_id) as gave_phone_up

    from numbered

),

settled as (

    select
        placed.person_id,
        placed.household_id,
        placed.country_code,
        placed.has_reused_phone,
        placed.gave_phone_up,
        placed.person_id - placed.household_id as place_in_household,
        count(*) over (partition by placed.household_id) as household_size,
        one_of(placed.person_id, 'gender', ['female', 'male']) as gender,
        uniform(placed.person_id, 'archetype') as archetype_draw,
        (mixed(placed.household_id, 'given names') % 32)::bigint as given_start,
        -- One-to-one in the household: its family name and a number that tells it from the others.
        (placed.household_id * 2654435761 + getvariable('seed'))
        % (getvariable('people') + 1) as household_code

    from placed

),

named as (

    select
        settled.person_id,
        settled.household_id,
        settled.place_in_household,
        settled.household_size,
        settled.country_code,
        settled.has_reused_phone,
        settled.gave_phone_up,
        settled.gender,
        case
            when settled.archetype_draw < 0.22 then 'visitor'
            when settled.archetype_draw < 0.30 then 'subscriber'
            when settled.archetype_draw < 0.40 then 'store'
            when settled.archetype_draw < 0.40 + getvariable('mess_guest_checkouts') then 'guest'
            else 'member'
        end as archetype,
        given_name.given_name as first_name,
        case
            when settled.place_in_household > 0 and chance(settled.person_id, 'double name', 0.12)
                then own_name.family_name || '-' || household_name.family_name
            else household_name.family_name
        end as last_name,
        settled.household_code // 64 as household_number

    from settled
    inner join given_name
        on
            settled.country_code = given_name.country_code
            and settled.gender = given_name.gender
            and given_name.name_index = (settled.given_start + settled.place_in_household * 5) % 32
    inner join family_name as household_name
        on
            settled.country_code = household_name.country_code
            and household_name.name_index = settled.household_code % 64
    inner join family_name as own_name
        on
            settled.country_code = own_name.country_code
            and own_name.name_index = (settled.household_code + 7 + settled.place_in_household) % 64

),

-- The local part is one person's only, whatever the provider and whatever dots it holds.
addressed as (

    select
        named.person_id,
        named.household_id,
        named.place_in_household,
        named.household_size,
        named.country_code,
        named.has_reused_phone,
        named.gave_phone_up,
        named.gender,
        named.archetype,
        named.first_name,
        named.last_name,
        case whole(named.person_id, 'style of address', 1, 4)
            when 1 then in_ascii(named.first_name) || in_ascii(named.last_name)
            when 2 then in_ascii(named.last_name) || '.' || in_ascii(named.first_name)
            else in_ascii(named.first_name) || '.' || in_ascii(named.last_name)
        end
        || case when named.household_number > 0 then named.household_number::varchar else '' end
            as local_part,
        case named.country_code
            when 'NL'
                then
                    [
                        'gmail.com',
                        'hotmail.com',
                        'ziggo.nl',
                        'outlook.com',
                        'kpnmail.nl',
                        'icloud.com',
                        'live.nl',
                        'xs4all.nl'
                    ]
            when 'NO'
                then
                    [
                        'gmail.com',
                        'hotmail.com',
                        'online.no',
                        'outlook.com',
                        'icloud.com',
                        'live.no',
                        'getmail.no',
                        'lyse.net'
                    ]
            else
                [
                    'gmail.com',
                    'wp.pl',
                    'o2.pl',
                    'onet.pl',
                    'interia.pl',
                    'outlook.com',
                    'gazeta.pl',
                    'icloud.com'
                ]
        end as providers,
        -- Squared, so that the first providers of the list are the popular ones.
        floor(
            8 * uniform(named.person_id, 'provider') * uniform(named.person_id, 'provider')
        )::bigint as provider_index,
        case
            when named.archetype <> 'store' and chance(named.person_id, 'works at a customer', 0.07)
                then
                    floor(
                        company_count_per_country()
                        * uniform(named.person_id, 'which company')
                        * uniform(named.person_id, 'which company')
                    )::bigint * 3 + country_index(named.country_code)
        end as company_id

    from named

),

-- All times in seconds since the world began.
acquainted as (

    select
        addressed.*,
        getvariable('span_s') - 86400 as latest_s,
        floor(
            (getvariable('span_s') - 86400) * power(uniform(addressed.person_id, 'first seen'), 0.8)
        )::bigint as first_seen_s

    from addressed

),

-- Two in five open the account on their first visit.
joined as (

    select
        acquainted.*,
        acquainted.first_seen_s + case
            when chance(acquainted.person_id, 'joins at once', 0.4) then 0
            else
                floor(
                    least(
                        exponential(acquainted.person_id, 'days until account') * 20 * 86400,
                        0.9 * (acquainted.latest_s - acquainted.first_seen_s)
                    )
                )::bigint
        end as account_s

    from acquainted

)

select
    joined.person_id,
    joined.household_id,
    joined.place_in_household,
    joined.household_size,
    joined.company_id,
    joined.archetype,
    joined.country_code,
    joined.gender,
    joined.first_name,
    joined.last_name,
    joined.first_name || ' ' || joined.last_name as full_name,
    case joined.country_code when 'NL' then 'EUR' when 'NO' then 'NOK' else 'PLN' end as currency,
    case joined.country_code when 'NL' then 'nl-NL' when 'NO' then 'nb-NO' else 'pl-PL' end
        as locale,
    case joined.country_code
        when 'NL' then 'Europe/Amsterdam' when 'NO' then 'Europe/Oslo' else 'Europe/Warsaw'
    end as timezone,
    place.city,
    case joined.country_code
        when 'NL'
            then
                place.postal_stem
                || lpad(whole(joined.household_id, 'postal code', 11, 99)::varchar, 2, '0')
                || ' '
                || one_of(
                    joined.household_id,
                    'postal letters',
                    ['AB', 'CD', 'EK', 'GH', 'JL', 'KM', 'PR', 'SV', 'TX', 'WZ']
                )
        when 'NO'
            then
                place.postal_stem
                || lpad(whole(joined.household_id, 'postal code', 1, 99)::varchar, 2, '0')
        else
            place.postal_stem
            || '-'
            || lpad(whole(joined.household_id, 'postal code', 1, 999)::varchar, 3, '0')
    end as postal_code,
    street_name.street || ' ' || whole(joined.household_id, 'house number', 1, 180) as street,
    date '1941-01-01' + whole(joined.person_id, 'birth date', 0, 25000)::integer as birth_date,

    -- How they can be reached. Every address has the one local part, so none is another's.
    joined.local_part || '@' || joined.providers[1 + joined.provider_index] as own_email,
    joined.local_part
    || '@'
    || joined.providers[1 + (joined.provider_index + 3) % 8] as other_email,
    joined.local_part || '@' || joined.providers[1 + (joined.provider_index + 5) % 8] as new_email,
    chance(joined.person_id, 'second mailbox', 0.18) as has_other_email,
    joined.archetype in ('guest', 'store', 'subscriber')
    and joined.place_in_household > 0
    and chance(joined.person_id, 'family mailbox', getvariable('mess_shared_emails'))
        as uses_family_email,
    case
        when joined.company_id is not null
            then replace(joined.local_part, '.', '_') || '@' || company.domain
    end as work_email,
    chance(joined.person_id, 'has phone', 0.88) as has_phone,
    case
        when joined.has_reused_phone
            then mobile_number(joined.person_id - 36, 0, joined.country_code)
        else mobile_number(joined.person_id, 0, joined.country_code)
    end as mobile,
    joined.has_reused_phone or joined.gave_phone_up as is_phone_reused,
    case
        when chance(joined.person_id, 'second phone', 0.15)
            then mobile_number(joined.person_id, 1, joined.country_code)
    end as other_phone,

    -- How they relate to Nordvik.
    later(getvariable('started_at'), joined.first_seen_s) as first_seen_at,
    case
        when joined.archetype = 'member' then later(getvariable('started_at'), joined.account_s)
    end as account_at,
    later(getvariable('started_at'), joined.account_s) as ready_at,
    case
        when
            joined.archetype = 'member'
            and chance(joined.person_id, 'changes e-mail', getvariable('mess_changed_emails'))
            then
                later(
                    getvariable('started_at'),
                    joined.account_s
                    + uniform(joined.person_id, 'when e-mail changes')
                    * (joined.latest_s - joined.account_s)
                )
    end as email_changed_at,
    case
        when joined.archetype = 'member'
            then (6000000000000 + opaque(joined.person_id * 16))::varchar
    end as user_id,
    6000000000000 + opaque(joined.person_id * 16) as account_id,

    -- Devices: most people have one or two browsers, a few have many.
    least(8, floor(power(1.0 - uniform(joined.person_id, 'browsers'), -0.75)))::bigint
        as browser_count,
    case
        when joined.archetype = 'member' and chance(joined.person_id, 'has app', 0.34)
            then
                1
                + chance(joined.person_id, 'second app', 0.2)::bigint
                + chance(joined.person_id, 'third app', 0.05)::bigint
        when joined.archetype = 'visitor' and chance(joined.person_id, 'has app', 0.02) then 1
        else 0
    end as app_count,
    joined.archetype = 'member'
    and joined.household_size > 1
    and chance(joined.household_id, 'family device', getvariable('mess_family_devices'))
        as has_family_device,
    case joined.country_code when 'NL' then '84.' when 'NO' then '88.' else '83.' end
    || whole(joined.household_id, 'ip 1', 1, 254)
    || '.'
    || whole(joined.household_id, 'ip 2', 0, 255)
    || '.'
    || whole(joined.household_id, 'ip 3', 1, 254) as home_ip,

    -- Loyalty: the card is given out at the till or in the account.
    case
        when
            chance(
                joined.person_id,
                'has card',
                case joined.archetype
                    when 'member' then 0.38 when 'store' then 0.66 when 'guest' then 0.08 else 0
                end
            )
            then
                'NV'
                || lpad(((joined.person_id * 48271 + 123456789) % 1000000000)::varchar, 9, '0')
                || check_digit(
                    lpad(((joined.person_id * 48271 + 123456789) % 1000000000)::varchar, 9, '0')
                )
    end as loyalty_id,
    chance(joined.person_id, 'shops in stores too', 0.35) as shops_in_stores,
    store.store_id as home_store_id
from joined
inner join place
    on
        joined.country_code = place.country_code
        and place.place_index = whole(joined.household_id, 'city', 0, 9)
inner join street_name
    on
        joined.country_code = street_name.country_code
        and street_name.street_index = whole(joined.household_id, 'street', 0, 7)
inner join store
    on
        joined.country_code = store.country_code
        and store.store_number
        = (mixed(joined.household_id, 'home store') % store.store_count)::bigint
left join company on joined.company_id = company.company_id;

-- The mailbox that a household shares is its first member's.
alter table person add column email varchar;
update person
set email = case when person.uses_family_email then heads.own_email else person.own_email end
from person as heads
where heads.person_id = person.household_id;

alter table person add column phone varchar;
update person set phone = mobile where has_phone;
