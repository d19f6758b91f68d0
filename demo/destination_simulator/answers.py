"""What a request gets: an answer, a refusal, or a fault on purpose."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
Record: TypeAlias = dict[str, Json]


class FaultKind(StrEnum):
    """What goes wrong with one request.

    STATUS answers with a status and does nothing. DROP_BEFORE closes the connection and
    does nothing, DROP_AFTER does the work and closes it without an answer. GARBAGE does the
    work and answers with something that is not JSON. SHORT does the work and answers for
    all rows but the last.
    """

    STATUS = "status"
    DROP_BEFORE = "drop_before"
    DROP_AFTER = "drop_after"
    GARBAGE = "garbage"
    SHORT = "short"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault, used up by one write request. `retry_after` is the header's text."""

    kind: FaultKind
    status: int = 500
    retry_after: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, JSON body and headers beyond the usual ones."""

    status: int
    body: Json
    headers: Mapping[str, str] = field(default_factory=dict)


class RefusedError(Exception):
    """The whole request is refused, with a code that says why."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.answer = Answer(status, {"error": {"code": code}})
