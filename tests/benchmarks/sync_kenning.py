"""One run of Kenning's engine in a process of its own; prints JSON.

What the project's own command does around a run, less dbt: open warehouse, ledger, limiter and
destination, run, close. The sink is described by YAML alone, like any tool of a company's own.
"""

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from reverse_etl.destinations.protocol import Destination, RateLimit
from reverse_etl.destinations.registry import (
    limits_of,
    load_accounts,
    open_destination,
)
from reverse_etl.engine import run_sync
from reverse_etl.errands import SendPolicy
from reverse_etl.events import BatchAnswered, SendingBegan, SyncEvent
from reverse_etl.invocations import RunOptions
from reverse_etl.ledger import Ledger, open_ledger
from reverse_etl.ledger_entries import (
    Control,
    Lease,
    LedgerBatch,
    LedgerRun,
    Refusal,
    Writing,
)
from reverse_etl.rate_limits import open_rate_limiter
from reverse_etl.run_reports import RunReport
from reverse_etl.spec import SyncSpec
from reverse_etl.transport import HttpOptions, NoLimit, RateLimiter
from tests.benchmarks.sync_rows import HUBSPOT_COLUMNS, sync, target
from warehouse.connection import open_warehouse

SINK = """\
objects:
  rows:
    max_batch_rows: {batch_rows}
    idempotency: keyed
    actions:
      upsert:
        path: /rows
        body: {{rows: {{each: "{{fields}}"}}}}
        answer:
          success: {{path: status, equals: ok}}
          rows: {{list: failed, by: index, index: index, holds: failed, code: code}}
      delete:
        path: /rows
        body: {{rows: {{each: {{k: "{{key}}"}}}}}}
        answer: {{success: {{path: status, equals: ok}}}}
"""


class NoLedger(Ledger):
    """Keeps in memory what a ledger keeps on the disk: what a run would cost without one."""

    def __init__(self) -> None:
        self._runs: dict[str, LedgerRun] = {}
        self._batches: dict[int, LedgerBatch] = {}
        self._refusals: dict[int, Refusal] = {}
        self._ids: dict[int, str] = {}

    @contextmanager
    def lease(self, sync: str, *, now: Callable[[], datetime]) -> Iterator[Lease]:
        yield Lease(sync, "nobody", 1)

    def begin_run(self, lease: Lease, run: LedgerRun) -> None:
        self._runs[run.run_id] = run

    def resume_at(self, lease: Lease, run_id: str, moment: datetime | None) -> None:
        """Nothing goes on later."""

    def write(self, lease: Lease, run_id: str, writing: Writing) -> None:
        for number in writing.removed:
            self._batches.pop(number, None)
        self._batches.update({batch.number: batch for batch in writing.batches})
        self._refusals.update({refusal.seq: refusal for refusal in writing.refusals})
        for ids in writing.dest_ids.values():
            self._ids.update(ids)

    def settled(self, lease: Lease, run_id: str) -> None:
        """Nothing is settled before the end."""

    def close_run(self, lease: Lease, run_id: str) -> None:
        self.__init__()  # type: ignore[misc]

    def open_runs(self, sync: str) -> tuple[LedgerRun, ...]:
        return tuple(self._runs.values())

    def batches(self, run_id: str) -> tuple[LedgerBatch, ...]:
        return tuple(batch for _, batch in sorted(self._batches.items()))

    def refusals(self, run_id: str, *, most: int) -> Iterator[Sequence[Refusal]]:
        yield [refusal for _, refusal in sorted(self._refusals.items())]

    def dest_ids(self, run_id: str, *, most: int) -> Iterator[dict[int, str]]:
        if self._ids:
            yield self._ids

    def told(self, sync: str, control: Control) -> str | None:
        return None


class _Watch:
    """When each part of a run began, by the clock and in seconds of processor time."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Begin anew."""
        self._moments = [_moment()]

    def __call__(self, event: SyncEvent) -> None:
        if isinstance(event, SendingBegan):
            self._moments[1:] = [_moment()]
        elif isinstance(event, BatchAnswered):
            self._moments[2:] = [_moment()]

    def parts(self) -> dict[str, dict[str, float]]:
        """What each part took: until sending, sending, after it."""
        moments = [*self._moments, _moment()]
        return {
            name: {
                "seconds": round(until[0] - since[0], 2),
                "cpu_seconds": round(until[1] - since[1], 2),
            }
            for name, since, until in zip(
                ("plan", "send", "settle"), moments, moments[1:], strict=False
            )
        }


