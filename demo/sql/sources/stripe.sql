-- Stripe: the Nordvik Plus membership, a yearly fee, and the web orders its members pay by card.
-- Amounts are whole minor units.

create or replace temp table plus_member as
with

payers as (

    select
        person.*,
        if(
            person.has_other_email and chance(person.person_id, 'pays from second mailbox', 0.3),
            person.other_email,
            person.email
        ) as given_email,
        if(
            chance(person.person_id, 'payment phone', 0.3),
            coalesce(person.other_phone, person.phone),
            null
        ) as given_phone,
        uniform(person.person_id, 'payment e-mail') as email_fate,
        uniform(person.person_id, 'payment phone') as phone_fate

    from person
    where
        person.archetype = 'member'
        and chance(person.person_id, 'is plus member', 0.12)

)

select
    payers.*,
    'cus_' || left(digest(payers.person_id, 'stripe customer'), 14) as stripe_customer_id,
    typed_email(payers.given_email, payers.full_name, payers.email_fate) as payment_email,
    typed_phone(payers.given_phone, payers.phone_fate, true) as payment_phone,
    chance(payers.person_id, 'payment knows account', 0.7) as is_account_known,
    chance(payers.person_id, 'payment customer deleted', getvariable('mess_soft_deletes'))
        as is_deleted,
    later(
        payers.account_at,
        3600
        + uniform(payers.person_id, 'plus since')
        * 0.9
        * (seconds_between(payers.account_at, getvariable('as_of')) - 7200)
    ) as plus_since_at,
    chance(payers.person_id, 'leaves plus', 0.25) as is_leaving,
    case payers.currency when 'EUR' then 3900 when 'NOK' then 39900 else 14900 end as fee_minor
from payers;

insert into stripe.customer by name
select
    plus_member.stripe_customer_id as id,
    plus_member.payment_email.raw as email,
    typed_name(plus_member.full_name, uniform(plus_member.person_id, 'payment name')) as name,
    plus_member.payment_phone.raw as phone,
    lower(plus_member.currency) as currency,
    'Nordvik Plus' as description,
    if(plus_member.is_account_known, '{"shop_user_id": "' || plus_member.user_id || '"}', '{}')
        as metadata,
    false as delinquent,
    plus_member.is_deleted,
    true as livemode,
    0 as balance,
    plus_member.country_code as address_country,
    plus_member.plus_since_at as created,
    not_after_today(later(plus_member.plus_since_at, 3600)) as _fivetran_synced
from plus_member;

-- A membership year is 365 days. Who leaves does so at the end of the first year.
create or replace temp table plus_year as
select
    plus_member.person_id,
    plus_member.stripe_customer_id,
    plus_member.currency,
    plus_member.fee_minor,
    plus_member.is_leaving,
    plus_member.plus_since_at,
    years.year_number,
    later(plus_member.plus_since_at, years.year_number * 31536000) as started_at,
    later(plus_member.plus_since_at, (years.year_number + 1) * 31536000) as ends_at
from plus_member
cross join range(3) as years (year_number)
where
    later(plus_member.plus_since_at, years.year_number * 31536000)
    <= later(getvariable('as_of'), -60)
    and (years.year_number = 0 or not plus_member.is_leaving);

insert into stripe.subscription by name
select
    'sub_' || left(digest(plus_year.person_id, 'subscription'), 14) as id,
    plus_year.stripe_customer_id as customer_id,
    if(
        plus_year.is_leaving and max(plus_year.ends_at) <= getvariable('as_of'),
        'canceled',
        'active'
    ) as status,
    1 as quantity,
    plus_year.is_leaving and max(plus_year.ends_at) > getvariable('as_of') as cancel_at_period_end,
    plus_year.plus_since_at as created,
    plus_year.plus_since_at as start_date,
    max(plus_year.started_at) as current_period_start,
    max(plus_year.ends_at) as current_period_end,
    if(plus_year.is_leaving, later(plus_year.plus_since_at, 2000), null) as canceled_at,
    if(plus_year.is_leaving, max(plus_year.ends_at), null) as cancel_at,
    if(
        plus_year.is_leaving and max(plus_year.ends_at) <= getvariable('as_of'),
        max(plus_year.ends_at),
        null
    ) as ended_at,
    true as livemode,
    '{}' as metadata,
    not_after_today(later(max(plus_year.started_at), 3600)) as _fivetran_synced
