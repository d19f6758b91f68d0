"""The truth against the raw tables, read here by rules of this test's own."""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from warehouse.connection import Warehouse

Identifier = tuple[str, str]


@pytest.fixture(scope="module")
def truth(messy_world) -> dict[Identifier, tuple[int | None, bool, bool, str | None]]:
    """Person, is_shared, is_linkable and mess by identifier."""
    return {
        (kind, value): tuple(rest)
        for kind, value, *rest in messy_world.query(
            "select identifier_type, identifier_value, person_id, is_shared, is_linkable, mess "
            "from known.truth.identifier"
        )
    }


def email_of(text: str | None) -> str | None:
    if text is None:
        return None
    text = text.strip()
    if text.endswith(">"):
        text = text[text.index("<") + 1 : -1]
    text = text.strip().lower()
    return (
        text if re.fullmatch(r"[a-z0-9._+]+@[a-z0-9-]+(\.[a-z0-9-]+)+", text) else None
    )


def phone_of(text: str | None, country: str | None = None) -> str | None:
    if text is None:
        return None
    digits = re.sub(r"[^0-9+]", "", text.replace("(0)", ""))
    if digits.startswith("00"):
        digits = "+" + digits[2:]
    if not digits.startswith("+"):
        if country in ("NO", "PL"):
            digits = {"NO": "+47", "PL": "+48"}[country] + digits
        elif digits.startswith("0"):
            digits = "+31" + digits[1:]
    plan = r"\+31[1-9]\d{8}|\+47[2-9]\d{7}|\+48[1-9]\d{8}"
    return digits if re.fullmatch(plan, digits) else None


def card_of(text: str | None) -> str | None:
    if text is None:
        return None
    card = re.sub(r"[^0-9A-Z]", "", text.upper())
    if not re.fullmatch(r"NV\d{10}", card):
        return None
    total = 0
    for place, digit in enumerate(reversed(card[2:])):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return card if total % 10 == 0 else None


@dataclass(frozen=True)
class Reading:
    """Which columns of a raw table are which identifiers.

    `country` is the expression of the row's country, `counts` of whether the row still counts.
    """

    table: str
    identifiers: tuple[tuple[str, str], ...]
    country: str = "null"
    counts: str = "true"


TRACKED = (
    ("anonymous_id", "anonymous_id"),
    ("device_id", "context_device_id"),
    ("user_id", "user_id"),
)
COUNTRY_BY_NAME = "case {} when 'Netherlands' then 'NL' when 'Norway' then 'NO' when 'Poland' then 'PL' end"

READINGS = (
    Reading("segment.pages", TRACKED),
    Reading("segment.screens", TRACKED),
    Reading("segment.tracks", TRACKED),
    Reading("segment.product_viewed", TRACKED),
    Reading("segment.product_added", TRACKED),
    Reading("segment.checkout_started", TRACKED),
    Reading("segment.order_completed", (*TRACKED, ("email", "email"))),
    Reading(
        "segment.identifies",
        (
            *TRACKED,
            ("email", "email"),
            ("phone", "phone"),
            ("loyalty_id", "loyalty_id"),
        ),
    ),
    Reading(
        "shopify.customer",
        (
            ("shopify_customer_id", "id"),
            ("user_id", "case state when 'enabled' then id end"),
            ("email", "email"),
            ("phone", "phone"),
        ),
    ),
    Reading(
        'shopify."order"',
        (
            ("shopify_customer_id", "customer_id"),
            ("email", "email"),
            ("phone", "shipping_address_phone"),
            ("phone", "billing_address_phone"),
        ),
        country="shipping_address_country_code",
    ),
    Reading(
        "shopify.abandoned_checkout",
        (
            ("shopify_customer_id", "customer_id"),
            ("email", "email"),
            ("phone", "shipping_address_phone"),
        ),
        country="shipping_address_country_code",
        counts="not _fivetran_deleted",
    ),
    Reading(
        "hubspot.contact",
        (
            ("hubspot_contact_id", "id"),
            ("hubspot_contact_id", "property_hs_merged_object_ids"),
            ("email", "property_email"),
            ("email", "property_email_1"),
            ("phone", "property_phone"),
        ),
        country=COUNTRY_BY_NAME.format("property_country"),
        counts="not _fivetran_deleted",
    ),
    Reading(
        "salesforce.lead",
        (
            ("salesforce_lead_id", "id"),
            ("salesforce_contact_id", "converted_contact_id"),
            ("email", "email"),
            ("phone", "phone"),
            ("phone", "mobile_phone"),
        ),
        country="country_code",
        counts="not is_deleted",
    ),
    Reading(
        "salesforce.contact",
        (
            ("salesforce_contact_id", "id"),
            ("salesforce_contact_id", "master_record_id"),
            ("email", "email"),
            ("phone", "phone"),
            ("phone", "mobile_phone"),
        ),
        country="mailing_country_code",
        # Deleted because it was merged: the winner's id in it still says whose it is.
        counts="not is_deleted or master_record_id is not null",
    ),
    Reading(
        'zendesk."user"',
        (
            ("zendesk_user_id", "id"),
            ("user_id", "external_id"),
            ("email", "email"),
            ("phone", "phone"),
        ),
        counts="active",
    ),
    Reading(
        "klaviyo.person",
        (("klaviyo_person_id", "id"), ("email", "email"), ("phone", "phone_number")),
        country=COUNTRY_BY_NAME.format("country"),
        counts="not _fivetran_deleted",
    ),
    Reading(
        "stripe.customer",
        (
            ("stripe_customer_id", "id"),
            ("user_id", "metadata::json ->> 'shop_user_id'"),
            ("email", "email"),
            ("phone", "phone"),
        ),
        country="address_country",
        counts="not is_deleted",
    ),
    Reading("till.sale", (("loyalty_id", "loyalty_card"), ("email", "email"))),
    Reading(
        "consent_log.consent",
        (("user_id", "user_id"), ("email", "email"), ("phone", "phone")),
    ),
    Reading(
        "loyalty.member",
        (("loyalty_id", "member_id"), ("email", "email"), ("phone", "phone")),
        country="country_code",
    ),
)


