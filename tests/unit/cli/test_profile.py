"""Finding one customer by whatever a person types, and showing what is known."""

import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from cli.profile import (
    Identifier,
    Match,
    Profile,
    find_matches,
    open_profiles,
    read_profile,
)
from cli.profile_view import as_json, render, render_matches
from identity.errors import CustomerNotFoundError, NotBuiltError
from warehouse.connection import open_warehouse
from warehouse.errors import WarehouseMissingError
from warehouse.target import Target

TABLES = """
    create schema identity;
    create schema core;
    create table identity.identity_map as
    select * from (values
        ('email', 'ada@nordvik.example', 'c1', false),
        ('phone', '+4791234567', 'c1', false),
        ('loyalty_id', 'NV0000000018', 'c2', false),
        ('phone', '+4722222222', 'c2', true),
        ('zendesk_user_id', '881615194477', 'c2', false),
        ('shopify_customer_id', '881615194477', 'c1', false)
    ) as t (identifier_type, identifier_value, customer_id, is_shared);
    create table core.dim_customers as
    select * from (values
        ('c1', 'Ada', null, 'Oslo', '+4722222222', true, 2, 7),
        ('c2', 'Grace', 'Hopper', null, '+4722222222', false, 0, 7)
    ) as t (
        customer_id, first_name, last_name, city, phone, is_b2b, order_count, changed_run
    );
    create table core.customer_consents as
    select * from (values
        ('c1', 'sms_marketing', 'sms', 'denied', timestamp '2026-01-01'),
        ('c1', 'ads', 'online', 'granted', timestamp '2026-02-01'),
        ('c2', 'ads', 'online', 'granted', timestamp '2026-02-01')
    ) as t (customer_id, purpose, channel, status, recorded_at);
    create table core.fct_customer_events as
    select * from (values
        ('e1', 'c1', 'order_placed', 'shopify', 'Order #1', 99.5, 'EUR',
            timestamp '2026-06-01 10:00:00'),
        ('e2', 'c1', 'page_viewed', 'segment', null, null, null,
            timestamp '2026-06-02 11:30:00'),
        ('e3', 'c2', 'page_viewed', 'segment', null, null, null,
            timestamp '2026-06-03 00:00:00')
    ) as t (
        event_key, customer_id, event_name, source_name, subject, amount, currency,
        occurred_at
    );
"""


@pytest.fixture
def target(tmp_path: Path) -> Target:
    path = tmp_path / "x.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(TABLES)
    return Target(name="test", engine="duckdb", path=path)


@pytest.fixture
def warehouse(target, tmp_path):
    with open_profiles(target, tmp_path / "none.duckdb") as warehouse:
        yield warehouse


@pytest.mark.parametrize("typed", ["ADA@nordvik.example", "+47 912 34 567", "c1"])
def test_customer_is_found_by_any_identifier(warehouse, typed):
    assert [match.customer_id for match in find_matches(warehouse, typed)] == ["c1"]


def test_value_that_two_customers_have_finds_both_and_says_as_what(warehouse):
    assert find_matches(warehouse, "881615194477") == (
        Match("c1", ("shopify_customer_id",), "Ada", "Oslo"),
        Match("c2", ("zendesk_user_id",), "Grace Hopper", ""),
    )


def test_shared_telephone_finds_everybody_whose_profile_shows_it(warehouse):
    found = find_matches(warehouse, "+47 22 22 22 22")

    assert [match.customer_id for match in found] == ["c1", "c2"]


def test_own_identifier_is_not_mixed_with_those_who_share_a_value(warehouse):
    [match] = find_matches(warehouse, "NV0000000018")

    assert match.matched_by == ("loyalty_id",)


def test_profile_has_identifiers_fields_and_the_rows_of_every_table_there_is(warehouse):
    profile = read_profile(warehouse, "c1", limit=1)

    assert profile.identifiers == (
        Identifier("email", "ada@nordvik.example", is_shared=False),
        Identifier("phone", "+4791234567", is_shared=False),
        Identifier("shopify_customer_id", "881615194477", is_shared=False),
    )
    assert profile.fields["first_name"] == "Ada"
    assert "changed_run" not in profile.fields
    assert [row["event_key"] for row in profile.sections["events"]] == ["e2"]
    assert [row["purpose"] for row in profile.sections["consents"]] == [
        "ads",
        "sms_marketing",
    ]
    assert "tickets" not in profile.sections


def test_unknown_identifier_is_told_without_repeating_it(warehouse):
    with pytest.raises(CustomerNotFoundError) as caught:
        find_matches(warehouse, "nobody@nordvik.example")

    assert "nobody@nordvik.example" not in str(caught.value)
    assert caught.value.exit_code == 1


def test_published_file_is_read_while_the_warehouse_is_written_to(target, tmp_path):
    published = tmp_path / "published.duckdb"
    published.write_bytes(target.path.read_bytes())

    with (
        open_warehouse(target) as builder,
        open_profiles(target, published) as warehouse,
    ):
        builder.execute("update core.dim_customers set first_name = 'Unfinished'")

        [match] = find_matches(warehouse, "ada@nordvik.example")

    assert match.name == "Ada"


