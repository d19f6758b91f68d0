"""The documentation's examples of syncs work: as configuration, and as whole runs.

Each one that is for an HTTP tool runs through the engine against the simulated tool: planned
in the warehouse, sent, recorded, and left alone when nothing changed.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import yaml

from demo.destination_simulator import Simulator, running_simulator
from reverse_etl.accounts import Accounts, variable_of
from reverse_etl.destinations.catalogue import catalogue
from reverse_etl.destinations.protocol import (
    Batch,
    BatchResult,
    Capabilities,
    Destination,
    Record,
)
from reverse_etl.destinations.registry import (
    DESTINATIONS,
    capabilities_of,
    load_accounts,
    open_destination,
)
from reverse_etl.engine import plan_sync, run_sync
from reverse_etl.invocations import RunOptions
from reverse_etl.ledger import Ledger, open_ledger
from reverse_etl.modes import Action, Mode, Op, Removal
from reverse_etl.run_outcomes import RunStatus
from reverse_etl.run_reports import RunReport
from reverse_etl.spec import SyncSpec
from reverse_etl.transport import HttpOptions, RetryPolicy
from tests.contract.destination_cases import CASES, WITHOUT_TOOL
from tests.contract.destination_examples import (
    Example,
    cell,
    column_type,
    columns_of_example,
    examples,
    yaml_blocks,
)
from tests.sync_world import ANYTHING_GOES, AT_ONCE, NOW, target
from warehouse.connection import Warehouse, open_warehouse
from warehouse.manifest import Json

PROJECT = Path(__file__).parents[2]
EXAMPLES = tuple(examples(PROJECT))
ROWS = (1, 2, 3, 4)
CHANGED, WITHDRAWN, GONE = 2, 3, 4


def each_example(*chosen: Example) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "example", [pytest.param(example, id=example.id) for example in chosen]
    )


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> Accounts:
    """What the pages say of accounts and of destinations without code, as files."""
    root = tmp_path_factory.mktemp("project")
    (root / "destinations").mkdir()
    known: dict[str, object] = {}
    for path in sorted((PROJECT / "docs").glob("*/*.md")):
        for _, content in yaml_blocks(path.read_text("utf-8")):
            if isinstance(content, dict) and "accounts" in content:
                known |= content["accounts"]
            if isinstance(content, dict) and "objects" in content:
                own = root / "destinations" / "crm.yml"
                own.write_text(yaml.safe_dump(content), "utf-8")
    (root / "destinations.yml").write_text(yaml.safe_dump({"accounts": known}), "utf-8")
    return load_accounts(root)


@each_example(*EXAMPLES)
def test_the_example_is_a_sync_that_its_destination_can_do(example, accounts):
    assert capabilities_of(example.spec(), accounts)


@pytest.mark.parametrize(
    ("destination", "object_name"),
    [(name, each) for name in DESTINATIONS for each in DESTINATIONS[name].objects],
)
def test_every_object_has_an_example_on_its_page(destination, object_name):
    kind = DESTINATIONS[destination]
    page = f"docs/destinations/{destination}.md"
    shown = {
        name if name in kind.objects else "*"
        for name in (
            str(example.sync["object"]) for example in EXAMPLES if example.page == page
        )
    }

    assert object_name in shown


@dataclass
class Noted:
    """A destination, with what was sent to it, whose jobs need not be waited for."""

    inner: Destination
    simulator: Simulator
    sent: list[Record] = field(default_factory=list)

    @property
    def capabilities(self) -> Capabilities:
        return self.inner.capabilities

    @property
    def request_count(self) -> int:
        return self.inner.request_count

    def send(self, batch: Batch) -> BatchResult:
        records = tuple(batch.records)
        self.sent += records
        return self.inner.send(replace(batch, records=records))

    def poll(self, job: str, batch: Batch) -> BatchResult | None:
        self.simulator.advance(5)
        return self.inner.poll(job, batch)


@dataclass
class Company:
    """A warehouse with the models of examples, and the tool that they are sent to."""

    warehouse: Warehouse
    ledger: Ledger
    simulator: Simulator
    accounts: Accounts
    folder: Path

    def make_model(self, example: Example) -> None:
        columns = ", ".join(
            f"{name} {column_type(name)}" for name in columns_of_example(example.sync)
        )
        self.warehouse.execute(f"create table activation.{example.model} ({columns})")

    def have_rows(self, example: Example, rows: Mapping[int, int]) -> None:
        """Let the model hold these rows, each in its version."""
        names = columns_of_example(example.sync)
        fixed = fixed_columns(example)
        self.warehouse.execute(f"delete from activation.{example.model}")
        self.warehouse.insert(
            "activation",
            example.model,
            {
                name: [
                    cell(name, number, 1 if name in fixed else version)
                    for number, version in rows.items()
                ]
                for name in names
            },
        )

    def have_consents(self, example: Example, *numbers: int) -> None:
        """Let exactly these customers have agreed."""
        self.warehouse.execute("delete from core.customer_consents")
        self.warehouse.insert(
            "core",
            "customer_consents",
            {
                "customer_id": [cell("customer_id", number) for number in numbers],
                "purpose": [str(example.sync["purpose"])] * len(numbers),
                "is_granted": [True] * len(numbers),
            },
        )

    def begin(self, example: Example) -> tuple[RunReport, Sequence[Record]]:
        """Let there be a model full of customers who agreed, and run its sync."""
        self.make_model(example)
        self.have_rows(example, dict.fromkeys(ROWS, 1))
        self.have_consents(example, *ROWS)
        return self.run(example)

    @contextmanager
    def opened(self, example: Example) -> Iterator[tuple[SyncSpec, Noted]]:
        spec = replace(example.spec(), guards=ANYTHING_GOES)
        http = HttpOptions(
            policy=RetryPolicy(max_attempts=2, total_s=900.0, timeout_s=10.0),
            sleep=self.simulator.advance,
            clock=self.simulator.clock.now,
        )
        environ = {
            "KENNING_ALLOW_PRIVATE_ADDRESSES": "1",
            **self.simulator.environ,
            "KENNING_CRM_URL": self.simulator.environ["KENNING_MAILER_URL"],
            "KENNING_CRM_TOKEN": self.simulator.environ["KENNING_MAILER_TOKEN"],
        }
        with open_destination(
            spec, environ, self.folder, http, self.accounts
        ) as destination:
            yield spec, Noted(destination, self.simulator)

    def run(self, example: Example) -> tuple[RunReport, Sequence[Record]]:
        """Plan and run; what was planned is what is reported."""
        lines: list[str] = []
        with self.opened(example) as (spec, destination):
            plan = plan_sync(
                spec,
                destination.capabilities,
                warehouse=self.warehouse,
                ledger=self.ledger,
                now=lambda: NOW,
                with_samples=True,
            )
            report = run_sync(
                spec,
                warehouse=self.warehouse,
                ledger=self.ledger,
                destination=destination,
                now=lambda: NOW,
                log=lines.append,
                options=RunOptions(policy=AT_ONCE),
            )
        assert report.status is RunStatus.SUCCEEDED, (report, lines)
        assert plan.counts.planned == report.planned
        return report, destination.sent


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with running_simulator() as running:
        yield running


@pytest.fixture
def company(
    tmp_path: Path, simulator: Simulator, accounts: Accounts
) -> Iterator[Company]:
    simulator.reset()
    with (
        open_warehouse(target(tmp_path)) as warehouse,
        open_ledger(tmp_path / "ledger.sqlite") as ledger,
    ):
        warehouse.execute("create schema activation")
        warehouse.execute("create schema core")
        warehouse.execute(
            "create table core.customer_consents ("
            "customer_id text, purpose text, is_granted boolean)"
        )
        yield Company(warehouse, ledger, simulator, accounts, tmp_path)
    assert [
        breach for name in simulator.tools for breach in simulator.breaches(name)
    ] == []


def fixed_columns(example: Example) -> frozenset[str]:
    """Columns that name the record or its person, and so stay what they are."""
    match = example.sync.get("match", {})
    assert isinstance(match, dict)
    named = {
        str(source["from"]) if isinstance(source, dict) else str(source)
        for source in match.values()
    }
    return frozenset({str(example.sync["key"]), "customer_id", "email", *named})


def tool_of(example: Example) -> str:
    name = str(example.sync["destination"])
    return "mailer" if name == "crm" else name


def before(example: Example) -> tuple[Example, ...]:
    """Examples of the same page whose records must be there first."""
    name, object_name = tool_of(example), str(example.sync["object"])
    case = CASES.get((name, object_name))
    bases = {case.base} if case is not None and case.base else set()
    if "associations" in example.sync:
        bases |= {"Account", "companies"}
    return tuple(
        each
        for each in EXAMPLES
        if each.page == example.page and each.sync["object"] in bases
    )


def members(simulator: Simulator, tool: str) -> int:
    """How many identifiers are in a tool's lists and audiences."""
    return sum(len(each) for each in simulator.hold(tool).members.values())


