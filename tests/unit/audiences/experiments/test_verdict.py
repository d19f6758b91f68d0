"""Groups beside their control: who is compared, what is corrected, and what is warned of."""

from datetime import datetime
from decimal import Decimal

import pytest

from audiences.experiments.errors import QuestionError
from audiences.experiments.groups import Group, Outcomes, Question
from audiences.experiments.inference import Sample
from audiences.experiments.verdict import judge


def group(name, *, entered=1000, observed=1000, converted=100, spent=5.0) -> Group:
    rate = converted / observed if observed else 0
    revenue = Sample(
        count=observed,
        mean=spent,
        variance=100.0,
        mean_before=4.0,
        variance_before=100.0,
        covariance=60.0,
    )
    return Group(
        name=name,
        entered=entered,
        observed=observed,
        converted=converted,
        order_count=converted,
        revenue_eur=Decimal(str(spent)) * observed,
        conversion=Sample(observed, rate, rate * (1 - rate)) if observed > 1 else None,
        revenue=revenue if observed > 1 else None,
    )


def outcomes(*groups, **about) -> Outcomes:
    return Outcomes(
        question=Question("winback", None, None, window_days=30, before_days=30),
        as_of=datetime(2026, 6, 30),
        groups=groups,
        first_entered_at=datetime(2026, 5, 1),
        last_entered_at=datetime(2026, 5, 20),
        **{
            "regrouped": 0,
            "version_count": 1,
            "unpriced_order_count": 0,
        }
        | about,
    )


def judged(*groups, control=None, weights=None, confidence=0.95, **about):
    return judge(
        outcomes(*groups, **about),
        control=control,
        weights=weights,
        confidence=confidence,
    )


def codes(results) -> list[str]:
    return [caution.code for caution in results.cautions]


def text_of(results, code) -> str:
    [caution] = [each for each in results.cautions if each.code == code]
    return caution.text


@pytest.mark.parametrize("name", ["holdout", "control"])
def test_group_called_holdout_or_control_is_compared_with(name):
    results = judged(group("a"), group(name))

    assert results.control.name == name
    assert [each.treatment.name for each in results.comparisons] == ["a"]


def test_another_control_can_be_named():
    results = judged(group("a"), group("b"), group("holdout"), control="b")

    assert results.control.name == "b"
    assert [each.treatment.name for each in results.comparisons] == ["a", "holdout"]


@pytest.mark.parametrize(
    ("names", "control", "said"),
    [
        (("a", "b"), None, "Give --control one of: a, b"),
        (("control", "holdout"), None, "Give --control one of: control, holdout"),
        (("a", "holdout"), "c", "has no group 'c'"),
        (("holdout",), None, "only the group 'holdout'"),
    ],
)
def test_control_that_is_not_clear_is_asked_for(names, control, said):
    with pytest.raises(QuestionError, match=said):
        judged(*[group(name) for name in names], control=control)


def test_conversion_and_revenue_are_those_of_treatment_less_control():
    results = judged(
        group("holdout", converted=100, spent=5.0),
        group("a", converted=130, spent=6.0),
    )

    [comparison] = results.comparisons
    assert comparison.conversion.plain.effect.difference == pytest.approx(0.03)
    assert comparison.revenue.plain.effect.difference == pytest.approx(1.0)
    assert comparison.revenue.plain.effect.relative == pytest.approx(0.2)


# A correlation of 0.6 leaves 64 % of the variance.
def test_adjustment_says_how_much_variance_it_took_away():
    [comparison] = judged(group("holdout"), group("a")).comparisons

    assert comparison.revenue.variance_removed == pytest.approx(0.36)
    assert comparison.conversion.variance_removed == pytest.approx(0)


def test_single_treatment_keeps_its_p_value():
    [comparison] = judged(group("holdout"), group("a", converted=130)).comparisons

    judged_conversion = comparison.conversion.plain
    assert judged_conversion.p_value == judged_conversion.effect.p_value


