"""Ad platforms' destinations opened for a test: on prepared answers, or on the simulator."""

import contextlib
import hashlib
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
from reverse_etl.transport import HttpOptions, RetryPolicy, Secret

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ADA, GRACE, ALAN = (
    hashlib.sha256(f"{name}@example.com".encode()).hexdigest()
    for name in ("ada", "grace", "alan")
)


def record(key: str, match: Mapping[str, str], **fields: object) -> Record:
    return Record(Op.ADD, key, match, fields, f"event-{key}")


def batch(
    records: Sequence[Record],
    action: Action = Action.ADD,
    settings: Mapping[str, str] | None = None,
    object_name: str = "audience_members",
) -> Batch:
    return Batch(
        sync="ads__audience",
        object=object_name,
        settings=settings or {},
        run_id="run-1",
        idempotency_key="key-1",
        action=action,
        records=records,
    )


class Answers:
    """A network that answers with what was prepared, and notes what it was asked."""

    def __init__(self, *answers: httpx.Response | type[Exception]) -> None:
        self._answers = list(answers)
        self.requests: list[httpx.Request] = []
        self.waits: list[float] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self._answers.pop(0)
        if isinstance(answer, httpx.Response):
            return answer
        raise answer("lost")

    @property
    def bodies(self) -> list:
        return [json.loads(request.content) for request in self.requests]

    @property
    def options(self) -> HttpOptions:
        return HttpOptions(
            policy=RetryPolicy(max_attempts=2, total_s=100_000),
            transport=httpx.MockTransport(self),
            sleep=self.waits.append,
            clock=lambda: 0.0,
            now=lambda: NOW,
            jitter=lambda: 0.5,
        )


def said(body: object, status: int = 200, **headers: str) -> httpx.Response:
    return httpx.Response(
        status, json=body, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )


def page() -> httpx.Response:
    return httpx.Response(200, text="<html>Sign in</html>")


@contextlib.contextmanager
def opened(
    kind: DestinationType,
    object_name: str,
    settings: Mapping[str, str],
    options: HttpOptions,
    **given: str,
) -> Iterator[Destination]:
    """The destination with these credentials, and defaults for the others."""
    texts = {
        credential.name: given.get(credential.name, credential.default)
        for credential in kind.credentials
    }
    with kind.open(
        Opening(
            account=kind.name,
            object=object_name,
            settings=settings,
            credentials={
                name: Secret(text) for name, text in texts.items() if text is not None
            },
            base_dir=Path("unused"),
            http=options,
        )
    ) as destination:
        yield destination


@contextlib.contextmanager
def opened_on(
    simulator: Simulator,
    kind: DestinationType,
    object_name: str,
    settings: Mapping[str, str],
) -> Iterator[Destination]:
    """The destination as the simulator's environment leads to it."""
    prefix = f"KENNING_{kind.name}_".upper()
    given = {
        name.removeprefix(prefix).lower(): text
        for name, text in simulator.environ_of(kind.name).items()
    }
    options = HttpOptions(
        sleep=simulator.advance, jitter=lambda: 0.5, allow_private_addresses=True
    )
    with opened(kind, object_name, settings, options, **given) as destination:
        yield destination