def _moment() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def run(arguments: argparse.Namespace) -> dict[str, object]:
    """Run once, and tell how long it took and what it came to."""
    folder = Path(arguments.folder)
    spec = _spec(arguments)
    watch = _Watch()
    with ExitStack() as stack:
        warehouse = stack.enter_context(
            open_warehouse(target(folder / "warehouse.duckdb", arguments.memory))
        )
        ledger: Ledger = NoLedger()
        if not arguments.no_ledger:
            ledger = stack.enter_context(open_ledger(folder / arguments.ledger))
        limits: Sequence[RateLimit] = ()
        if arguments.paced:
            limits = limits_of(spec.destination)
        elif arguments.most is not None:
            limits = [RateLimit(arguments.most, arguments.window_s)]
        limiter: RateLimiter = NoLimit()
        if limits:
            limiter = stack.enter_context(open_rate_limiter(ledger, "sink", limits))
        http = HttpOptions(limiter=limiter)
        destination = stack.enter_context(_opened(spec, folder, arguments, http))
        watch.begin()
        report = run_sync(
            spec,
            warehouse=warehouse,
            ledger=ledger,
            destination=destination,
            now=lambda: datetime.now(UTC),
            log=lambda line: None,
            tell=watch,
            options=RunOptions(policy=SendPolicy(max_workers=arguments.workers)),
        )
        parts = watch.parts()
    return _told(report, parts)


def _spec(arguments: argparse.Namespace) -> SyncSpec:
    if arguments.hubspot:
        return sync(
            destination="hubspot",
            object_name="contacts",
            columns=HUBSPOT_COLUMNS,
            match="email",
        )
    if arguments.no_consent:
        return sync(purpose=None)
    return sync(name=arguments.name)


def _opened(
    spec: SyncSpec, folder: Path, arguments: argparse.Namespace, http: HttpOptions
) -> "contextmanager[Destination]":
    described = folder / "destinations"
    described.mkdir(exist_ok=True)
    (described / "sink.yml").write_text(
        SINK.format(batch_rows=arguments.batch_rows), encoding="utf-8"
    )
    environ = {
        "KENNING_SINK_URL": arguments.url,
        "KENNING_HUBSPOT_URL": arguments.url,
        "KENNING_HUBSPOT_TOKEN": "a",
        "KENNING_ALLOW_PRIVATE_ADDRESSES": "1",
    }
    return open_destination(spec, environ, folder, http, load_accounts(folder))


def _told(report: RunReport, parts: dict[str, dict[str, float]]) -> dict[str, object]:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {
        **{
            name: round(sum(part[name] for part in parts.values()), 2)
            for name in ("seconds", "cpu_seconds")
        },
        "parts": parts,
        "peak_rss_mb": round(usage.ru_maxrss / 1024),
        "status": report.status.value,
        "message": report.message,
        "planned": report.planned,
        "sent": report.added + report.changed + report.removed,
        "rejected": report.rejected,
        "unchanged": report.unchanged,
        "requests": report.requests,
    }


def parser() -> argparse.ArgumentParser:
    """What a run can be told."""
    made = argparse.ArgumentParser(description=__doc__)
    made.add_argument("folder")
    made.add_argument("url")
    made.add_argument("--memory", default="2GB")
    made.add_argument("--batch-rows", type=int, default=1000)
    made.add_argument("--workers", type=int, default=4)
    made.add_argument("--ledger", default="ledger.sqlite")
    made.add_argument("--no-ledger", action="store_true")
    made.add_argument("--no-consent", action="store_true")
    made.add_argument("--hubspot", action="store_true")
    made.add_argument("--most", type=int)
    made.add_argument("--window-s", type=float, default=1.0)
    made.add_argument("--name")
    made.add_argument("--paced", action="store_true")
    return made


def main() -> None:
    """Run, and print."""
    found = run(parser().parse_args())
    sys.stdout.write(f"{json.dumps(found)}\n")


if __name__ == "__main__":
    main()
