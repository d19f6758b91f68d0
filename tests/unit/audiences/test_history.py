"""Who was in an audience at an instant, as recorded."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from audiences.errors import UnknownAudienceError, UnrecordedError
from audiences.history import recorded_members
from tests.demo_worlds import target
from warehouse.connection import Warehouse, open_warehouse


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with open_warehouse(target(tmp_path / "kenning.duckdb")) as opened:
        opened.execute("""
            create schema audiences;
            create table audiences.audience_memberships as
            select * from (values
                ('regulars', 'ada', 'ada', 'b', 'first run', timestamp '2026-06-01 08:00', null),
                ('regulars', 'grace', null, 'a', 'is_b2b', timestamp '2026-06-02 08:00', timestamp '2026-06-03 08:00'),
                ('regulars', 'hedy', 'mary', null, 'is_b2b', timestamp '2026-06-02 08:00', null),
                ('others', 'joan', 'joan', null, 'first run', timestamp '2026-06-01 08:00', null)
            ) as t (audience_name, member_id, customer_id, split_group, entered_because, entered_at, exited_at);
            create table audiences.audience_sizes as
            select * from (values
                ('regulars', 'a', 'v1', timestamp '2026-06-01 20:00'),
                ('regulars', 'b', 'v1', timestamp '2026-06-01 20:00'),
                ('regulars', null, 'v2', timestamp '2026-06-03 08:00'),
                ('nobody', null, 'v1', timestamp '2026-06-01 08:00')
            ) as t (audience_name, split_group, definition_version, recorded_at)
        """)
        yield opened


def ids(warehouse: Warehouse, at: datetime, name: str = "regulars") -> list[str]:
    return [
        member.member_id for member in recorded_members(warehouse, name, at).members
    ]


def test_member_is_in_from_the_evaluation_that_found_them(warehouse: Warehouse) -> None:
    assert ids(warehouse, datetime(2026, 6, 2, 7, 59)) == ["ada"]
    assert ids(warehouse, datetime(2026, 6, 2, 8)) == ["ada", "grace", "hedy"]


def test_member_is_out_from_the_evaluation_that_did_not(warehouse: Warehouse) -> None:
    assert ids(warehouse, datetime(2026, 6, 3, 7, 59)) == ["ada", "grace", "hedy"]
    assert ids(warehouse, datetime(2026, 6, 3, 8)) == ["ada", "hedy"]


def test_members_come_with_what_is_known_of_them(warehouse: Warehouse) -> None:
    recorded = recorded_members(warehouse, "regulars", datetime(2026, 6, 3, 12))

    assert recorded.evaluated_at == datetime(2026, 6, 3, 8)
    assert recorded.definition_version == "v2"
    assert [member.customer_id for member in recorded.members] == ["ada", "mary"]
    assert list(recorded.groups.items()) == [(None, 1), ("b", 1)]
    assert recorded.reasons == [("first run", 1), ("is_b2b", 1)]


def test_between_two_evaluations_of_a_day_the_first_one_counts(
    warehouse: Warehouse,
) -> None:
    recorded = recorded_members(warehouse, "regulars", datetime(2026, 6, 1, 9))

    assert recorded.evaluated_at == datetime(2026, 6, 1, 8)
    assert recorded.definition_version == "v1"
    assert [member.member_id for member in recorded.members] == ["ada"]


def test_audience_that_nobody_was_in_is_empty(warehouse: Warehouse) -> None:
    assert ids(warehouse, datetime(2026, 6, 2), "nobody") == []


def test_instant_before_the_first_evaluation_is_refused(warehouse: Warehouse) -> None:
    with pytest.raises(UnrecordedError) as raised:
        recorded_members(warehouse, "regulars", datetime(2026, 6, 1, 7, 59))

    assert str(raised.value) == (
        "Nothing is recorded of the audience regulars before 2026-06-01 08:00 UTC, and "
        "2026-06-01 07:59 was asked for. To work it out from the facts: kenning audiences "
        "backdate regulars --as-of 2026-06-01T07:59:00"
    )


def test_unknown_audience_is_refused_with_the_nearest_name(
    warehouse: Warehouse,
) -> None:
    with pytest.raises(UnknownAudienceError) as raised:
        recorded_members(warehouse, "regular's", datetime(2026, 6, 1))

    assert str(raised.value) == (
        "Nothing was ever recorded of an audience 'regular's'. Did you mean 'regulars'? Recorded "
        "are: nobody, regulars. A new audience is recorded from the next `kenning build` on."
    )
