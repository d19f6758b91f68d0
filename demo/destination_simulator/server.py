"""The running simulator: every tool below its own path of one address, and who drives it.

    with running_simulator(vendors=("hubspot",)) as simulator:
        simulator.environ                       # leads the destination here
        simulator.hold("hubspot").records       # what the tool holds
        simulator.script("hubspot", Fault(FaultKind.DROP_AFTER))
        simulator.advance(60)                   # an hour is a call away

Each request is authorised, counted against the limits, checked against the contract, and
then handled, one at a time for each tool. The same can be driven over HTTP, below
/_simulator/ (see `control`), so that a child process can be a part of a test.
"""

import contextlib
import copy
import re
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypeAlias
from urllib.parse import parse_qsl, unquote, urlsplit

from demo.destination_simulator import control
from demo.destination_simulator.answers import Answer, Json, RefusedError
from demo.destination_simulator.connections import (
    HttpServer,
    Manner,
    Reply,
    Request,
    body_bytes,
)
from demo.destination_simulator.contracts import FOLDER, Contract, read_contract
from demo.destination_simulator.faults import NOTHING_DONE, Fault, FaultKind, Script
from demo.destination_simulator.limits import Limiter
from demo.destination_simulator.vendor import Call, Hold, Route, Vendor
from demo.destination_simulator.vendors import load_vendors

_PARAMETER = re.compile(r"\{(\w+)\}")
_OF_THE_BODY = frozenset({FaultKind.GARBAGE, FaultKind.SHORT})
_PAGE = b"<!doctype html><html><title>Sign in</title><p>Please sign in.</p></html>"


