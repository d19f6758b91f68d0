"""The promises of the statistics, on thousands of simulated experiments whose lift is known.

An interval of 95 % holds the truth in 95 % of them, a test finds a lift that is none in 5 %, a plan
finds the lift it names as often as it says. How far a share may be from that is what chance leaves
it: four standard errors of as many draws.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from audiences.experiments.corrections import holm, simultaneous, split_p_value
from audiences.experiments.inference import (
    Effect,
    Sample,
    compare_adjusted,
    compare_means,
    compare_rates,
)
from audiences.experiments.power import (
    Design,
    detectable_difference,
    detectable_rate,
)

EXPERIMENTS = 3_000
SEED = 20_261_125


def chance(share: float, draws: int = EXPERIMENTS) -> float:
    """How far an observed share may be from the true one."""
    return 4 * math.sqrt(share * (1 - share) / draws)


def near(share: float) -> object:
    return pytest.approx(share, abs=chance(share))


def share(found: Sequence[bool]) -> float:
    return sum(found) / len(found)


def simulated_rates(
    rate: float, count: int, *, rng: np.random.Generator
) -> list[tuple[int, int]]:
    return [(int(done), count) for done in rng.binomial(count, rate, EXPERIMENTS)]


def simulated_spending(
    count: int, *, lift: float, rng: np.random.Generator
) -> Iterator[Sample]:
    """Groups of customers of whom most buy nothing, and who spend now much as they did before.

    On average a customer has spent 6.4 before and spends 6.4 * (1 + lift) after.
    """
    for _ in range(EXPERIMENTS):
        taste = rng.gamma(0.8, 1.0, count)
        before = taste * rng.gamma(2.0, 4.0, count)
        after = taste * rng.gamma(2.0, 4.0, count) * (1 + lift)
        yield sample_of(after, before)


def sample_of(after: np.ndarray, before: np.ndarray) -> Sample:
    (variance, covariance), (_, variance_before) = np.cov(after, before)
    return Sample(
        count=len(after),
        mean=float(after.mean()),
        variance=float(variance),
        mean_before=float(before.mean()),
        variance_before=float(variance_before),
        covariance=float(covariance),
    )


@pytest.fixture(scope="module")
def rates() -> list[Effect]:
    """6 % of 800 in a holdout and 8 % of 2,400 treated: a lift of 2 points, a third."""
    rng = np.random.default_rng(SEED)
    return [
        compare_rates(treatment, control, confidence=0.95)
        for treatment, control in zip(
            simulated_rates(0.08, 2_400, rng=rng),
            simulated_rates(0.06, 800, rng=rng),
            strict=True,
        )
    ]


@pytest.fixture(scope="module")
def spending() -> list[tuple[Sample, Sample]]:
    """900 treated who spend a tenth more than 300 held out."""
    rng = np.random.default_rng(SEED)
    return list(
        zip(
            simulated_spending(900, lift=0.1, rng=rng),
            simulated_spending(300, lift=0.0, rng=rng),
            strict=True,
        )
    )


@pytest.fixture(scope="module")
def means(spending) -> list[Effect]:
    return [compare_means(*groups, confidence=0.95) for groups in spending]


@pytest.fixture(scope="module")
def adjusted(spending) -> list[Effect]:
    return [compare_adjusted(*groups, confidence=0.95) for groups in spending]


def holding(effects: Sequence[Effect], difference: float) -> float:
    return share(
        [each.interval.low <= difference <= each.interval.high for each in effects]
    )


def holding_relative(effects: Sequence[Effect], lift: float) -> float:
    intervals = [each.relative_interval for each in effects]
    return share([each.low <= lift <= each.high for each in intervals])


def test_intervals_of_two_rates_hold_the_lift_as_often_as_they_say(rates):
    assert holding(rates, 0.02) == near(0.95)


def test_relative_intervals_of_two_rates_hold_the_lift_as_often_as_they_say(rates):
    assert holding_relative(rates, 1 / 3) == near(0.95)


def test_two_equal_rates_are_called_different_in_one_of_twenty():
    rng = np.random.default_rng(SEED)

    p_values = [
        compare_rates(treatment, control, confidence=0.95).p_value
        for treatment, control in zip(
            simulated_rates(0.06, 2_400, rng=rng),
            simulated_rates(0.06, 800, rng=rng),
            strict=True,
        )
    ]

    assert share([p_value <= 0.05 for p_value in p_values]) == near(0.05)


def test_intervals_of_two_means_hold_the_lift_as_often_as_they_say(means):
    assert holding(means, 0.64) == near(0.95)


def test_relative_intervals_of_two_means_hold_the_lift_as_often_as_they_say(means):
    assert holding_relative(means, 0.1) == near(0.95)


def test_adjusted_intervals_hold_the_lift_as_often_as_they_say(adjusted):
    assert holding(adjusted, 0.64) == near(0.95)


def test_adjusted_relative_intervals_hold_the_lift_as_often_as_they_say(adjusted):
    assert holding_relative(adjusted, 0.1) == near(0.95)


def test_adjusted_difference_is_the_lift_on_average(adjusted):
    found = np.array([each.difference for each in adjusted])

    error = found.std(ddof=1) / math.sqrt(len(found))
    assert found.mean() == pytest.approx(0.64, abs=4 * error)


def test_adjusted_interval_is_as_much_narrower_as_the_days_before_explain(
    means, adjusted, spending
):
    narrower = np.mean(
        [
            after.standard_error / before.standard_error
            for after, before in zip(adjusted, means, strict=True)
        ]
    )

    correlation = np.mean(
        [
            group.covariance / math.sqrt(group.variance * group.variance_before)
            for groups in spending
            for group in groups
        ]
    )
    assert correlation > 0.5
    assert narrower == pytest.approx(math.sqrt(1 - correlation**2), abs=0.02)


def test_adjusted_standard_error_is_how_much_the_difference_varies(adjusted):
    found = np.array([each.difference for each in adjusted])
    claimed = np.sqrt(np.mean([each.standard_error**2 for each in adjusted]))

    assert found.std(ddof=1) == pytest.approx(claimed, rel=4 / math.sqrt(EXPERIMENTS))


@pytest.mark.parametrize("compare", [compare_means, compare_adjusted])
def test_two_equal_means_are_called_different_in_one_of_twenty(compare):
    rng = np.random.default_rng(SEED)

    effects = [
        compare(treatment, control, confidence=0.95)
        for treatment, control in zip(
            simulated_spending(900, lift=0.0, rng=rng),
            simulated_spending(300, lift=0.0, rng=rng),
            strict=True,
        )
    ]

    assert share([each.p_value <= 0.05 for each in effects]) == near(0.05)


# Three treatments that do nothing share one holdout.
@pytest.fixture(scope="module")
def idle_treatments() -> list[list[Effect]]:
    rng = np.random.default_rng(SEED)
    confidence = simultaneous(0.95, 3)
    return [
        [compare_means(each, groups[0], confidence=confidence) for each in groups[1:]]
        for groups in zip(
            *[simulated_spending(400, lift=0.0, rng=rng) for _ in range(4)],
            strict=True,
        )
    ]


def test_several_idle_treatments_together_are_called_different_in_one_of_twenty(
    idle_treatments,
):
    false = [
        min(holm([each.p_value for each in effects])) <= 0.05
        for effects in idle_treatments
    ]
    uncorrected = [
        min(each.p_value for each in effects) <= 0.05 for effects in idle_treatments
    ]

    # Fewer, because what is shared with one holdout goes wrong together.
    assert 0.03 < share(false) < 0.05 + chance(0.05)
    assert share(uncorrected) > 0.10


def test_intervals_of_several_treatments_hold_together(idle_treatments):
    together = [
        all(each.interval.low <= 0 <= each.interval.high for each in effects)
        for effects in idle_treatments
    ]

    assert share(together) > 0.95 - chance(0.95)


def test_holm_finds_what_each_interval_finds(idle_treatments):
    for effects in idle_treatments:
        p_values = holm([each.p_value for each in effects])
        for effect, p_value in zip(effects, p_values, strict=True):
            apart = not effect.interval.low <= 0 <= effect.interval.high
            assert p_value <= 0.05 or not apart


def test_sound_split_is_doubted_as_often_as_the_threshold_says():
    rng = np.random.default_rng(SEED)
    counts = rng.multinomial(10_000, [0.4, 0.4, 0.2], EXPERIMENTS)

    doubted = [split_p_value(each.tolist(), [40, 40, 20]) <= 0.05 for each in counts]

    assert share(doubted) == near(0.05)


# Of 20,000 customers every fiftieth treated one is lost, such as those whose mail bounced.
def test_split_that_loses_a_fiftieth_of_a_group_is_found():
    rng = np.random.default_rng(SEED)
    counts = rng.multinomial(20_000, [0.49 / 0.99, 0.5 / 0.99], EXPERIMENTS)

    found = [split_p_value(each.tolist(), [1, 1]) <= 0.05 for each in counts]

    # Off by 0.505 points, with a standard error of 0.354: seen with 29.8 %, by the normal law.
    assert share(found) == near(0.298)


def test_split_that_loses_a_tenth_of_a_group_is_found():
    rng = np.random.default_rng(SEED)
    counts = rng.multinomial(20_000, [0.45 / 0.95, 0.5 / 0.95], EXPERIMENTS)

    found = [split_p_value(each.tolist(), [1, 1]) <= 0.001 for each in counts]

    assert share(found) > 0.999


def test_plan_for_rates_finds_its_lift_as_often_as_it_says():
    rng = np.random.default_rng(SEED)
    design = Design(treatment=0.75, control=0.25, power=0.8)
    higher = detectable_rate(0.06, 3_200, design)

    found = [
        compare_rates(treatment, control, confidence=0.95).p_value <= 0.05
        for treatment, control in zip(
            simulated_rates(higher, 2_400, rng=rng),
            simulated_rates(0.06, 800, rng=rng),
            strict=True,
        )
    ]

    assert share(found) == near(0.8)


def test_plan_for_means_finds_its_lift_as_often_as_it_says():
    rng = np.random.default_rng(SEED)
    design = Design(treatment=0.75, control=0.25, power=0.8)
    difference = detectable_difference(5.0, 1_200, design)

    found = []
    for _ in range(EXPERIMENTS):
        groups = [
            sample_of(rng.normal(mean, 5.0, count), np.zeros(count))
            for mean, count in ((10 + difference, 900), (10, 300))
        ]
        found.append(compare_means(*groups, confidence=0.95).p_value <= 0.05)

    assert share(found) == near(0.8)


# Why results say not to look every day: nothing is there, and a look a day for 30 days sees it.
def test_who_looks_every_day_finds_a_lift_that_is_none_far_more_often():
    rng = np.random.default_rng(SEED)
    days, daily, rate = 30, 100, 0.06
    bought = rng.binomial(daily, rate, (2, EXPERIMENTS, days)).cumsum(axis=2)
    customers = daily * np.arange(1, days + 1)
    pooled = bought.sum(axis=0) / (2 * customers)
    errors = np.sqrt(pooled * (1 - pooled) * 2 / customers)
    z = np.abs(bought[0] - bought[1]) / customers / np.where(errors > 0, errors, 1)

    seen_once, seen_any_day = z[:, -1] > 1.96, (z > 1.96).any(axis=1)

    assert share(seen_once) == near(0.05)
    assert share(seen_any_day) > 0.25
