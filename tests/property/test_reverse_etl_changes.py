"""Whatever the source, the consents and the mode: what is sent makes the destination right.

The expected plan comes from a few lines of Python over the same source, not from the query.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlglot import exp

from reverse_etl import send_query
from reverse_etl.destinations.protocol import Capabilities
from reverse_etl.guards import Previous
from reverse_etl.modes import Mode, Removal
from reverse_etl.planned_runs import PlannedRun
from reverse_etl.planning import planned_run
from reverse_etl.spec import FieldMapping, Guards, MatchMapping, SyncSpec
from warehouse.connection import Warehouse, open_warehouse
from warehouse.target import Target
from warehouse.values import Relation

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
KEYS = ["a", "b", "B", "ø", "'", "a b"]
NAMES = st.none() | st.sampled_from(["", "~", "Ada", "ada", "Ådne", "s3:Ada"])
EMAILS = st.sampled_from(["x@example.com", "y@example.com", "Z@example.com"])
PEOPLE = st.dictionaries(st.sampled_from(KEYS), st.tuples(NAMES, EMAILS))
COPIES = st.lists(st.sampled_from([*KEYS, None, " "]), max_size=2)
CONSENTS = st.sets(st.sampled_from(KEYS))
STATES = st.lists(st.tuples(PEOPLE, COPIES, CONSENTS), min_size=1, max_size=4)

SPEC = SyncSpec(
    name="mailer__people",
    model="sync_mailer__people",
    model_unique_id="model.kenning.sync_mailer__people",
    relation=Relation("activation", "sync_mailer__people"),
    destination="mailer",
    object="contacts",
    mode=Mode.MIRROR,
    key="person_key",
    mapping=(
        FieldMapping("name", column="first_name"),
        FieldMapping("list", constant="people"),
    ),
    purpose="email_marketing",
    guards=Guards(),
    path="models/activation/_activation__exposures.yml",
)
RECORDS = Capabilities(
    frozenset(Mode), frozenset({Removal.ARCHIVE, Removal.DELETE}), max_batch_rows=100
)
LIST = Capabilities(
    frozenset(Mode),
    frozenset({Removal.REMOVE}),
    max_batch_rows=100,
    match_fields=("email",),
    is_membership=True,
)
LIST_SPEC = replace(
    SPEC, mapping=(), match=(MatchMapping("email", "email"),), object="list"
)

Person = tuple[str | None, str]
Row = tuple[str | None, str | None, str]
"""Key, first name, e-mail address."""


@dataclass(frozen=True)
class Sent:
    """What the reference believes that the destination has of one key."""

    name: str | None
    email: str


def sent(name: str | None, email: str, *, is_list: bool) -> Sent:
    return Sent(None, email) if is_list else Sent(name, "")


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    path = tmp_path_factory.mktemp("changes") / "test.duckdb"
    with open_warehouse(new_target(path)) as opened:
        for statement in (
            "create schema activation",
            "create schema core",
            "create schema retl",
            "create table activation.sync_mailer__people (person_key text, "
            "customer_id text, first_name text, email text)",
            "create table core.customer_consents (customer_id text, purpose text, "
            "is_granted boolean)",
            "create table retl.sync_snapshot (sync_name text, key text, customer_id text, "
            "row_hash text, state text, match_text text, dest_id text, run_id text, "
            "acknowledged_at timestamp)",
            "create table retl.sync_rejected (sync_name text, key_sha256 text, row_hash "
            "text, next_retry_at timestamp)",
        ):
            opened.execute(statement)
        yield opened


def new_target(path: Path) -> Target:
    duckdb.connect(str(path)).close()
    return Target("test", "duckdb", path, config={}, settings={"timezone": "UTC"})


def land(warehouse: Warehouse, rows: list[Row], consents: set[str]) -> None:
    warehouse.execute("delete from activation.sync_mailer__people")
    warehouse.execute("delete from core.customer_consents")
    warehouse.insert(
        "activation",
        "sync_mailer__people",
        {
            "person_key": [key for key, _, _ in rows],
            "customer_id": [f"customer of {key}" for key, _, _ in rows],
            "first_name": [name for _, name, _ in rows],
            "email": [email for _, _, email in rows],
        },
    )
    warehouse.insert(
        "core",
        "customer_consents",
        {
            "customer_id": [f"customer of {key}" for key in consents],
            "purpose": ["email_marketing"] * len(consents),
            "is_granted": [True] * len(consents),
        },
    )


def plan(
    warehouse: Warehouse, spec: SyncSpec, capabilities: Capabilities
) -> tuple[list[tuple[object, ...]], PlannedRun]:
    with (
        warehouse.transaction(),
        planned_run(
            spec,
            capabilities,
            warehouse=warehouse,
            snapshot=exp.table_("sync_snapshot", db="retl"),
            rejected=exp.table_("sync_rejected", db="retl"),
            previous=Previous(),
            now=NOW,
        ) as run,
    ):
        rows = send_query.numbered(run.plan_query(), dialect="duckdb")
        query = rows.ctas(exp.table_("plan", db="retl"))
        warehouse.execute("drop table if exists retl.plan")
        warehouse.execute(query)
    return warehouse.query("select * from retl.plan order by seq"), run


def acknowledge(warehouse: Warehouse, spec: SyncSpec) -> None:
    """Let the snapshot say that every row of the plan was applied."""
    warehouse.execute(
        "delete from retl.sync_snapshot where key in (select key from retl.plan)"
    )
    warehouse.execute(
        f"insert into retl.sync_snapshot select '{spec.name}', key, customer_id, "
        "row_hash, 'acked', match_text, dest_id, 'run', timestamp '2026-06-30' "
        "from retl.plan where op <> 'remove'"
    )


def expected(
    rows: list[Row],
    consents: set[str],
    held: dict[str, Sent],
    mode: Mode,
    *,
    is_list: bool,
) -> dict[str, str]:
    """Op by key."""
    counts = Counter(key for key, _, _ in rows if key and key.strip())
    gates = mode not in (Mode.REMOVE, Mode.ARCHIVE)
    lasts = mode in (Mode.APPEND, Mode.REMOVE, Mode.ARCHIVE)
    ops = {}
    for key, name, email in rows:
        if key not in counts:
            continue
        before = held.get(key)
        if gates and key not in consents:
            if before is not None and not lasts:
                ops[key] = "remove"
        elif counts[key] == 1:
            now = sent(name, email, is_list=is_list)
            ops[key] = op_of_wanted(now, before, mode, is_list=is_list)
    for key in held.keys() - counts.keys():
        is_withdrawn = gates and not lasts and key not in consents
        if mode is Mode.MIRROR or is_withdrawn:
            ops[key] = "remove"
    return {key: op for key, op in ops.items() if op}


def op_of_wanted(now: Sent, before: Sent | None, mode: Mode, *, is_list: bool) -> str:
    """What becomes of a row that may go."""
    if before is None:
        return "add"
    if now == before or mode is Mode.INSERT:
        return ""
    is_rematched = is_list and mode in (Mode.MIRROR, Mode.ADD)
    return "remove" if is_rematched else "change"


def check(
    warehouse: Warehouse,
    spec: SyncSpec,
    states: list[tuple[dict[str, Person], list[str | None], set[str]]],
    *,
    is_list: bool,
) -> None:
    capabilities = LIST if is_list else RECORDS
    warehouse.execute("delete from retl.sync_snapshot")
    held: dict[str, Sent] = {}
    for people, copies, consents in states:
        rows: list[Row] = [(key, name, email) for key, (name, email) in people.items()]
        rows += [
            (key, *people.get(str(key), (None, "x@example.com"))) for key in copies
        ]
        land(warehouse, rows, consents)
        ops = expected(rows, consents, held, spec.mode, is_list=is_list)

        planned, run = plan(warehouse, spec, capabilities)

        assert {str(row[3]): row[2] for row in planned} == ops
        assert len(planned) == len(ops) == run.counts.planned
        assert [row[0] for row in planned] == list(range(1, len(planned) + 1))
        order = [str(row[2]) for row in planned]
        assert order == sorted(order, key=["remove", "change", "add"].index)
        check_conserved(run, rows)
        by_key = {key: (name, email) for key, name, email in rows}
        for key, op in ops.items():
            if op == "remove":
                held.pop(key)
            else:
                held[key] = sent(*by_key[key], is_list=is_list)
        acknowledge(warehouse, spec)


def check_conserved(run: PlannedRun, rows: list[Row]) -> None:
    counts = run.counts
    of_source = (
        counts.add
        + counts.change
        + counts.rematch
        + counts.unchanged
        + counts.waiting
        + counts.in_doubt
        + counts.invalid
        + counts.skipped_no_consent
    )
    assert of_source == counts.source == len(rows)


MODES = [mode for mode in Mode if mode is not Mode.FULL]


@pytest.mark.parametrize("mode", MODES)
@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(states=STATES)
def test_a_plan_is_what_differs(warehouse: Warehouse, mode: Mode, states):
    check(warehouse, replace(SPEC, mode=mode), states, is_list=False)


@pytest.mark.parametrize("mode", [Mode.MIRROR, Mode.ADD, Mode.REMOVE])
@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(states=STATES)
def test_a_list_lets_go_of_old_identifiers_first(
    warehouse: Warehouse, mode: Mode, states
):
    check(warehouse, replace(LIST_SPEC, mode=mode), states, is_list=True)