def test_warehouse_without_models_says_how_to_build_them(tmp_path):
    target = Target(name="test", engine="duckdb", path=tmp_path / "x.duckdb")
    with open_warehouse(target):
        pass

    with (
        pytest.raises(NotBuiltError, match=r"core\.dim_customers is not there yet"),
        open_profiles(target, tmp_path / "none.duckdb"),
    ):
        pass


def test_missing_warehouse_is_told(tmp_path):
    target = Target(name="test", engine="duckdb", path=tmp_path / "x.duckdb")

    with (
        pytest.raises(WarehouseMissingError, match="does not exist"),
        open_profiles(target, tmp_path / "none.duckdb"),
    ):
        pass


GRACE = Profile(
    customer_id="c2",
    identifiers=(
        Identifier("device_id", "tablet", is_shared=True),
        Identifier("loyalty_id", "NV0000000018", is_shared=False),
    ),
    fields={
        "customer_id": "c2",
        "first_name": "Grace",
        "city": None,
        "is_b2b": False,
        "last_seen_at": datetime(2026, 6, 3, 9, 5),
    },
    sections={
        "consents": (
            {
                "purpose": "ads",
                "channel": "online",
                "status": "granted",
                "recorded_at": datetime(2026, 2, 1),
            },
        ),
        "orders": (
            {
                "order_id": "1001",
                "channel": "web",
                "total_amount": Decimal("99.50"),
                "currency": "EUR",
                "is_cancelled": True,
                "ordered_at": datetime(2026, 6, 1, 10),
            },
        ),
        "tickets": (
            {
                "ticket_id": "77",
                "status": "open",
                "subject": "Late parcel",
                "sentiment_label": "negative",
                "created_at": datetime(2026, 6, 2, 8),
            },
        ),
        "sessions": (
            {
                "channel_group": "Email",
                "traffic_source": "klaviyo",
                "utm_campaign": "spring",
                "landing_page_path": "/journal",
                "page_view_count": 3,
                "started_at": datetime(2026, 6, 1, 9, 40),
            },
        ),
        "events": (
            {
                "event_name": "order_placed",
                "source_name": "shopify",
                "subject": "Order #1",
                "amount": Decimal("99.50"),
                "currency": "EUR",
                "occurred_at": datetime(2026, 6, 1, 10),
            },
        ),
    },
)


def test_profile_reads_as_a_page():
    assert render(GRACE) == (
        "Customer c2\n"
        "\n"
        "Profile\n"
        "  first name    Grace\n"
        "  is b2b        no\n"
        "  last seen at  2026-06-03 09:05\n"
        "\n"
        "Identifiers (2)\n"
        "  device_id   tablet (shared)\n"
        "  loyalty_id  NV0000000018\n"
        "\n"
        "Consents\n"
        "  ads by online  granted  since 2026-02-01 00:00\n"
        "\n"
        "Latest orders\n"
        "  2026-06-01 10:00  1001  web  99.50 EUR  cancelled\n"
        "\n"
        "Latest tickets\n"
        "  2026-06-02 08:00  77  open  Late parcel  negative\n"
        "\n"
        "Latest sessions\n"
        "  2026-06-01 09:40  Email  klaviyo  spring  /journal  3 pages\n"
        "\n"
        "Latest events\n"
        "  2026-06-01 10:00  order placed  Order #1  99.50 EUR  (shopify)"
    )


def test_several_matches_read_as_a_list():
    matches = (
        Match("c1", ("shopify_customer_id",), "Ada", "Oslo"),
        Match("c2", ("zendesk_user_id",), "", ""),
    )

    assert render_matches(matches) == (
        "2 customers have this identifier\n"
        "  c1  Ada  Oslo  (by shopify_customer_id)\n"
        "  c2  (by zendesk_user_id)\n"
        "\n"
        "Show one of them by the customer id."
    )


def test_json_has_every_value_of_the_profile():
    found = json.loads(as_json((Match("c2", ("loyalty_id",), "Grace", ""),), GRACE))

    assert found["matches"] == [{"customer_id": "c2", "matched_by": ["loyalty_id"]}]
    assert found["customer"]["profile"]["city"] is None
    assert found["customer"]["profile"]["last_seen_at"] == "2026-06-03T09:05:00Z"
    assert found["customer"]["orders"][0]["total_amount"] == 99.5
    assert found["customer"]["tickets"][0]["created_at"] == "2026-06-02T08:00:00Z"
    assert found["customer"]["sessions"][0]["utm_campaign"] == "spring"


def test_json_of_several_matches_has_no_customer():
    matches = (Match("c1", ("email",), "", ""), Match("c2", ("email",), "", ""))

    found = json.loads(as_json(matches, None))

    assert [match["customer_id"] for match in found["matches"]] == ["c1", "c2"]
    assert found["customer"] is None
