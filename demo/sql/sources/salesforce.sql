-- Salesforce: the sales desk's leads and contacts. A lead may have been converted to a contact; a
-- contact entered twice was merged (master_record_id names the winner) or still stands twice.

create or replace temp table salesforce_person as
select
    person.*,
    chance(person.person_id, 'only a lead', 0.42) as is_lead_only,
    chance(person.person_id, 'lead was converted', getvariable('mess_crm_duplicates') * 3)
        as is_converted,
    '00Q5g' || ten_hex_digits(person.person_id) || 'EAA' as lead_id,
    '0035g' || ten_hex_digits(person.person_id * 4) || 'QAB' as contact_id,
    later(
        person.ready_at,
        7200
        + uniform(person.person_id, 'sales call')
        * 0.5
        * (seconds_between(person.ready_at, getvariable('as_of')) - 7200)
    ) as entered_at
from person
where
    person.company_id is not null
    and chance(person.person_id, 'in salesforce', 0.5);

create or replace temp table salesforce_record as
with

leads as (

    select
        salesforce_person.person_id,
        salesforce_person.person_id * 8 as record_key,
        'lead' as kind,
        salesforce_person.lead_id as id,
        salesforce_person.work_email as email,
        salesforce_person.other_phone as phone,
        salesforce_person.phone as mobile_phone,
        if(salesforce_person.is_lead_only, null, salesforce_person.contact_id) as points_to_id,
        salesforce_person.entered_at as created_at,
        null::varchar as mess

    from salesforce_person
    where salesforce_person.is_lead_only or salesforce_person.is_converted

),

contacts as (

    select
        salesforce_person.person_id,
        salesforce_person.person_id * 8 + 1 as record_key,
        'contact' as kind,
        salesforce_person.contact_id as id,
        salesforce_person.work_email as email,
        salesforce_person.other_phone as phone,
        salesforce_person.phone as mobile_phone,
        null::varchar as points_to_id,
        later(salesforce_person.entered_at, 3600) as created_at,
        null::varchar as mess

    from salesforce_person
    where not salesforce_person.is_lead_only

),

merged_away as (

    select
        contacts.person_id,
        contacts.record_key + 1 as record_key,
        'contact' as kind,
        '0035g' || ten_hex_digits(contacts.person_id * 4 + 1) || 'QAB' as id,
        contacts.email,
        null::varchar as phone,
        contacts.mobile_phone,
        contacts.id as points_to_id,
        later(contacts.created_at, 1800) as created_at,
        'crm_duplicates' as mess

    from contacts
    where chance(contacts.person_id, 'salesforce merged', getvariable('mess_crm_duplicates'))

),

unnoticed as (

    select
        contacts.person_id,
        contacts.record_key + 2 as record_key,
        'contact' as kind,
        '0035g' || ten_hex_digits(contacts.person_id * 4 + 2) || 'QAB' as id,
        contacts.email,
        contacts.phone,
        contacts.mobile_phone,
        null::varchar as points_to_id,
        later(contacts.created_at, 2400) as created_at,
        'crm_duplicates' as mess

    from contacts
    where
        chance(contacts.person_id, 'salesforce duplicate', getvariable('mess_crm_duplicates') * 0.5)

),

all_copies as (

    select * from leads
    union all
    select * from contacts
    union all
    select * from merged_away
    union all
    select * from unnoticed

),

all_records as (

    select
        all_copies.*,
        if(chance(all_copies.record_key, 'direct line', 0.5), all_copies.phone, null)
            as given_phone,
        if(chance(all_copies.person_id, 'mobile known', 0.6), all_copies.mobile_phone, null)
            as given_mobile,
        uniform(all_copies.record_key, 'salesforce e-mail') as email_fate,
        uniform(all_copies.record_key, 'salesforce phone') as phone_fate,
        uniform(all_copies.record_key, 'salesforce mobile') as mobile_fate

    from all_copies

)

select
    all_records.person_id,
    all_records.record_key,
    all_records.kind,
    all_records.id,
    all_records.points_to_id,
    all_records.created_at,
    all_records.mess,
    typed_email(all_records.email, person.full_name, all_records.email_fate) as email,
    typed_phone(all_records.given_phone, all_records.phone_fate, true) as phone,
    typed_phone(all_records.given_mobile, all_records.mobile_fate, true) as mobile_phone,
    typed_name(person.first_name, uniform(all_records.record_key, 'salesforce first name'))
        as first_name,
    typed_name(person.last_name, uniform(all_records.record_key, 'salesforce last name'))
        as last_name,
    (all_records.kind = 'contact' and all_records.points_to_id is not null)
    or (
        all_records.points_to_id is null
        and chance(
            all_records.record_key, 'salesforce record deleted', getvariable('mess_soft_deletes')
        )
    ) as is_deleted
