"""Every messy fact is there when its switch is on, and only then.

Six worlds, each with another half of the switches on. Every switch is on in exactly three of
them and no two in the same three, so a fact that came from another's switch would show in a
world where its own is off.
"""

from itertools import combinations
from pathlib import Path

import pytest

from demo.mess import Mess
from demo.world import WorldSpec
from tests.demo_worlds import landed, with_truth

WORLDS = range(6)
PEOPLE = 1_200

# Rare facts are made common, or 1,200 people would be too few to show them.
SHARES = Mess.all().shares() | {
    "family_devices": 0.5,
    "placeholders": 0.05,
    "till_typos": 0.3,
    "crm_duplicates": 0.3,
    "email_variants": 0.2,
    "soft_deletes": 0.1,
    "invalid_values": 0.05,
    "changed_emails": 0.3,
    "reused_phones": 0.2,
    "shared_emails": 0.5,
}

ON_IN = dict(zip(Mess.names(), combinations(WORLDS, 3), strict=False))

EMAILS = """
    (
        select email from segment.identifies union all select email from segment.order_completed
        union all select email from shopify.customer union all select email from shopify."order"
        union all select email from shopify.abandoned_checkout union all select property_email from hubspot.contact
        union all select email from salesforce.lead union all select email from salesforce.contact
        union all select email from zendesk."user" union all select email from klaviyo.person
        union all select email from stripe.customer union all select email from till.sale
        union all select email from consent_log.consent union all select email from loyalty.member
    )
"""
PHONES = """
    (
        select phone from segment.identifies union all select phone from shopify.customer
        union all select shipping_address_phone from shopify."order" union all select shipping_address_phone from shopify.abandoned_checkout
        union all select property_phone from hubspot.contact union all select phone from salesforce.lead
        union all select mobile_phone from salesforce.contact union all select phone from zendesk."user"
        union all select phone_number from klaviyo.person union all select phone from stripe.customer
        union all select phone from consent_log.consent union all select phone from loyalty.member
    )
"""
PLACEHOLDER_EMAILS = "('null@example.com', 'test@test.com', 'noreply@nordvik.example')"
PLACEHOLDER_PHONES = "('0000000000', '+31600000000')"
ZEROES = "'00000000-0000-0000-0000-000000000000'"