def text_of(simulator: Simulator, tool: str) -> str:
    """What a tool holds, as text."""
    state = simulator.hold(tool).state()
    return json.dumps([state["records"], state["members"], state["events"]])


def values(records: Iterable[Record]) -> Iterator[str]:
    """Every text in records' fields and identifiers, as it stands inside JSON."""

    def texts(nested: Mapping[str, Json]) -> Iterator[str]:
        for value in nested.values():
            if isinstance(value, dict):
                yield from texts(value)
            elif isinstance(value, str):
                yield json.dumps(value)[1:-1]

    for record in records:
        yield from texts({**record.match, **record.fields})


def is_list(example: Example) -> bool:
    """Whether its records are members of a list or an audience."""
    kind = DESTINATIONS.get(str(example.sync["destination"]))
    found = kind.capabilities(str(example.sync["object"])) if kind else None
    return found is not None and found.is_membership


def removal_of(example: Example) -> str:
    """What its page says becomes of a record that leaves."""
    named = example.sync.get("on_remove", example.sync.get("on_withdrawal", "clear"))
    return str(named)


def leaves_traces(example: Example) -> bool:
    """Whether the tool still knows of what was deleted, by its own design."""
    name, object_name = str(example.sync["destination"]), str(example.sync["object"])
    kind = DESTINATIONS.get(name)
    is_named = kind is not None and object_name in kind.objects
    case = CASES.get((name, object_name if is_named else "*"))
    return case is not None and Action.DELETE in case.leaves_traces


