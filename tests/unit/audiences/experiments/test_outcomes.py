"""Who counts in which group, and which orders count for them: memberships and orders, by hand."""

from datetime import datetime
from decimal import Decimal

import pytest

from audiences.experiments.errors import (
    MembershipsMissingError,
    NotAnExperimentError,
    NothingObservedError,
    UnknownAudienceError,
)
from audiences.experiments.groups import Question
from audiences.experiments.inference import Sample
from audiences.experiments.outcomes import read_base, read_outcomes
from warehouse.connection import open_warehouse
from warehouse.target import Target

SCHEMA = """
    create schema audiences;
    create schema core;
    create schema identity;
    create table audiences.audience_memberships (
        audience_name text,
        member_id text,
        customer_id text,
        split_group text,
        entered_version text,
        entered_at timestamp,
        exited_at timestamp
    );
    create table core.fct_orders (
        customer_id text,
        is_cancelled boolean,
        revenue_eur decimal(18, 2),
        ordered_at timestamp
    );
    create table identity.identity_stats as
    select * from (values
        (1, timestamp '2026-06-29'), (2, timestamp '2026-06-30')
    ) as t (run_id, as_of);
"""
EXPERIMENT = Question(
    audience="winback", since=None, until=None, window_days=30, before_days=10
)


@pytest.fixture
def warehouse(tmp_path):
    target = Target(name="test", engine="duckdb", path=tmp_path / "x.duckdb")
    with open_warehouse(target) as opened:
        for statement in SCHEMA.split(";")[:-1]:
            opened.execute(statement)
        yield opened


def enter(
    warehouse, customer, group, entered_at, *, exited_at=None, member=None, **given
):
    warehouse.insert(
        "audiences",
        "audience_memberships",
        {
            "audience_name": [given.get("audience", "winback")],
            "member_id": [member or customer],
            "customer_id": [customer],
            "split_group": [group],
            "entered_version": [given.get("version", "v1")],
            "entered_at": [datetime.fromisoformat(entered_at)],
            "exited_at": [exited_at and datetime.fromisoformat(exited_at)],
        },
    )


def order(warehouse, customer, ordered_at, revenue, *, cancelled=False):
    warehouse.insert(
        "core",
        "fct_orders",
        {
            "customer_id": [customer],
            "is_cancelled": [cancelled],
            "revenue_eur": [None if revenue is None else Decimal(revenue)],
            "ordered_at": [datetime.fromisoformat(ordered_at)],
        },
    )


def groups(warehouse, **asked):
    question = Question(
        **(
            {
                "audience": "winback",
                "since": None,
                "until": None,
                "window_days": 30,
                "before_days": 10,
            }
            | asked
        )
    )
    return {each.name: each for each in read_outcomes(warehouse, question).groups}


def test_groups_have_their_customers_orders_and_revenue(warehouse):
    for customer in ("ada", "grace", "joan"):
        enter(warehouse, customer, "treatment", "2026-05-01")
    enter(warehouse, "mary", "holdout", "2026-05-01")
    order(warehouse, "ada", "2026-05-02", "10.10")
    order(warehouse, "ada", "2026-05-03", "20.20")
    order(warehouse, "grace", "2026-05-02", "5.05")

    found = groups(warehouse)

    assert list(found) == ["holdout", "treatment"]
    treatment = found["treatment"]
    assert (treatment.entered, treatment.observed) == (3, 3)
    assert (treatment.converted, treatment.order_count) == (2, 3)
    assert treatment.revenue_eur == Decimal("35.35")
    assert treatment.revenue_per_customer_eur == Decimal("11.78")
    assert (found["holdout"].converted, found["holdout"].revenue_eur) == (0, 0)


# Ada spends 30, 10 before; Grace 6, 2 before; Joan nothing, 3 before.
def test_samples_hold_what_each_customer_did_after_and_before(warehouse):
    for customer in ("ada", "grace", "joan"):
        enter(warehouse, customer, "treatment", "2026-05-01")
    order(warehouse, "ada", "2026-05-02", "30")
    order(warehouse, "ada", "2026-04-28", "10")
    order(warehouse, "grace", "2026-05-09", "6")
    order(warehouse, "grace", "2026-04-29", "2")
    order(warehouse, "joan", "2026-04-30", "3")

    treatment = groups(warehouse)["treatment"]

    assert treatment.revenue == Sample(
        count=3,
        mean=12.0,
        variance=252.0,
        mean_before=5.0,
        variance_before=19.0,
        covariance=66.0,
    )
    assert treatment.conversion == Sample(
        count=3,
        mean=pytest.approx(2 / 3),
        variance=pytest.approx(1 / 3),
        mean_before=1.0,
        variance_before=0.0,
        covariance=0.0,
    )