FOUND_BY = {
    "family_devices": """
        select anonymous_id from segment.identifies where context_app_version is distinct from 'store-2.4.0'
        group by anonymous_id having count(distinct user_id) > 1
    """,
    "store_tablets": """
        select anonymous_id from segment.identifies
        group by anonymous_id having count(distinct coalesce(loyalty_id, user_id, email)) > 10
    """,
    "placeholders": f"""
        select 1 from {EMAILS} where email in {PLACEHOLDER_EMAILS}
        union all select 1 from {PHONES} where phone in {PLACEHOLDER_PHONES}
        union all select 1 from segment.pages where user_id in ('null', 'anonymous', 'undefined')
        union all select 1 from segment.screens where context_device_id = {ZEROES}
    """,
    "till_typos": """
        select 1 from till.sale anti join loyalty.member on upper(replace(sale.loyalty_card, ' ', '')) = member.member_id
        where sale.loyalty_card is not null
        union all select 1 from known.truth.identifier where mess = 'till_typos'
    """,
    "guest_checkouts": "select 1 from shopify.customer where state = 'disabled'",
    "crm_duplicates": """
        select 1 from hubspot.contact where property_hs_merged_object_ids is not null
        union all select 1 from salesforce.contact where master_record_id is not null
        union all select 1 from salesforce.lead where is_converted
        union all (
            select 1 from known.truth.identifier where identifier_type in ('hubspot_contact_id', 'salesforce_contact_id')
            group by identifier_type, person_id having count(*) > 1
        )
    """,
    "email_variants": f"select 1 from {EMAILS} where contains(split_part(email, '@', 1), '+')",
    "phone_formats": f"""
        select 1 from {PHONES}
        where not regexp_full_match(phone, '[+][0-9]{{8,15}}')
            and length(regexp_replace(phone, '[^0-9]', '', 'g')) >= 8 and phone not in {PLACEHOLDER_PHONES}
    """,
    "text_noise": f"""
        select 1 from {EMAILS} where email <> lower(trim(email)) or contains(email, '<')
        union all select 1 from loyalty.member where last_name in (upper(last_name), lower(last_name)) or last_name like ' %'
    """,
    "duplicate_messages": """
        select id from segment.pages group by id having count(*) > 1
        union all select id from segment.tracks group by id having count(*) > 1
    """,
    "late_messages": "select 1 from segment.pages where received_at > sent_at + interval 12 hour",
    "soft_deletes": """
        select 1 from shopify.abandoned_checkout where _fivetran_deleted
        union all select 1 from shopify.product where _fivetran_deleted
        union all select 1 from hubspot.company where is_deleted
        union all select 1 from hubspot.contact where _fivetran_deleted and id::varchar not in (
            select property_hs_merged_object_ids from hubspot.contact where property_hs_merged_object_ids is not null
        )
        union all select 1 from salesforce.lead where is_deleted
        union all select 1 from salesforce.contact where is_deleted and master_record_id is null
        union all select 1 from salesforce.opportunity where is_deleted
        union all select 1 from zendesk."user" where not active
        union all select 1 from zendesk.ticket where status = 'deleted'
        union all select 1 from klaviyo.person where _fivetran_deleted
        union all select 1 from stripe.customer where is_deleted
    """,
    "invalid_values": f"""
        select 1 from {EMAILS} where not regexp_full_match(lower(regexp_replace(trim(email), '^.*<|>$', '', 'g')), '[a-z0-9._+]+@[a-z0-9.]+[.][a-z]+')
        union all select 1 from {PHONES} where length(regexp_replace(phone, '[^0-9]', '', 'g')) < 8
    """,
    "changed_emails": """
        select 1 from shopify."order" inner join shopify.customer on "order".customer_id = customer.id
        where customer.state = 'enabled' and "order".email <> customer.email
    """,
    "reused_phones": """
        select 1 from known.truth.identifier where identifier_type = 'phone' and is_shared and mess = 'reused_phones'
    """,
    "shared_emails": """
        select 1 from known.truth.identifier where identifier_type = 'email' and is_shared and mess = 'shared_emails'
    """,
    "cookie_resets": f"""
        select context_device_id from segment.screens
        where context_app_version <> 'store-2.4.0' and context_device_id <> {ZEROES}
        group by context_device_id having count(distinct anonymous_id) > 1
    """,
}


def facts_found(folder: Path, mess: Mess) -> set[str]:
    with landed(folder, WorldSpec(people=PEOPLE, seed=3, mess=mess)):
        pass
    with with_truth(folder) as world:
        return {name for name, query in FOUND_BY.items() if world.query(query)}


def test_every_messy_fact_has_a_query_that_finds_it():
    assert set(FOUND_BY) == set(Mess.names()) == set(ON_IN)


@pytest.mark.parametrize("number", WORLDS)
def test_a_world_shows_the_facts_that_are_switched_on_and_no_other(tmp_path, number):
    switched_on = {name for name, worlds in ON_IN.items() if number in worlds}

    found = facts_found(
        tmp_path,
        Mess(
            **{
                name: share if name in switched_on else 0.0
                for name, share in SHARES.items()
            }
        ),
    )

    assert found == switched_on


def test_a_world_without_mess_shows_none(tmp_path):
    assert facts_found(tmp_path, Mess.none()) == set()


def test_realistic_shares_show_every_fact_in_three_thousand_people(messy_world):
    missing = {name for name, query in FOUND_BY.items() if not messy_world.query(query)}

    assert missing == set()
