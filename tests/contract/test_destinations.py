"""The promises that every destination keeps. Runs on each line of the registry, unasked.

Each object of each destination does everything that its capabilities promise, against the
simulated tool of its name. Requests are held against the project's contract of the tool,
and against the vendor's own specification where that is on this machine.
"""

import contextlib
import copy
import functools
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from demo.destination_simulator import Fault, FaultKind, Simulator, running_simulator
from demo.destination_simulator.answers import Json
from demo.destination_simulator.vendor import Call, Route
from reverse_etl.accounts import Account, credentials, variable_of
from reverse_etl.destinations.protocol import (
    Batch,
    BatchResult,
    Capabilities,
    Destination,
    Idempotency,
    Opened,
    Opening,
    Record,
)
from reverse_etl.destinations.registry import DESTINATIONS
from reverse_etl.errors import (
    BatchRefusedError,
    DeliveryError,
    ErrorClass,
    FatalDeliveryError,
    JobLostError,
    RetryableDeliveryError,
)
from reverse_etl.modes import Action, Mode, Removal
from reverse_etl.transport import HttpOptions, RetryPolicy
from tests.contract import vendor_specs
from tests.contract.destination_cases import (
    WITHOUT_TOOL,
    Step,
    Subject,
    first_write,
    marker,
    record,
    representatives,
    steps,
    subjects,
    text_of,
)

SUBJECTS = tuple(subjects())
STEPS = tuple(
    pytest.param(subject, step, id=f"{subject.name}-{step.name}")
    for subject in SUBJECTS
    for step in steps(subject.capabilities)
)
WRITES = tuple(
    pytest.param(subject, step, id=f"{subject.name}-{step.name}")
    for subject in SUBJECTS
    for step in steps(subject.capabilities)
    if not step.takes_away
)
FAULT_STEPS = tuple(
    pytest.param(
        subject,
        step,
        id=f"{subject.name}-{step.name}",
        marks=()
        if step in representatives(subject.capabilities)
        else pytest.mark.exhaustive,
    )
    for subject in SUBJECTS
    for step in steps(subject.capabilities)
)
"""In every run the first write, the first removal, and the erasure of each object."""

MANY = 60
"""Faults and waits in a row: more than any destination is patient for."""

FOR_EVER = None


class World:
    """One tool and one destination that speaks to it, for one object."""

    def __init__(
        self, simulator: Simulator, subject: Subject, destination: Destination
    ) -> None:
        self.simulator = simulator
        self.subject = subject
        self.destination = destination
        self.dest_ids: dict[int, str] = {}
        self._batch_count = 0

    @property
    def tool(self) -> str:
        return self.subject.destination

    def batch(self, step: Step, records: Sequence[Record]) -> Batch:
        self._batch_count += 1
        return Batch(
            sync="tool__people",
            object=self.subject.object_name,
            settings=self.subject.case.settings,
            run_id="20260630T120000-1",
            idempotency_key=f"{self._batch_count:064x}",
            action=step.action,
            records=records,
            field_names=("text",),
        )

    def records(
        self, step: Step, numbers: Sequence[int], text: Callable[[int], str] = text_of
    ) -> list[Record]:
        return [
            record(
                self.subject,
                number,
                step,
                text=text(number),
                dest_id=self.dest_ids.get(number),
            )
            for number in numbers
        ]

    def deliver(
        self, step: Step, numbers: Sequence[int], text: Callable[[int], str] = text_of
    ) -> BatchResult:
        """Send batches that are no larger than they may be, and wait for their jobs."""
        size = self.destination.capabilities.max_batch_rows or len(numbers)
        rejected = []
        uncounted = 0
        for start in range(0, len(numbers), size):
            part = numbers[start : start + size]
            result = self.deliver_batch(
                self.batch(step, self.records(step, part, text))
            )
            for position, dest_id in result.dest_ids.items():
                self.dest_ids[part[position]] = dest_id
            rejected += [
                replace(row, position=start + row.position) for row in result.rejected
            ]
            uncounted += result.uncounted_failures
        return BatchResult(tuple(rejected), uncounted_failures=uncounted)

    def deliver_batch(self, batch: Batch) -> BatchResult:
        return self.finish(self.destination.send(batch), batch)

    def finish(self, result: BatchResult, batch: Batch) -> BatchResult:
        for _ in range(MANY):
            if result.job is None:
                return result
            self.simulator.advance(5)
            polled = self.destination.poll(result.job, batch)
            result = result if polled is None else polled
        raise TimeoutError("the job never ended")

    def prepare(self, step: Step, numbers: Sequence[int]) -> None:
        """Let the tool hold what the step is about."""
        before = first_write(self.destination.capabilities)
        if step.needs_record and before is not None:
            self.deliver(before, numbers)

    def state(self) -> Mapping[str, Json]:
        """What the tool holds, without jobs, erasures, and what is empty."""
        held = copy.deepcopy(self.simulator.hold(self.tool).state())
        left_out = {"jobs", "erased"} | self.subject.case.incidental
        return {
            name: value
            if not isinstance(value, dict)
            else {
                key: inner
                for key, inner in value.items()
                if inner and key not in left_out
            }
            for name, value in held.items()
            if name not in left_out
        }

    def holds(self, text: str) -> bool:
        return json.dumps(text) in json.dumps(self.state())

    def script(self, *faults: Fault) -> None:
        self.simulator.script(self.tool, *faults)

    def befallen(self) -> bool:
        """Whether a scripted fault has befallen a request."""
        return any(
            arrival.fault is not None for arrival in self.simulator.arrivals(self.tool)
        )