from plus_year
group by
    plus_year.person_id,
    plus_year.stripe_customer_id,
    plus_year.is_leaving,
    plus_year.plus_since_at;

insert into stripe.subscription_item by name
select
    'si_' || left(digest(plus_member.person_id, 'subscription item'), 14) as id,
    'sub_' || left(digest(plus_member.person_id, 'subscription'), 14) as subscription_id,
    'price_plus_' || lower(plus_member.currency) as plan_id,
    1 as quantity,
    plus_member.plus_since_at as created,
    not_after_today(later(plus_member.plus_since_at, 3600)) as _fivetran_synced
from plus_member
-- who joined in the last minute has no first year yet
where plus_member.plus_since_at <= later(getvariable('as_of'), -60);

insert into stripe.charge by name
with

fees as (

    select
        plus_year.person_id * 1024 + plus_year.year_number as charge_key,
        plus_year.person_id,
        plus_year.started_at as created,
        plus_year.fee_minor as amount,
        0 as amount_refunded,
        'Nordvik Plus, yearly fee' as description,
        '{}' as metadata,
        true as succeeded

    from plus_year
    union all
    -- A card that is declined first and charged a minute later.
    select
        plus_year.person_id * 1024 + 8 + plus_year.year_number as charge_key,
        plus_year.person_id,
        later(plus_year.started_at, -60) as created,
        plus_year.fee_minor as amount,
        0 as amount_refunded,
        'Nordvik Plus, yearly fee' as description,
        '{}' as metadata,
        false as succeeded

    from plus_year
    where chance(plus_year.person_id * 4 + plus_year.year_number, 'card declined', 0.05)

),

order_payments as (

    select
        purchase.person_id * 1024 + 16 + purchase.purchase_index as charge_key,
        purchase.person_id,
        later(purchase.purchased_at, 5) as created,
        purchase_total.total_minor as amount,
        coalesce(purchase_return.refund_minor, 0) as amount_refunded,
        'Web order' as description,
        '{"order_id": "' || purchase.order_id || '"}' as metadata,
        true as succeeded

    from purchase
    inner join plus_member on purchase.person_id = plus_member.person_id
    inner join purchase_total on purchase.purchase_id = purchase_total.purchase_id
    left join purchase_return on purchase.purchase_id = purchase_return.purchase_id
    where
        purchase.channel <> 'store'
        and not purchase.is_cancelled
        and not purchase.is_guest_checkout
        and plus_member.plus_since_at < purchase.purchased_at

),

charges as (

    select * from fees
    union all
    select * from order_payments

)

select
    'ch_' || left(digest(charges.charge_key, 'charge'), 24) as id,
    plus_member.stripe_customer_id as customer_id,
    lower(plus_member.currency) as currency,
    if(charges.succeeded, 'succeeded', 'failed') as status,
    if(charges.succeeded, null, 'card_declined') as failure_code,
    if(
        plus_member.payment_email.normal is not null and plus_member.payment_email.mess is null,
        plus_member.payment_email.normal,
        null
    ) as receipt_email,
    'pi_' || left(digest(charges.charge_key, 'payment intent'), 24) as payment_intent_id,
    charges.description,
    charges.amount,
    charges.amount_refunded,
    charges.succeeded as captured,
    charges.succeeded as paid,
    charges.amount_refunded = charges.amount as refunded,
    true as livemode,
    charges.metadata,
    charges.created,
    not_after_today(later(charges.created, 3600)) as _fivetran_synced
from charges
inner join plus_member on charges.person_id = plus_member.person_id;

insert into sighting
select
    plus_member.person_id,
    'stripe.customer' as source,
    plus_member.person_id as record_key,
    not plus_member.is_deleted as is_live,
    unnest(
        seen([
            owned('stripe_customer_id', plus_member.stripe_customer_id, null),
            owned('user_id', if(plus_member.is_account_known, plus_member.user_id, null), null),
            named('email', plus_member.payment_email),
            named('phone', plus_member.payment_phone)
        ]),
        recursive := true
    )
from plus_member;
