"""What goes wrong on purpose: faults by request, refused rows, jobs that do not end well.

A script is a list of faults for one tool. The first that fits a request befalls it and is
used up by that, unless it says that it comes several times.
"""

import fnmatch
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum

from demo.destination_simulator.answers import Json
from demo.destination_simulator.vendor import Call, Route

ANY = "*"
"""As an operation: reads too."""


class FaultKind(StrEnum):
    """What goes wrong.

    Of a request, with nothing done: STATUS answers with a status. THROTTLE and OUT_OF_QUOTA
    answer as the tool does above its limits. LOGIN_PAGE answers 200 with a page of HTML, as
    something between the two might. DROP_BEFORE closes the connection.

    Of a request that is done: DROP_AFTER closes the connection without an answer. HALF
    closes it in the middle of the answer. GARBAGE answers with something that is not JSON.
    SHORT answers for all rows but the last. SLOW answers after `delay_s`.

    Standing until the script is cleared: REFUSE_ROWS refuses each row that has one of
    `rows` as a value, with `code`. JOBS_STAND_STILL stops the tool's clock.

    Of the jobs that a request makes: JOB_FAILS and JOB_VANISHES.
    """

    STATUS = "status"
    THROTTLE = "throttle"
    OUT_OF_QUOTA = "out_of_quota"
    LOGIN_PAGE = "login_page"
    DROP_BEFORE = "drop_before"
    DROP_AFTER = "drop_after"
    HALF = "half"
    GARBAGE = "garbage"
    SHORT = "short"
    SLOW = "slow"
    REFUSE_ROWS = "refuse_rows"
    JOBS_STAND_STILL = "jobs_stand_still"
    JOB_FAILS = "job_fails"
    JOB_VANISHES = "job_vanishes"


STANDING = frozenset({FaultKind.REFUSE_ROWS, FaultKind.JOBS_STAND_STILL})
NOTHING_DONE = frozenset(
    {
        FaultKind.STATUS,
        FaultKind.THROTTLE,
        FaultKind.OUT_OF_QUOTA,
        FaultKind.LOGIN_PAGE,
        FaultKind.DROP_BEFORE,
    }
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    Attributes:
        kind: See `FaultKind`.
        status: Of STATUS.
        retry_after: The header's text, of STATUS; seconds, of THROTTLE.
        body: Of STATUS: the tool's own words for it. None for a few of the simulator's.
        operation: Operations that it befalls, with * and ?; None for each that writes.
        containing: Befalls only requests whose body has this text.
        skip: So many fitting requests are spared first.
        times: So many requests are befallen; None for all from then on.
        delay_s: Of SLOW.
        rows: Of REFUSE_ROWS: values of the rows.
        code: Of REFUSE_ROWS.
    """

    kind: FaultKind
    status: int = 500
    retry_after: str | None = None
    body: Json = None
    operation: str | None = None
    containing: str | None = None
    skip: int = 0
    times: int | None = 1
    delay_s: float = 0.0
    rows: tuple[str, ...] = ()
    code: str = "SIMULATED"

    def fits(self, route: Route, call: Call) -> bool:
        """Whether it could befall a request."""
        if self.operation is None:
            if route.canary is None:
                return False
        elif not fnmatch.fnmatchcase(route.operation, self.operation):
            return False
        return self.containing is None or self.containing.encode() in call.body


class Script:
    """The faults of one tool. Safe among threads.

    Attributes:
        refused_count: Rows that were refused by it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._coming: list[_Counted] = []
        self._standing: tuple[Fault, ...] = ()
        self.refused_count = 0

    def add(self, *faults: Fault) -> None:
        """Let these happen too, after those that are there."""
        with self._lock:
            self._coming += [_Counted(f) for f in faults if f.kind not in STANDING]
            self._standing += tuple(f for f in faults if f.kind in STANDING)

    def clear(self) -> None:
        """Let nothing go wrong any more."""
        with self._lock:
            self._coming = []
            self._standing = ()
            self.refused_count = 0

    @property
    def left(self) -> int:
        """Faults that have not befallen all their requests yet, standing ones aside."""
        with self._lock:
            return len(self._coming)

    def next(self, route: Route, call: Call) -> Fault | None:
        """What befalls this request."""
        with self._lock:
            for counted in self._coming:
                if not counted.fault.fits(route, call):
                    continue
                if counted.spared < counted.fault.skip:
                    counted.spared += 1
                    continue
                counted.befallen += 1
                if counted.befallen == counted.fault.times:
                    self._coming.remove(counted)
                return counted.fault
        return None

    def refused_with(self, row: Mapping[str, Json]) -> str | None:
        """The code that refuses a row, if one does."""
        standing = self._standing
        if not standing:
            return None
        texts = frozenset(_texts(dict(row)))
        code = next(
            (fault.code for fault in standing if not texts.isdisjoint(fault.rows)), None
        )
        self.refused_count += code is not None
        return code

    @property
    def jobs_stand_still(self) -> bool:
        """Whether the tool's clock does not move."""
        return any(f.kind is FaultKind.JOBS_STAND_STILL for f in self._standing)


@dataclass
class _Counted:
    fault: Fault
    spared: int = 0
    befallen: int = 0


def fault_from_json(described: Json) -> Fault:
    """A fault as a child process describes it: an object with `Fault`'s attributes.

    Raises:
        ValueError: It is not one.
    """
    if not isinstance(described, dict) or "kind" not in described:
        raise ValueError("a fault is an object with a kind")
    known = {field.name for field in fields(Fault)}
    unknown = sorted(set(described) - known)
    if unknown:
        raise ValueError(f"a fault has no '{unknown[0]}'")
    given: dict[str, object] = dict(described)
    given["kind"] = FaultKind(str(described["kind"]))
    rows = described.get("rows")
    if isinstance(rows, list):
        given["rows"] = tuple(str(row) for row in rows)
    return Fault(**given)  # type: ignore[arg-type]  # JSON, checked by name alone


def _texts(value: Json) -> Iterator[str]:
    """Every value in a nested one, as text."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
    elif value is not None:
        yield str(value)