@pytest.fixture(scope="module")
def simulators() -> Iterator[Simulator]:
    with running_simulator() as running:
        yield running


class Specifications:
    """What the vendors' own specifications say of the requests of a test.

    Attributes:
        checked: Operations that requests were held against.
        problems: What was wrong with them.
    """

    def __init__(self, simulator: Simulator) -> None:
        self.checked: set[str] = set()
        self.problems: list[str] = []
        if vendor_specs.specs_folder() is not None:
            for vendor in set(vendor_specs.FILES) & set(simulator.tools):
                simulator.watch(vendor, functools.partial(self._check, vendor))

    def clear(self) -> None:
        self.checked.clear()
        self.problems.clear()

    def _check(self, vendor: str, route: Route, call: Call) -> None:
        if route.operation in NOT_IN_SPECIFICATIONS.get(vendor, ()):
            return
        operations = vendor_specs.matching(vendor, call)
        if not operations:
            self.problems.append(f"{vendor} {route.operation}: there is no such path")
        for operation in operations:
            self.checked.add(operation.name)
            self.problems += [
                f"{vendor} {operation.name}: {problem}"
                for problem in operation.problems(call)
                if not DIFFERENCES.get(vendor, _NOTHING).search(problem)
            ]


@pytest.fixture(scope="module")
def specifications(simulators: Simulator) -> Specifications:
    return Specifications(simulators)


NOT_IN_SPECIFICATIONS: Mapping[str, frozenset[str]] = {
    "hubspot": frozenset({"create", "read"}),
    "mailchimp": frozenset({"audience", "read", "update"}),
    "salesforce": frozenset({"create", "query", "token", "update"}),
    "zendesk": frozenset(
        {
            "create_organization",
            "create_users",
            "delete_organization",
            "delete_user",
            "search_organizations",
            "search_users",
            "update_organization",
            "update_users",
        }
    ),
}
"""Operations that are real, but that the vendor's file on this machine does not have."""


_NOTHING = re.compile(r"(?!)")
DIFFERENCES: Mapping[str, re.Pattern[str]] = {
    # The file knows texts only; the vendor takes numbers, and null to clear.
    "intercom": re.compile(r"custom_attributes/\w+: null is not of type"),
}
"""Where a vendor's file is narrower than what the vendor is known to take."""


def opened(simulator: Simulator, subject: Subject) -> Opened:
    kind = DESTINATIONS[subject.destination]
    http = HttpOptions(
        policy=RetryPolicy(max_attempts=2, total_s=900.0, timeout_s=10.0),
        sleep=simulator.advance,
        clock=simulator.clock.now,
        jitter=lambda: 0.5,
        allow_private_addresses=True,
    )
    account = Account(kind.name, kind.name)
    opening = Opening(
        account=kind.name,
        object=subject.object_name,
        settings=subject.case.settings,
        credentials=credentials(
            account, kind.credentials, simulator.environ_of(kind.name)
        ),
        base_dir=Path(),
        http=http,
    )
    return kind.open(opening)


