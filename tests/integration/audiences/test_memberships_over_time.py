"""Memberships recorded run by run are what a slow account in Python says, and what one evaluation of everything finds.

With late, changed and deleted rows, merges and splits, windows that time alone moves, definitions that change, come
and go, and runs that break off.
"""

import shutil
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pytest

from tests.audience_history import (
    ALL_STAGES,
    EVALUATION,
    Account,
    AudienceHistory,
    open_audiences,
)
from tests.core_history import days_before_the_end

LAPSED = """
conditions:
  all:
    - {column: order_count, at_least: 1}
    - {column: last_ordered_at, before: {days_ago: 30}}
"""
LATELY = """
conditions:
  any:
    - {column: last_ordered_at, within_days: 40}
    - {column: last_cart_abandoned_at, within_days: 20}
"""
NOT_LATELY = """
conditions:
  not: {column: last_ordered_at, within_days: 40}
"""
BUYERS = """
conditions:
  all:
    - {related: orders, within_days: 120}
    - not: {related: tickets, within_days: 10}
exclude: {column: is_b2b, is_true: true}
split: {groups: {letter: 2, call: 1}, holdout: {share: 0.2}}
"""
LOOKERS = """
conditions:
  any:
    - {event: product_viewed, within_days: 14, at_least: 2}
    - sequence:
        - {event: product_viewed}
        - {event: product_added, within_days: 2}
        - {no_event: order_placed, within_hours: 12}
      within_days: 30
"""
IN_SQL = """
conditions:
  sql: |
    select customer_id from fct_customer_events
    where occurred_at >= days_ago(9) group by customer_id having count(*) > 1
  called: twice_in_nine_days
"""
FIRMS = """
entity: account
conditions: {related: orders, within_days: 60}
"""
WEEKLY = f"{LATELY}\nexclude: {{column: is_b2b, is_true: true}}\nrefresh: weekly\n"
SPRING = f"{NOT_LATELY}\nstarts: 2026-05-01\nends: 2026-05-31\n"
AUDIENCES = {
    "lapsed": LAPSED,
    "lately": LATELY,
    "not_lately": NOT_LATELY,
    "buyers": BUYERS,
    "lookers": LOOKERS,
    "in_sql": IN_SQL,
    "firms": FIRMS,
    "in_weeks": WEEKLY,
    "spring": SPRING,
}


def new_account() -> Account:
    return Account(
        weekly=frozenset({"in_weeks"}),
        times={"spring": (datetime(2026, 5, 1), datetime(2026, 6, 1))},
    )


def run(history: AudienceHistory, account: Account, seed: int, **step: float) -> None:
    """Rows come, go and change; one run; the account is told."""
    at = days_before_the_end(step["days"])
    history.company.step(seed, landed=step["landed"], as_of=at)
    history.company.run()
    account.take_down(history.evaluation(at))


def compare(
    history: AudienceHistory, account: Account, *, anew: Sequence[str] = ALL_STAGES
) -> None:
    """The memberships with the account, and what is there with one run from nothing."""
    assert set(history.spells()) == set(account.spells)
    assert len(history.spells()) == len(account.spells)
    flags, members, spells = history.flags(), history.evaluated(), history.spells()
    history.company.run("--full-refresh", select=anew)
    assert history.flags() == flags
    assert _but_weekly(history.evaluated()) == _but_weekly(members)
    # The same instant again changes nothing, and a full refresh forgets nothing.
    assert {spell for spell in history.spells() if spell.audience != "in_weeks"} == {
        spell for spell in spells if spell.audience != "in_weeks"
    }


