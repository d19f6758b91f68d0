"""What an answer's headers say about the tool's limit. Pure.

Which headers there are, and how they write a time, is each tool's own.
"""

from reverse_etl.transport import Feedback, Response


def header_number(response: Response, name: str) -> float | None:
    """The number that a header has; None without one."""
    value = response.headers.get(name, "")
    return float(value) if value.isdecimal() else None


def requests_left(
    response: Response, name: str, *, reset_s: float | None
) -> Feedback | None:
    """What is left of a window, unless it was exceeded: a refusal says how long to wait.

    Args:
        response: The answer.
        name: Header with the number of requests that are left.
        reset_s: Seconds until the window ends; None where the answer does not say.
    """
    left = header_number(response, name)
    if response.status == 429 or left is None:
        return None
    return Feedback(is_throttled=False, remaining=int(left), reset_s=reset_s)