class Destinations:
    """Destinations that stay open, since opening one takes longer than a test."""

    def __init__(self, simulator: Simulator, stack: contextlib.ExitStack) -> None:
        self._simulator = simulator
        self._stack = stack
        self._opened: dict[Subject, Destination] = {}

    def world(self, subject: Subject) -> World:
        if subject not in self._opened:
            self._opened[subject] = self._stack.enter_context(
                opened(self._simulator, subject)
            )
        return World(self._simulator, subject, self._opened[subject])


@pytest.fixture(scope="module")
def destinations(simulators: Simulator) -> Iterator[Destinations]:
    with contextlib.ExitStack() as stack:
        yield Destinations(simulators, stack)


@pytest.fixture
def world(
    destinations: Destinations,
    simulators: Simulator,
    specifications: Specifications,
    subject: Subject,
) -> Iterator[World]:
    tool = subject.destination
    simulators.reset(tool)
    specifications.clear()
    created = destinations.world(subject)
    if subject.base is not None:
        base = destinations.world(subject.base)
        write = first_write(subject.base.capabilities)
        assert write is not None
        base.deliver(write, range(5))
        created.dest_ids = base.dest_ids
    yield created
    assert simulators.tools[tool].crashes == []
    assert simulators.breaches(tool) == ()
    assert specifications.problems == []


@pytest.mark.parametrize(("subject", "step"), STEPS)
def test_it_does_what_it_promises(world, step):
    before = world.state()
    world.prepare(step, [1, 2, 3])
    prepared = world.state()

    result = world.deliver(step, [1, 2, 3], lambda number: text_of(number, 2))

    assert (result.rejected, result.uncounted_failures) == ((), 0)
    assert world.state() != prepared
    if step.action in (Action.REMOVE, Action.DELETE, Action.ERASE):
        is_gone = not any(
            world.holds(marker(world.subject, number)) for number in (1, 2, 3)
        )
        has_traces = step.action in world.subject.case.leaves_traces
        assert (world.state() == before or is_gone) is not has_traces
    elif not step.takes_away and world.subject.case.text_field is not None:
        assert "Text 2 of 3" in json.dumps(world.state())


def assert_done_already(deliver: Callable[[], BatchResult], step: Step) -> None:
    """A second try says that all went well, or that what it creates is there."""
    if step.action is not Action.CREATE:
        assert deliver().rejected == ()
        return
    told: set[str | None]
    try:
        told = {row.error_class for row in deliver().rejected}
    except DeliveryError as error:
        told = {error.code}
    assert told <= {ErrorClass.CONFLICT, "409"}


@pytest.mark.parametrize(("subject", "step"), STEPS)
def test_twice_is_once_where_it_says_so(world, step):
    if world.destination.capabilities.idempotency is Idempotency.NONE:
        pytest.skip("twice is twice here, and it says so")
    world.prepare(step, [1, 2, 3])
    size = world.destination.capabilities.max_batch_rows or 3
    batch = world.batch(step, world.records(step, [1, 2, 3][:size]))
    world.deliver_batch(batch)
    once = world.state()

    assert_done_already(lambda: world.deliver_batch(batch), step)
    assert world.state() == once


@pytest.mark.parametrize(
    ("subject", "step"),
    [
        pytest.param(subject, step, id=f"{subject.name}-{step.name}")
        for subject in SUBJECTS
        for step in steps(subject.capabilities)
        if step.takes_away
    ],
)
def test_what_is_not_there_need_not_be_taken_away(world, step):
    before = world.state()

    result = world.deliver(step, [8, 9])

    assert (result.rejected, result.uncounted_failures) == ((), 0)
    assert world.state() == before


@pytest.mark.parametrize(("subject", "step"), STEPS)
def test_an_empty_batch_makes_no_request(world, step):
    before = world.simulator.arrivals(world.tool)

    result = world.destination.send(world.batch(step, ()))

    assert result == BatchResult()
    assert world.simulator.arrivals(world.tool) == before