def _but_weekly(members: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Without an audience that a full refresh works out though it is not due."""
    return {member for member in members if member[0] != "in_weeks"}


@pytest.mark.exhaustive
def test_three_runs_record_what_happened(tmp_path: Path) -> None:
    with open_audiences(tmp_path, AUDIENCES, people=80, seed=1) as history:
        account = new_account()
        run(history, account, 1, landed=0.6, days=60)
        history.company.link(1, action="link")
        run(history, account, 2, landed=0.75, days=40)
        # Nothing but time.
        history.company.set_time(days_before_the_end(20))
        history.company.run()
        account.take_down(history.evaluation(days_before_the_end(20)))

        compare(history, account, anew=["path:models/audiences"])

    reasons = {spell.exited_because for spell in account.spells}
    assert "not last_ordered_at_within_40_days" in reasons
    assert {"customer merged", "ended"} <= reasons


@pytest.mark.exhaustive
def test_audience_that_is_not_due_keeps_its_members(tmp_path: Path) -> None:
    weekly = {"in_weeks": WEEKLY, "lately": LATELY}
    only_audiences = ("path:models/core", "path:models/audiences")
    with open_audiences(tmp_path, weekly, people=80, seed=4) as history:
        company, account = history.company, new_account()
        run(history, account, 1, landed=0.9, days=36)
        # Wednesday, far back, Friday, Saturday, and the Monday after.
        for days in (34, 60, 32, 31, 29):
            company.set_time(days_before_the_end(days))
            company.run(select=only_audiences)
            account.is_everything_due |= days == 60
            if days != 60:
                account.take_down(history.evaluation(days_before_the_end(days)))
            assert set(history.spells()) == set(account.spells)

    moves = {(spell.audience, spell.exited_at) for spell in account.spells}
    assert ("lately", days_before_the_end(34)) in moves
    assert ("in_weeks", days_before_the_end(34)) not in moves
    assert ("in_weeks", days_before_the_end(31)) not in moves
    assert ("in_weeks", days_before_the_end(29)) in moves


@pytest.mark.sweep
@pytest.mark.parametrize("seed", [1, 10, 20])
def test_many_runs_record_what_happened(tmp_path: Path, seed: int) -> None:
    with open_audiences(tmp_path, AUDIENCES, people=150, seed=seed) as history:
        company, account = history.company, new_account()
        run(history, account, seed, landed=0.5, days=90)
        company.link(seed, action="link")
        company.link(seed + 1, action="never_link")
        run(history, account, seed + 1, landed=0.7, days=60)
        company.lift(seed)
        # Breaks off before anybody is recorded.
        company.step(seed + 2, landed=0.75, as_of=days_before_the_end(50))
        company.run(select=EVALUATION)
        # One definition says something else, one is gone, one has come.
        history.define(
            {
                **{name: AUDIENCES[name] for name in ("in_weeks", "buyers", "firms")},
                "lapsed": LAPSED.replace("30", "25"),
                "not_lately": NOT_LATELY,
                "newcomers": LATELY.replace("any", "all"),
            }
        )
        run(history, account, seed + 3, landed=0.85, days=40)
        # Thursday, Saturday and Monday.
        run(history, account, seed + 6, landed=0.9, days=38)
        run(history, account, seed + 7, landed=0.9, days=36)
        history.define(AUDIENCES)
        run(history, account, seed + 4, landed=0.9, days=30)
        # Time alone, but for a few rows that go or change.
        run(history, account, seed + 5, landed=0.9, days=2)
        # An instant before that one is no history, and the same again is nothing new.
        company.set_time(days_before_the_end(30))
        company.run()
        assert set(history.spells()) == set(account.spells)
        company.set_time(days_before_the_end(2))
        company.run()

        compare(history, account)


@pytest.mark.sweep
def test_past_instant_worked_out_from_the_facts_is_what_was_recorded(
    tmp_path: Path,
) -> None:
    days = (60, 45, 44, 20)
    with open_audiences(tmp_path / "daily", AUDIENCES, people=150, seed=3) as history:
        history.company.step(1, landed=1.0, as_of=days_before_the_end(days[0]))
        shutil.copy(history.company.warehouse, tmp_path / "facts.duckdb")
        for each in days:
            history.company.set_time(days_before_the_end(each))
            history.company.run()
        recorded = [history.members_at(days_before_the_end(each)) for each in days]

    for each, members in zip(days, recorded, strict=True):
        folder = tmp_path / f"{each}_days"
        with open_audiences(folder, AUDIENCES, people=150, seed=3) as history:
            shutil.copy(tmp_path / "facts.duckdb", history.company.warehouse)
            history.company.set_time(days_before_the_end(each))
            history.company.run()
            assert history.evaluated() == members
    assert len({frozenset(members) for members in recorded}) == len(days)
