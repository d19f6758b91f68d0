-- HubSpot: people at companies that buy at the B2B desk, and newsletter sign-ups as marketing
-- leads. Duplicates are merged by hand (the loser's id is kept by the winner) or stand unmerged.

create or replace temp table hubspot_contact as
with

known as (

    select
        person.*,
        person.company_id is not null
        and chance(person.person_id, 'in hubspot', 0.8) as is_business,
        person.archetype = 'subscriber'
        and chance(person.person_id, 'newsletter lead', 0.4) as is_newsletter_lead

    from person

),

winners as (

    select
        known.person_id,
        0 as copy_index,
        known.person_id * 4 as contact_key,
        if(known.is_business, known.work_email, known.email) as email,
        if(
            known.is_business and chance(known.person_id, 'private mailbox known', 0.25),
            known.own_email,
            null
        ) as second_email,
        if(
            known.is_business and chance(known.person_id, 'hubspot knows phone', 0.6),
            known.phone,
            null
        ) as phone,
        known.ready_at as created_at,
        chance(known.person_id, 'hubspot merged', getvariable('mess_crm_duplicates')) as has_merged,
        false as is_merged_away

    from known
    where known.is_business or known.is_newsletter_lead

),

-- Entered twice, noticed, merged: the loser is deleted.
losers as (

    select
        winners.person_id,
        1 as copy_index,
        winners.contact_key + 1 as contact_key,
        winners.email,
        null::varchar as second_email,
        winners.phone,
        later(winners.created_at, 3600) as created_at,
        false as has_merged,
        true as is_merged_away

    from winners
    where winners.has_merged

),

-- Entered again under the private address, and never noticed.
unnoticed as (

    select
        winners.person_id,
        2 as copy_index,
        winners.contact_key + 2 as contact_key,
        person.own_email as email,
        winners.email as second_email,
        winners.phone,
        later(winners.created_at, 3600 * 5) as created_at,
        false as has_merged,
        false as is_merged_away

    from winners
    inner join person on winners.person_id = person.person_id
    where
        person.work_email is not null
        and chance(winners.person_id, 'hubspot duplicate', getvariable('mess_crm_duplicates') * 0.5)

),

all_copies as (

    select * from winners
    union all
    select * from losers
    union all
    select * from unnoticed

),

all_contacts as (

    select
        all_copies.*,
        uniform(all_copies.contact_key, 'hubspot e-mail') as email_fate,
        uniform(all_copies.contact_key, 'hubspot phone') as phone_fate

    from all_copies

)

select
    all_contacts.person_id,
    all_contacts.copy_index,
    all_contacts.contact_key,
    10000000 + opaque(all_contacts.contact_key) as contact_id,
    if(all_contacts.has_merged, 10000000 + opaque(all_contacts.contact_key + 1), null)
        as merged_contact_id,
    typed_email(all_contacts.email, person.full_name, all_contacts.email_fate) as email,
    all_contacts.second_email,
    typed_phone(all_contacts.phone, all_contacts.phone_fate, true) as phone,
    all_contacts.created_at,
    all_contacts.is_merged_away,
    all_contacts.is_merged_away
    or (
        not all_contacts.has_merged
        and chance(
            all_contacts.contact_key, 'hubspot contact deleted', getvariable('mess_soft_deletes')
        )
    ) as is_deleted,
    person.company_id
from all_contacts
inner join person on all_contacts.person_id = person.person_id;

insert into hubspot.contact by name
select
    hubspot_contact.contact_id as id,
    hubspot_contact.email.raw as property_email,
    hubspot_contact.second_email as property_email_1,
    typed_name(person.first_name, uniform(hubspot_contact.contact_key, 'hubspot first name'))
        as property_firstname,
    typed_name(person.last_name, uniform(hubspot_contact.contact_key, 'hubspot last name'))
        as property_lastname,
    company.name as property_company,
    if(
        company.company_id is not null,
        one_of(
            person.person_id,
            'job',
            ['Buyer', 'Office manager', 'Head of operations', 'Guide', 'Owner', 'Event planner']
        ),
        null
    ) as property_jobtitle,
    hubspot_contact.phone.raw as property_phone,
    case person.country_code
        when 'NL' then 'Netherlands' when 'NO' then 'Norway' else 'Poland'
    end as property_country,
    hubspot_contact.created_at as property_createdate,
    hubspot_contact.created_at as property_created_at,
    hubspot_contact.merged_contact_id::varchar as property_hs_merged_object_ids,
    company.annual_revenue as property_annualrevenue,
    hubspot_contact.created_at as property_first_conversion_date,
    hubspot_contact.is_deleted as _fivetran_deleted,
    not_after_today(later(hubspot_contact.created_at, 7200)) as _fivetran_synced
from hubspot_contact
inner join person on hubspot_contact.person_id = person.person_id
left join company on hubspot_contact.company_id = company.company_id;

insert into hubspot.contact_company by name
select
    hubspot_contact.contact_id,
    5000000 + hubspot_contact.company_id as company_id,
    1 as type_id,
    not_after_today(later(hubspot_contact.created_at, 7200)) as _fivetran_synced
from hubspot_contact
where
    hubspot_contact.company_id is not null
    and not hubspot_contact.is_deleted;

insert into sighting
select
    hubspot_contact.person_id,
    'hubspot.contact' as source,
    hubspot_contact.contact_key as record_key,
    not hubspot_contact.is_deleted as is_live,
    unnest(
        seen([
            owned(
                'hubspot_contact_id',
                hubspot_contact.contact_id,
                if(hubspot_contact.copy_index > 0, 'crm_duplicates', null)
            ),
            owned('hubspot_contact_id', hubspot_contact.merged_contact_id, 'crm_duplicates'),
            named('email', hubspot_contact.email),
            owned('email', hubspot_contact.second_email, null),
            named('phone', hubspot_contact.phone)
        ]),
        recursive := true
    )
from hubspot_contact;