@pytest.mark.parametrize(("subject", "step"), STEPS)
def test_a_full_batch_is_taken_at_once(world, step):
    size = world.destination.capabilities.max_batch_rows
    if size is None or size == 1 or size > 1_000 or world.subject.base is not None:
        pytest.skip("a batch has no such size")
    numbers = range(size)
    world.prepare(step, numbers)

    result = world.deliver_batch(world.batch(step, world.records(step, numbers)))

    assert (result.rejected, result.uncounted_failures) == ((), 0)


@pytest.mark.parametrize(("subject", "step"), WRITES)
def test_more_bytes_than_it_takes_are_refused_before_any_request(world, step):
    capabilities = world.destination.capabilities
    most = capabilities.max_row_bytes or capabilities.max_batch_bytes
    if most is None or world.subject.case.text_field is None:
        pytest.skip("it has no such limit, or no such field")
    world.prepare(step, [1])
    batch = world.batch(step, world.records(step, [1], lambda _: "x" * most))
    before = world.simulator.write_count(world.tool)

    with pytest.raises(BatchRefusedError) as caught:
        world.destination.send(batch)

    assert caught.value.is_too_large
    assert world.simulator.write_count(world.tool) == before


@pytest.mark.parametrize(("subject", "step"), WRITES)
def test_a_row_that_is_refused_is_told_apart(world, step):
    capabilities = world.destination.capabilities
    if capabilities.max_batch_rows is None:
        pytest.skip("a whole run is told as one")
    world.prepare(step, [1, 2, 3])
    refused = marker(world.subject, 2)
    refused_id = world.dest_ids.get(2, refused)
    world.script(Fault(FaultKind.REFUSE_ROWS, rows=(refused, refused_id, text_of(2))))

    told = told_failures(world, step, [1, 2, 3])

    if world.simulator.refused_count(world.tool) == 0:
        assert capabilities.is_membership, "the simulated tool refuses nobody"
    elif capabilities.names_failed_rows:
        assert told == {1}
    else:
        assert told in ({1}, None)


def told_failures(world: World, step: Step, numbers: Sequence[int]) -> set[int] | None:
    """Positions that failed; None where failures are only counted, or not told apart.

    A batch that is refused as a whole is halved, as the engine does it.
    """
    try:
        result = world.deliver(step, numbers)
    except BatchRefusedError:
        if len(numbers) == 1:
            return {0}
        middle = len(numbers) // 2
        first = told_failures(world, step, numbers[:middle])
        second = told_failures(world, step, numbers[middle:])
        if first is None or second is None:
            return None
        return first | {middle + position for position in second}
    if result.uncounted_failures:
        return None
    return {row.position for row in result.rejected}


TEXTS = (
    "🧗🏽‍♀️ Åse",
    "\u05e9\u05dc\u05d5\u05dd, \u202e\u05e2\u05d5\u05dc\u05dd",
    'say "hi", twice;\r\n\tthen go',
    "\\N",
    "NULL",
    "=1+1",
    " padded ",
)
"""Emoji, right to left, quotes and line ends, marks and words for null, a formula, spaces."""


@pytest.mark.parametrize(("subject", "step"), WRITES)
def test_it_keeps_any_text_as_it_is(world, step):
    if world.subject.case.text_field is None:
        pytest.skip("it has no field for any text")
    numbers = range(1, len(TEXTS) + 1)
    world.prepare(step, numbers)

    world.deliver(step, numbers, lambda number: TEXTS[number - 1])

    assert [text for text in TEXTS if not world.holds(text)] == []


@pytest.mark.parametrize(("subject", "step"), WRITES)
def test_a_field_of_a_megabyte_goes_whole_or_not_at_all(world, step):
    if world.subject.case.text_field is None:
        pytest.skip("it has no field for any text")
    world.prepare(step, [1])
    text = "å" * 500_000

    try:
        result = world.deliver(step, [1], lambda _: text)
    except BatchRefusedError:
        assert not world.holds(text)
    else:
        assert world.holds(text) is (result.rejected == ())