@pytest.mark.parametrize(
    ("ordered_at", "converted", "before"),
    [
        ("2026-04-21 12:00:00", 0, 0.0),
        ("2026-04-21 12:00:01", 0, 1.0),
        ("2026-05-01 12:00:00", 0, 1.0),
        ("2026-05-01 12:00:01", 1, 0.0),
        ("2026-05-31 12:00:00", 1, 0.0),
        ("2026-05-31 12:00:01", 0, 0.0),
    ],
)
def test_order_counts_after_the_exposure_and_until_the_window_ends(
    warehouse, ordered_at, converted, before
):
    for customer in ("ada", "grace"):
        enter(warehouse, customer, "treatment", "2026-05-01 12:00:00")
        order(warehouse, customer, ordered_at, "7")

    treatment = groups(warehouse)["treatment"]

    assert treatment.converted == 2 * converted
    assert treatment.revenue.mean == 7 * converted
    assert treatment.revenue.mean_before == 7 * before
    assert treatment.conversion.mean_before == before


def test_cancelled_order_is_none_and_one_of_another_counts_for_them(warehouse):
    enter(warehouse, "ada", "treatment", "2026-05-01")
    enter(warehouse, "grace", "treatment", "2026-05-01")
    order(warehouse, "ada", "2026-05-02", "0", cancelled=True)
    order(warehouse, "joan", "2026-05-02", "10")

    treatment = groups(warehouse)["treatment"]

    assert (treatment.converted, treatment.order_count) == (0, 0)
    assert treatment.revenue_eur == 0


def test_order_without_a_rate_counts_and_is_told(warehouse):
    enter(warehouse, "ada", "treatment", "2026-05-01")
    order(warehouse, "ada", "2026-05-02", None)
    order(warehouse, "ada", "2026-04-30", None)

    outcomes = read_outcomes(warehouse, EXPERIMENT)

    assert outcomes.groups[0].converted == 1
    assert outcomes.groups[0].revenue_eur == 0
    assert outcomes.unpriced_order_count == 1


@pytest.mark.parametrize(
    ("entered_at", "observed"), [("2026-05-31 00:00:00", 1), ("2026-05-31 00:00:01", 0)]
)
def test_customer_whose_window_is_not_over_is_counted_as_entered_only(
    warehouse, entered_at, observed
):
    enter(warehouse, "ada", "treatment", entered_at)
    order(warehouse, "ada", "2026-06-01", "10")

    treatment = groups(warehouse)["treatment"]

    assert (treatment.entered, treatment.observed) == (1, observed)
    assert treatment.converted == observed
    assert treatment.revenue_eur == 10 * observed


def test_customer_who_entered_again_counts_once_from_the_first_time(warehouse):
    enter(warehouse, "ada", "treatment", "2026-04-01", exited_at="2026-04-20")
    enter(warehouse, "ada", "treatment", "2026-05-20")
    order(warehouse, "ada", "2026-05-25", "10")

    treatment = groups(warehouse)["treatment"]

    assert (treatment.entered, treatment.converted) == (1, 0)


def test_customer_stays_in_the_group_that_was_drawn_first(warehouse):
    enter(warehouse, "ada", "holdout", "2026-04-01", exited_at="2026-04-20")
    enter(warehouse, "ada", "treatment", "2026-05-20")
    enter(warehouse, "grace", "treatment", "2026-04-01", exited_at="2026-04-20")
    enter(warehouse, "grace", "treatment", "2026-05-20")

    outcomes = read_outcomes(warehouse, EXPERIMENT)

    assert {each.name: each.entered for each in outcomes.groups} == {
        "holdout": 1,
        "treatment": 1,
    }
    assert outcomes.regrouped == 1


def test_of_two_members_who_are_one_customer_the_lower_id_decides(warehouse):
    enter(warehouse, "ada", "treatment", "2026-05-01", member="m2")
    enter(warehouse, "ada", "holdout", "2026-05-01", member="m1")

    assert list(groups(warehouse)) == ["holdout"]


def test_period_takes_in_its_first_instant_and_not_its_last(warehouse):
    enter(warehouse, "ada", "treatment", "2026-04-30 23:59:59")
    enter(warehouse, "grace", "treatment", "2026-05-01")
    enter(warehouse, "joan", "treatment", "2026-05-10")

    outcomes = read_outcomes(
        warehouse,
        Question(
            audience="winback",
            since=datetime(2026, 5, 1),
            until=datetime(2026, 5, 10),
            window_days=30,
            before_days=10,
        ),
    )

    assert outcomes.groups[0].entered == 1
    assert outcomes.first_entered_at == outcomes.last_entered_at == datetime(2026, 5, 1)


def test_results_say_until_when_and_under_how_many_definitions(warehouse):
    enter(warehouse, "ada", "treatment", "2026-04-01", version="v1")
    enter(warehouse, "grace", "treatment", "2026-05-01", version="v2")
    enter(warehouse, "mary", "treatment", "2026-05-01", version="v2")
    enter(warehouse, "joan", "treatment", "2026-05-02", audience="other", version="v9")

    outcomes = read_outcomes(warehouse, EXPERIMENT)

    assert outcomes.as_of == datetime(2026, 6, 30)
    assert outcomes.version_count == 2
    assert outcomes.groups[0].entered == 3


