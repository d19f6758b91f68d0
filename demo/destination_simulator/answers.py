"""What a request gets: an answer, or a refusal."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
Record: TypeAlias = dict[str, Json]


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, body and headers beyond the usual ones.

    Attributes:
        status: HTTP status.
        body: Sent as JSON; None sends no body at all.
        headers: `content-type` here replaces application/json.
        content: Sent as it is instead of `body`: CSV, HTML, a bare text.
    """

    status: int
    body: Json
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None


class RefusedError(Exception):
    """The whole request is refused, with a code that says why.

    `body` replaces the usual one, for a tool with a shape of its own.
    """

    def __init__(self, status: int, code: str, body: Json = None) -> None:
        super().__init__(code)
        self.answer = Answer(
            status, {"error": {"code": code}} if body is None else body
        )