NOTHING_DONE = {
    "400": (Fault(FaultKind.STATUS, status=400, times=FOR_EVER), DeliveryError, None),
    "401": (
        Fault(FaultKind.STATUS, status=401, times=FOR_EVER),
        FatalDeliveryError,
        ErrorClass.AUTH,
    ),
    "403": (Fault(FaultKind.STATUS, status=403, times=FOR_EVER), DeliveryError, None),
    "404": (Fault(FaultKind.STATUS, status=404, times=FOR_EVER), DeliveryError, None),
    "409": (Fault(FaultKind.STATUS, status=409, times=FOR_EVER), DeliveryError, None),
    "413": (
        Fault(FaultKind.STATUS, status=413, times=FOR_EVER),
        BatchRefusedError,
        ErrorClass.TOO_LARGE,
    ),
    "422": (Fault(FaultKind.STATUS, status=422, times=FOR_EVER), DeliveryError, None),
    "429": (
        Fault(FaultKind.STATUS, status=429, retry_after="1800", times=FOR_EVER),
        RetryableDeliveryError,
        ErrorClass.THROTTLED,
    ),
    "throttled": (
        Fault(FaultKind.THROTTLE, retry_after="1800", times=FOR_EVER),
        DeliveryError,
        None,
    ),
    "out of quota": (
        Fault(FaultKind.OUT_OF_QUOTA, times=FOR_EVER),
        DeliveryError,
        None,
    ),
}


@pytest.mark.parametrize("answer", NOTHING_DONE)
@pytest.mark.parametrize(("subject", "step"), FAULT_STEPS)
def test_a_refusal_is_an_error_and_leaves_no_doubt(world, step, answer):
    fault, error, error_class = NOTHING_DONE[answer]
    if step.takes_away and answer == "404":
        pytest.skip("what is not there need not be taken away")
    world.prepare(step, [1])
    world.script(fault)

    raised = what_is_told(world, step)

    assert world.befallen()
    if raised is None:  # each row was refused for itself
        assert answer in ("400", "404", "409", "413", "422")
        return
    assert isinstance(raised, error)
    # An answer that is not in the tool's own words says nothing for sure.
    assert not raised.is_in_doubt or raised.error_class is ErrorClass.INTERNAL
    assert error_class in (None, raised.error_class)


def what_is_told(world: World, step: Step) -> DeliveryError | None:
    """The error of delivering one record; None when the record itself was rejected.

    Fails when neither happened, and when the error shows who it was.
    """
    batch = world.batch(step, world.records(step, [1]))
    try:
        result = world.deliver_batch(batch)
    except DeliveryError as error:
        for shown in (str(error), repr(error), repr(batch)):
            assert marker(world.subject, 1) not in shown
            assert world.simulator.token_of(world.tool) not in shown
        return error
    assert result.rejected or result.uncounted_failures, "a fault passed for success"
    return None


PERHAPS_DONE = {
    "500": Fault(FaultKind.STATUS, status=500, times=FOR_EVER),
    "dropped after": Fault(FaultKind.DROP_AFTER, times=FOR_EVER),
    "half": Fault(FaultKind.HALF, times=FOR_EVER),
    "short": Fault(FaultKind.SHORT, times=FOR_EVER),
    "login page": Fault(FaultKind.LOGIN_PAGE, times=FOR_EVER),
}


@pytest.mark.parametrize("answer", PERHAPS_DONE)
@pytest.mark.parametrize(("subject", "step"), FAULT_STEPS)
def test_a_lost_or_wrong_answer_is_an_error_and_leaves_doubt(world, step, answer):
    world.prepare(step, [1])
    world.script(PERHAPS_DONE[answer])
    batch = world.batch(step, world.records(step, [1]))

    try:
        world.deliver_batch(batch)
    except DeliveryError as error:
        raised = error
    else:
        is_vague = answer == "short" and step.name in world.subject.case.vague
        assert is_vague or not world.befallen(), "a fault passed for success"
        pytest.skip("its answers have no body that could be wrong")

    assert raised.is_in_doubt
    assert marker(world.subject, 1) not in f"{raised}{raised!r}{batch!r}"


