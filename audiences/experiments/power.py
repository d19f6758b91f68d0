"""What an experiment can find before it is launched: detectable lift, and customers needed. Pure.

Large-sample formulas, two-sided; several treatments share the error (Bonferroni), as the first
step of Holm's correction does.
"""

import math
from dataclasses import dataclass

from scipy import optimize, stats

from audiences.experiments.corrections import simultaneous


@dataclass(frozen=True, slots=True)
class Design:
    """What is planned.

    Attributes:
        treatment: Share of the customers in the smallest treatment, above 0.
        control: Share of the customers in the control, above 0.
        comparisons: Treatments that are compared with the control.
        confidence: 1 less the risk of seeing a difference where there is none, such as 0.95.
        power: Chance of seeing a difference that is there, such as 0.8.
    """

    treatment: float
    control: float
    comparisons: int = 1
    confidence: float = 0.95
    power: float = 0.8

    @property
    def threshold(self) -> float:
        """Standard errors that a difference must exceed to be seen."""
        confidence = simultaneous(self.confidence, self.comparisons)
        return float(stats.norm.ppf((1 + confidence) / 2))

    @property
    def margin(self) -> float:
        """Standard errors beyond the threshold that give the power."""
        return float(stats.norm.ppf(self.power))


def customers_for_rate(rate: float, higher_rate: float, design: Design) -> float:
    """Customers in all groups together that show `higher_rate` beside `rate`.

    Args:
        rate: Share of the control that converts, from 0 to below 1.
        higher_rate: Share of the treatment, above `rate` and below 1.
        design: The plan.

    Source:
        J. L. Fleiss, B. Levin, M. C. Paik, "Statistical methods for rates and proportions":
        one variance for both under no difference, one for each under the difference.
    """
    shares = design.treatment, design.control
    pooled = (higher_rate * shares[0] + rate * shares[1]) / sum(shares)
    under_none = pooled * (1 - pooled) * (1 / shares[0] + 1 / shares[1])
    under_some = (
        higher_rate * (1 - higher_rate) / shares[0] + rate * (1 - rate) / shares[1]
    )
    errors = design.threshold * math.sqrt(under_none) + design.margin * math.sqrt(
        under_some
    )
    return (errors / (higher_rate - rate)) ** 2


def detectable_rate(rate: float, customers: float, design: Design) -> float | None:
    """The lowest rate above `rate` that so many customers show; the inverse of the above.

    Returns:
        None when not even nearly everybody converting would be told apart.
    """
    lowest, highest = rate + (1 - rate) * 1e-9, 1 - (1 - rate) * 1e-9
    if rate >= 1 or customers_for_rate(rate, highest, design) > customers:
        return None
    return float(
        optimize.brentq(
            lambda higher: customers_for_rate(rate, higher, design) - customers,
            lowest,
            highest,
        )
    )


def customers_for_mean(deviation: float, difference: float, design: Design) -> float:
    """Customers in all groups together that show a difference of means.

    Args:
        deviation: Standard deviation of a customer's value, the same in all groups.
        difference: To show, above 0.
        design: The plan.
    """
    error = deviation * math.sqrt(1 / design.treatment + 1 / design.control)
    return ((design.threshold + design.margin) * error / difference) ** 2


def detectable_difference(deviation: float, customers: float, design: Design) -> float:
    """The smallest difference of means that so many customers show; the inverse of the above."""
    error = deviation * math.sqrt(1 / design.treatment + 1 / design.control)
    return (design.threshold + design.margin) * error / math.sqrt(customers)
