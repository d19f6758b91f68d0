"""The formulas that compare two groups, against published figures and against SciPy on the same values."""

import numpy as np
import pytest
from scipy import stats

from audiences.experiments.corrections import holm, simultaneous, split_p_value
from audiences.experiments.inference import (
    Sample,
    compare_adjusted,
    compare_means,
    compare_rates,
)

AFTER = (
    [0.0, 12.5, 3.0, 0.0, 41.0, 7.25, 0.0, 19.0],
    [0.0, 2.0, 0.0, 5.5, 0.0, 11.0],
)
BEFORE = (
    [1.0, 10.0, 0.0, 2.0, 30.0, 9.0, 1.0, 12.0],
    [4.0, 3.0, 0.0, 9.0, 0.0, 20.0],
)


def sample(after, before) -> Sample:
    covariance = np.cov(after, before)
    return Sample(
        count=len(after),
        mean=float(np.mean(after)),
        variance=float(covariance[0, 0]),
        mean_before=float(np.mean(before)),
        variance_before=float(covariance[1, 1]),
        covariance=float(covariance[0, 1]),
    )


TREATMENT, CONTROL = (
    sample(after, before) for after, before in zip(AFTER, BEFORE, strict=True)
)


# R. G. Newcombe, Statistics in Medicine 17 (1998) 873-890, table II, method 10.
@pytest.mark.parametrize(
    ("treatment", "control", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((5, 56), (0, 29), -0.0381, 0.1926),
    ],
)
def test_interval_of_two_rates_is_the_one_that_newcombe_printed(
    treatment, control, low, high
):
    effect = compare_rates(treatment, control, confidence=0.95)

    assert effect.interval.low == pytest.approx(low, abs=5e-5)
    assert effect.interval.high == pytest.approx(high, abs=5e-5)


def test_rates_are_tested_by_chi_square_without_a_correction():
    effect = compare_rates((120, 1000), (90, 1000), confidence=0.95)

    # z = 0.03 / sqrt(0.105 * 0.895 * 2 / 1000) = 2.18827
    assert effect.p_value == pytest.approx(0.02865, abs=5e-6)


def test_rates_of_which_few_are_expected_are_tested_exactly():
    effect = compare_rates((8, 10), (0, 10), confidence=0.95)

    # 2 * C(10, 8) / C(20, 8) = 90 / 125970
    assert effect.p_value == pytest.approx(90 / 125970)


def test_relative_lift_of_a_rate_has_the_interval_of_katz():
    effect = compare_rates((120, 1000), (80, 1000), confidence=0.95)

    # log 1.5 -+ 1.959964 * sqrt(0.88 / 120 + 0.92 / 80)
    assert effect.relative == pytest.approx(0.5)
    assert effect.relative_interval.low == pytest.approx(0.14624, abs=5e-5)
    assert effect.relative_interval.high == pytest.approx(0.96293, abs=5e-5)


@pytest.mark.parametrize("treatment", [(0, 50), (3, 50)])
def test_nothing_is_said_relative_to_a_control_that_did_nothing(treatment):
    effect = compare_rates(treatment, (0, 50), confidence=0.95)

    assert effect.relative is None
    assert effect.relative_interval is None


def test_two_rates_of_zero_are_no_different():
    effect = compare_rates((0, 50), (0, 40), confidence=0.95)

    assert effect.p_value == 1
    assert effect.interval.low < 0 < effect.interval.high


def test_means_are_compared_as_welch_does():
    effect = compare_means(TREATMENT, CONTROL, confidence=0.9)

    known = stats.ttest_ind(*AFTER, equal_var=False)
    interval = known.confidence_interval(0.9)
    assert effect.p_value == pytest.approx(known.pvalue)
    assert effect.interval.low == pytest.approx(interval.low)
    assert effect.interval.high == pytest.approx(interval.high)


def test_relative_lift_of_a_mean_is_its_difference_by_the_control():
    effect = compare_means(
        Sample(count=400, mean=6.0, variance=100.0),
        Sample(count=900, mean=5.0, variance=81.0),
        confidence=0.95,
    )

    # log 1.2 -+ t * sqrt(0.25 / 36 + 0.09 / 25), with t = 1.96337 of 697.9 degrees of freedom
    assert effect.relative == pytest.approx(0.2)
    assert effect.relative_interval.low == pytest.approx(-0.01907, abs=5e-5)
    assert effect.relative_interval.high == pytest.approx(0.46805, abs=5e-5)


