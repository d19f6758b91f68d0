-- The consent log: what each person allowed or took back, for which purpose, when and where.

create or replace temp table consent_entry as
with

-- The mailing list rests on consent: joining grants it, leaving or complaining takes it back.
mailing_granted as (

    select
        mail_profile.person_id,
        1 as entry_kind,
        mail_profile.email,
        null::varchar as phone,
        'email_marketing' as purpose,
        'granted' as action,
        mail_profile.from_at as recorded_at,
        case person.archetype
            when 'store' then 'till'
            when 'guest' then 'checkout'
            when 'subscriber' then 'web_form'
            else
                one_of(person.person_id, 'where consent was given', ['checkout', 'web_form', 'app'])
        end as source

    from mail_profile
    inner join person on mail_profile.person_id = person.person_id
    where
        mail_profile.is_subscribed
        and mail_profile.profile_index = 0

),

mailing_taken_back as (

    select
        mail.person_id,
        2 as entry_kind,
        mail.email,
        null::varchar as phone,
        'email_marketing' as purpose,
        'withdrawn' as action,
        mail.reacted_at as recorded_at,
        'unsubscribe_link' as source

    from mail
    where mail.outcome in ('unsubscribed', 'complained')

),

changed_minds as (

    select
        mailing_granted.person_id,
        minds.entry_kind,
        mailing_granted.email,
        null::varchar as phone,
        'email_marketing' as purpose,
        minds.action,
        later(
            mailing_granted.recorded_at,
            minds.days * 86400 * (1 + uniform(mailing_granted.person_id, 'changes mind after'))
        ) as recorded_at,
        minds.source

    from mailing_granted
    inner join (
        values (3, 'withdrawn', 'preference_center', 60, 0.05),
        (4, 'granted', 'preference_center', 200, 0.015)
    ) as minds (entry_kind, action, source, days, share)
        on uniform(mailing_granted.person_id, 'changes mind') < minds.share

),

texting as (

    select
        person.person_id,
        4 + steps.entry_kind as entry_kind,
        null::varchar as email,
        person.mobile as phone,
        'sms_marketing' as purpose,
        steps.action,
        later(
            person.ready_at,
            steps.entry_kind * 86400 * 40 * uniform(person.person_id, 'texting') + 60
        ) as recorded_at,
        if(steps.entry_kind = 1, 'app', 'support') as source

    from person
    inner join
        (values (1, 'granted', 0.16), (2, 'withdrawn', 0.03)) as steps (entry_kind, action, share)
        on uniform(person.person_id, 'texting allowed') < steps.share
    where
        person.archetype = 'member'
        and person.has_phone

),

-- The cookie banner of the account pages. A refusal is written down as well.
tracking as (

    select
        person.person_id,
        8 + purposes.purpose_number as entry_kind,
        null::varchar as email,
        null::varchar as phone,
        purposes.purpose,
        if(
            uniform(person.person_id * 4 + purposes.purpose_number, 'tracking allowed')
            < purposes.share,
            'granted',
            'withdrawn'
        ) as action,
        later(person.ready_at, 25) as recorded_at,
        if(
            person.app_count > 0 and chance(person.person_id, 'banner in app', 0.3),
            'app',
            'web_form'
        ) as source

    from person
    inner join (
        values (1, 'ads', 0.52), (2, 'personalisation', 0.66), (3, 'analytics', 0.74)
    ) as purposes (purpose_number, purpose, share)
        on chance(person.person_id * 4 + purposes.purpose_number, 'answers banner', 0.8)
    where person.archetype = 'member'

),

tracking_taken_back as (

    select
        tracking.person_id,
        tracking.entry_kind + 4 as entry_kind,
        tracking.email,
        tracking.phone,
        tracking.purpose,
        'withdrawn' as action,
        later(
            tracking.recorded_at,
            86400 * 300 * uniform(tracking.person_id * 4, 'tracking taken back')
        ) as recorded_at,
        'preference_center' as source

    from tracking
    where
        tracking.action = 'granted'
        and chance(tracking.person_id, 'takes tracking back', 0.05)

),

all_entries as (

    select * from mailing_granted
    union all
    select * from mailing_taken_back
    union all
    select * from changed_minds
    union all
    select * from texting
    union all
    select * from tracking
    union all
    select * from tracking_taken_back

),

told as (

    select
        all_entries.*,
        person.full_name,
        person.user_id,
        uniform(all_entries.person_id * 32 + all_entries.entry_kind, 'consent e-mail')
            as email_fate,
        uniform(all_entries.person_id * 32 + all_entries.entry_kind, 'consent phone') as phone_fate

    from all_entries
    inner join person on all_entries.person_id = person.person_id
    where all_entries.recorded_at <= later(getvariable('as_of'), -3600)

)

select
    told.person_id,
    told.person_id * 32 + told.entry_kind as entry_key,
    told.purpose,
    told.action,
    told.recorded_at,
    told.source,
    -- A link in a mail knows the address; a form or a cashier is told it.
    if(
        told.source in ('unsubscribe_link', 'preference_center'),
        entry(told.email, told.email, null),
        typed_email(told.email, told.full_name, told.email_fate)
    ) as email,
    typed_phone(told.phone, told.phone_fate, false) as phone,
    told.user_id
from told;

insert into consent_log.consent by name
select
    'cns_' || ten_hex_digits(consent_entry.entry_key) as consent_id,
    consent_entry.email.raw as email,
    consent_entry.user_id,
    consent_entry.phone.raw as phone,
    consent_entry.purpose,
    consent_entry.action,
    consent_entry.recorded_at,
    consent_entry.source,
    if(consent_entry.purpose = 'analytics', 'legitimate_interest', 'consent') as legal_basis,
    if(
        consent_entry.recorded_at < later(getvariable('started_at'), 47304000), '2023-05', '2025-01'
    ) as policy_version,
    not_after_today(later(consent_entry.recorded_at, 1800)) as loaded_at
from consent_entry;

insert into sighting
with

entries as (

    select
        consent_entry.person_id,
        min(consent_entry.entry_key) as record_key,
        consent_entry.user_id,
        as_read(consent_entry.email) as email,
        as_read(consent_entry.phone) as phone

    from consent_entry
    group by all

)

select
    entries.person_id,
    'consent_log.consent' as source,
    entries.record_key,
    true as is_live,
    unnest(
        seen([
            owned('user_id', entries.user_id, null),
            named('email', entries.email),
            named('phone', entries.phone)
        ]),
        recursive := true
    )
from entries;
