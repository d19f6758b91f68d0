"""How many members built audiences share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from audiences.errors import UnknownAudienceError
from audiences.overlap import read_overlaps
from tests.audience_company import company
from warehouse.connection import Warehouse


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with company(tmp_path) as opened:
        yield opened


def test_pairs_of_one_entity_are_compared(warehouse: Warehouse):
    customers, accounts = read_overlaps(warehouse)

    assert customers.sizes == {"buyers": 3, "lookers": 2}
    assert customers.both == {("buyers", "lookers"): 1}
    assert customers.both_count("lookers", "buyers") == 1
    assert (
        customers.share("lookers", "buyers"),
        customers.share("buyers", "buyers"),
    ) == (0.5, 1)
    assert (accounts.entity, accounts.sizes, accounts.both) == (
        "account",
        {"offices": 1},
        {},
    )


def test_only_the_named_are_compared(warehouse: Warehouse):
    [customers] = read_overlaps(warehouse, ["lookers"])

    assert customers.sizes == {"lookers": 2}


def test_audience_without_members_shares_none(warehouse: Warehouse):
    warehouse.execute("delete from audiences.audience_lookers")

    customers, _ = read_overlaps(warehouse)

    assert customers.sizes == {"buyers": 3, "lookers": 0}
    assert customers.share("lookers", "buyers") == 0


def test_tables_about_all_audiences_are_no_audiences(warehouse: Warehouse):
    with pytest.raises(
        UnknownAudienceError, match="Built are: buyers, lookers, offices"
    ):
        read_overlaps(warehouse, ["memberships"])
