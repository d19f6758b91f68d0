"""What a person and a program read of an experiment's results."""

import json
from datetime import datetime
from decimal import Decimal

from audiences.experiments.cautions import Caution, SplitCheck
from audiences.experiments.groups import Group, Outcomes, Question
from audiences.experiments.inference import Effect, Interval
from audiences.experiments.results_report import results_json, results_text
from audiences.experiments.verdict import (
    Comparison,
    Judged,
    Measure,
    Results,
)

HOLDOUT = Group("holdout", 1000, 900, 54, 60, Decimal("2250.50"), None, None)
LETTER = Group("letter", 4000, 0, 0, 0, Decimal(0), None, None)
OUTCOMES = Outcomes(
    question=Question(
        "winback", datetime(2026, 5, 1), None, window_days=30, before_days=60
    ),
    as_of=datetime(2026, 6, 30),
    groups=(HOLDOUT, LETTER),
    first_entered_at=datetime(2026, 5, 1, 6, 30),
    last_entered_at=datetime(2026, 5, 20),
    regrouped=0,
    version_count=1,
    unpriced_order_count=0,
)
CONVERSION = Judged(
    Effect(
        difference=0.0093,
        interval=Interval(0.0012, 0.0171),
        relative=0.155,
        relative_interval=Interval(0.019, 0.309),
        p_value=0.0105,
        standard_error=0.004,
    ),
    p_value=0.021,
)
REVENUE = Judged(
    Effect(
        difference=-1.5,
        interval=Interval(-2.0, 1234.5),
        relative=None,
        relative_interval=None,
        p_value=0.00001,
        standard_error=0.4,
    ),
    p_value=0.00002,
)
RESULTS = Results(
    outcomes=OUTCOMES,
    control=HOLDOUT,
    confidence=0.95,
    split=SplitCheck({"holdout": 1000.0, "letter": 4000.0}, 0.62),
    comparisons=(
        Comparison(
            LETTER,
            conversion=Measure(CONVERSION, CONVERSION, 0.124),
            revenue=Measure(REVENUE, None, None),
        ),
    ),
    cautions=(Caution("one_look", "Look once."),),
)


def test_text_says_all_that_was_found():
    assert results_text(RESULTS) == (
        "Experiment on audience winback, control holdout\n"
        "Entered from 2026-05-01 06:30 to 2026-05-20 00:00 UTC; orders of the 30 days after, "
        "known until 2026-06-30 00:00 UTC\n"
        "\n"
        "group    entered  observed  bought   share  orders  revenue EUR  EUR a customer\n"
        "holdout    1,000       900      54  6.00 %      60     2,250.50            2.50\n"
        "letter     4,000         0       0               0         0.00\n"
        "\n"
        "Split: expected holdout 1,000, letter 4,000; p = 0.62, chance explains the sizes.\n"
        "\n"
        "letter beside holdout (95 % intervals)\n"
        "  bought          +0.93 points (+0.12 to +1.71)   +15.5 % (+1.9 to +30.9)  p = 0.021\n"
        "    with CUPED    +0.93 points (+0.12 to +1.71)   +15.5 % (+1.9 to +30.9)  p = 0.021"
        "   variance -12.4 %\n"
        "  EUR a customer  -1.50 EUR (-2.00 to +1,234.50)                           p < 0.0001\n"
        "    with CUPED    nothing to tell apart\n"
        "\n"
        "Before you decide\n"
        "- Look once."
    )


def test_json_has_the_same_as_numbers():
    found = json.loads(results_json(RESULTS))

    assert found["as_of"] == "2026-06-30T00:00:00Z"
    assert (found["since"], found["until"]) == ("2026-05-01T00:00:00Z", None)
    assert (found["window_days"], found["before_days"]) == (30, 60)
    assert found["groups"][0] == {
        "name": "holdout",
        "entered": 1000,
        "observed": 900,
        "converted": 54,
        "conversion": 0.06,
        "order_count": 60,
        "revenue_eur": 2250.5,
        "revenue_per_customer_eur": 2.5,
    }
    assert found["groups"][1]["revenue_per_customer_eur"] is None
    assert found["split"] == {
        "expected": {"holdout": 1000.0, "letter": 4000.0},
        "p_value": 0.62,
        "is_sound": True,
    }
    [comparison] = found["comparisons"]
    assert comparison["conversion"]["plain"] == {
        "difference": 0.0093,
        "low": 0.0012,
        "high": 0.0171,
        "relative": 0.155,
        "relative_low": 0.019,
        "relative_high": 0.309,
        "p_value": 0.021,
    }
    assert comparison["conversion"]["variance_removed"] == 0.124
    assert comparison["revenue_eur"]["plain"]["relative"] is None
    assert comparison["revenue_eur"]["cuped"] is None
    assert found["cautions"] == [{"code": "one_look", "text": "Look once."}]
