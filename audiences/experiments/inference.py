"""Two groups compared: Welch, Newcombe, the delta method, CUPED.

Pure. Distributions come from SciPy; each function names its formula.
"""

import math
from dataclasses import dataclass

from scipy import stats

FEW_EXPECTED = 5.0
"""Below this many expected customers in a cell, the test of two rates is Fisher's exact one."""

ROUNDING = 1e-12
"""A share of the variance as small as this is what is left of none."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One group's customers, each with a value after exposure and one before.

    Attributes:
        count: Customers, at least 2.
        mean: Of the values after.
        variance: Of the values after, unbiased (divided by count - 1).
        mean_before: Of the values before.
        variance_before: Of the values before, unbiased.
        covariance: Of both, unbiased.
    """

    count: int
    mean: float
    variance: float
    mean_before: float = 0.0
    variance_before: float = 0.0
    covariance: float = 0.0


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval, both ends included."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Effect:
    """What the treatment did to a value, beside the control.

    Attributes:
        difference: Mean of the treatment less mean of the control.
        interval: Of the difference.
        relative: The difference as a share of the control's mean. None where no ratio can be
            told, because one of the means is not above zero.
        relative_interval: Of `relative`; None likewise.
        p_value: Two-sided, of no difference.
        standard_error: Of the difference.
    """

    difference: float
    interval: Interval
    relative: float | None
    relative_interval: Interval | None
    p_value: float
    standard_error: float


def compare_means(
    treatment: Sample, control: Sample, *, confidence: float
) -> Effect | None:
    """Compare the means after exposure: Welch's interval and test.

    Args:
        treatment: One group.
        control: The other.
        confidence: Of the intervals, such as 0.95.

    Returns:
        None when no value differs from another within either group.

    Source:
        B. L. Welch (1947), with Satterthwaite's degrees of freedom. The relative interval is the
        delta method on the logarithm of the ratio.
    """
    return _linear_effect(treatment, control, slope=0.0, confidence=confidence)


def compare_adjusted(
    treatment: Sample, control: Sample, *, confidence: float
) -> Effect | None:
    """Compare the means after exposure, less what the values before explain: CUPED.

    The slope is that of the value after on the value before, pooled within the two groups, so that
    it does not take up the effect. With nothing before, this is `compare_means`.

    Args:
        treatment: One group.
        control: The other.
        confidence: Of the intervals, such as 0.95.

    Returns:
        None when no adjusted value differs from another within either group.

    Source:
        A. Deng, Y. Xu, R. Kohavi, T. Walker (2013), "Improving the sensitivity of online
        controlled experiments by utilizing pre-experiment data".
    """
    return _linear_effect(
        treatment, control, slope=_slope(treatment, control), confidence=confidence
    )


def compare_rates(
    treatment: tuple[int, int], control: tuple[int, int], *, confidence: float
) -> Effect:
    """Compare two shares of customers.

    Args:
        treatment: Converted and all customers of one group; at least one customer.
        control: Of the other.
        confidence: Of the intervals, such as 0.95.

    Returns:
        The interval of the difference is Newcombe's, from Wilson's of each rate. The relative
        one is Katz's, the delta method on the logarithm of the ratio. The test is Pearson's
        chi-square without a correction, or Fisher's exact one where few are expected.

    Source:
        R. G. Newcombe (1998), method 10; D. Katz et al. (1978).
    """
    rate, rate_control = treatment[0] / treatment[1], control[0] / control[1]
    own = _wilson(treatment, confidence)
    other = _wilson(control, confidence)
    difference = rate - rate_control
    variance = rate * (1 - rate) / treatment[1]
    variance_control = rate_control * (1 - rate_control) / control[1]
    relative, relative_interval = _ratio(
        (rate, rate_control),
        (variance, variance_control, 0.0),
        quantile=_normal_quantile(confidence),
    )
    return Effect(
        difference=difference,
        interval=Interval(
            difference - math.hypot(rate - own.low, other.high - rate_control),
            difference + math.hypot(own.high - rate, rate_control - other.low),
        ),
        relative=relative,
        relative_interval=relative_interval,
        p_value=_rates_p_value(treatment, control),
        standard_error=math.sqrt(variance + variance_control),
    )


