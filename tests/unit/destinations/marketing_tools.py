"""Marketing tools' destinations opened for a test: on prepared answers, or simulated."""

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import httpx

from demo.destination_simulator import Simulator
from reverse_etl.destinations.protocol import (
    Batch,
    Destination,
    DestinationType,
    Opening,
    Record,
)
from reverse_etl.modes import Action, Op
from reverse_etl.transport import (
    Feedback,
    HttpOptions,
    NoLimit,
    RetryPolicy,
    Secret,
)

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def record(
    match: Mapping[str, str],
    fields: Mapping[str, object] | None = None,
    *,
    op: Op = Op.CHANGE,
    event_id: str = "event-1",
    dest_id: str | None = None,
) -> Record:
    return Record(op, "k", match, fields or {}, event_id, {}, dest_id)


def batch(
    records: Sequence[Record],
    action: Action = Action.UPSERT,
    settings: Mapping[str, str] | None = None,
    object_name: str = "users",
) -> Batch:
    return Batch(
        sync="tool__people",
        object=object_name,
        settings=settings or {},
        run_id="run-1",
        idempotency_key="key-1",
        action=action,
        records=records,
    )


class Answers(NoLimit):
    """A network that answers with what was prepared, and notes what it was asked.

    It is a limiter too, so that what a destination learns about limits is noted.
    """

    def __init__(self, *answers: httpx.Response | type[Exception]) -> None:
        self._answers = list(answers)
        self.requests: list[httpx.Request] = []
        self.waits: list[float] = []
        self.learnt: list[tuple[str, Feedback]] = []

    def learn(self, group: str, feedback: Feedback) -> None:
        self.learnt.append((group, feedback))

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self._answers.pop(0)
        if isinstance(answer, httpx.Response):
            return answer
        raise answer("lost")

    @property
    def bodies(self) -> list:
        """What was sent, of the requests that have a body."""
        return [
            json.loads(request.content) for request in self.requests if request.content
        ]


@contextlib.contextmanager
def answered(
    kind: DestinationType,
    credentials: Mapping[str, str],
    answers: Answers,
    *,
    object_name: str,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Destination]:
    """A destination whose requests get prepared answers."""
    http = HttpOptions(
        policy=RetryPolicy(max_attempts=2, total_s=100_000),
        limiter=answers,
        transport=httpx.MockTransport(answers),
        sleep=answers.waits.append,
        clock=lambda: 0.0,
        now=lambda: NOW,
        jitter=lambda: 0.5,
    )
    with kind.open(
        _opening(kind, credentials, http, object_name, settings)
    ) as destination:
        yield destination


@contextlib.contextmanager
def simulated(
    kind: DestinationType,
    simulator: Simulator,
    *,
    object_name: str,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Destination]:
    """A destination that talks to a simulated tool."""
    environ = simulator.environ_of(kind.name)
    prefix = f"KENNING_{kind.name.upper()}_"
    http = HttpOptions(
        policy=RetryPolicy(max_attempts=2),
        sleep=simulator.advance,
        allow_private_addresses=True,
    )
    credentials = {
        name.removeprefix(prefix).lower(): value for name, value in environ.items()
    }
    with kind.open(
        _opening(kind, credentials, http, object_name, settings)
    ) as destination:
        yield destination


def _opening(
    kind: DestinationType,
    credentials: Mapping[str, str],
    http: HttpOptions,
    object_name: str,
    settings: Mapping[str, str] | None,
) -> Opening:
    given = {
        credential.name: credentials.get(credential.name, credential.default)
        for credential in kind.credentials
    }
    return Opening(
        account=kind.name,
        object=object_name,
        settings=settings or {},
        credentials={name: Secret(value or "") for name, value in given.items()},
        base_dir=Path(),
        http=http,
    )
