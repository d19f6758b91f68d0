-- Whose identifiers this block's records hold.

-- What several people may use: a number given out again, a family's mailbox, a family's device.
create or replace temp table suspect as
select
    'phone' as identifier_type,
    person.mobile as identifier_value,
    'reused_phones' as mess
from person
where person.is_phone_reused
union
select
    'email' as identifier_type,
    person.email as identifier_value,
    'shared_emails' as mess
from person
where person.uses_family_email
union
select
    sighting.identifier_type,
    sighting.identifier_value,
    sighting.mess
from sighting
where sighting.mess = 'family_devices';

-- A number that was given out again counts as shared in any block: its other user may live in
-- the next.
create or replace temp table shared_identifier as
select
    suspect.identifier_type,
    suspect.identifier_value,
    suspect.mess
from suspect
inner join sighting
    on
        suspect.identifier_type = sighting.identifier_type
        and suspect.identifier_value = sighting.identifier_value
group by
    suspect.identifier_type,
    suspect.identifier_value,
    suspect.mess
having
    count(distinct sighting.person_id) > 1
    or suspect.mess = 'reused_phones';

insert into ownership
with

claims as (

    select
        sighting.person_id,
        sighting.source,
        sighting.record_key,
        sighting.identifier_type,
        sighting.identifier_value,
        sighting.mess is not distinct from 'placeholders' as is_placeholder,
        coalesce(sighting.mess, shared_identifier.mess) as mess,
        sighting.is_live
        and sighting.mess is distinct from 'placeholders'
        and shared_identifier.identifier_value is null as can_link

    from sighting
    left join shared_identifier
        on
            sighting.identifier_type = shared_identifier.identifier_type
            and sighting.identifier_value = shared_identifier.identifier_value

),

-- A record links its identifiers to each other, save those that are not one person's own. Two
-- different identifiers differ in their type or in their value.
linking_records as (

    select
        claims.source,
        claims.record_key

    from claims
    where claims.can_link
    group by
        claims.source,
        claims.record_key
    having
        min(claims.identifier_value) <> max(claims.identifier_value)
        or min(claims.identifier_type) <> max(claims.identifier_type)

)

select
    claims.identifier_type,
    claims.identifier_value,
    if(claims.is_placeholder, null, claims.person_id) as person_id,
    bool_or(claims.can_link and linking_records.record_key is not null) as is_linked,
    min(claims.mess) as mess
from claims
left join linking_records
    on
        claims.source = linking_records.source
        and claims.record_key = linking_records.record_key
group by
    claims.identifier_type,
    claims.identifier_value,
    if(claims.is_placeholder, null, claims.person_id);

insert into true_person
select
    person.person_id,
    person.household_id,
    person.company_id,
    person.first_name,
    person.last_name,
    person.country_code
from person;

insert into true_household
select
    person.household_id,
    person.country_code,
    person.city,
    person.postal_code,
    person.street,
    count(*) as person_count
from person
group by all;

insert into true_order
select
    if(purchase.channel = 'store', purchase.sale_id, purchase.order_id::varchar) as order_id,
    purchase.person_id
from purchase;
