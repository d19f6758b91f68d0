"""What a person and a program read of a plan."""

import json
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from audiences.experiments.groups import Base, Group, Question
from audiences.experiments.plan_report import plan_json, plan_text
from audiences.experiments.planning import Detectable, Plan
from audiences.experiments.power import Design

MEMBERS = Group("all", 5000, 4000, 240, 260, Decimal(17_000), None, None)
PLAN = Plan(
    question=Question("winback", None, None, window_days=30, before_days=60),
    base=Base(datetime(2026, 6, 30), 5000, MEMBERS, is_after_entry=True),
    weights={"letter": 3, "holdout": 1},
    control="holdout",
    customers=6000,
    lift=0.1,
    design=Design(treatment=0.75, control=0.25),
    conversion=Detectable(0.06, 0.012, 0.009, 24_000, 18_000, 0.25),
    revenue=Detectable(4.25, 0.8, None, None, None, 0.0),
)


def test_text_says_what_would_be_found_and_what_to_settle_first():
    assert plan_text(PLAN) == (
        "Plan of an experiment on audience winback: 6,000 customers\n"
        "letter 75 %, holdout 25 %; control holdout; orders of the 30 days after entering\n"
        "\n"
        "Measured on 4,000 customers in the 30 days after they entered.\n"
        "\n"
        "                   today     smallest lift found              with CUPED"
        "  customers for +10.0 %       with CUPED\n"
        "bought            6.00 %  +1.20 points (+20.0 %)  +0.90 points (+15.0 %)"
        "                 24,000           18,000\n"
        "EUR a customer  4.25 EUR     +0.80 EUR (+18.8 %)                    none"
        "        none are enough  none are enough\n"
        "\n"
        "Before you launch\n"
        "- A lift that is there is found with 80 %; where there is none, one is seen with 5 %.\n"
        "- Write down which figure decides, how many customers are to enter and when it ends. "
        "Read the results once, after that; a look every day finds lifts that are none.\n"
        "- 5,000 customers are members now. Leave time for the others to enter."
    )


def test_text_leaves_out_what_was_not_asked_for():
    text = plan_text(replace(PLAN, lift=None, customers=5000))

    assert "customers for" not in text
    assert "24,000" not in text
    assert "Leave time" not in text


def test_text_says_when_the_base_is_another():
    base = replace(PLAN.base, is_after_entry=False)

    text = plan_text(replace(PLAN, base=base))

    assert "Nobody has been in it for 30 days. Measured on 4,000 members" in text


def test_text_says_how_many_treatments_share_the_error():
    design = replace(PLAN.design, comparisons=2, confidence=0.9)

    assert "seen with 10 %, over all 2 treatments." in plan_text(
        replace(PLAN, design=design)
    )


def test_json_has_the_same_as_numbers():
    found = json.loads(plan_json(PLAN))

    assert found["base"] == {"members": 5000, "observed": 4000, "is_after_entry": True}
    assert found["weights"] == {"letter": 3, "holdout": 1}
    assert (found["confidence"], found["power"], found["lift"]) == (0.95, 0.8, 0.1)
    assert found["conversion"] == {
        "today": 0.06,
        "detectable": 0.012,
        "detectable_relative": 0.2,
        "cuped_detectable": 0.009,
        "cuped_detectable_relative": 0.15,
        "customers_needed": 24000,
        "cuped_customers_needed": 18000,
        "variance_removed": 0.25,
    }
    assert found["revenue_eur"]["cuped_detectable_relative"] is None