class Clock:
    """Seconds that only grow: the machine's, and those that were skipped."""

    def __init__(self) -> None:
        self._skipped_s = 0.0
        self._started_at = time.monotonic()

    def now(self) -> float:
        """Seconds since the simulator was made."""
        return time.monotonic() - self._started_at + self._skipped_s

    def advance(self, seconds: float) -> None:
        """Skip some time."""
        self._skipped_s += max(0.0, seconds)


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request that reached a tool, without what it carried.

    `operation` is None when the tool has no such path, `status` None when no answer was
    sent. `problems` are its breaches of the contract.
    """

    operation: str | None
    method: str
    is_write: bool
    status: int | None
    fault: FaultKind | None = None
    problems: tuple[str, ...] = ()


Watcher: TypeAlias = Callable[[Route, Call], None]
"""Sees each request of a tool that has such an operation, before anything is done."""


class SimulatorError(Exception):
    """A simulated tool crashed, which is a fault of the simulator and of nobody else."""


class Tool:
    """One running tool. `Simulator` has the methods for tests."""

    def __init__(
        self,
        vendor: Vendor,
        *,
        url: str,
        token: str,
        clock: Clock,
        contract: Contract,
        has_limits: bool,
        store: Path | None,
    ) -> None:
        self.vendor = vendor
        self.url = url
        self.token = token
        self.script = Script()
        self.has_limits = has_limits
        self.arrivals: list[Arrival] = []
        self.crashes: list[str] = []
        self.watchers: list[Watcher] = []
        self._clock = clock
        self._contract = contract
        self._store = store
        self._lock = threading.Lock()
        self._stopped_at: float | None = None
        self._routes = tuple(
            (_path_pattern(route.path), route)
            for route in sorted(vendor.routes, key=lambda route: route.path.count("{"))
        )
        self.hold = self._new_hold()
        self._limiter = Limiter(vendor.limits, clock.now)

    def _new_hold(self) -> Hold:
        hold = self.vendor.make_hold(self._now, self._store)
        hold.refuse = self.script.refused_with
        return hold

    def _now(self) -> float:
        """The tool's clock, which a script can stop."""
        if not self.script.jobs_stand_still:
            self._stopped_at = None
            return self._clock.now()
        if self._stopped_at is None:
            self._stopped_at = self._clock.now()
        return self._stopped_at

    def reset(self) -> None:
        """Hold nothing, and let nothing go wrong."""
        with self._lock:
            self.hold.clear()
            self.hold.close()
            self.script.clear()
            self.hold = self._new_hold()
            self._limiter = Limiter(self.vendor.limits, self._clock.now)
            self.arrivals = []

    def close(self) -> None:
        """Close what the tool keeps open."""
        with self._lock:
            self.hold.close()

    def answer(self, request: Request, path: str, query: str) -> Reply:
        """What a request to this tool gets."""
        route, params = self._route(request.method, path)
        call = Call(
            method=request.method,
            path=path,
            params=params,
            query=dict(parse_qsl(query, keep_blank_values=True)),
            headers=request.headers,
            body=request.body,
            base_url=self.url,
        )
        if isinstance(route, Answer):
            self._note(None, call, route)
            return Reply(route)
        for watch in self.watchers:
            watch(route, call)
        if not self.vendor.is_authorised(call, self.token):
            self._note(route, call, self.vendor.unauthorised)
            return Reply(self.vendor.unauthorised)
        if len(call.body) > self.vendor.max_body_bytes:
            answer = RefusedError(413, "body_too_large").answer
            self._note(route, call, answer)
            return Reply(answer)
        fault = self.script.next(route, call)
        if fault is not None and fault.kind in NOTHING_DONE:
            return self._with_nothing_done(route, call, fault)
        return self._limited(route, call, fault)

    def _route(
        self, method: str, path: str
    ) -> tuple[Route | Answer, Mapping[str, str]]:
        is_known = False
        for pattern, route in self._routes:
            found = pattern.fullmatch(path)
            if found is None:
                continue
            if route.method == method:
                return route, {
                    name: unquote(value) for name, value in found.groupdict().items()
                }
            is_known = True
        if is_known:
            return RefusedError(405, "method_not_allowed").answer, {}
        return RefusedError(404, "no_such_path").answer, {}

    def _with_nothing_done(self, route: Route, call: Call, fault: Fault) -> Reply:
        manner = Manner.WHOLE
        match fault.kind:
            case FaultKind.THROTTLE:
                answer = self.vendor.throttled(float(fault.retry_after or 1))
            case FaultKind.OUT_OF_QUOTA:
                answer = self._out_of_quota(86_400.0)
            case FaultKind.LOGIN_PAGE:
                answer = Answer(200, None, {"content-type": "text/html"}, _PAGE)
            case FaultKind.DROP_BEFORE:
                answer, manner = Answer(500, None), Manner.NOTHING
            case _:
                answer = _scripted_answer(fault)
        self._note(route, call, answer, fault=fault, manner=manner)
        return Reply(answer, manner)

    def _limited(self, route: Route, call: Call, fault: Fault | None) -> Reply:
        if not self.has_limits:
            return self._checked(route, call, fault)
        limiter = self._limiter
        exceeded = limiter.begin(route.limit_group)
        if exceeded is not None:
            answer = (
                self._out_of_quota(exceeded.reset_s)
                if exceeded.is_quota
                else self.vendor.throttled(exceeded.reset_s)
            )
            self._note(route, call, answer)
            return Reply(answer)
        try:
            return self._checked(route, call, fault)
        finally:
            limiter.end(route.limit_group)

    def _checked(self, route: Route, call: Call, fault: Fault | None) -> Reply:
        status, problems = self._contract.check(route.operation, call)
        if problems:
            answer = Answer(
                status,
                {"error": {"code": "contract", "problems": [*problems]}},
                {"x-simulator-contract": "broken"},
            )
            self._note(route, call, answer, problems=problems)
            return Reply(answer)
        answer = self._handled(route, call, fault)
        if fault is None:
            self._note(route, call, answer)
            return Reply(answer)
        right = answer
        answer, manner = _distorted(right, fault)
        is_whole = manner is Manner.WHOLE and body_bytes(answer) == body_bytes(right)
        if is_whole and fault.kind in (*_OF_THE_BODY, FaultKind.HALF):
            fault = None  # there was nothing to distort
        self._note(route, call, answer, fault=fault, manner=manner)
        if fault is not None and fault.kind is FaultKind.SLOW:
            time.sleep(fault.delay_s)
        return Reply(answer, manner)

    def _handled(self, route: Route, call: Call, fault: Fault | None) -> Answer:
        with self._lock:
            hold = self.hold
            jobs_before = set(hold.jobs)
            try:
                answer = route.handle(hold, call)
            except RefusedError as refused:
                answer = refused.answer
            except Exception:  # noqa: BLE001 - whatever it is, it is reported in `stop`
                self.crashes.append(f"{route.operation}: {traceback.format_exc()}")
                return Answer(500, {"error": {"code": "simulator_crashed"}})
            if fault is not None:
                self._befall_jobs(hold, set(hold.jobs) - jobs_before, fault)
            headers = self.vendor.headers(hold)
        if not headers:
            return answer
        return Answer(
            answer.status, answer.body, {**headers, **answer.headers}, answer.content
        )

    def _befall_jobs(self, hold: Hold, new_jobs: Iterable[str], fault: Fault) -> None:
        for job in new_jobs:
            if fault.kind is FaultKind.JOB_VANISHES:
                del hold.jobs[job]
            elif fault.kind is FaultKind.JOB_FAILS:
                hold.jobs[job].update(self.vendor.failed_job or {})

    def _out_of_quota(self, reset_s: float) -> Answer:
        return self.vendor.out_of_quota or self.vendor.throttled(reset_s)

    def _note(
        self,
        route: Route | None,
        call: Call,
        answer: Answer,
        *,
        fault: Fault | None = None,
        manner: Manner = Manner.WHOLE,
        problems: Iterable[str] = (),
    ) -> None:
        self.arrivals.append(
            Arrival(
                operation=None if route is None else route.operation,
                method=call.method,
                is_write=route is not None and route.canary is not None,
                status=answer.status if manner is Manner.WHOLE else None,
                fault=None if fault is None else fault.kind,
                problems=tuple(problems),
            )
        )