@pytest.mark.parametrize("spared", range(4))
@pytest.mark.parametrize("kind", [FaultKind.GARBAGE, FaultKind.DROP_AFTER])
@pytest.mark.parametrize(("subject", "step"), FAULT_STEPS)
def test_no_request_of_a_delivery_may_go_wrong_unnoticed(world, step, kind, spared):
    world.prepare(step, [1])
    world.script(Fault(kind, operation="*", skip=spared, times=FOR_EVER))
    batch = world.batch(step, world.records(step, [1]))

    try:
        world.deliver_batch(batch)
    except DeliveryError:
        assert world.befallen()
    else:
        assert not world.befallen(), "a fault passed for success"


@pytest.mark.parametrize("kind", [FaultKind.DROP_BEFORE, FaultKind.DROP_AFTER])
@pytest.mark.parametrize(("subject", "step"), STEPS)
def test_one_fault_is_got_over_or_left_in_doubt(world, step, kind):
    world.prepare(step, [1])
    world.script(Fault(kind))
    batch = world.batch(step, world.records(step, [1]))

    if world.destination.capabilities.idempotency is Idempotency.NONE:
        with pytest.raises(DeliveryError) as caught:
            world.deliver_batch(batch)
        assert caught.value.is_in_doubt
    else:
        assert_done_already(lambda: world.deliver_batch(batch), step)


@pytest.mark.parametrize(("subject", "step"), STEPS)
def test_a_throttle_is_waited_for(world, step):
    world.prepare(step, [1])
    world.script(Fault(FaultKind.THROTTLE, retry_after="1", times=3))
    batch = world.batch(step, world.records(step, [1]))

    result = world.deliver_batch(batch)

    assert result.rejected == ()
    assert world.befallen()


ASYNC_STEPS = tuple(
    pytest.param(subject, step, id=f"{subject.name}-{step.name}")
    for subject in SUBJECTS
    for step in steps(subject.capabilities)
    if subject.capabilities.is_async
)


@pytest.mark.parametrize("kind", [FaultKind.JOB_FAILS, FaultKind.JOB_VANISHES])
@pytest.mark.parametrize(("subject", "step"), ASYNC_STEPS)
def test_a_job_that_is_lost_is_an_error(world, step, kind):
    if kind is FaultKind.JOB_FAILS:
        assert world.simulator.tools[world.tool].vendor.failed_job is not None
    world.prepare(step, [1])
    world.script(Fault(kind, times=FOR_EVER))
    batch = world.batch(step, world.records(step, [1]))
    jobs_before = len(world.simulator.hold(world.tool).jobs)

    try:
        result = world.destination.send(batch)
        if result.job is None:
            assert len(world.simulator.hold(world.tool).jobs) == jobs_before
            pytest.skip("this step makes no job")
        result = world.finish(result, batch)
    except (JobLostError, BatchRefusedError):
        return
    assert result.rejected or result.uncounted_failures


@pytest.mark.parametrize(("subject", "step"), ASYNC_STEPS)
def test_a_job_under_way_is_not_taken_for_done(world, step):
    world.prepare(step, [1])
    world.script(Fault(FaultKind.JOBS_STAND_STILL))
    batch = world.batch(step, world.records(step, [1]))
    job = world.destination.send(batch).job
    if job is None:
        pytest.skip("this step makes no job")

    world.simulator.advance(3_600)

    assert world.destination.poll(job, batch) is None


@pytest.mark.parametrize(("subject", "step"), WRITES)
def test_several_threads_may_send_at_once(world, step):
    workers = world.destination.capabilities.max_workers
    size = world.destination.capabilities.max_batch_rows
    if workers == 1 or size is None:
        pytest.skip("one at a time")
    world.prepare(step, [1, 2, 3, 4])
    batches = [
        world.batch(step, world.records(step, [number])) for number in (1, 2, 3, 4)
    ]

    with ThreadPoolExecutor(workers) as pool:
        results = list(pool.map(world.destination.send, batches))
    for result, batch in zip(results, batches, strict=True):
        assert world.finish(result, batch).rejected == ()

    assert all(
        world.holds(marker(world.subject, number))
        or world.holds(world.dest_ids.get(number, ""))
        for number in (1, 2, 3, 4)
    )


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.name)
def test_it_shows_no_secret_and_counts_its_requests(world):
    step = steps(world.destination.capabilities)[0]
    before = world.destination.request_count
    arrived = len(world.simulator.arrivals(world.tool))

    world.deliver(step, [1])

    arrivals = len(world.simulator.arrivals(world.tool)) - arrived
    assert world.destination.request_count - before == arrivals > 0
    assert world.simulator.token_of(world.tool) not in repr(world.destination)


