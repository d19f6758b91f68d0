"""What a server answered, and what an answer may mean. No network.

Which of the meanings an answer has is read by the client from its status, and by each
destination from the rest.
"""

import email.utils
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol, TypeAlias

import orjson

from reverse_etl.errors import ErrorClass, FatalDeliveryError
from reverse_etl.transport.options import Feedback, HttpOptions
from warehouse.manifest import Json


@dataclass(frozen=True, slots=True)
class Response:
    """A server's answer. Header names are lower-case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)
    place: str = ""

    def json(self) -> Json:
        """The body as JSON.

        Raises:
            FatalDeliveryError: It is not; the interface is not the one that is known.
        """
        try:
            parsed: Json = orjson.loads(self.content)
        except ValueError:
            raise self.undocumented() from None
        return parsed

    def optional_json(self) -> Json:
        """The body as JSON, or None where there is nothing or a plain text to read.

        Raises:
            FatalDeliveryError: It is something else: a page for people, for instance, that
                something between the two put there.
        """
        media_type = self.headers.get("content-type", "").partition(";")[0].strip()
        if not self.content.strip() or media_type.lower() == "text/plain":
            return None
        return self.json()

    def undocumented(self) -> FatalDeliveryError:
        """The error for an answer that is not what the interface promises."""
        return FatalDeliveryError(
            f"{self.place} answered {self.status} with something that its interface does "
            "not have. The sync stopped, because the interface is not the one it knows. "
            "Check the URL and the version.",
            is_in_doubt=True,
            error_class=ErrorClass.INTERNAL,
        )


class Reading(Protocol):
    """What a vendor's answer means, where its status alone does not tell."""


@dataclass(frozen=True, slots=True)
class Throttled(Reading):
    """Too fast. `wait_s` is what it asks for; None to use Retry-After or back off."""

    wait_s: float | None = None


@dataclass(frozen=True, slots=True)
class OutOfQuota(Reading):
    """Nothing more for `resume_s` seconds."""

    resume_s: float


@dataclass(frozen=True, slots=True)
class Expired(Reading):
    """The token is no longer good; it is refreshed once."""


@dataclass(frozen=True, slots=True)
class Faulty(Reading):
    """A fault that may pass. `may_be_applied` is false when nothing was done."""

    may_be_applied: bool = True


@dataclass(frozen=True, slots=True)
class Refused(Reading):
    """Refused for the content of the batch; nothing was applied."""

    code: str | None = None
    error_class: ErrorClass = ErrorClass.OTHER
    is_too_large: bool = False


@dataclass(frozen=True, slots=True)
class Stopped(Reading):
    """Every later request would fail too: AUTH, PERMISSION or CONFIG."""

    error_class: ErrorClass
    code: str | None = None


Reader: TypeAlias = Callable[[Response], Reading | None]
"""Reads an answer; None leaves it to its status."""


FeedbackReader: TypeAlias = Callable[[Response], Feedback | None]


def asked_wait_s(response: Response, options: HttpOptions) -> float | None:
    """Seconds that a server asks to wait, cut where it asks for too long; None without."""
    asked = retry_after_s(response.headers.get("retry-after"), options.now())
    return None if asked is None else min(asked, options.policy.max_server_wait_s)


def retry_after_s(header: str | None, now: datetime) -> float | None:
    """Seconds that a Retry-After header asks for, never negative.

    The header is a number of seconds or an HTTP date; anything else counts as absent.
    """
    if header is None:
        return None
    text = header.strip()
    if text.replace(".", "", 1).isdecimal():
        return float(text)
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())