class Simulator:
    """A running simulator. Made by `running_simulator`.

    Attributes:
        url: Its address. Tools are below it; `url_of` has theirs.
        clock: The time that every tool goes by.
    """

    def __init__(
        self,
        vendors: Mapping[str, Vendor],
        *,
        port: int,
        token: str | None,
        has_limits: bool,
        store: Path | None,
    ) -> None:
        self.clock = Clock()
        self._server = HttpServer(port, self.respond)
        self.url = f"http://127.0.0.1:{self._server.port}"
        self.tools = {
            name: Tool(
                vendor,
                url=f"{self.url}/{name}",
                token=token or vendor.token,
                clock=self.clock,
                contract=read_contract(FOLDER / f"{name}.json"),
                has_limits=has_limits,
                store=store,
            )
            for name, vendor in vendors.items()
        }

    def __repr__(self) -> str:
        return f"Simulator({self.url!r})"

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.stop()
        for tool in self.tools.values():
            tool.close()
        crashes = [crash for tool in self.tools.values() for crash in tool.crashes]
        if crashes and exc is None:
            raise SimulatorError(crashes[0])

    @property
    def environ(self) -> dict[str, str]:
        """The environment variables by which the destinations find it."""
        return {
            name: value
            for vendor in self.tools
            for name, value in self.environ_of(vendor).items()
        }

    def environ_of(self, vendor: str) -> dict[str, str]:
        """The environment variables by which one destination finds it."""
        tool = self.tools[vendor]
        return dict(tool.vendor.environ(tool.url, tool.token))

    def url_of(self, vendor: str) -> str:
        """Base URL of a tool."""
        return self.tools[vendor].url

    def token_of(self, vendor: str) -> str:
        """The token that a tool accepts."""
        return self.tools[vendor].token

    def hold(self, vendor: str) -> Hold:
        """What a tool holds."""
        return self.tools[vendor].hold

    def script(self, vendor: str, *faults: Fault) -> None:
        """Let these happen to the next requests of a tool, after those scripted before."""
        self.tools[vendor].script.add(*faults)

    def clear_script(self, vendor: str) -> None:
        """Let nothing go wrong with a tool any more."""
        self.tools[vendor].script.clear()

    def faults_left(self, vendor: str) -> int:
        """Scripted faults that have not befallen all their requests yet."""
        return self.tools[vendor].script.left

    def refused_count(self, vendor: str) -> int:
        """Rows that a script refused, since it was cleared."""
        return self.tools[vendor].script.refused_count

    def arrivals(self, vendor: str) -> tuple[Arrival, ...]:
        """Requests that reached a tool, in order, since the last reset."""
        return tuple(self.tools[vendor].arrivals)

    def write_count(self, vendor: str) -> int:
        """Requests that would write, refused ones and lost ones included."""
        return sum(arrival.is_write for arrival in self.arrivals(vendor))

    def breaches(self, vendor: str) -> tuple[str, ...]:
        """What was wrong with requests by the tool's contract."""
        return tuple(
            f"{arrival.operation}: {problem}"
            for arrival in self.arrivals(vendor)
            for problem in arrival.problems
        )

    def watch(self, vendor: str, watcher: Watcher) -> None:
        """Let somebody see each request of a tool, from the thread that answers it."""
        self.tools[vendor].watchers.append(watcher)

    def keep_limits(self, vendor: str, *, is_on: bool = True) -> None:
        """Refuse requests above the tool's limits, or stop doing so."""
        self.tools[vendor].has_limits = is_on

    def advance(self, seconds: float) -> None:
        """Let time pass for every tool. Fits `HttpOptions.sleep`."""
        self.clock.advance(seconds)

    def reset(self, vendor: str | None = None) -> None:
        """Let one tool, or all of them, hold nothing, and let nothing go wrong."""
        for name in self.tools if vendor is None else (vendor,):
            self.tools[name].reset()

    def respond(self, request: Request) -> Reply:
        """What a request gets."""
        parts = urlsplit(request.target)
        first, _, rest = parts.path.lstrip("/").partition("/")
        if first == control.PREFIX:
            return Reply(control.answer(self, request, f"/{rest}"))
        tool = self.tools.get(first)
        if tool is None:
            return Reply(RefusedError(404, "no_such_tool").answer)
        return tool.answer(request, f"/{rest}", parts.query)


