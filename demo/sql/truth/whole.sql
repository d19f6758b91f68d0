-- The truth of the whole world: one row per identifier, handed over in files to the truth database.

-- Things that are nobody's: the staff and the three tablets.
insert into ownership
select
    nobody.identifier_type,
    nobody.identifier_value,
    null as person_id,
    false as is_linked,
    nobody.mess
from (
    select
        'zendesk_user_id' as identifier_type,
        support_agent.zendesk_user_id::varchar as identifier_value,
        null as mess
    from support_agent
    union all
    select
        'email' as identifier_type,
        support_agent.email as identifier_value,
        null as mess
    from support_agent
    union all
    select
        'anonymous_id' as identifier_type,
        store_tablet.anonymous_id as identifier_value,
        'store_tablets' as mess
    from store_tablet
    where getvariable('mess_store_tablets') > 0
    union all
    select
        'device_id' as identifier_type,
        store_tablet.device_id as identifier_value,
        'store_tablets' as mess
    from store_tablet
    where getvariable('mess_store_tablets') > 0
) as nobody;

create or replace temp table true_identifier as
with

-- A slip of the finger may hit upon an address that somebody else really has: then it is theirs.
claims as (

    select
        ownership.*,
        bool_or(ownership.mess is distinct from 'till_typos') over (
            partition by ownership.identifier_type, ownership.identifier_value
        ) as has_rightful_owner

    from ownership

),

rightful as (

    select
        claims.identifier_type,
        claims.identifier_value,
        claims.person_id,
        claims.is_linked,
        claims.mess

    from claims
    where
        claims.mess is distinct from 'till_typos'
        or not claims.has_rightful_owner

)

select
    rightful.identifier_type,
    rightful.identifier_value,
    if(
        rightful.identifier_type = 'email',
        canonical_email(rightful.identifier_value),
        rightful.identifier_value
    ) as canonical_value,
    if(count(distinct rightful.person_id) = 1, min(rightful.person_id), null) as person_id,
    count(distinct rightful.person_id) > 1
    or coalesce(bool_or(rightful.mess in ('placeholders', 'store_tablets')), false) as is_shared,
    bool_or(rightful.is_linked) as is_linkable,
    min(rightful.mess) as mess
from rightful
group by
    rightful.identifier_type,
    rightful.identifier_value;

copy true_person to (getvariable('handover') || '/person.parquet') (format parquet);
copy true_household to (getvariable('handover') || '/household.parquet') (format parquet);
copy true_order to (getvariable('handover') || '/order.parquet') (format parquet);
copy true_identifier to (getvariable('handover') || '/identifier.parquet') (format parquet);
copy (
    select
        company.company_id,
        company.name,
        company.domain
    from company
) to (getvariable('handover') || '/company.parquet') (format parquet);
