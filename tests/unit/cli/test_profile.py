"""Finding one customer by whatever a person types, and showing what is known."""

from datetime import datetime
from pathlib import Path

import pytest

from cli.profile import (
    Identifier,
    Profile,
    find_profile,
    render,
)
from identity.errors import CustomerNotFoundError, NotBuiltError
from warehouse.connection import open_warehouse
from warehouse.errors import WarehouseMissingError
from warehouse.target import Target


@pytest.fixture
def target(tmp_path: Path) -> Target:
    target = Target(name="test", engine="duckdb", path=tmp_path / "x.duckdb")
    with open_warehouse(target) as warehouse:
        warehouse.execute("create schema identity")
        warehouse.execute("create schema core")
        warehouse.execute("""
            create table identity.identity_map as
            select * from (values
                ('email', 'ada@nordvik.example', 'c1', false),
                ('phone', '+4791234567', 'c1', false),
                ('loyalty_id', 'NV0000000018', 'c2', false),
                ('device_id', 'tablet', 'c2', true)
            ) as t (identifier_type, identifier_value, customer_id, is_shared)
        """)
        warehouse.execute("""
            create table core.dim_customers as
            select * from (values
                ('c1', 'Ada', null, true, 2),
                ('c2', 'Grace', 'Oslo', false, 0)
            ) as t (customer_id, first_name, city, is_b2b, order_count)
        """)
        warehouse.execute("""
            create table core.fct_customer_events as
            select * from (values
                ('c1', 'order_placed', 'shopify', 'Order #1', 99.5, 'EUR',
                    timestamp '2026-06-01 10:00:00'),
                ('c1', 'page_viewed', 'segment', null, null, null,
                    timestamp '2026-06-02 11:30:00'),
                ('c2', 'page_viewed', 'segment', null, null, null,
                    timestamp '2026-06-03 00:00:00')
            ) as t (customer_id, event_name, source_name, subject, amount, currency,
                occurred_at)
        """)
    return target


@pytest.mark.parametrize("typed", ["ADA@nordvik.example", "+47 912 34 567", "c1"])
def test_customer_is_found_by_any_identifier(target, typed):
    assert find_profile(target, typed).customer_id == "c1"


def test_profile_has_identifiers_fields_and_latest_events(target):
    profile = find_profile(target, "ada@nordvik.example", event_limit=1)

    assert profile.identifiers == (
        Identifier("email", "ada@nordvik.example", is_shared=False),
        Identifier("phone", "+4791234567", is_shared=False),
    )
    assert profile.fields["first_name"] == "Ada"
    assert [event["event_name"] for event in profile.events] == ["page_viewed"]


def test_unknown_identifier_is_told_without_repeating_it(target):
    with pytest.raises(CustomerNotFoundError) as caught:
        find_profile(target, "nobody@nordvik.example")

    assert "nobody@nordvik.example" not in str(caught.value)
    assert caught.value.exit_code == 1


def test_warehouse_without_models_says_how_to_build_them(tmp_path):
    target = Target(name="test", engine="duckdb", path=tmp_path / "x.duckdb")
    with open_warehouse(target):
        pass

    with pytest.raises(NotBuiltError, match=r"core\.dim_customers is not there yet"):
        find_profile(target, "ada@nordvik.example")


def test_missing_warehouse_is_told(tmp_path):
    target = Target(name="test", engine="duckdb", path=tmp_path / "x.duckdb")

    with pytest.raises(WarehouseMissingError, match="does not exist"):
        find_profile(target, "ada@nordvik.example")


def test_profile_reads_as_a_page():
    profile = Profile(
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
        events=(
            {
                "event_name": "order_placed",
                "source_name": "shopify",
                "subject": "Order #1",
                "amount": 99.5,
                "currency": "EUR",
                "occurred_at": datetime(2026, 6, 1, 10),
            },
        ),
    )

    assert render(profile) == (
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
        "Latest events\n"
        "  2026-06-01 10:00  order placed  Order #1  99.5 EUR  (shopify)"
    )