def _linear_effect(
    treatment: Sample, control: Sample, *, slope: float, confidence: float
) -> Effect | None:
    """Compare means of `value - slope * (value before - its mean over both groups)`.

    The mean over both groups is an estimate too, and enters both means: it cancels out of the
    difference, but not out of the ratio, hence the covariance.
    """
    own, own_before, own_both = _of_mean(treatment)
    other, other_before, other_both = _of_mean(control)
    weight = treatment.count / (treatment.count + control.count)
    weight_control = 1 - weight
    imbalance = treatment.mean_before - control.mean_before
    before = own_before + other_before
    means = (
        treatment.mean - slope * weight_control * imbalance,
        control.mean + slope * weight * imbalance,
    )
    variance = (
        own
        + slope**2 * weight_control**2 * before
        - 2 * slope * weight_control * own_both
    )
    variance_control = (
        other + slope**2 * weight**2 * before - 2 * slope * weight * other_both
    )
    covariance = (
        slope * (weight * own_both + weight_control * other_both)
        - slope**2 * weight * weight_control * before
    )
    # Of each group's own adjusted values; their sum is the variance of the difference.
    part = _not_negative(own + slope**2 * own_before - 2 * slope * own_both)
    part_control = _not_negative(
        other + slope**2 * other_before - 2 * slope * other_both
    )
    if part + part_control <= ROUNDING * (own + other):
        return None
    error = math.sqrt(part + part_control)
    freedom = (part + part_control) ** 2 / (
        part**2 / (treatment.count - 1) + part_control**2 / (control.count - 1)
    )
    quantile = float(stats.t.ppf((1 + confidence) / 2, freedom))
    difference = means[0] - means[1]
    relative, relative_interval = _ratio(
        means, (variance, variance_control, covariance), quantile=quantile
    )
    return Effect(
        difference=difference,
        interval=Interval(difference - quantile * error, difference + quantile * error),
        relative=relative,
        relative_interval=relative_interval,
        p_value=float(2 * stats.t.sf(abs(difference) / error, freedom)),
        standard_error=error,
    )


def _slope(treatment: Sample, control: Sample) -> float:
    pooled = [(each.count - 1, each) for each in (treatment, control)]
    spread = sum(weight * each.variance_before for weight, each in pooled)
    if spread <= 0:
        return 0.0
    return sum(weight * each.covariance for weight, each in pooled) / spread


def _of_mean(sample: Sample) -> tuple[float, float, float]:
    """Variances of the two means, and their covariance."""
    return (
        sample.variance / sample.count,
        sample.variance_before / sample.count,
        sample.covariance / sample.count,
    )


def _ratio(
    means: tuple[float, float],
    variances: tuple[float, float, float],
    *,
    quantile: float,
) -> tuple[float | None, Interval | None]:
    """The ratio of two means less 1, by the delta method on its logarithm.

    Args:
        means: Of the treatment and the control.
        variances: Of these two means, and their covariance.
        quantile: Standard errors from the middle of the interval to its ends.
    """
    mean, mean_control = means
    if mean <= 0 or mean_control <= 0:
        return None, None
    variance, variance_control, covariance = variances
    error = math.sqrt(
        _not_negative(
            variance / mean**2
            + variance_control / mean_control**2
            - 2 * covariance / (mean * mean_control)
        )
    )
    middle = math.log(mean / mean_control)
    return mean / mean_control - 1, Interval(
        math.expm1(middle - quantile * error), math.expm1(middle + quantile * error)
    )


def _wilson(rate: tuple[int, int], confidence: float) -> Interval:
    found = stats.binomtest(*rate).proportion_ci(confidence, method="wilson")
    return Interval(float(found.low), float(found.high))


def _rates_p_value(treatment: tuple[int, int], control: tuple[int, int]) -> float:
    table = [[done, all_ - done] for done, all_ in (treatment, control)]
    expected = stats.contingency.expected_freq(table)
    if expected.min() < FEW_EXPECTED:
        return float(stats.fisher_exact(table).pvalue)
    return float(stats.chi2_contingency(table, correction=False).pvalue)


def _normal_quantile(confidence: float) -> float:
    return float(stats.norm.ppf((1 + confidence) / 2))


def _not_negative(variance: float) -> float:
    """Rounding may leave a variance a hair under zero."""
    return max(variance, 0.0)
