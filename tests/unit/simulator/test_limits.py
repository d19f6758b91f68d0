"""Windows, quotas, and requests at once."""

from demo.destination_simulator.limits import Limiter
from demo.destination_simulator.vendor import Window


class Hands:
    """A clock whose hands a test moves."""

    def __init__(self) -> None:
        self.at = 0.0

    def now(self) -> float:
        return self.at


def test_a_window_slides():
    hands = Hands()
    limiter = Limiter((Window(2, 10.0),), hands.now)
    first = limiter.begin("default")
    hands.at = 6.0
    second = limiter.begin("default")
    third = limiter.begin("default")
    hands.at = 10.0
    fourth = limiter.begin("default")
    fifth = limiter.begin("default")

    assert (first, second, fourth) == (None, None, None)
    assert third is not None
    assert (third.reset_s, third.is_quota) == (4.0, False)
    assert fifth is not None
    assert fifth.reset_s == 6.0


def test_a_refused_request_uses_nothing_up():
    hands = Hands()
    limiter = Limiter((Window(1, 10.0),), hands.now)
    limiter.begin("default")
    for second in range(1, 10):
        hands.at = float(second)
        limiter.begin("default")
    hands.at = 10.0

    assert limiter.begin("default") is None


def test_groups_are_apart():
    limiter = Limiter((Window(1, 10.0), Window(1, 10.0, "reads")), Hands().now)

    assert limiter.begin("default") is None
    assert limiter.begin("reads") is None
    assert limiter.begin("free") is None
    assert limiter.begin("reads") is not None


def test_the_longest_of_several_windows_counts():
    limiter = Limiter((Window(1, 10.0), Window(1, 86_400.0)), Hands().now)
    limiter.begin("default")

    exceeded = limiter.begin("default")

    assert exceeded is not None
    assert (exceeded.reset_s, exceeded.is_quota) == (86_400.0, True)


def test_no_more_at_once_than_it_takes():
    limiter = Limiter((Window(2, 0.0),), Hands().now)
    begun = [limiter.begin("default") for _ in range(3)]
    limiter.end("default")

    assert [exceeded is None for exceeded in begun] == [True, True, False]
    assert limiter.begin("default") is None
    assert limiter.begin("default") is not None