def _path_pattern(path: str) -> re.Pattern[str]:
    pieces = _PARAMETER.split(path)
    return re.compile(
        "".join(
            f"(?P<{piece}>[^/]+)" if number % 2 else re.escape(piece)
            for number, piece in enumerate(pieces)
        )
    )


def _scripted_answer(fault: Fault) -> Answer:
    headers = {} if fault.retry_after is None else {"retry-after": fault.retry_after}
    body: Json = {"error": {"code": "scripted"}} if fault.body is None else fault.body
    return Answer(fault.status, body, headers)


def _distorted(answer: Answer, fault: Fault) -> tuple[Answer, Manner]:
    if not body_bytes(answer) and fault.kind in (*_OF_THE_BODY, FaultKind.HALF):
        return answer, Manner.WHOLE
    match fault.kind:
        case FaultKind.DROP_AFTER:
            return answer, Manner.NOTHING
        case FaultKind.HALF:
            return answer, Manner.HALF
        case FaultKind.GARBAGE:
            return Answer(answer.status, None, content=b"<html>not JSON</html>"), (
                Manner.WHOLE
            )
        case FaultKind.SHORT:
            return shortened(answer), Manner.WHOLE
        case _:
            return answer, Manner.WHOLE


def shortened(answer: Answer) -> Answer:
    """The answer without its last row.

    That is the last element of its longest list; without a list, one less in its first
    count; without that, nothing at all.
    """
    if answer.content is not None:
        kept = answer.content.rstrip(b"\n").rpartition(b"\n")[0]
        return Answer(answer.status, None, answer.headers, kept + b"\n")
    if answer.body is None:
        return answer
    # A copy, since the tool may hold what it answered.
    body: Json = copy.deepcopy(answer.body)
    longest = max(_lists(body), key=len, default=[])
    if longest:
        longest.pop()
    else:
        body = _with_one_less(body)
    return Answer(answer.status, body, answer.headers)


def _with_one_less(body: Json) -> Json:
    if isinstance(body, dict):
        for name, value in body.items():
            if type(value) is int and value > 0:
                return {**body, name: value - 1}
    return {}


def _lists(value: Json) -> Iterator[list[Json]]:
    if isinstance(value, list):
        yield value
    children: Iterable[Json] = (
        value
        if isinstance(value, list)
        else value.values()
        if isinstance(value, dict)
        else ()
    )
    for child in children:
        yield from _lists(child)


@contextlib.contextmanager
def running_simulator(
    store: Path | None = None,
    *,
    vendors: Iterable[str] = (),
    port: int = 0,
    token: str | None = None,
    has_limits: bool = False,
) -> Iterator[Simulator]:
    """A simulator that answers, in threads of this process, until the context ends.

    Args:
        store: SQLite file for the tool that outlives the process, the mailer; without one
            it forgets like all the others.
        vendors: Names of the tools; all of them without any.
        port: Port on 127.0.0.1; 0 takes a free one.
        token: The token that every tool accepts; without one each has its own.
        has_limits: Whether requests above a tool's limits are refused.

    Raises:
        OSError: The port is taken, or the store's folder cannot be made.
        ValueError: There is no such tool.
        SimulatorError: When it ends: a tool crashed.
    """
    with Simulator(
        load_vendors(*vendors),
        port=port,
        token=token,
        has_limits=has_limits,
        store=store,
    ) as simulator:
        yield simulator