from all_records
inner join person on all_records.person_id = person.person_id;

insert into salesforce.lead by name
select
    salesforce_record.id,
    salesforce_record.first_name,
    salesforce_record.last_name,
    salesforce_record.first_name || ' ' || salesforce_record.last_name as name,
    salesforce_record.email.raw as email,
    salesforce_record.phone.raw as phone,
    salesforce_record.mobile_phone.raw as mobile_phone,
    company.name as company,
    one_of(
        person.person_id,
        'job',
        ['Buyer', 'Office manager', 'Head of operations', 'Guide', 'Owner', 'Event planner']
    ) as title,
    if(
        salesforce_record.points_to_id is not null,
        'Closed - Converted',
        one_of(
            person.person_id,
            'lead status',
            ['Open - Not Contacted', 'Working - Contacted', 'Closed - Not Converted']
        )
    ) as status,
    one_of(
        person.person_id, 'lead source', ['Web', 'Trade Show', 'Phone Inquiry', 'Partner Referral']
    ) as lead_source,
    case person.country_code
        when 'NL' then 'Netherlands' when 'NO' then 'Norway' else 'Poland'
    end as country,
    person.country_code,
    'https://www.' || company.domain as website,
    company.industry,
    salesforce_record.points_to_id is not null as is_converted,
    if(
        salesforce_record.points_to_id is not null, later(salesforce_record.created_at, 3600), null
    ) as converted_date,
    salesforce_record.points_to_id as converted_contact_id,
    if(
        salesforce_record.points_to_id is not null,
        '0015g' || ten_hex_digits(company.company_id) || 'AAC',
        null
    ) as converted_account_id,
    chance(person.person_id, 'sales opt-out', 0.06) as has_opted_out_of_email,
    salesforce_record.is_deleted,
    salesforce_record.created_at as created_date,
    not_after_today(later(salesforce_record.created_at, 3600)) as last_modified_date,
    true as _fivetran_active,
    not_after_today(later(salesforce_record.created_at, 10800)) as _fivetran_synced
from salesforce_record
inner join person on salesforce_record.person_id = person.person_id
inner join company on person.company_id = company.company_id
where salesforce_record.kind = 'lead';

insert into salesforce.contact by name
select
    salesforce_record.id,
    '0015g' || ten_hex_digits(company.company_id) || 'AAC' as account_id,
    salesforce_record.first_name,
    salesforce_record.last_name,
    salesforce_record.first_name || ' ' || salesforce_record.last_name as name,
    salesforce_record.email.raw as email,
    salesforce_record.phone.raw as phone,
    salesforce_record.mobile_phone.raw as mobile_phone,
    one_of(
        person.person_id,
        'job',
        ['Buyer', 'Office manager', 'Head of operations', 'Guide', 'Owner', 'Event planner']
    ) as title,
    one_of(person.person_id, 'department', ['Purchasing', 'Operations', 'Management'])
        as department,
    one_of(
        person.person_id, 'lead source', ['Web', 'Trade Show', 'Phone Inquiry', 'Partner Referral']
    ) as lead_source,
    company.street as mailing_street,
    company.city as mailing_city,
    case person.country_code
        when 'NL' then 'Netherlands' when 'NO' then 'Norway' else 'Poland'
    end as mailing_country,
    person.country_code as mailing_country_code,
    chance(person.person_id, 'sales opt-out', 0.06) as has_opted_out_of_email,
    chance(person.person_id, 'do not call', 0.04) as do_not_call,
    false as is_email_bounced,
    salesforce_record.is_deleted,
    salesforce_record.points_to_id as master_record_id,
    salesforce_record.created_at as created_date,
    not_after_today(later(salesforce_record.created_at, 3600)) as last_modified_date,
    true as _fivetran_active,
    not_after_today(later(salesforce_record.created_at, 10800)) as _fivetran_synced
from salesforce_record
inner join person on salesforce_record.person_id = person.person_id
inner join company on person.company_id = company.company_id
where salesforce_record.kind = 'contact';

insert into sighting
select
    salesforce_record.person_id,
    'salesforce.' || salesforce_record.kind as source,
    salesforce_record.record_key,
    -- A contact that was merged away is deleted, yet its master_record_id still says whose it is.
    not salesforce_record.is_deleted or salesforce_record.points_to_id is not null as is_live,
    unnest(
        seen([
            owned(
                if(salesforce_record.kind = 'lead', 'salesforce_lead_id', 'salesforce_contact_id'),
                salesforce_record.id,
                salesforce_record.mess
            ),
            owned('salesforce_contact_id', salesforce_record.points_to_id, null),
            named('email', salesforce_record.email),
            named('phone', salesforce_record.phone),
            named('phone', salesforce_record.mobile_phone)
        ]),
        recursive := true
    )
from salesforce_record;