@pytest.mark.skipif(
    vendor_specs.specs_folder() is None,
    reason="the vendors' specifications are not on this machine: set "
    f"{vendor_specs.SPECS_VARIABLE} to their folder",
)
@pytest.mark.parametrize(
    "subject",
    [subject for subject in SUBJECTS if subject.destination in vendor_specs.FILES],
    ids=lambda subject: subject.name,
)
def test_requests_are_held_against_the_vendors_own_specification(world, specifications):
    write = next(
        step for step in steps(world.destination.capabilities) if not step.takes_away
    )

    world.deliver(write, [1])

    assert specifications.checked


def test_every_destination_has_a_tool_or_a_reason():
    assert set(DESTINATIONS) - WITHOUT_TOOL == {
        subject.destination for subject in SUBJECTS
    }


@pytest.mark.parametrize("name", sorted(DESTINATIONS))
def test_its_page_names_every_credential_object_setting_and_limit(name, project_root):
    kind = DESTINATIONS[name]
    page = (project_root / "docs" / "destinations" / f"{name}.md").read_text("utf-8")
    names = [
        *(variable_of(name, credential.name) for credential in kind.credentials),
        *(object_name for object_name in kind.objects if object_name != "*"),
        *(
            setting
            for found in kind.objects.values()
            for setting in (*found.settings, *found.optional_settings)
        ),
        *(mode.value for found in kind.objects.values() for mode in found.modes),
        *(
            removal.value
            for found in kind.objects.values()
            for removal in found.removals
        ),
    ]

    missing = [each for each in names if not re.search(rf"\b{re.escape(each)}\b", page)]

    assert missing == []
    assert kind.name == name


CAPABILITIES = tuple(
    pytest.param(found, id=f"{name}-{object_name.replace('*', 'any')}")
    for name in sorted(DESTINATIONS)
    for object_name, found in DESTINATIONS[name].objects.items()
)


@pytest.mark.parametrize("found", CAPABILITIES)
def test_its_capabilities_do_not_contradict_themselves(found: Capabilities):
    assert found.modes
    assert found.max_workers >= 1
    assert found.max_batch_rows is None or found.max_batch_rows >= 1
    assert (found.max_row_bytes or 0) <= (
        found.max_batch_bytes or found.max_row_bytes or 0
    )
    assert Removal.NOTHING not in found.removals
    assert found.removals or Mode.MIRROR not in found.modes
    assert Removal.CLEAR not in found.removals or (
        found.modes & {Mode.UPSERT, Mode.UPDATE}
    )
    assert found.match_fields or not found.requires_all_match_fields
    assert not set(found.settings) & set(found.optional_settings)
    assert not found.is_membership or (
        found.removals == {Removal.REMOVE}
        and found.modes <= {Mode.ADD, Mode.REMOVE, Mode.MIRROR}
    )
    if found.max_batch_rows is not None and not found.is_membership:
        assert found.idempotency is not Idempotency.NONE or found.modes == {Mode.APPEND}


@pytest.mark.parametrize("name", sorted(DESTINATIONS))
def test_its_secrets_are_secret_and_its_limits_make_sense(name):
    kind = DESTINATIONS[name]
    names = {credential.name for credential in kind.credentials}
    secrets = {
        credential.name for credential in kind.credentials if credential.is_secret
    }

    # The URL of a database may hold a password.
    assert "url" not in secrets or name in WITHOUT_TOOL
    assert {each for each in names if re.search("token$|secret|key$", each)} <= secrets
    assert all(limit.max_requests > 0 for limit in kind.limits)
    assert all(
        (limit.window_s > 0) is (limit.kind.value != "concurrency")
        for limit in kind.limits
    )