def normal(kind: str, text: str | None, country: str | None) -> str | None:
    """Null when there is nothing, or nothing valid."""
    match kind:
        case "email":
            return email_of(text)
        case "phone":
            return phone_of(text, country)
        case "loyalty_id":
            return card_of(text)
        case _:
            return text


def records(
    world: Warehouse, reading: Reading
) -> Iterator[tuple[frozenset[Identifier], bool]]:
    """Identifiers of each raw record, and whether the record still counts."""
    columns = ", ".join(f"({column})::varchar" for _, column in reading.identifiers)
    for *values, country, counts in world.rows(
        f"select distinct {columns}, {reading.country}, {reading.counts} from {reading.table}"
    ):
        named = [
            (kind, normal(kind, text, country))
            for (kind, _), text in zip(reading.identifiers, values, strict=True)
        ]
        yield (
            frozenset((kind, value) for kind, value in named if value is not None),
            counts,
        )


@pytest.fixture(scope="module")
def all_records(messy_world) -> list[tuple[frozenset[Identifier], bool]]:
    return [record for reading in READINGS for record in records(messy_world, reading)]


def test_truth_knows_every_identifier_that_the_raw_tables_hold(truth, all_records):
    named = frozenset().union(*(identifiers for identifiers, _ in all_records))

    assert len(named) > 15_000
    assert named - truth.keys() == frozenset()


def test_truth_knows_no_identifier_that_the_raw_tables_lack(truth, all_records):
    named = frozenset().union(*(identifiers for identifiers, _ in all_records))

    assert truth.keys() - named == set()


def test_truth_has_an_owner_where_nothing_is_shared_and_none_where_it_is(truth):
    staff = {value for (_, value) in truth if value.endswith("@nordvik.example")}
    wrong = [
        identifier
        for identifier, (person, is_shared, _, _) in truth.items()
        if is_shared == (person is not None)
        and identifier[1] not in staff
        and not identifier[1].startswith("3900000000")
    ]

    assert wrong == []


def test_truth_calls_linkable_what_some_record_names_beside_another_of_the_same_person(
    truth, all_records
):
    linked = set()
    for identifiers, counts in all_records:
        by_person = defaultdict(set)
        for identifier in identifiers:
            person, is_shared, _, mess = truth[identifier]
            if counts and not is_shared and mess != "reused_phones":
                by_person[person].add(identifier)
        for person, own in by_person.items():
            if person is not None and len(own) > 1:
                linked |= own

    assert len(linked) > 12_000
    assert {
        name for name, (_, _, is_linkable, _) in truth.items() if is_linkable
    } == linked


def test_truth_names_the_buyer_of_every_order_and_sale(messy_world):
    [(unknown, orders)] = messy_world.query(
        """
        select count(*) filter (known_order.person_id is null), count(*)
        from (select id::varchar as order_id from shopify."order" union all select sale_id from till.sale where not is_return) as bought
        left join known.truth."order" as known_order on bought.order_id = known_order.order_id
        """
    )

    assert unknown == 0
    assert orders > 3_000


def test_truth_and_the_shop_agree_on_who_bought(messy_world):
    wrong = messy_world.query(
        """
        select 1 from shopify."order" as o
        inner join known.truth."order" as known_order on o.id::varchar = known_order.order_id
        inner join known.truth.identifier as owner
            on owner.identifier_type = 'shopify_customer_id' and owner.identifier_value = o.customer_id::varchar
        where owner.person_id <> known_order.person_id
        """
    )

    assert wrong == []


def test_truth_lists_every_person_once_with_household_and_company(messy_world):
    [row] = messy_world.query(
        """
        select
            count(*),
            count(distinct person_id),
            count(*) filter (household_id not in (select household_id from known.truth.household)),
            count(*) filter (company_id not in (select company_id from known.truth.company)),
            count(company_id) between 120 and 280
        from known.truth.person
        """
    )

    assert row == (3_000, 3_000, 0, 0, True)


def test_household_members_share_a_country_and_number_as_many_as_it_says(messy_world):
    wrong = messy_world.query(
        """
        select household_id from known.truth.person inner join known.truth.household using (household_id)
        group by household_id, person_count
        having count(*) <> person_count or count(distinct person.country_code) > 1
        """
    )

    assert wrong == []
