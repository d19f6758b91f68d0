"""What a changed definition adds to an audience and removes from it."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from audiences.differences import read_difference
from audiences.errors import EntityMismatchError
from tests.audience_company import ROOT, candidate, company
from warehouse.connection import Value, Warehouse

EVERY_BUYER = "conditions: {column: order_count, at_least: 1}\n"


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with company(tmp_path) as opened:
        yield opened


def masked(value: Value, is_public: bool) -> str:
    return str(value) if is_public else "masked"


def test_changed_definition_is_compared_with_who_is_in(warehouse: Warehouse):
    found = read_difference(
        warehouse, candidate("buyers", EVERY_BUYER), ROOT, mask=masked
    )

    # In are ada, grace and hedy; with the definition ada, hedy and mary, since grace is suppressed.
    assert (found.before_count, found.after_count) == (3, 3)
    assert (found.added_count, found.removed_count) == (1, 1)
    assert [each["customer_id"] for each in found.added] == ["mary"]
    assert [each["customer_id"] for each in found.removed] == ["grace"]
    assert {each["city"] for each in found.added + found.removed} == {"masked"}
    assert (found.built_version, found.built_at) == ("v1", datetime(2026, 6, 30))


def test_new_definition_adds_everybody(warehouse: Warehouse):
    found = read_difference(
        warehouse, candidate("news", EVERY_BUYER), ROOT, mask=masked
    )

    assert (found.before_count, found.after_count) == (0, 3)
    assert (found.added_count, found.removed_count, found.built_at) == (3, 0, None)
    assert [each["customer_id"] for each in found.added] == ["ada", "hedy", "mary"]


def test_definition_that_lets_nobody_in_removes_everybody(warehouse: Warehouse):
    rest = "conditions: {column: order_count, at_least: 99}\n"

    found = read_difference(warehouse, candidate("lookers", rest), ROOT, mask=masked)

    assert (found.before_count, found.after_count, found.removed_count) == (2, 0, 2)
    assert found.added == ()


def test_definition_for_another_kind_of_member_is_refused(warehouse: Warehouse):
    with pytest.raises(EntityMismatchError, match="a name of its own"):
        read_difference(warehouse, candidate("offices", EVERY_BUYER), ROOT, mask=masked)