def is_changeable(example: Example) -> bool:
    """Whether a row of the model can differ from one run to the next."""
    named = columns_of_example(example.sync)
    return any(
        cell(name, CHANGED) != cell(name, CHANGED, 2)
        for name in {*named} - fixed_columns(example)
    )


WITH_TOOL = [
    example
    for example in EXAMPLES
    if example.sync["destination"] not in {*WITHOUT_TOOL, "print_house"}
]


@each_example(*WITH_TOOL)
def test_the_example_keeps_its_tool_in_step_with_its_model(example, company):
    simulator, tool = company.simulator, tool_of(example)
    for earlier in before(example):
        company.begin(earlier)
    first, begun = company.begin(example)

    assert (first.added, first.rejected, first.uncounted) == (len(ROWS), 0, 0)
    assert [record.op for record in begun] == [Op.ADD] * len(ROWS)

    everybody = members(simulator, tool)
    asked = len(simulator.arrivals(tool))
    second, sent = company.run(example)

    assert (second.planned, second.unchanged, sent) == (0, len(ROWS), [])
    assert len(simulator.arrivals(tool)) == asked

    # One row changes, one customer takes back the consent, one row is gone.
    company.have_rows(example, {1: 1, CHANGED: 2, WITHDRAWN: 1})
    company.have_consents(example, *({*ROWS} - {WITHDRAWN}))
    third, sent = company.run(example)
    fourth, _ = company.run(example)

    leaving = leaving_count(example)
    assert (third.added, third.changed) == (0, int(is_changeable(example)))
    assert (third.removed, third.rejected, third.uncounted) == (leaving, 0, 0)
    assert fourth.planned == 0
    if is_list(example):
        left = members(simulator, tool)
        assert left * len(ROWS) == everybody * (len(ROWS) - leaving)
    else:
        assert_what_left_is_gone(text_of(simulator, tool), begun, sent, example)


def leaving_count(example: Example) -> int:
    """How many of the two rows leave: by consent in every mode but one, by mode mirror."""
    if example.sync["mode"] == "append":
        return 0
    needs_consent = example.sync["purpose"] != "none"
    return int(needs_consent) + int(example.sync["mode"] == "mirror")


def assert_what_left_is_gone(
    text: str, begun: Sequence[Record], sent: Sequence[Record], example: Example
) -> None:
    """What was sent at first is there still, but for what was changed or taken away."""
    changed = [record for record in sent if record.op is Op.CHANGE]
    left = {record.key for record in sent if record.op is Op.REMOVE}
    assert [each for each in values(changed) if each not in text] == []
    for record in begun:
        others = [each for each in begun if each.key != record.key]
        own = {*values([record])} - {*values(others)}
        lost = {each for each in own if each not in text}
        match removal_of(example) if record.key in left else None:
            case "delete" if not leaves_traces(example):
                assert lost == own
            case "clear":
                assert lost
            case None:
                assert not lost or record.key in {each.key for each in changed}


