"""What is seen of an audience before it is built."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from audiences.errors import (
    EntityMismatchError,
    UnbuiltModelError,
    UnknownAudienceError,
)
from audiences.preview import Change, FunnelStep, Overlap, Preview, Reach, preview
from audiences.preview_candidate import candidate_of
from audiences.preview_evaluation import last_as_of, whole_sql
from audiences.project import Project
from tests.audience_company import ROOT, candidate, company, definition
from tests.audience_world import small_catalogue
from warehouse.connection import Value, Warehouse

BUYERS = """\
conditions:
  all:
    - {column: order_count, at_least: 1}
    - {not: {column: city, equals: Oslo}}
    - {event: viewed, within_days: 30, at_least: 1}
"""
EVERY_BUYER = "conditions: {column: order_count, at_least: 1}\n"


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with company(tmp_path) as opened:
        yield opened


def masked(value: Value, is_public: bool) -> str:
    return str(value) if is_public else "masked"


def look(warehouse: Warehouse, name: str, rest: str, *others: str) -> Preview:
    return preview(
        warehouse, candidate(name, rest), ROOT, mask=masked, compared_with=others
    )


def test_members_are_counted_at_the_instant_of_the_last_build(warehouse: Warehouse):
    seen = look(warehouse, "buyers", BUYERS)

    assert seen.as_of == datetime(2026, 6, 30)
    assert (seen.member_count, seen.base_count, seen.share_of_base) == (1, 5, 0.2)
    assert [each["customer_id"] for each in seen.examples] == ["mary"]


def test_funnel_says_what_each_condition_leaves_and_for_whom_it_holds_alone(
    warehouse: Warehouse,
):
    seen = look(warehouse, "buyers", BUYERS)

    assert seen.funnel == (
        FunnelStep("order_count_at_least_1", 1, 4, 4),
        FunnelStep("not city_equals_oslo", 2, 2, 3),
        FunnelStep("has_viewed_within_30_days", 1, 1, 2),
        FunnelStep("left out everywhere: suppressed", 0, 1, None),
    )


def test_funnel_has_everything_that_decides_beside_the_conditions(
    warehouse: Warehouse,
):
    rest = (
        EVERY_BUYER
        + "exclude: {column: city, equals: Delft}\n"
        + "priority: {group: letters, rank: 2}\n"
        + "top: {by: revenue_eur, count: 1}\nends: 2026-07-31\n"
    )
    first = definition("lookers", EVERY_BUYER + "priority: {group: letters, rank: 1}\n")

    seen = preview(warehouse, candidate("buyers", rest, first), ROOT, mask=masked)

    assert [(step.label, step.left_count) for step in seen.funnel] == [
        ("order_count_at_least_1", 4),
        ("left out: city_equals_delft", 3),
        ("left out everywhere: suppressed", 2),
        ("gets lookers first", 0),
        ("outside its time", 0),
        ("not among the 1 highest by revenue_eur", 0),
    ]


def test_last_step_of_the_funnel_has_the_members_of_every_group(warehouse: Warehouse):
    rest = EVERY_BUYER + "split: {groups: {a: 1, b: 1}}\nsample: {count: 2}\n"

    seen = look(warehouse, "buyers", rest)

    assert seen.member_count == seen.funnel[-1].left_count == 2
    assert set(seen.sizes) <= {"a", "b"}


def test_audience_that_has_ended_has_no_members(warehouse: Warehouse):
    seen = look(warehouse, "buyers", EVERY_BUYER + "ends: 2026-06-28\n")

    assert (seen.member_count, seen.examples) == (0, ())
    assert seen.funnel[-1] == FunnelStep("outside its time", 3, 0, None)


def test_overlap_is_with_the_members_that_another_audience_has(warehouse: Warehouse):
    seen = look(warehouse, "buyers", EVERY_BUYER, "lookers")

    # ada, hedy and mary against hedy and mary.
    assert seen.overlaps == (Overlap("lookers", 2, 2, 2 / 3, 1.0),)


def test_overlap_with_an_audience_of_accounts_is_refused(warehouse: Warehouse):
    with pytest.raises(EntityMismatchError, match="offices has members of another"):
        look(warehouse, "buyers", EVERY_BUYER, "offices")


def test_overlap_with_an_audience_that_is_not_there_names_the_nearest(
    warehouse: Warehouse,
):
    with pytest.raises(UnknownAudienceError, match="Did you mean 'lookers'"):
        look(warehouse, "buyers", EVERY_BUYER, "loookers")


def test_change_is_against_who_was_in_a_day_before_by_the_names_of_today(
    warehouse: Warehouse,
):
    seen = look(warehouse, "buyers", EVERY_BUYER)

    # Then: ada, hedy under a former id, and somebody who is gone. Now: ada, hedy and mary.
    assert seen.change == Change(
        since=datetime(2026, 6, 29),
        member_count=3,
        entered_count=1,
        exited_count=1,
        is_same_definition=False,
    )


def test_there_is_no_change_of_an_audience_without_a_yesterday(warehouse: Warehouse):
    assert look(warehouse, "lookers", EVERY_BUYER).change is None


def test_reach_asks_consent_and_an_address_and_leaves_out_who_is_suppressed(
    warehouse: Warehouse,
):
    rest = "conditions: {column: customer_id, is_known: true}\n"
    everybody = Project((), (), small_catalogue())

    seen = preview(
        warehouse,
        candidate_of(everybody, definition("lookers", rest), ROOT),
        ROOT,
        mask=masked,
    )

    # mary's two answers contradict each other, joan said no, grace is suppressed.
    assert seen.member_count == 5
    assert seen.reach == (
        Reach("email_marketing", "email", 2, 1, is_own_purpose=True),
        Reach("ads", "online", 2, None, is_own_purpose=False),
    )


def test_who_consented_without_an_address_is_not_reached(warehouse: Warehouse):
    seen = look(warehouse, "lookers", "conditions: {column: order_count, equals: 1}\n")

    assert seen.reach
    assert seen.reach[0] == Reach("email_marketing", "email", 1, 0, is_own_purpose=True)


def test_only_columns_that_are_nobodys_personal_data_are_shown_as_they_are(
    warehouse: Warehouse,
):
    seen = look(warehouse, "buyers", BUYERS)

    assert seen.examples == (
        {"customer_id": "mary", "city": "masked", "order_count": "3"},
    )


def test_sql_gives_the_members_to_anybody(warehouse: Warehouse):
    sql = whole_sql(warehouse, candidate("buyers", BUYERS), ROOT)

    assert [row[0] for row in warehouse.query(sql)] == ["mary"]


def test_line_breaks_that_a_person_wrote_stay_in_the_sql(warehouse: Warehouse):
    warehouse.execute(
        "update core.dim_customers set city = e'a \\n\\n\\n b' where customer_id = 'joan'"
    )
    rest = 'conditions: {column: city, equals: "a \\n\\n\\n b"}\n'

    sql = whole_sql(warehouse, candidate("buyers", rest), ROOT)

    assert [row[0] for row in warehouse.query(sql)] == ["joan"]
    assert look(warehouse, "buyers", rest).member_count == 1


def test_audience_of_another_that_was_not_built_says_so(warehouse: Warehouse):
    warehouse.execute("drop table audiences.audience_lookers")

    with pytest.raises(UnbuiltModelError, match="model audience_lookers"):
        look(warehouse, "buyers", "conditions: {audience: lookers}\n")


def test_warehouse_of_no_build_says_so(warehouse: Warehouse):
    warehouse.execute("delete from identity.identity_stats")

    with pytest.raises(UnbuiltModelError, match="kenning build"):
        last_as_of(warehouse)
