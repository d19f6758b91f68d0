-- Newsletters to the people of this block: who is on the list, what each did with each mail, and
-- when they left the list.

-- A mailbox on the list. Who changes address gets a second profile under the new one.
create or replace temp table mail_profile as
with

first_purchases as (

    select
        purchase.person_id,
        min(purchase.purchased_at) as purchased_at

    from purchase
    group by purchase.person_id

),

known as (

    select
        person.*,
        case
            when person.archetype = 'subscriber' then person.ready_at
            when person.archetype = 'member' then person.account_at
            else first_purchases.purchased_at
        end as known_at,
        chance(
            person.person_id,
            'subscribes',
            case person.archetype
                when 'subscriber' then 1 when 'member' then 0.68 when 'guest' then 0.46 when
                    'store'
                    then 0.4 else 0
            end
        )
        and (person.archetype <> 'store' or person.loyalty_id is not null) as is_subscribed

    from person
    left join first_purchases on person.person_id = first_purchases.person_id

)

select
    known.person_id,
    profiles.profile_index,
    known.person_id * 2 + profiles.profile_index as profile_id,
    '01'
    || upper(left(digest(known.person_id * 2 + profiles.profile_index, 'klaviyo person'), 24))
        as klaviyo_person_id,
    if(profiles.profile_index = 0, known.email, known.new_email) as email,
    known.is_subscribed,
    if(profiles.profile_index = 0, known.known_at, known.email_changed_at) as from_at,
    if(
        profiles.profile_index = 0,
        coalesce(known.email_changed_at, getvariable('as_of')),
        getvariable('as_of')
    ) as until_at
from known
cross join (values (0), (1)) as profiles (profile_index)
where
    known.known_at is not null
    and (profiles.profile_index = 0 or known.email_changed_at is not null)
    -- The shop copies some customers over who never asked for mail.
    and (
        known.is_subscribed
        or (
            known.archetype in ('member', 'guest')
            and chance(known.person_id, 'copied to mailing tool', 0.3)
        )
    );

create or replace temp table mail as
with

sent as (

    select
        mail_profile.person_id,
        mail_profile.profile_id,
        mail_profile.klaviyo_person_id,
        mail_profile.email,
        newsletter.newsletter_number,
        mail_profile.profile_id * 64 + newsletter.newsletter_number as mail_id,
        later(
            newsletter.sent_at,
            whole(mail_profile.profile_id * 64 + newsletter.newsletter_number, 'sending', 0, 1800)
        ) as sent_at,
        uniform(mail_profile.profile_id * 64 + newsletter.newsletter_number, 'outcome')
            as outcome_draw

    from mail_profile
    inner join newsletter
        on
            mail_profile.from_at < newsletter.sent_at
            and mail_profile.until_at > newsletter.sent_at
    where
        mail_profile.is_subscribed
        and chance(mail_profile.profile_id * 64 + newsletter.newsletter_number, 'is sent to', 0.45)

),

-- Some come by the link of a mail of the last week when they buy.
mail_purchases as (

    select
        sent.mail_id,
        purchase.purchase_id,
        purchase.visit_started_at

    from sent
    inner join purchase
        on
            sent.person_id = purchase.person_id
            and purchase.visit_started_at > later(sent.sent_at, 300)
            and purchase.visit_started_at < later(sent.sent_at, 7 * 86400)
    where
        purchase.channel = 'web'
        and sent.outcome_draw >= 0.014
        and chance(purchase.purchase_id, 'comes by mail', 0.4)
    -- a mail brings one purchase, and a purchase comes by one mail
    qualify
        row_number() over (partition by sent.mail_id order by purchase.purchase_id) = 1
        and row_number() over (partition by purchase.purchase_id order by sent.mail_id) = 1

),

-- Outcomes exclude each other: bounced 0.6 %, left 0.7 %, complained 0.1 %, clicked 5 % and who
-- buys besides, opened 33 %.
judged as (

    select
        sent.*,
        mail_purchases.purchase_id,
        case
            when mail_purchases.purchase_id is not null then 'clicked'
            when sent.outcome_draw < 0.006 then 'bounced'
            when sent.outcome_draw < 0.013 then 'unsubscribed'
            when sent.outcome_draw < 0.014 then 'complained'
            when sent.outcome_draw < 0.064 then 'clicked'
            when sent.outcome_draw < 0.394 then 'opened'
            else 'ignored'
        end as outcome,
        coalesce(
            mail_purchases.visit_started_at,
            later(
                sent.sent_at,
                300 + least(exponential(sent.mail_id, 'reading delay') * 21600, 259200)
            )
        ) as reacted_at

    from sent
    left join mail_purchases on sent.mail_id = mail_purchases.mail_id

),

-- A hard bounce, a complaint or an unsubscribe ends the mailing.
ended as (

    select
        judged.person_id,
        min(judged.sent_at) as last_sent_at

    from judged
    where
        judged.outcome in ('unsubscribed', 'complained')
        or (judged.outcome = 'bounced' and chance(judged.mail_id, 'hard bounce', 0.4))
    group by judged.person_id

)

select
    judged.person_id,
    judged.klaviyo_person_id,
    judged.email,
    judged.newsletter_number,
    judged.mail_id,
    judged.sent_at,
    judged.outcome,
    judged.outcome = 'bounced' and judged.sent_at = ended.last_sent_at as is_hard_bounce,
    judged.purchase_id,
    judged.reacted_at
from judged
left join ended on judged.person_id = ended.person_id
where
    (ended.last_sent_at is null or judged.sent_at <= ended.last_sent_at)
    and judged.reacted_at <= later(getvariable('as_of'), -7200);
