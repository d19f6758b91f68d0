"""A plan as a person reads it."""

from dataclasses import replace
from datetime import datetime

from cli.plan import render_plan
from reverse_etl.counts import Counts
from reverse_etl.guards import GuardFinding
from reverse_etl.modes import Op
from reverse_etl.plan import Sample, SyncPlan
from tests.sync_world import SPEC

PLAN = SyncPlan(
    sync="mailer__people",
    planned_at=datetime(2026, 6, 30),
    counts=Counts(unchanged=53, skipped_no_consent=2, invalid=1, held=53, source=56),
    findings=(),
    has_unfinished_run=False,
    seal="3f9a0c1d2e4b",
)
BUSY = replace(
    PLAN,
    counts=Counts(
        add=1_200, change=30, absent=4, withdraw=2, unknown_change=3, held=53, faulty=1,
        invalid=1, in_doubt=5,
    ),
    requests=1_236,
    seconds=250.0,
    conversions={"seen: timestamp -> date": 1_230},
    samples=(
        Sample(Op.REMOVE, "p-7", {}),
        Sample(Op.ADD, "p-8", {"email": "a•••@x•••.no", "first_name": "A•••"}),
    ),
)  # fmt: skip
HELD = replace(
    PLAN,
    counts=Counts(absent=50, held=53),
    findings=(GuardFinding("max_remove_rate", "50 would be removed"),),
)


def test_plan_of_nothing_is_four_lines():
    assert render_plan(SPEC, PLAN) == (
        "mailer__people -> mailer/contacts (mirror, purpose email_marketing)\n"
        "  would send     0 added, 0 changed, 0 removed\n"
        "  would leave    53 unchanged, 2 without consent, 1 invalid, 0 rejected before\n"
        "  holds now      53 by our record"
    )


def test_plan_tells_cost_conversions_masked_rows_and_how_to_send_it():
    text = render_plan(SPEC, BUSY)

    assert "  would send     1,200 added, 30 changed, 6 removed\n" in text
    assert "removed: 4 left the model, 2 withdrew consent\n" in text
    assert "changed: 3 are sent again: asked for, or an answer was lost\n" in text
    assert "1 with a value that cannot go, 5 in doubt, waiting for a person\n" in text
    assert (
        "  requests       about 1,236, at least 4 min at the account's limit\n" in text
    )
    assert "  converts       seen: timestamp -> date, 1,230 rows\n" in text
    assert "  samples        remove  p-7\n" in text
    assert "add     p-8  email=a•••@x•••.no first_name=A•••\n" in text
    assert text.endswith(
        "  seal           3f9a0c1d2e4b\n"
        "  samples        remove  p-7\n"
        "                 add     p-8  email=a•••@x•••.no first_name=A•••\n"
        "  next           kenning sync apply mailer__people --seal 3f9a0c1d2e4b"
    )


def test_plan_below_every_limit_says_that_none_slows_it():
    text = render_plan(SPEC, replace(BUSY, seconds=0.0))

    assert "about 1,236, no limit slows them" in text


def test_held_plan_names_the_guard_and_both_ways_to_decide():
    text = render_plan(SPEC, HELD)

    assert "  held back      max_remove_rate: 50 would be removed\n" in text
    assert "A run would send nothing. Check sync_mailer__people." in text
    assert "kenning sync approve mailer__people --seal 3f9a0c1d2e4b\n" in text
    assert text.endswith("if not: kenning sync reject mailer__people")
    assert "sync apply" not in text


def test_held_plan_with_withdrawals_says_that_they_go_all_the_same():
    held = replace(HELD, counts=replace(HELD.counts, withdraw=1))

    assert "A run would remove who withdrew consent and nothing else." in render_plan(
        SPEC, held
    )


def test_plan_of_a_killed_run_says_that_it_is_settled_first():
    assert "the next one settles it first" in render_plan(
        SPEC, replace(PLAN, has_unfinished_run=True)
    )