def test_members_without_a_group_are_no_part_of_it(warehouse):
    enter(warehouse, "ada", None, "2026-04-01")
    enter(warehouse, "ada", "treatment", "2026-05-01")
    enter(warehouse, "grace", None, "2026-05-01")

    outcomes = read_outcomes(warehouse, EXPERIMENT)

    assert [(each.name, each.entered) for each in outcomes.groups] == [("treatment", 1)]
    assert outcomes.first_entered_at == datetime(2026, 5, 1)


def test_audience_that_is_not_split_is_refused_with_what_to_do(warehouse):
    enter(warehouse, "ada", None, "2026-05-01")

    with pytest.raises(NotAnExperimentError, match="is in a split group"):
        read_outcomes(warehouse, EXPERIMENT)


def test_members_who_are_no_customers_are_refused(warehouse):
    enter(warehouse, None, "treatment", "2026-05-01", member="account_1")

    with pytest.raises(NotAnExperimentError, match="are no customers"):
        read_outcomes(warehouse, EXPERIMENT)


def test_period_without_an_exposure_is_refused_with_when_there_were_some(warehouse):
    enter(warehouse, "ada", "treatment", "2026-05-01 08:30:00")

    question = Question(
        audience="winback",
        since=datetime(2026, 6, 1),
        until=None,
        window_days=30,
        before_days=10,
    )
    with pytest.raises(NothingObservedError, match="from 2026-05-01 08:30 to"):
        read_outcomes(warehouse, question)


def test_unknown_audience_is_refused_with_the_nearest(warehouse):
    enter(warehouse, "ada", "treatment", "2026-05-01")

    question = Question("winbakc", None, None, window_days=30, before_days=10)
    with pytest.raises(
        UnknownAudienceError, match=r"Did you mean 'winback'\?"
    ) as caught:
        read_outcomes(warehouse, question)
    assert caught.value.exit_code == 2


def test_hostile_name_is_a_name_and_nothing_else(warehouse):
    name = "x' or '1'='1"
    enter(warehouse, "ada", "treatment", "2026-05-01", audience=name)
    enter(warehouse, "grace", "treatment", "2026-05-01")

    assert groups(warehouse, audience=name)["treatment"].entered == 1


def test_table_of_an_older_version_is_refused_with_what_it_lacks(warehouse):
    warehouse.execute(
        "alter table audiences.audience_memberships drop column split_group"
    )

    with pytest.raises(MembershipsMissingError, match="has no split_group"):
        read_outcomes(warehouse, EXPERIMENT)


def test_table_that_is_missing_is_refused(warehouse):
    warehouse.execute("drop table core.fct_orders")

    with pytest.raises(MembershipsMissingError, match=r"core\.fct_orders is not there"):
        read_outcomes(warehouse, EXPERIMENT)


def test_warehouse_without_a_run_is_refused(warehouse):
    warehouse.execute("delete from identity.identity_stats")

    with pytest.raises(MembershipsMissingError, match="has no run yet"):
        read_outcomes(warehouse, EXPERIMENT)


def test_base_is_what_customers_did_after_they_entered_whatever_their_group(warehouse):
    enter(warehouse, "ada", None, "2026-04-01", exited_at="2026-05-01")
    enter(warehouse, "ada", "holdout", "2026-05-02")
    enter(warehouse, "grace", "treatment", "2026-04-01")
    enter(warehouse, "joan", None, "2026-06-20")
    order(warehouse, "ada", "2026-04-05", "12")
    order(warehouse, "joan", "2026-06-21", "99")

    base = read_base(warehouse, EXPERIMENT)

    assert base.is_after_entry
    assert base.members == 3
    assert (base.group.entered, base.group.observed) == (3, 2)
    assert base.group.revenue.mean == 6.0


def test_base_of_a_new_audience_is_what_its_members_did_up_to_now(warehouse):
    for customer in ("ada", "grace"):
        enter(warehouse, customer, None, "2026-06-30")
    enter(warehouse, "joan", None, "2026-06-28", exited_at="2026-06-29")
    order(warehouse, "ada", "2026-06-01", "12")
    order(warehouse, "ada", "2026-05-30", "5")
    order(warehouse, "joan", "2026-06-01", "99")

    base = read_base(warehouse, EXPERIMENT)

    assert not base.is_after_entry
    assert base.members == 2
    assert base.group.observed == 2
    assert base.group.revenue.mean == 6.0
    assert base.group.revenue.mean_before == 2.5


def test_base_needs_two_customers(warehouse):
    enter(warehouse, "ada", None, "2026-04-01")

    with pytest.raises(NothingObservedError, match="fewer than two customers"):
        read_base(warehouse, EXPERIMENT)
