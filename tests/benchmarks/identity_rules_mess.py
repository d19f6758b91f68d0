"""What mess costs and what the rules against it are worth, on the demo company."""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from demo.landing import land
from demo.mess import Mess
from demo.score import score
from demo.world import WorldSpec
from tests.demo_worlds import target, with_truth
from warehouse.connection import open_warehouse

ROOT = Path(__file__).parents[2]
SEED = 7
BARS = {"precision": 0.995, "recall": 0.97}
LIMITS = ("unique", "limit", "limit_days")
LARGEST = """
with

largest as (

    select
        customer_id,
        count(*) as identifier_count

    from identity.identity_map
    group by customer_id
    order by
        identifier_count desc,
        customer_id
    limit 1

)

select
    largest.identifier_count,
    count(distinct identifier.person_id) as person_count

from largest
inner join identity.identity_map on largest.customer_id = identity_map.customer_id
left join known.truth.identifier
    on
        identity_map.identifier_type = identifier.identifier_type
        and identity_map.identifier_value = identifier.identifier_value
        and not identifier.is_shared
group by largest.identifier_count
"""


def measure_mess(people: int = 20_000) -> dict[str, Any]:
    """Each kind of mess alone, all of it, and all of it with rules switched off."""
    worlds = {"none": Mess.none()} | {name: Mess.only(name) for name in Mess.names()}
    alone = {}
    for name, mess in worlds.items():
        tell(f"mess: {name}")
        with tempfile.TemporaryDirectory(prefix="kenning-bench-") as folder:
            build_world(Path(folder), WorldSpec(people=people, seed=SEED, mess=mess))
            alone[name] = scored(Path(folder))
    return {
        "people": people,
        "seed": SEED,
        "alone": alone,
        "all": measure_without_rules(people),
    }


def measure_without_rules(people: int) -> dict[str, Any]:
    """All mess, with rules switched off one by one and together."""
    given = yaml.safe_load((ROOT / "dbt_project.yml").read_text())["vars"]
    types = given["identifier_types"]
    found = {}
    with tempfile.TemporaryDirectory(prefix="kenning-bench-") as name:
        folder = Path(name)
        tell("all mess")
        build_world(folder, WorldSpec(people=people, seed=SEED))
        found["all rules"] = scored(folder)
        for off, changed in {
            "without limits": without(types, *LIMITS),
            "without max_linked": without(types, "max_linked"),
            "without limits and max_linked": without(types, *LIMITS, "max_linked"),
        }.items():
            tell(off)
            found[off] = rebuilt(folder, identifier_types=changed)
        with open_warehouse(target(folder / "raw.duckdb")) as warehouse:
            warehouse.execute("delete from reference.blocked_identifiers")
        tell("without blocked values")
        found["without blocked values"] = rebuilt(folder)
        found["without blocked values, hygiene blocks"] = rebuilt(
            folder, identity_hygiene=given["identity_hygiene"] | {"block": True}
        )
        found["without any of them"] = rebuilt(
            folder, identifier_types=without(types, *LIMITS, "max_linked")
        )
    return found


def measure_worlds(people: int, seeds: tuple[int, ...]) -> dict[str, Any]:
    """Worlds with all mess, one per seed, against the bars."""
    found = {}
    for seed in seeds:
        tell(f"demo of {people} people, seed {seed}")
        with tempfile.TemporaryDirectory(prefix="kenning-bench-") as folder:
            build_world(Path(folder), WorldSpec(people=people, seed=seed))
            found[f"seed {seed}"] = scored(Path(folder))
    return {
        "people": people,
        "worlds": found,
        "bars": {
            name: {
                "bar": bar,
                "holds": all(world[name] >= bar for world in found.values()),
            }
            for name, bar in BARS.items()
        },
    }


def without(types: list[dict[str, Any]], *settings: str) -> list[dict[str, Any]]:
    """The identifier types, stripped of settings."""
    return [
        {name: value for name, value in entry.items() if name not in settings}
        for entry in types
    ]


def build_world(folder: Path, spec: WorldSpec) -> None:
    """Land a world and build staging and identity over it."""
    with (
        open_warehouse(target(folder / "raw.duckdb", threads="2")) as warehouse,
        open_warehouse(target(folder / "truth.duckdb")) as truth,
    ):
        land(spec, warehouse, truth)
    build(
        folder,
        "build",
        "--select",
        "+path:models/identity",
        "--resource-type",
        "seed",
        "--resource-type",
        "model",
    )


def rebuilt(folder: Path, **changed_vars: Any) -> dict[str, Any]:
    """Build identity from nothing by other rules, and score it."""
    with open_warehouse(target(folder / "raw.duckdb")) as warehouse:
        warehouse.execute("drop schema identity cascade")
    build(
        folder,
        "run",
        "--select",
        "path:models/identity",
        "--vars",
        json.dumps(changed_vars),
    )
    return scored(folder)


def build(folder: Path, *arguments: str) -> None:
    """Run dbt of this project on the world's warehouse."""
    subprocess.run(
        [
            Path(sys.executable).with_name("dbt"),
            *arguments,
            "--profiles-dir",
            ".",
            "--quiet",
        ],
        cwd=ROOT,
        env={
            **os.environ,
            "KENNING_DUCKDB_PATH": str(folder / "raw.duckdb"),
            "KENNING_AS_OF": WorldSpec().as_of.isoformat(),
            "DBT_TARGET_PATH": str(folder / "target"),
            "DBT_LOG_PATH": str(folder / "logs"),
        },
        stdout=sys.stderr,
        check=True,
    )


def scored(folder: Path) -> dict[str, Any]:
    """Score the built map, and name the size of its largest customer."""
    with (
        open_warehouse(target(folder / "raw.duckdb")) as warehouse,
        open_warehouse(target(folder / "truth.duckdb")) as truth,
    ):
        found = asdict(score(warehouse, truth))
    with with_truth(folder) as warehouse:
        [(identifiers, persons)] = warehouse.query(LARGEST)
    return {
        name: round(value, 5) if isinstance(value, float) else value
        for name, value in found.items()
    } | {"largest_identifiers": identifiers, "largest_persons": persons}


def tell(what: str) -> None:
    sys.stderr.write(f"identity accuracy: {what} ...\n")
