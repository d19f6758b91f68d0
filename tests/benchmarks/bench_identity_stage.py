"""The whole identity stage, from staged text identifiers to the finished tables; prints JSON.

A scratch dbt project holds the real models, macros and seeds, and three staged tables of a company as the
study of the algorithm describes it: customers with 1 to 50 cookies (power law), devices, one to three
e-mails, up to two phones and one user id; records of two to four identifiers; 3 % of customers share a
household's device, one in a thousand uses a public one.

Phases, each a `dbt run` of models/identity in a process of its own, on staged tables that are there:
  full       everything, from nothing
  more_rows  one per cent more rows, found by comparing every source as a whole
  appended   the same rows, where the sources say when a row arrived (appended_at)
  fewer_rows one in a thousand rows deleted
  rule       a limit that concerns about one customer in a hundred is tightened
  nothing    the same again
Seconds are those from the first model's start to the last one's end; wall_seconds has dbt's own start in
it. Memory is the most that the process held. Argument: how many identifier rows (10,000,000).
"""

import json
import os
import platform
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import duckdb
import yaml

from tests.benchmarks.dbt_phases import run_dbt, run_phase

ROOT = Path(__file__).parents[2]
# make_company writes the staged tables.
IDENTITY_ALONE = ("--exclude", "path:models/staging")
SEED = 20261121
IDENTIFIERS_PER_CUSTOMER = 31.0
BARS = {
    "full_seconds": 90.0,
    "full_memory_gb": 10.0,
    "more_rows_share": 0.15,
    "appended_share": 0.15,
    "fewer_rows_share": 0.20,
    "rule_share": 0.20,
}
TYPES = [
    {"type": "user_id", "unique": True},
    {"type": "email", "limit": 20, "max_linked": {"user_id": 2}},
    {
        "type": "phone",
        "limit": 10,
        "max_linked": {"user_id": 1, "email": 3},
        "attach_to": "last",
    },
    {"type": "device_id", "max_linked": {"user_id": 1, "email": 3}},
    {"type": "anonymous_id", "limit": 60, "max_linked": {"user_id": 1, "email": 3}},
]
TIGHTER_LIMIT = 38
SOURCES = [
    {
        "model": "stg_web__visits",
        "record_key": "visit_id",
        "seen_at": "seen_at",
        "identifiers": ["user_id", "anonymous_id", "device_id"],
    },
    {
        "model": "stg_web__identifies",
        "record_key": "message_id",
        "seen_at": "seen_at",
        "identifiers": ["user_id", "email", "phone", "anonymous_id"],
    },
    {
        "model": "stg_shop__orders",
        "record_key": "order_id",
        "seen_at": "seen_at",
        "identifiers": ["email", "phone", "anonymous_id"],
    },
]

WORLD = """
create schema staging;
create schema reference;
create or replace macro chance(key, salt) as
    (hash(key * 1000003 + salt + {seed}) % 1000000007) / 1000000007.0;

create temp table customer as
select
    range as customer,
    floor(power(1 - chance(range, 1) * (1 - power(51, -0.6)), -1 / 0.6))::int as cookie_count,
    1 + (chance(range, 2) < 0.35)::int + (chance(range, 2) < 0.08)::int as email_count,
    (chance(range, 3) < 0.7)::int + (chance(range, 3) < 0.15)::int as phone_count,
    case
        when chance(range, 4) < 0.001 then 'public' || (range % 50)
        when chance(range, 4) < 0.031 then 'household' || (range // 64)
    end as shared_device
from range({customers});

create temp table visit as
select
    row_number() over (order by customer, cookie, visit) as visit_number,
    customer.*,
    cookie,
    visit
from customer, unnest(range(cookie_count)) as cookies(cookie), range(2) as visits(visit);

create table staging.stg_web__visits as
select
    'v' || md5(visit_number::varchar) as visit_id,
    timestamp '2024-01-01' + to_seconds((chance(visit_number, 5) * 60000000)::int) as seen_at,
    case when chance(visit_number, 6) < 0.3 or visit = 0 and cookie = 0
        then 'u' || lpad(customer::varchar, 9, '0') end as user_id,
    md5('cookie' || customer || '.' || cookie) as anonymous_id,
    case
        when shared_device is not null and cookie = 0 then md5(shared_device)
        when cookie % 10 < 3 then md5('device' || customer || '.' || (cookie // 10))
    end as device_id
from visit
where user_id is not null or device_id is not null;

create table staging.stg_web__identifies as
select
    'i' || md5(visit_number::varchar) as message_id,
    timestamp '2024-01-01' + to_seconds((chance(visit_number, 7) * 60000000)::int) as seen_at,
    case when chance(visit_number, 8) < 0.5 then 'u' || lpad(customer::varchar, 9, '0') end as user_id,
    'person' || customer || '.' || (cookie % email_count) || '@mail' || (customer % 50) || '.example' as email,
    case when phone_count > 0 and chance(visit_number, 9) < 0.4
        then '+3169' || (cookie % phone_count) || lpad(customer::varchar, 8, '0') end as phone,
    md5('cookie' || customer || '.' || cookie) as anonymous_id
from visit
where visit = 1 and chance(visit_number, 10) < 0.6;

create table staging.stg_shop__orders as
select
    'o' || md5(visit_number::varchar) as order_id,
    timestamp '2024-01-01' + to_seconds((chance(visit_number, 11) * 60000000)::int) as seen_at,
    'person' || customer || '.' || (cookie % email_count) || '@mail' || (customer % 50) || '.example' as email,
    case when phone_count > 0 and chance(visit_number, 12) < 0.5
        then '+3169' || (cookie % phone_count) || lpad(customer::varchar, 8, '0') end as phone,
    case when chance(visit_number, 13) < 0.7 then md5('cookie' || customer || '.' || cookie) end as anonymous_id
from visit
where visit = 0 and chance(visit_number, 14) < 0.35;
"""