def test_several_treatments_share_the_error():
    alone = judged(group("holdout"), group("a", converted=130)).comparisons[0]
    beside = judged(
        group("holdout"), group("a", converted=130), group("b", converted=100)
    ).comparisons[0]

    one, two = alone.conversion.plain, beside.conversion.plain
    assert two.p_value == pytest.approx(2 * one.p_value)
    assert two.effect.interval.low < one.effect.interval.low
    assert two.effect.interval.high > one.effect.interval.high


def test_split_is_checked_against_everybody_who_entered():
    results = judged(
        group("holdout", entered=2000, observed=200),
        group("a", entered=8000, observed=1000),
        weights={"a": 4, "holdout": 1},
    )

    assert results.split.expected == {"a": 8000, "holdout": 2000}
    assert results.split.p_value == pytest.approx(1)
    assert results.split.is_sound
    assert "split_broken" not in codes(results)


def test_broken_split_is_the_first_thing_said():
    results = judged(
        group("holdout", entered=1000), group("a", entered=1200), weights=EVEN
    )

    assert not results.split.is_sound
    assert codes(results)[0] == "split_broken"


EVEN = {"a": 1.0, "holdout": 1.0}


def test_group_that_nobody_is_in_breaks_the_split():
    results = judged(group("holdout"), group("a"), weights=EVEN | {"b": 1.0})

    assert results.split.expected["b"] == pytest.approx(2000 / 3)
    assert not results.split.is_sound


def test_group_without_a_weight_is_refused():
    with pytest.raises(
        QuestionError, match="are in b, and the weights name a, holdout"
    ):
        judged(group("holdout"), group("a"), group("b"), weights=EVEN)


def test_split_that_nobody_declared_is_told():
    results = judged(group("holdout"), group("a"))

    assert results.split is None
    assert "split_unchecked" in codes(results)


def test_sound_and_finished_experiment_warns_of_looking_again_alone():
    results = judged(group("holdout"), group("a"), weights=EVEN, confidence=0.9)

    assert codes(results) == ["one_look"]
    assert text_of(results, "one_look").startswith("90 % holds for one look")


def test_open_windows_are_told_with_their_end():
    results = judged(group("holdout", observed=900), group("a"), weights=EVEN)

    said = text_of(results, "windows_open")
    assert said.startswith("100 of 2,000 customers have not had their 30 days yet")
    assert "2026-06-19 00:00 UTC" in said


@pytest.mark.parametrize(
    ("about", "code", "said"),
    [
        ({"regrouped": 7}, "regrouped", "7 customers were in more than one group"),
        ({"version_count": 2}, "definition_changed", "2 versions"),
        ({"unpriced_order_count": 3}, "orders_without_rate", "3 orders"),
    ],
)
def test_what_blurs_the_figures_is_told(about, code, said):
    results = judged(group("holdout"), group("a"), weights=EVEN, **about)

    assert text_of(results, code).startswith(said)


@pytest.mark.parametrize(("converted", "warned"), [(29, True), (30, False)])
def test_few_buyers_are_told(converted, warned):
    results = judged(group("holdout", converted=converted), group("a"), weights=EVEN)

    assert ("few_conversions" in codes(results)) == warned


@pytest.mark.parametrize(("observed", "has_rate"), [(0, False), (1, True)])
def test_group_that_is_too_small_is_not_compared(observed, has_rate):
    results = judged(group("holdout"), group("a", observed=observed, converted=0))

    [comparison] = results.comparisons
    assert (comparison.conversion.plain is not None) == has_rate
    assert comparison.conversion.adjusted is None
    assert comparison.revenue.plain is None
    assert comparison.revenue.variance_removed is None


def test_treatment_that_cannot_be_compared_leaves_the_others_their_p_values():
    results = judged(
        group("holdout"), group("a", observed=0, converted=0), group("b", converted=130)
    )

    nobody, somebody = results.comparisons
    assert nobody.conversion.plain is None
    assert somebody.conversion.plain.p_value == pytest.approx(
        somebody.conversion.plain.effect.p_value
    )
