"""What a simulated tool is made of: routes, what it holds, how it refuses. Types only.

Each tool is a module under `vendors/` that gives one `Vendor`. The server around it checks
tokens, contracts, limits and scripted faults, so that a tool says only what is its own.
"""

import email
import email.policy
import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias
from urllib.parse import parse_qsl

from demo.destination_simulator.answers import Answer, Json, Record, RefusedError


@dataclass(frozen=True, slots=True)
class Upload:
    """One file of a multipart body."""

    filename: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Call:
    """One request, read.

    Attributes:
        method: In capitals.
        path: Below the tool's base URL, as it was sent.
        params: From the path, decoded.
        query: Decoded; of a repeated name the last one.
        headers: Names are lower-case.
        body: As it was sent.
        base_url: The tool's own address, for answers that link to it. No slash at the end.
    """

    method: str
    path: str
    params: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    base_url: str = ""

    @property
    def media_type(self) -> str:
        """Content-Type without its parameters, in lower case; "" when there is none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def json(self) -> Json:
        """The body as JSON.

        Raises:
            RefusedError: It is not JSON.
        """
        try:
            parsed: Json = json.loads(self.body)
        except ValueError:
            raise RefusedError(400, "not_json") from None
        return parsed

    def form(self) -> dict[str, str]:
        """The fields of a form body, `application/x-www-form-urlencoded`."""
        return dict(
            parse_qsl(self.body.decode(errors="replace"), keep_blank_values=True)
        )

    def multipart(self) -> dict[str, str | Upload]:
        """The fields and files of a `multipart/form-data` body, by name.

        Raises:
            RefusedError: It is not one.
        """
        head = f"content-type: {self.headers.get('content-type', '')}\r\n\r\n"
        message = email.message_from_bytes(
            head.encode() + self.body, policy=email.policy.HTTP
        )
        if not message.is_multipart():
            raise RefusedError(400, "not_multipart")
        parts: dict[str, str | Upload] = {}
        for part in message.iter_parts():
            name = part.get_param("name", header="content-disposition")
            content = part.get_payload(decode=True)
            if not isinstance(name, str) or not isinstance(content, bytes):
                raise RefusedError(400, "not_multipart")
            filename = part.get_filename()
            parts[name] = (
                content.decode(errors="replace")
                if filename is None
                else Upload(filename, content)
            )
        return parts


@dataclass
class Hold:
    """Everything that one tool holds, in memory. The server calls one handler at a time.

    Attributes:
        records: By collection, then by the tool's own id: `records["contacts"]["1"]`.
        members: By list or audience id, the ids or hashed identifiers in it.
        events: Appended in the order in which they came.
        jobs: By job id, whatever the tool knows of it.
        files: By name, what was uploaded.
        erased: Identifiers that were deleted for good.
        now: Seconds that only grow; tests move them.
        refuse: Asked for each row with the identifiers and fields that it has; returns the
            tool's code when a scripted fault refuses it. None when all is well.
    """

    now: Callable[[], float]
    refuse: Callable[[Mapping[str, Json]], str | None] = lambda _: None
    records: dict[str, dict[str, Record]] = field(default_factory=dict)
    members: dict[str, set[str]] = field(default_factory=dict)
    events: list[Record] = field(default_factory=list)
    jobs: dict[str, Record] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    erased: set[str] = field(default_factory=set)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1001))

    def state(self) -> dict[str, Json]:
        """All of it as JSON, for whoever looks from outside. Of files, their sizes."""
        return {
            "records": {name: dict(held) for name, held in self.records.items()},
            "members": {name: [*sorted(ids)] for name, ids in self.members.items()},
            "events": list(self.events),
            "jobs": dict(self.jobs),
            "files": {name: len(content) for name, content in self.files.items()},
            "erased": [*sorted(self.erased)],
        }

    def clear(self) -> None:
        """Forget everything, also what is kept elsewhere."""
        for held in (self.records, self.members, self.events, self.jobs, self.files):
            held.clear()
        self.erased.clear()

    def close(self) -> None:
        """Give back what it keeps open: nothing, in memory."""

    def new_id(self) -> str:
        """An id that this tool has not given before."""
        return str(next(self._numbers))

    def collection(self, name: str) -> dict[str, Record]:
        """Records of one collection by id."""
        return self.records.setdefault(name, {})

    def list_members(self, list_id: str) -> set[str]:
        """What is in one list or audience."""
        return self.members.setdefault(list_id, set())


Handler: TypeAlias = Callable[[Hold, Call], Answer]


@dataclass(frozen=True, slots=True)
class WrongRequest:
    """A request that a tool must refuse, to prove that its checks are alive."""

    body: Json
    headers: Mapping[str, str] = field(default_factory=dict)
    path: str | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """One operation of a tool.

    Attributes:
        operation: Its name, unique within the tool; contracts and canaries use it.
        method: HTTP method.
        path: Path with `{names}` for its variable parts, which hold no slash.
        handle: Does it.
        canary: A wrong request that must be refused. Every operation that writes has one;
            without one it only reads, and scripted faults pass it by.
        limit_group: Limits of this group count it.
    """

    operation: str
    method: str
    path: str
    handle: Handler
    canary: WrongRequest | None = None
    limit_group: str = "default"


@dataclass(frozen=True, slots=True)
class Window:
    """At most `max_requests` in any `window_s` seconds, for one limit group.

    `window_s` of 0 means at most so many at once; 86,400 is a day's quota.
    """

    max_requests: int
    window_s: float
    group: str = "default"


@dataclass(frozen=True, slots=True)
class Vendor:
    """A simulated tool.

    Attributes:
        name: The destination's name.
        routes: Its operations.
        token: The token that it accepts by default.
        is_authorised: Whether a request carries that token, however the tool wants it.
        unauthorised: What a request without it gets.
        throttled: What a request above a limit gets; takes the seconds until the reset.
        limits: Its windows, by default.
        contract: The project's own contract file beside the tools: contracts/<name>.json.
        environ: Environment variables by which the destination finds it, from its URL and
            token.
        headers: Headers that every answer carries (limits left, for instance), from the
            hold.
        out_of_quota: What a request gets when the day's quota is used up; None when it is
            the same as `throttled`.
        failed_job: What a job that fails as a whole looks like in `Hold.jobs`; merged into
            the job when a test scripts that. None when there are no jobs.
        max_body_bytes: A longer body is refused with 413 before anybody looks at it.
        make_hold: For a tool that keeps what it holds elsewhere: makes its hold from the
            clock and the file to keep it in.
    """

    name: str
    routes: tuple[Route, ...]
    environ: Callable[[str, str], Mapping[str, str]]
    token: str = "simulated-token"  # noqa: S105  a stand-in's own token
    is_authorised: Callable[[Call, str], bool] = lambda call, token: (
        call.headers.get("authorization") == f"Bearer {token}"
    )
    unauthorised: Answer = field(
        default_factory=lambda: Answer(401, {"error": "unauthorized"})
    )
    throttled: Callable[[float], Answer] = lambda reset_s: Answer(
        429, {"error": "rate_limited"}, {"retry-after": str(max(1, round(reset_s)))}
    )
    limits: tuple[Window, ...] = ()
    headers: Callable[[Hold], Mapping[str, str]] = lambda _: {}
    out_of_quota: Answer | None = None
    failed_job: Mapping[str, Json] | None = None
    max_body_bytes: int = 160_000_000
    make_hold: Callable[[Callable[[], float], Path | None], Hold] = lambda now, _: Hold(
        now
    )
