"""Builds a world and lands its raw tables, all of them or none.

Runs the SQL of `demo/sql` in order: first what the whole company shares, then block by block
of people, last what sums over all of them. Decides nothing about the world; that is in the
SQL. The truth goes into a database of its own, which no model reads.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

from sqlglot import exp, parse

from demo.errors import WorldError
from demo.mess import PLACEHOLDER_DEVICE_ID, PLACEHOLDER_EMAILS, PLACEHOLDER_USER_IDS
from demo.scripts import script, set_settings, set_variables
from demo.world import WORLD_VERSION, WorldSpec
from warehouse.connection import Warehouse

logger = logging.getLogger(__name__)

Progress: TypeAlias = Callable[[str, float], None]
"""Called with what is being done now and the share of the whole that is done, 0 to 1."""

BLOCK_PEOPLE = 100_000
"""People built at once. Fewer take less memory, but keep a second core less busy."""

_FRUGAL_SETTINGS = {"memory_limit": "1200MB", "preserve_insertion_order": "false"}
"""Of the engine while a world is built; Python and the engine's own code come on top."""


@dataclass(frozen=True, slots=True)
class _Part:
    """Scripts that are told about as one step.

    `seconds` is what they took for 100,000 people on two cores: their share of the whole.
    """

    doing: str
    scripts: tuple[str, ...]
    seconds: float


_RAW_TABLES_SCRIPT = "raw_tables.sql"
_TRUTH_SCRIPT = "truth/tables.sql"

_COMPANY = _Part(
    "the company: stores, articles, campaigns",
    (
        "random.sql",
        "spelling.sql",
        "truth/starts.sql",
        "world/words.sql",
        "world/catalogue.sql",
        "world/campaigns.sql",
        "world/companies.sql",
        "world/kinship.sql",
        "world/support.sql",
        _RAW_TABLES_SCRIPT,
        "sources/company_records.sql",
    ),
    seconds=1.0,
)

_BLOCK = (
    _Part(
        "their lives",
        (
            "truth/sightings.sql",
            "world/people.sql",
            "world/purchases.sql",
            "world/mailings.sql",
            "world/visits.sql",
            "world/arrivals.sql",
            "world/contexts.sql",
            "world/carts.sql",
            "world/contacts.sql",
        ),
        seconds=7.0,
    ),
    _Part(
        "orders, cards and mails",
        (
            "sources/shopify.sql",
            "sources/loyalty.sql",
            "sources/till.sql",
            "sources/klaviyo.sql",
            "sources/consent_log.sql",
            "sources/zendesk.sql",
            "sources/stripe.sql",
            "sources/hubspot.sql",
            "sources/salesforce.sql",
            "sources/ad_clicks.sql",
        ),
        seconds=6.0,
    ),
    _Part("web and app", ("sources/segment.sql", "truth/block.sql"), seconds=17.0),
)

_CLOSING = _Part(
    "advertising costs and the truth",
    ("sources/ad_spend.sql", "truth/whole.sql"),
    seconds=1.0,
)

_WRITING = _Part("writing it down", (), seconds=4.0)


def land(
    spec: WorldSpec,
    warehouse: Warehouse,
    truth: Warehouse,
    *,
    progress: Progress = lambda _doing, _done: None,
    block_people: int = BLOCK_PEOPLE,
) -> dict[str, int]:
    """Replace the raw tables by those of a new world, and the truth by its truth.

    One transaction: when anything fails, the raw tables of before are still there, and so is
    their truth.

    Args:
        spec: The world.
        warehouse: Gets the raw tables, in the schemas of their sources.
        truth: Another database; gets the schema `truth`.
        progress: Told about each step before it begins.
        block_people: People built at once. The rows do not depend on it.

    Returns:
        Rows per raw table, by "schema.table".

    Raises:
        WorldError: `truth` is the warehouse itself.
        WarehouseError: A database refused a statement; nothing was changed.
    """
    if truth.target.path == warehouse.target.path:
        raise WorldError(
            f"The truth must not lie in the warehouse {warehouse.target.path}, where models "
            "could read it. Give it a database file of its own."
        )
    blocks = list(spec.blocks(block_people))
    shared = (_COMPANY, _CLOSING, _WRITING)
    whole_s = sum(part.seconds for part in (*shared, *_BLOCK * len(blocks)))
    done_s = 0.0

    def run(part: _Part, whom: str = "") -> None:
        nonlocal done_s
        progress(f"{whom}{part.doing}", done_s / whole_s)
        for name in part.scripts:
            logger.debug("demo world: %s", name)
            warehouse.execute(script(name))
        done_s += part.seconds

    with (
        TemporaryDirectory(
            prefix="kenning-truth-", dir=truth.target.path.parent
        ) as folder,
        _little_memory(warehouse),
        warehouse.transaction(),
        _temporary_tables(warehouse),
    ):
        set_variables(warehouse, _world_variables(spec) | {"handover": folder})
        run(_COMPANY)
        for first, last in blocks:
            set_variables(warehouse, {"first_person": first, "last_person": last})
            for part in _BLOCK:
                run(part, f"people {first:,} to {last:,} of {spec.people:,}: ")
        run(_CLOSING)
        row_counts = {
            f"{table.db}.{table.name}": _row_count(warehouse, table)
            for table in raw_tables()
        }
        run(_WRITING)
        _write_truth(spec, truth, Path(folder))
    progress("landed", 1.0)
    return row_counts