KEYS = {
    "stg_web__visits": "visit_id",
    "stg_web__identifies": "message_id",
    "stg_shop__orders": "order_id",
}
COUNT = """
select
    (select count(user_id) + count(anonymous_id) + count(device_id) from staging.stg_web__visits)
    + (select count(user_id) + count(email) + count(phone) + count(anonymous_id)
        from staging.stg_web__identifies)
    + (select count(email) + count(phone) + count(anonymous_id) from staging.stg_shop__orders)
"""


def main(arguments: list[str]) -> None:
    """Make the company, run the phases, print what they took."""
    wanted = int(arguments[0]) if arguments and arguments[0].isdigit() else 10_000_000
    with tempfile.TemporaryDirectory(prefix="kenning-bench-") as name:
        folder = Path(name)
        warehouse = folder / "stage.duckdb"
        sizes = make_company(warehouse, wanted)
        make_project(folder)
        configure(folder, TYPES, appended_at="arrived_at")
        run_dbt(folder, "seed")
        phases: dict[str, dict[str, Any]] = {}
        tell("full")
        phases["full"] = run_phase(folder, *IDENTITY_ALONE)
        sizes |= built_sizes(warehouse)
        put_back_rows(warehouse)
        shutil.copy(warehouse, folder / "before.duckdb")
        tell("more rows, of sources that only grow")
        phases["appended"] = run_phase(folder, *IDENTITY_ALONE)
        (folder / "before.duckdb").replace(warehouse)
        configure(folder, TYPES)
        tell("more rows")
        phases["more_rows"] = run_phase(folder, *IDENTITY_ALONE)
        delete_rows(warehouse)
        tell("fewer rows")
        phases["fewer_rows"] = run_phase(folder, *IDENTITY_ALONE)
        configure(folder, tighter_types())
        tell("a tighter rule")
        phases["rule"] = run_phase(folder, *IDENTITY_ALONE)
        tell("nothing new")
        phases["nothing"] = run_phase(folder, *IDENTITY_ALONE)
        phases["rule"]["touched_components"] = touched_components(warehouse)
    full = phases["full"]["seconds"]
    found = {
        "full_seconds": full,
        "full_memory_gb": phases["full"]["peak_memory_gb"],
        **{
            f"{name}_share": round(phases[name]["seconds"] / full, 3)
            for name in ("more_rows", "appended", "fewer_rows", "rule")
        },
    }
    sys.stdout.write(
        json.dumps(
            {
                "python": platform.python_version(),
                "duckdb": duckdb.__version__,
                "cores": os.cpu_count(),
                "seed": SEED,
                "sizes": sizes,
                "phases": phases,
                "bars": {
                    name: {
                        "bar": bar,
                        "found": found[name],
                        "holds": found[name] <= bar,
                    }
                    for name, bar in BARS.items()
                },
            },
            indent=2,
        )
        + "\n"
    )


