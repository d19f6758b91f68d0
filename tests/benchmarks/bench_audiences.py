"""How long audiences take, beside the same written by hand, as JSON.

    python -m tests.benchmarks.bench_audiences [--customers 1000000] [--events 20000000]
        [--audiences 100] [--threads 2] [--repeats 5] [--folder FOLDER]

A published file of so many customers and events is made, and asked: a preview of three conditions
with one window of events, as the command has it, from the file of the definition on; one audience
and all of them evaluated whole, the tables of conditions and members written; and the same
audiences as an analyst would write them, a query each, with the same members. Seconds are those of
a wall clock. Bars are for the default sizes; a bar that is not met ends with exit code 1.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
import sqlglot

from audiences.compiler import Compiled, compiled
from audiences.definition import Definition
from audiences.names import audience_model, conditions_model
from audiences.preview import preview
from audiences.preview_candidate import find_candidate
from audiences.preview_evaluation import relations_of
from audiences.preview_rendering import Renderer, read_macros
from audiences.project import Project, read_project
from audiences.reading import read_definition
from reverse_etl.masking import masked
from tests.demo_worlds import target
from warehouse.connection import Warehouse, open_warehouse

ROOT = Path(__file__).parents[2]
AS_OF = datetime(2026, 6, 30)
EVENTS = (
    "product_viewed",
    "page_viewed",
    "product_added",
    "email_opened",
    "checkout_started",
)
COUNTRIES = ("NL", "NO", "DE", "SE")
STAGES = ("lead", "new_customer", "repeat_customer", "lapsed_customer")
ENTITY = "customer"

# Rows of a customer lie together, as publishing has them; most events are of a tenth of them.
WORLD = """
    create schema identity;
    create schema core;
    create table identity.identity_stats as select 1 as run_id, timestamp '2026-06-30' as as_of;
    create table core.dim_customers as
    select
        'c_' || md5(number::text) as customer_id,
        'p' || number || case when number % 5000 = 0 then '@nordvik.example' else '@x.example' end as email,
        'name' || number % 1000 as first_name,
        'city' || hash(number, 1) % 300 as city,
        {countries}[1 + (hash(number, 2) % {country_count})::int] as country_code,
        {stages}[1 + (hash(number, 3) % {stage_count})::int] as lifecycle_stage,
        (hash(number, 4) % 8)::bigint as order_count,
        ((hash(number, 5) % 100000) / 100)::decimal(18, 2) as revenue_eur,
        case when hash(number, 4) % 8 > 0
            then timestamp '2026-06-30' - to_hours((hash(number, 6) % 17520)::int)
        end as last_ordered_at,
        timestamp '2026-06-30' - to_hours((hash(number, 7) % 8760)::int) as last_seen_at
    from range({customers}) as numbers (number)
    order by customer_id;
    create table core.fct_customer_events as
    select
        'e_' || number as event_key,
        'c_' || md5((case when hash(number, 1) % 10 < 7
            then hash(number, 2) % greatest({customers} // 10, 1)
            else hash(number, 2) % {customers} end)::text) as customer_id,
        {events_list}[1 + (hash(number, 3) % {event_kinds})::int] as event_name,
        'thing ' || hash(number, 4) % 500 as subject,
        timestamp '2026-06-30' - to_seconds((hash(number, 5) % 63072000)::bigint) as occurred_at
    from range({events}) as numbers (number)
    order by customer_id;
    create table core.suppressed_customers as
    select customer_id, 'asked' as reason from core.dim_customers where hash(customer_id) % 500 = 0;
    create table core.customer_consents as
    select customer_id, means.purpose, means.channel, hash(customer_id, means.purpose) % 3 = 0 as is_granted
    from core.dim_customers
    cross join (values ('email_marketing', 'email'), ('ads', 'online'), ('sms_marketing', 'sms')) as means (purpose, channel)
    order by customer_id;
    create table core.customer_recipients as
    select customer_id, purpose, channel from core.customer_consents
    where is_granted and channel <> 'online'
"""


@dataclass(frozen=True)
class Example:
    """An audience as a definition, and as an analyst writes it."""

    name: str
    document: str
    by_hand: str


def main() -> int:
    """Measure, print, and say whether every bar is met."""
    options = _options()
    with tempfile.TemporaryDirectory(
        dir=options.folder, prefix="bench-audiences-"
    ) as folder:
        path = Path(folder) / "kenning.duckdb"
        _say(f"making {options.customers:,} customers and {options.events:,} events")
        make_world(
            path,
            customers=options.customers,
            events=options.events,
            threads=options.threads,
        )
        measured = measure(
            path,
            audiences=options.audiences,
            threads=options.threads,
            repeats=options.repeats,
        )
    bars = bars_of(measured)
    sizes = {
        name: getattr(options, name)
        for name in ("customers", "events", "audiences", "threads", "repeats")
    }
    result = {
        "versions": {
            "python": platform.python_version(),
            "duckdb": duckdb.__version__,
            "sqlglot": sqlglot.__version__,
        },
        "cores": os.cpu_count(),
        "sizes": sizes,
        "measured": measured,
        "bars": bars,
    }
    sys.stdout.write(json.dumps(result, indent=2) + "\n")
    return 0 if all(bar["is_met"] for bar in bars.values()) else 1


def make_world(path: Path, *, customers: int, events: int, threads: int) -> None:
    """Write the published file."""
    text = WORLD.format(
        customers=customers,
        events=events,
        countries=list(COUNTRIES),
        country_count=len(COUNTRIES),
        stages=list(STAGES),
        stage_count=len(STAGES),
        events_list=list(EVENTS),
        event_kinds=len(EVENTS),
    )
    with open_warehouse(target(path, threads=str(threads))) as warehouse:
        for statement in text.split(";"):
            warehouse.execute(statement)


def measure(
    path: Path, *, audiences: int, threads: int, repeats: int
) -> Mapping[str, object]:
    """Every figure, by its name."""
    project = read_project(ROOT)
    examples = [example(number) for number in range(audiences)]
    settings = {"threads": str(threads)}
    _say("previews")
    previews = [
        _timed(lambda: look(path, examples[0], settings)) for _ in range(repeats)
    ]
    _say("one audience, all of them, and all by hand")
    one, every, by_hand = [], [], []
    for _ in range(repeats):
        with open_warehouse(target(path, **settings)) as warehouse:
            one.append(_timed(lambda: refresh(warehouse, project, examples[:1])))
            every.append(_timed(lambda: refresh(warehouse, project, examples)))
            by_hand.append(_timed(lambda: write_by_hand(warehouse, examples)))
    with open_warehouse(target(path, **settings), read_only=True) as warehouse:
        found = members(warehouse, examples, "compiled")
        if found != members(warehouse, examples, "by_hand"):
            raise SystemExit(
                "The compiled audiences and those written by hand differ in members."
            )
    sizes = [size for size, _ in found]
    return {
        "preview_seconds": _spread(previews),
        "one_audience_seconds": _spread(one),
        "all_audiences_seconds": _spread(every),
        "by_hand_seconds": _spread(by_hand),
        "members": {"smallest": min(sizes), "largest": max(sizes)},
    }


def bars_of(measured: Mapping[str, object]) -> Mapping[str, Mapping[str, object]]:
    """What the sizes of the defaults have to keep."""
    medians = {
        name: figures["median"]
        for name, figures in measured.items()
        if isinstance(figures, dict) and "median" in figures
    }
    every = medians["all_audiences_seconds"]
    values = {
        "preview_seconds": (medians["preview_seconds"], 1.0),
        "all_beside_one": (every / medians["one_audience_seconds"], 10.0),
        "all_audiences_seconds": (every, 60.0),
        "all_beside_by_hand": (every / medians["by_hand_seconds"], 1.3),
    }
    return {
        name: {"value": round(value, 3), "at_most": bar, "is_met": value <= bar}
        for name, (value, bar) in values.items()
    }


def example(number: int) -> Example:
    """One of many audiences: two conditions on the profile and one on events in a window."""
    name = f"bench_{number}"
    orders, revenue = 1 + number % 4, 50 * (number % 7)
    country, event = COUNTRIES[number % 4], EVENTS[number % 5]
    days, times = (7, 14, 30, 60, 90)[number // 5 % 5], 1 + number % 3
    document = f"""\
name: {name}
description: One of many.
owner: {{name: Benchmarks, email: benchmarks@nordvik.example}}
purpose: email_marketing
entity: customer
conditions:
  all:
    - {{column: order_count, at_least: {orders}}}
    - any:
        - {{column: country_code, equals: "{country}"}}
        - {{column: revenue_eur, at_least: {revenue}}}
    - {{event: {event}, within_days: {days}, at_least: {times}}}
"""
    by_hand = f"""
select dim_customers.customer_id, timestamp '{AS_OF}' as evaluated_at
from core.dim_customers
inner join (
    select customer_id
    from core.fct_customer_events
    where
        event_name = '{event}'
        and occurred_at between timestamp '{AS_OF}' - interval {days} day and timestamp '{AS_OF}'
    group by customer_id
    having count(*) >= {times}
) as active on dim_customers.customer_id = active.customer_id
where
    order_count >= {orders}
    and (country_code = '{country}' or revenue_eur >= {revenue})
    and not coalesce(email like '%@nordvik.example', false)
    and dim_customers.customer_id not in (select customer_id from core.suppressed_customers)
"""
    return Example(name, document, by_hand)


def look(path: Path, shown: Example, settings: Mapping[str, str]) -> int:
    """What `kenning audience preview FILE` does: the members that it counts."""
    file = path.with_name(f"{shown.name}.yml")
    file.write_text(shown.document, encoding="utf-8")
    candidate = find_candidate(ROOT, str(file))
    with open_warehouse(target(path, **settings), read_only=True) as warehouse:
        return preview(
            warehouse,
            candidate,
            ROOT,
            mask=lambda value, is_public: masked(value, is_public=is_public),
        ).member_count


def refresh(
    warehouse: Warehouse, project: Project, examples: Sequence[Example]
) -> None:
    """Evaluate audiences whole: one table of conditions, one of members for each."""
    result = _compiled(project, examples)
    renderer = Renderer(read_macros(ROOT), engine=warehouse.dialect, as_of=AS_OF)
    conditions = conditions_model(ENTITY)
    relations = {**relations_of(warehouse), conditions: f"compiled.{conditions}"}
    warehouse.execute("create schema if not exists compiled")
    models = [conditions, *(audience_model(each.name) for each in examples)]
    for model in models:
        sql = renderer.sql(result.files[f"{model}.sql"], relations)
        warehouse.execute(f"create or replace table compiled.{model} as {sql}")


def write_by_hand(warehouse: Warehouse, examples: Sequence[Example]) -> None:
    """The same members, a query each."""
    warehouse.execute("create schema if not exists by_hand")
    for each in examples:
        warehouse.execute(
            f"create or replace table by_hand.{audience_model(each.name)} as {each.by_hand}"
        )


def members(
    warehouse: Warehouse, examples: Sequence[Example], schema: str
) -> list[tuple[int, int]]:
    """How many members each audience has, and a number that stands for who they are."""
    found: list[tuple[int, int]] = []
    for each in examples:
        table = f"{schema}.{audience_model(each.name)}"
        [(count, digest)] = warehouse.query(
            f"select count(*), coalesce(bit_xor(hash(customer_id)), 0) from {table}"
        )
        found.append((int(str(count)), int(str(digest))))
    return found


def _compiled(project: Project, examples: Sequence[Example]) -> Compiled:
    definitions: list[Definition] = [
        read_definition(
            each.document,
            file=f"{each.name}.yml",
            name=each.name,
            catalogue=project.catalogue,
        ).definition
        for each in examples
    ]
    return compiled(definitions, project.exclusions, project.catalogue)


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _spread(seconds: Sequence[float]) -> Mapping[str, float]:
    return {
        "median": round(statistics.median(seconds), 3),
        "least": round(min(seconds), 3),
        "most": round(max(seconds), 3),
    }


def _say(what: str) -> None:
    sys.stderr.write(f"{what} ...\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--events", type=int, default=20_000_000)
    parser.add_argument("--audiences", type=int, default=100)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument(
        "--folder", type=Path, help="where the file is made (the system's)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