def raw_tables() -> tuple[exp.Table, ...]:
    """The tables that a world lands, in the order of their declaration."""
    return tuple(
        statement.this.this
        for statement in parse(script(_RAW_TABLES_SCRIPT), dialect="duckdb")
        if isinstance(statement, exp.Create) and statement.kind == "TABLE"
    )


def _write_truth(spec: WorldSpec, truth: Warehouse, folder: Path) -> None:
    with truth.transaction():
        set_variables(
            truth,
            {
                "handover": str(folder),
                "seed": spec.seed,
                "people": spec.people,
                "as_of": spec.as_of,
                "version": WORLD_VERSION,
                "mess": spec.mess.as_json(),
            },
        )
        if not truth.query(
            exp.select("schema_name")
            .from_("information_schema.schemata")
            .where(exp.column("catalog_name").eq(exp.func("current_database")))
            .where(exp.column("schema_name").eq("truth"))
        ):
            truth.execute("create schema truth")
        truth.execute(script(_TRUTH_SCRIPT))


def _world_variables(spec: WorldSpec) -> dict[str, object]:
    return {
        "seed": spec.seed,
        "people": spec.people,
        "as_of": spec.as_of,
        "started_at": spec.started_at,
        "span_s": int((spec.as_of - spec.started_at).total_seconds()),
        "placeholder_emails": list(PLACEHOLDER_EMAILS),
        "placeholder_user_ids": list(PLACEHOLDER_USER_IDS),
        "placeholder_device_id": PLACEHOLDER_DEVICE_ID,
    } | {f"mess_{name}": share for name, share in spec.mess.shares().items()}


def _row_count(warehouse: Warehouse, table: exp.Table) -> int:
    [(count,)] = warehouse.query(
        exp.select(exp.Count(this=exp.Star())).from_(table.copy())
    )
    return int(str(count))


@contextmanager
def _little_memory(warehouse: Warehouse) -> Iterator[None]:
    """A low limit on the engine's memory, and no promise about the order of rows."""
    set_settings(warehouse, _FRUGAL_SETTINGS)
    try:
        yield
    finally:
        of_target = dict(warehouse.target.config) | dict(warehouse.target.settings)
        for name in _FRUGAL_SETTINGS:
            if name in of_target:
                set_settings(warehouse, {name: of_target[name]})
            else:
                warehouse.execute(f"reset {name}")


@contextmanager
def _temporary_tables(warehouse: Warehouse) -> Iterator[None]:
    """Drops the temporary tables and views that are made inside."""
    before = _temporary_relations(warehouse)
    yield
    for name, kind in sorted(_temporary_relations(warehouse) - before, reverse=True):
        warehouse.execute(
            exp.Drop(tables=[exp.table_(name, db="main", catalog="temp")], kind=kind)
        )


def _temporary_relations(warehouse: Warehouse) -> set[tuple[str, str]]:
    found = warehouse.query(
        exp.select("table_name", "table_type")
        .from_("information_schema.tables")
        .where(exp.column("table_catalog").eq("temp"))
    )
    return {
        (str(name), "VIEW" if table_type == "VIEW" else "TABLE")
        for name, table_type in found
    }