def make_company(warehouse: Path, wanted: int) -> dict[str, int]:
    """Write the staged tables, with every hundredth row kept back. Returns their sizes."""
    with duckdb.connect(
        str(warehouse), config={"storage_compatibility_version": "v1.5.0"}
    ) as connection:
        connection.execute("set threads = 2")
        connection.execute(
            WORLD.format(seed=SEED, customers=round(wanted / IDENTIFIERS_PER_CUSTOMER))
        )
        for table, key in KEYS.items():
            condition = f"hash({key}) % 101 = 7"
            connection.execute(
                f"create table kept_{table} as from staging.{table} where {condition}"
            )
            connection.execute(f"delete from staging.{table} where {condition}")
            for name, day in ((f"staging.{table}", 1), (f"kept_{table}", 2)):
                connection.execute(
                    f"alter table {name} add column arrived_at timestamp"
                )
                connection.execute(
                    f"update {name} set arrived_at = timestamp '2026-11-0{day}'"
                )
        [(count,)] = connection.execute(COUNT).fetchall()
        [(records,)] = connection.execute(
            "select "
            + " + ".join(f"(select count(*) from staging.{table})" for table in KEYS)
        ).fetchall()
    return {"identifier_rows": count, "staged_rows": records}


def put_back_rows(warehouse: Path) -> None:
    with duckdb.connect(str(warehouse)) as connection:
        for table in KEYS:
            connection.execute(f"insert into staging.{table} from kept_{table}")


def delete_rows(warehouse: Path) -> None:
    with duckdb.connect(str(warehouse)) as connection:
        for table, key in KEYS.items():
            connection.execute(
                f"delete from staging.{table} where hash({key}) % 1000 = 11"
            )


def built_sizes(warehouse: Path) -> dict[str, int]:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        [row] = connection.execute(
            "select (select count(*) from identity.identity_map), "
            "(select count(*) from identity.identity_clusters), "
            "(select count(*) from identity.int_identity__links)"
        ).fetchall()
    return dict(zip(("identifiers", "customers", "links"), row, strict=True))


def touched_components(warehouse: Path) -> float:
    """Share of the customers that the tighter rule concerns."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        [(share,)] = connection.execute(
            "select (select count(distinct component_id) from identity.int_identity__repairs) * 1.0 "
            "/ (select count(distinct component_id) from identity.int_identity__components)"
        ).fetchall()
    return round(float(share), 4)


def tighter_types() -> list[dict[str, Any]]:
    return [
        entry | ({"limit": TIGHTER_LIMIT} if entry["type"] == "anonymous_id" else {})
        for entry in TYPES
    ]


def make_project(folder: Path) -> None:
    for name in ("models/identity", "models/docs", "macros", "seeds"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "models" / "_groups.yml", folder / "models")
    shutil.copytree(
        ROOT / "tests" / "dbt" / "generic", folder / "tests" / "dbt" / "generic"
    )
    (folder / "models" / "identity" / "_identity__unit_tests.yml").unlink(
        missing_ok=True
    )
    # make_company wrote the tables; these models, which are never run, tell dbt where they are.
    staging = folder / "models" / "staging"
    staging.mkdir()
    for table in KEYS:
        (staging / f"{table}.sql").write_text(
            "{{ config(materialized='table', schema='staging') }}\nselect 1 as nothing\n"
        )
    (folder / "profiles.yml").write_text(
        yaml.safe_dump(
            {
                "kenning": {
                    "target": "duckdb",
                    "outputs": {
                        "duckdb": {
                            "type": "duckdb",
                            "path": str(folder / "stage.duckdb"),
                            "schema": "main",
                            "threads": 2,
                            "settings": {
                                "timezone": "UTC",
                                "preserve_insertion_order": False,
                                "checkpoint_threshold": "1GB",
                                "memory_limit": "8GB",
                            },
                        }
                    },
                }
            }
        )
    )


def configure(
    folder: Path, types: list[dict[str, Any]], appended_at: str | None = None
) -> None:
    project = yaml.safe_load((ROOT / "dbt_project.yml").read_text())
    project["vars"] |= {
        "identity_entities": {"customer": {"id_prefix": "c"}},
        "identifier_types": types,
        "identifier_sources": [
            entry | ({"appended_at": appended_at} if appended_at else {})
            for entry in SOURCES
        ],
    }
    project["models"]["kenning"] = {
        "identity": project["models"]["kenning"]["identity"]
    }
    (folder / "dbt_project.yml").write_text(yaml.safe_dump(project))


def tell(phase: str) -> None:
    sys.stderr.write(f"identity stage: {phase} ...\n")


if __name__ == "__main__":
    main(sys.argv[1:])
