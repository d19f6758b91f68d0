-- Klaviyo: one person per mailbox, one event per thing that happened to a mail.

create or replace temp table mailing_contact as
with

profiles as (

    select
        mail_profile.*,
        person.full_name,
        if(chance(mail_profile.profile_id, 'mailing tool knows phone', 0.15), person.phone, null)
            as known_phone,
        uniform(mail_profile.profile_id, 'mailing e-mail') as email_fate,
        uniform(mail_profile.profile_id, 'mailing phone') as phone_fate,
        chance(mail_profile.profile_id, 'profile deleted', getvariable('mess_soft_deletes'))
            as is_deleted

    from mail_profile
    inner join person on mail_profile.person_id = person.person_id

)

select
    profiles.*,
    typed_email(profiles.email, profiles.full_name, profiles.email_fate) as typed,
    typed_phone(profiles.known_phone, profiles.phone_fate, true) as phone
from profiles;

insert into klaviyo.person by name
select
    mailing_contact.klaviyo_person_id as id,
    mailing_contact.typed.raw as email,
    mailing_contact.phone.raw as phone_number,
    if(
        chance(mailing_contact.profile_id, 'mailing tool knows name', 0.7),
        typed_name(person.first_name, uniform(mailing_contact.profile_id, 'mailing first name')),
        null
    ) as first_name,
    if(
        chance(mailing_contact.profile_id, 'mailing tool knows name', 0.7),
        typed_name(person.last_name, uniform(mailing_contact.profile_id, 'mailing last name')),
        null
    ) as last_name,
    person.city,
    case person.country_code
        when 'NL' then 'Netherlands' when 'NO' then 'Norway' else 'Poland'
    end as country,
    person.postal_code as zip,
    person.timezone,
    if(mailing_contact.is_subscribed, '["email"]', null) as custom_consent,
    mailing_contact.from_at as created,
    coalesce(last_mails.last_at, mailing_contact.from_at) as updated,
    last_mails.last_at as last_event_date,
    mailing_contact.is_deleted as _fivetran_deleted,
    getvariable('as_of') as _fivetran_synced
from mailing_contact
inner join person on mailing_contact.person_id = person.person_id
left join (
    select
        mail.klaviyo_person_id,
        max(mail.reacted_at) as last_at
    from mail
    group by mail.klaviyo_person_id
) as last_mails on mailing_contact.klaviyo_person_id = last_mails.klaviyo_person_id;

-- A click implies an open, and so do leaving the list and complaining.
insert into klaviyo.event by name
select
    '4N' || ten_hex_digits(mail.mail_id * 8 + kinds.kind_number) as id,
    mail.klaviyo_person_id as person_id,
    newsletter.campaign_id,
    kinds.metric_id,
    uuid_text(mail.mail_id * 8 + kinds.kind_number, 'mail event') as uuid,
    kinds.type,
    case
        when kinds.type = 'Received Email' then mail.sent_at
        when kinds.type = 'Opened Email' then later(mail.reacted_at, -120)
        when kinds.type = 'Bounced Email' then later(mail.sent_at, 30)
        else mail.reacted_at
    end as datetime,
    case
        when kinds.type = 'Received Email' then mail.sent_at
        when kinds.type = 'Opened Email' then later(mail.reacted_at, -120)
        when kinds.type = 'Bounced Email' then later(mail.sent_at, 30)
        else mail.reacted_at
    end as timestamp,
    newsletter.subject as property_subject,
    case
        when kinds.type = 'Clicked Email'
            then
                'https://www.nordvik.example/journal?utm_source=klaviyo&utm_medium=email&utm_campaign='
                || newsletter.name
    end as property_url,
    newsletter.name as property_campaign_name,
    split_part(mail.email, '@', 2) as property_email_domain,
    case when kinds.type = 'Bounced Email' then if(mail.is_hard_bounce, 'Hard', 'Soft') end
        as property_bounce_type,
    false as _fivetran_deleted,
    not_after_today(later(mail.reacted_at, 3600)) as _fivetran_synced
from mail
inner join newsletter on mail.newsletter_number = newsletter.newsletter_number
inner join (
    values
    (1, 'Received Email', 'RcvEml', ['ignored', 'opened', 'clicked', 'unsubscribed', 'complained']),
    (2, 'Opened Email', 'OpnEml', ['opened', 'clicked', 'unsubscribed', 'complained']),
    (3, 'Clicked Email', 'ClkEml', ['clicked']),
    (4, 'Bounced Email', 'BncEml', ['bounced']),
    (5, 'Unsubscribed', 'UnsEml', ['unsubscribed']),
    (6, 'Marked Email as Spam', 'SpmEml', ['complained'])
) as kinds (kind_number, type, metric_id, outcomes)
    on list_contains(kinds.outcomes, mail.outcome);

insert into sighting
select
    mailing_contact.person_id,
    'klaviyo.person' as source,
    mailing_contact.profile_id as record_key,
    not mailing_contact.is_deleted as is_live,
    unnest(
        seen([
            owned('klaviyo_person_id', mailing_contact.klaviyo_person_id, null),
            named('email', mailing_contact.typed),
            named('phone', mailing_contact.phone)
        ]),
        recursive := true
    )
from mailing_contact;
