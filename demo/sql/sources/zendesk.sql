-- Zendesk: who wrote to support, and what about. Texts come from templates in the writer's
-- language.

create or replace temp table supported_person as
with

writers as (

    select
        person.*,
        case
            when
                person.has_other_email
                and chance(person.person_id, 'writes from second mailbox', 0.5)
                then person.other_email
            when person.email_changed_at is null then person.email
            else person.new_email
        end as given_email,
        if(
            chance(person.person_id, 'calls support', 0.3),
            coalesce(person.other_phone, person.phone),
            null
        ) as given_phone,
        uniform(person.person_id, 'support e-mail') as email_fate,
        uniform(person.person_id, 'support phone') as phone_fate

    from person
    where
        person.archetype in ('member', 'guest', 'store')
        and chance(person.person_id, 'needs support', 0.13)

)

select
    writers.*,
    40000000000 + opaque(writers.person_id) as zendesk_user_id,
    typed_email(writers.given_email, writers.full_name, writers.email_fate) as support_email,
    typed_phone(writers.given_phone, writers.phone_fate, false) as support_phone,
    writers.archetype = 'member'
    and chance(writers.person_id, 'support sees account', 0.75) as is_account_known,
    chance(writers.person_id, 'support user deleted', getvariable('mess_soft_deletes'))
        as is_deleted,
    1
    + least(5, floor(power(1.0 - uniform(writers.person_id, 'tickets'), -0.5) - 1))::bigint
        as ticket_count,
    later(
        writers.ready_at,
        7200
        + uniform(writers.person_id, 'first ticket')
        * 0.8
        * (seconds_between(writers.ready_at, getvariable('as_of')) - 7200)
    ) as first_ticket_at
from writers;

insert into zendesk.user by name
select
    supported_person.zendesk_user_id as id,
    typed_name(supported_person.full_name, uniform(supported_person.person_id, 'support name'))
        as name,
    supported_person.support_email.raw as email,
    supported_person.support_phone.raw as phone,
    if(supported_person.is_account_known, supported_person.user_id, null) as external_id,
    'end-user' as role,
    supported_person.locale,
    supported_person.timezone as time_zone,
    not supported_person.is_deleted as active,
    false as suspended,
    supported_person.is_account_known as verified,
    supported_person.first_ticket_at as created_at,
    not_after_today(later(supported_person.first_ticket_at, 3600)) as updated_at,
    supported_person.first_ticket_at as last_login_at,
    not_after_today(later(supported_person.first_ticket_at, 10800)) as _fivetran_synced
from supported_person;

create or replace temp table support_ticket as
with

numbered as (

    select
        supported_person.person_id,
        supported_person.zendesk_user_id,
        supported_person.country_code,
        supported_person.first_name,
        supported_person.person_id * 8 + tickets.ticket_index as ticket_key,
        later(
            supported_person.first_ticket_at,
            (tickets.ticket_index - 1)
            * uniform(supported_person.person_id * 8 + tickets.ticket_index, 'next ticket')
            * 86400
            * 60
        ) as created_at

    from supported_person
    cross join unnest(range(1, supported_person.ticket_count + 1)) as tickets (ticket_index)

)

select
    numbered.*,
    2000000 + opaque(numbered.ticket_key) as ticket_id,
    support_topic.topic,
    support_topic.subject,
    -- A template names an article, a first name and a number of days.
    replace(
        replace(
            replace(support_topic.question, '{article}', product.name),
            '{days}',
            whole(numbered.ticket_key, 'days in ticket', 3, 16)::varchar
        ),
        '{name}',
        numbered.first_name
    ) as question,
    replace(
        replace(support_topic.answer, '{name}', numbered.first_name), '{article}', product.name
    ) as answer,
    whole(numbered.ticket_key, 'answer after', 900, 93600) as answer_s,
    one_of(numbered.ticket_key, 'channel', ['email', 'email', 'web', 'chat', 'voice']) as channel,
    chance(numbered.ticket_key, 'ticket deleted', getvariable('mess_soft_deletes')) as is_deleted,
    one_of(numbered.ticket_key, 'agent', [1, 2, 3, 4, 5, 6]) as agent_number