def test_the_table_of_all_destinations_is_current():
    page = (PROJECT / "docs/destinations/README.md").read_text("utf-8")

    assert page == catalogue(DESTINATIONS.values()), "make format writes it anew"


def test_the_readme_leads_to_the_table_and_to_every_page():
    readme = (PROJECT / "README.md").read_text("utf-8")

    assert "docs/destinations/README.md" in readme
    assert [
        name for name in DESTINATIONS if f"docs/destinations/{name}.md" not in readme
    ] == []


OWN = frozenset({"mailer", "webhook"})
"""Not another company's tool: what is tested is what will be met."""


@pytest.mark.parametrize("destination", sorted({*DESTINATIONS} - WITHOUT_TOOL - OWN))
def test_the_page_says_that_nobody_has_tried_a_real_account(destination):
    page = (PROJECT / f"docs/destinations/{destination}.md").read_text("utf-8")

    assert "Not yet run against a real account" in page


@pytest.mark.parametrize("destination", DESTINATIONS)
def test_the_page_names_everything_that_its_destination_can_do_and_needs(destination):
    kind = DESTINATIONS[destination]
    page = (PROJECT / f"docs/destinations/{destination}.md").read_text("utf-8")
    prose = re.sub(r"^```.*?^```", "", page, flags=re.MULTILINE | re.DOTALL)
    named = {
        word
        for code in re.findall(r"`([^`\n]+)`", prose)
        for word in re.findall(r"\w+", code)
    }
    declared = {
        str(word)
        for each in kind.objects.values()
        for word in (
            *each.modes,
            *each.removals,
            *each.match_fields,
            *each.settings,
            *each.optional_settings,
        )
    }

    assert declared - named == set()
    assert set(re.findall(r"KENNING_[A-Z0-9_]+", page)) == {
        variable_of(kind.name, credential.name) for credential in kind.credentials
    }


def other_ways() -> Iterator[tuple[Example, Example]]:
    """Each example beside itself in each mode and with each removal that it has not."""
    for example in WITH_TOOL:
        kind = DESTINATIONS.get(str(example.sync["destination"]))
        if kind is None or "associations" in example.sync:
            continue
        able = kind.capabilities(str(example.sync["object"]))
        assert able is not None
        removals = [str(each) for each in Removal if each in able.removals]
        ways = [(str(mode), removals[-1:]) for mode in Mode if mode in able.modes]
        ways += [("mirror", [each]) for each in removals[:-1]]
        for mode, removal in ways:
            sync = {**example.sync, "mode": mode, "on_withdrawal": "nothing"}
            sync.pop("on_remove", None)
            if removal and mode == "mirror":
                sync["on_remove"] = removal[0]
            if sync != {**example.sync, "on_withdrawal": "nothing"}:
                name = f"{example.name}__{'_'.join((mode, *removal))}"
                yield example, example._replace(name=name, sync=sync)


@pytest.mark.parametrize(
    ("example", "other"),
    [
        pytest.param(
            example,
            other,
            id=f"{other.name}-{other.line}",
            marks=()
            if example.page == "docs/destinations/hubspot.md"
            else pytest.mark.exhaustive,
        )
        for example, other in other_ways()
    ],
)
def test_the_example_works_in_every_mode_and_with_every_removal(
    example, other, company
):
    mode = other.sync["mode"]
    for earlier in before(example):
        company.begin(earlier)
    if mode in ("update", "remove", "archive"):
        company.begin(example)

    first, begun = company.begin(other)
    asked = len(company.simulator.arrivals(tool_of(example)))
    second, _ = company.run(other)

    assert (first.added, first.rejected, first.uncounted) == (len(ROWS), 0, 0)
    assert second.planned == 0
    assert len(company.simulator.arrivals(tool_of(example))) == asked

    company.have_rows(other, {1: 1, CHANGED: 2, WITHDRAWN: 1})
    third, sent = company.run(other)

    changes = mode != "insert" and is_changeable(example)
    assert (third.changed, third.removed) == (int(changes), int(mode == "mirror"))
    assert (third.rejected, third.uncounted) == (0, 0)
    if mode == "mirror" and not is_list(example):
        assert_what_left_is_gone(
            text_of(company.simulator, tool_of(example)), begun, sent, other
        )