def test_adjusted_means_are_those_of_values_less_what_the_days_before_explain():
    effect = compare_adjusted(TREATMENT, CONTROL, confidence=0.95)

    within = [
        (
            np.array(after),
            np.array(before),
            np.array(after) - np.mean(after),
            np.array(before) - np.mean(before),
        )
        for after, before in zip(AFTER, BEFORE, strict=True)
    ]
    slope = sum((y * x).sum() for *_, y, x in within) / sum(
        (x * x).sum() for *_, x in within
    )
    known = stats.ttest_ind(
        *[after - slope * before for after, before, *_ in within], equal_var=False
    )
    interval = known.confidence_interval(0.95)
    assert effect.p_value == pytest.approx(known.pvalue)
    assert effect.interval.low == pytest.approx(interval.low)
    assert effect.interval.high == pytest.approx(interval.high)


# The same by brute force: how the logarithm of the ratio moves with each of the four means, numerically.
def test_adjusted_relative_interval_is_that_of_the_delta_method_on_four_means():
    treatment = Sample(400, 6.0, 100.0, 4.0, 64.0, 48.0)
    control = Sample(100, 5.0, 81.0, 4.5, 49.0, 35.0)
    slope = (399 * 48.0 + 99 * 35.0) / (399 * 64.0 + 99 * 49.0)

    effect = compare_adjusted(treatment, control, confidence=0.95)

    def log_ratio(means):
        after, before, after_control, before_control = means
        middle = 0.8 * before + 0.2 * before_control
        adjusted = after - slope * (before - middle)
        return np.log(adjusted / (after_control - slope * (before_control - middle)))

    means = np.array([6.0, 4.0, 5.0, 4.5])
    steps = np.eye(4) * 1e-6
    gradient = np.array(
        [(log_ratio(means + step) - log_ratio(means - step)) / 2e-6 for step in steps]
    )
    variances = np.zeros((4, 4))
    variances[:2, :2] = np.array([[100.0, 48.0], [48.0, 64.0]]) / 400
    variances[2:, 2:] = np.array([[81.0, 35.0], [35.0, 49.0]]) / 100
    error = np.sqrt(gradient @ variances @ gradient)
    width = np.log1p(effect.relative_interval.high) - np.log1p(
        effect.relative_interval.low
    )
    quantile = (effect.interval.high - effect.difference) / effect.standard_error
    assert np.log1p(effect.relative) == pytest.approx(log_ratio(means))
    assert width == pytest.approx(2 * quantile * error)


def test_without_anything_before_the_adjustment_does_nothing():
    plain = Sample(count=400, mean=6.0, variance=100.0)
    control = Sample(count=900, mean=5.0, variance=81.0)

    assert compare_adjusted(plain, control, confidence=0.95) == compare_means(
        plain, control, confidence=0.95
    )


def test_values_that_are_all_alike_cannot_be_compared():
    nothing = Sample(count=10, mean=0.0, variance=0.0)

    assert compare_means(nothing, nothing, confidence=0.95) is None


def test_values_that_are_all_as_before_leave_nothing_to_compare():
    same = [
        Sample(100, mean, 7.3, mean_before=mean, variance_before=7.3, covariance=7.3)
        for mean in (1.1, 1.3)
    ]

    assert compare_adjusted(*same, confidence=0.95) is None


def test_holm_multiplies_the_smallest_by_the_count_and_never_falls_back():
    adjusted = holm([0.01, 0.04, 0.03, 0.005])

    assert adjusted == pytest.approx((0.03, 0.06, 0.06, 0.02))


def test_holm_leaves_a_single_value_and_stops_at_one():
    assert holm([0.2]) == (0.2,)
    assert holm([0.6, 0.7]) == (1.0, 1.0)


def test_intervals_of_two_comparisons_take_half_the_error_each():
    assert simultaneous(0.95, 1) == pytest.approx(0.95)
    assert simultaneous(0.95, 2) == pytest.approx(0.975)


def test_split_is_checked_by_chi_square_against_its_weights():
    # (50 ** 2 / 5000) * 2 = 1, and chi-square of 1 with one degree of freedom is 0.3173
    assert split_p_value([5050, 4950], [1, 1]) == pytest.approx(0.31731, abs=5e-6)
    # (20 ** 2 / 8000) + (20 ** 2 / 2000) = 0.25
    assert split_p_value([8020, 1980], [80, 20]) == pytest.approx(0.61708, abs=5e-6)