from numbered
inner join support_topic
    on
        numbered.country_code = support_topic.country_code
        and support_topic.topic_number = whole(numbered.ticket_key, 'topic', 1, 7)
inner join product on product.price_rank = whole(numbered.ticket_key, 'article in ticket', 1, 200)
where numbered.created_at <= later(getvariable('as_of'), -7200);

insert into zendesk.ticket by name
select
    support_ticket.ticket_id as id,
    support_ticket.zendesk_user_id as requester_id,
    support_ticket.zendesk_user_id as submitter_id,
    39000000000 + support_ticket.agent_number as assignee_id,
    support_ticket.subject,
    support_ticket.question as description,
    case
        when support_ticket.is_deleted then 'deleted'
        when later(support_ticket.created_at, support_ticket.answer_s) > getvariable('as_of')
            then 'new'
        when
            later(support_ticket.created_at, support_ticket.answer_s + 259200)
            > getvariable('as_of')
            then one_of(support_ticket.ticket_key, 'open status', ['open', 'pending', 'hold'])
        else one_of(support_ticket.ticket_key, 'closed status', ['solved', 'closed', 'closed'])
    end as status,
    one_of(
        support_ticket.ticket_key,
        'priority',
        ['low', 'normal', 'normal', 'normal', 'high', 'urgent']
    ) as priority,
    if(support_ticket.topic in ('warranty', 'damaged'), 'problem', 'question') as type,
    if(support_ticket.channel = 'email', 'support@nordvik.example', null) as recipient,
    support_ticket.channel as via_channel,
    support_ticket.created_at,
    not_after_today(later(support_ticket.created_at, support_ticket.answer_s + 7200)) as updated_at,
    not_after_today(later(support_ticket.created_at, support_ticket.answer_s + 10800))
        as _fivetran_synced
from support_ticket;

insert into zendesk.ticket_comment by name
with

comments as (

    select
        support_ticket.ticket_key * 4 as comment_key,
        support_ticket.ticket_id,
        support_ticket.zendesk_user_id as user_id,
        support_ticket.question as body,
        support_ticket.created_at as created

    from support_ticket
    union all
    select
        support_ticket.ticket_key * 4 + 1 as comment_key,
        support_ticket.ticket_id,
        39000000000 + support_ticket.agent_number as user_id,
        support_ticket.answer as body,
        later(support_ticket.created_at, support_ticket.answer_s) as created

    from support_ticket
    union all
    select
        support_ticket.ticket_key * 4 + 2 as comment_key,
        support_ticket.ticket_id,
        support_ticket.zendesk_user_id as user_id,
        case support_ticket.country_code
            when 'NL' then 'Dank je wel, dat helpt!' when 'NO' then 'Tusen takk for hjelpen!' else
                'Dziękuję za pomoc!'
        end as body,
        later(support_ticket.created_at, support_ticket.answer_s + 5400) as created

    from support_ticket
    where chance(support_ticket.ticket_key, 'says thanks', 0.4)

)

select
    510000000 + opaque(comments.comment_key) as id,
    comments.ticket_id,
    comments.user_id,
    comments.body,
    true as public,
    comments.created,
    not_after_today(later(comments.created, 7200)) as _fivetran_synced
from comments
where comments.created <= getvariable('as_of');

insert into sighting
select
    supported_person.person_id,
    'zendesk.user' as source,
    supported_person.zendesk_user_id as record_key,
    not supported_person.is_deleted as is_live,
    unnest(
        seen([
            owned('zendesk_user_id', supported_person.zendesk_user_id, null),
            owned(
                'user_id',
                if(supported_person.is_account_known, supported_person.user_id, null),
                null
            ),
            named('email', supported_person.support_email),
            named('phone', supported_person.support_phone)
        ]),
        recursive := true
    )
from supported_person;
