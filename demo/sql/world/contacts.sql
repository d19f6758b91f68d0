-- What is written on each order: the customer row it belongs to, and the address and phone given.

-- Shop customers: one row per account, one or two per person who checks out as a guest.
create or replace temp table shop_customer as
with

accounts as (

    select
        person.person_id,
        0 as guest_row,
        person.account_id as customer_id,
        entry(
            if(person.email_changed_at is null, person.email, person.new_email),
            if(person.email_changed_at is null, person.email, person.new_email),
            if(person.email_changed_at is null, null, 'changed_emails')
        ) as email,
        person.account_at as created_at

    from person
    where person.archetype = 'member'

),

guests as (

    select
        purchase.person_id,
        purchase.guest_row,
        min(purchase.purchased_at) as created_at

    from purchase
    where purchase.is_guest_checkout
    group by
        purchase.person_id,
        purchase.guest_row

),

told as (

    select
        guests.person_id,
        guests.guest_row,
        guests.created_at,
        person.full_name,
        if(guests.guest_row = 2 and person.has_other_email, person.other_email, person.email)
            as given_email,
        uniform(guests.person_id * 16 + guests.guest_row, 'guest e-mail') as email_fate

    from guests
    inner join person on guests.person_id = person.person_id

),

guest_rows as (

    select
        told.person_id,
        told.guest_row,
        6000000000000 + opaque(told.person_id * 16 + told.guest_row) as customer_id,
        typed_email(told.given_email, told.full_name, told.email_fate) as email,
        told.created_at

    from told

)

select * from accounts
union all
select * from guest_rows;

create or replace temp table order_contact as
with

contacts as (

    select
        purchase.purchase_id,
        purchase.person_id,
        if(purchase.is_guest_checkout, purchase.guest_row, 0) as guest_row,
        if(
            person.email_changed_at is not null and purchase.purchased_at < person.email_changed_at,
            person.email,
            null
        ) as former_email,
        if(chance(purchase.purchase_id, 'gives phone', 0.72), person.phone, null) as given_phone,
        uniform(purchase.purchase_id, 'order phone') as phone_fate

    from purchase
    inner join person on purchase.person_id = person.person_id
    where purchase.channel <> 'store'

)

select
    contacts.purchase_id,
    contacts.person_id,
    shop_customer.customer_id,
    typed_phone(contacts.given_phone, contacts.phone_fate, true) as phone,
    -- An order keeps the address that the account had on that day.
    if(
        contacts.guest_row = 0 and contacts.former_email is not null,
        entry(contacts.former_email, contacts.former_email, null),
        shop_customer.email
    ) as email
from contacts
inner join shop_customer
    on
        contacts.person_id = shop_customer.person_id
        and contacts.guest_row = shop_customer.guest_row;

create or replace temp table shop_phone as
with

told as (

    select
        shop_customer.customer_id,
        if(chance(shop_customer.customer_id, 'shop knows phone', 0.3), person.phone, null)
            as given_phone,
        uniform(shop_customer.customer_id, 'shop phone') as phone_fate

    from shop_customer
    inner join person on shop_customer.person_id = person.person_id

)

select
    told.customer_id,
    typed_phone(told.given_phone, told.phone_fate, false) as phone
from told;
