"""What headers say of a limit, and what they do not."""

import pytest

from reverse_etl.destinations.limit_headers import header_number, requests_left
from reverse_etl.transport import Feedback, Response


def answer(status: int, headers: dict[str, str]) -> Response:
    return Response(status, headers, b"")


def test_what_is_left_of_a_window_is_heeded():
    left = requests_left(answer(200, {"left": "7"}), "left", reset_s=2.5)

    assert left == Feedback(is_throttled=False, remaining=7, reset_s=2.5)


def test_a_refusal_for_being_too_fast_says_how_long_to_wait_instead():
    assert requests_left(answer(429, {"left": "0"}), "left", reset_s=2.5) is None


def test_an_answer_without_the_header_says_nothing():
    assert requests_left(answer(200, {}), "left", reset_s=2.5) is None


@pytest.mark.parametrize(
    ("value", "number"),
    [("60", 60.0), ("0", 0.0), ("", None), ("-1", None), ("a", None)],
)
def test_a_header_is_a_number_or_nothing(value: str, number: float | None):
    assert header_number(answer(200, {"reset": value}), "reset") == number
