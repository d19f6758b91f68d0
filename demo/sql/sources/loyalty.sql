-- Loyalty: one row per card. The number ends in a check digit.

create or replace temp table card_holder as
with

first_purchases as (

    select
        purchase.person_id,
        min(purchase.purchased_at) as purchased_at

    from purchase
    group by purchase.person_id

),

holders as (

    select
        person.*,
        least(
            later(
                coalesce(first_purchases.purchased_at, person.ready_at),
                86400 * 30 * uniform(person.person_id, 'days until card')
            ),
            later(getvariable('as_of'), -7200)
        ) as joined_at,
        case
            when chance(person.person_id, 'card without e-mail', 0.06) then null
            when person.has_other_email and chance(person.person_id, 'card on second mailbox', 0.4)
                then person.other_email
            else person.email
        end as given_email,
        if(chance(person.person_id, 'card with phone', 0.72), person.phone, null) as given_phone,
        uniform(person.person_id, 'card e-mail') as email_fate,
        uniform(person.person_id, 'card phone') as phone_fate

    from person
    left join first_purchases on person.person_id = first_purchases.person_id
    where person.loyalty_id is not null

)

select
    holders.*,
    typed_email(holders.given_email, holders.full_name, holders.email_fate) as card_email,
    typed_phone(holders.given_phone, holders.phone_fate, true) as card_phone
from holders;

insert into loyalty.member by name
select
    card_holder.loyalty_id as member_id,
    card_holder.card_email.raw as email,
    card_holder.card_phone.raw as phone,
    typed_name(card_holder.first_name, uniform(card_holder.person_id, 'card first name'))
        as first_name,
    typed_name(card_holder.last_name, uniform(card_holder.person_id, 'card last name'))
        as last_name,
    if(chance(card_holder.person_id, 'card with birthday', 0.7), card_holder.birth_date, null)
        as birth_date,
    if(chance(card_holder.person_id, 'card with gender', 0.6), card_holder.gender, null) as gender,
    card_holder.street,
    card_holder.postal_code,
    card_holder.city,
    card_holder.country_code,
    card_holder.home_store_id,
    one_of(card_holder.person_id, 'tier', ['base', 'base', 'base', 'silver', 'silver', 'gold'])
        as tier,
    whole(card_holder.person_id, 'points', 0, 2400) as points,
    card_holder.joined_at,
    greatest(
        card_holder.joined_at,
        least(
            later(
                card_holder.joined_at, 86400 * 200 * uniform(card_holder.person_id, 'card updated')
            ),
            later(getvariable('as_of'), -3600)
        )
    ) as updated_at,
    case
        when chance(card_holder.person_id, 'card cancelled', 0.03)
            then
                least(later(card_holder.joined_at, 86400 * 300), later(getvariable('as_of'), -3600))
    end as cancelled_at,
    getvariable('as_of') as loaded_at
from card_holder;

insert into sighting
select
    card_holder.person_id,
    'loyalty.member' as source,
    card_holder.person_id as record_key,
    true as is_live,
    unnest(
        seen([
            owned('loyalty_id', card_holder.loyalty_id, null),
            named('email', card_holder.card_email),
            named('phone', card_holder.card_phone)
        ]),
        recursive := true
    )
from card_holder;
