"""How well identity resolution finds people again; prints JSON. See docs/identity-accuracy.md.

Parts, each by name:
  records  lists of people with errors and a known truth (identity_rules_people): composite keys as
           identifier types through the project's own identity stage, beside Splink. Pairs of records
           count. The lists are no part of the project: without them the part says so.
  mess     the demo company of 20,000 people, with each kind of mess alone, and with all of it while the
           rules against it are switched off. Pairs of identifiers count (demo.score). An argument
           sets how many people.
  demo     the demo company of 100,000 people with all its mess. Arguments: people, and seeds.
"""

import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import duckdb
import yaml

from tests.benchmarks.bench_identity_stage import IDENTITY_ALONE, KEYS, make_project
from tests.benchmarks.dbt_phases import run_dbt
from tests.benchmarks.identity_rules_mess import measure_mess, measure_worlds
from tests.benchmarks.identity_rules_people import (
    MODEL,
    PEOPLE,
    RECORD,
    ROOT,
    People,
    Rules,
    shared_data,
)
from tests.benchmarks.identity_rules_splink import clusters_of

LOWEST_PRECISION = 0.99
SCORE = """
with

found as (

    select
        record.true_person,
        coalesce(clusters.cluster_id, 'alone ' || record.record_id) as cluster_id

    from people.record
    left join ({clusters}) as clusters on record.record_id = clusters.record_id

),

sizes as (

    select
        (select sum(n * (n - 1) // 2) from (select count(*) as n from found group by true_person)) as true_pairs,
        (select sum(n * (n - 1) // 2) from (select count(*) as n from found group by cluster_id)) as found_pairs,
        (select sum(n * (n - 1) // 2) from (select count(*) as n from found group by true_person, cluster_id))
            as right_pairs,
        (select max(n) from (select count(*) as n from found group by cluster_id)) as largest

)

select
    right_pairs / found_pairs as pair_precision,
    right_pairs / true_pairs as pair_recall,
    2 * right_pairs / (found_pairs + true_pairs) as f1,
    largest
from sizes
"""


def measure_records() -> dict[str, Any]:
    """Every list of people by every set of rules, and by Splink."""
    if not shared_data().is_dir():
        return {
            "skipped": f"There is no folder {shared_data().name} of lists of people beside the project. "
            "Set KENNING_SHARED_DATA to the folder that holds er_febrl_dedup and er_splink."
        }
    return {people.name: measure_people(people) for people in PEOPLE}


def measure_people(people: People) -> dict[str, Any]:
    """One list of people."""
    if not people.file().is_file():
        return {"skipped": f"There is no {people.path} in the folder of shared data."}
    found: dict[str, Any] = {
        rules.name: measure_rules(people, rules) for rules in people.rules
    }
    return found | {"splink": measure_splink(people)}


def measure_rules(people: People, rules: Rules) -> dict[str, Any]:
    """Score one set of rules through the identity stage."""
    tell(f"{people.name}: {rules.name}")
    with tempfile.TemporaryDirectory(prefix="kenning-bench-") as name:
        folder = Path(name)
        warehouse = folder / "stage.duckdb"
        with duckdb.connect(
            str(warehouse), config={"storage_compatibility_version": "v1.5.0"}
        ) as connection:
            people.load(connection)
        make_project(folder)
        configure(folder, rules)
        run_dbt(folder, "seed")
        taken = run_dbt(folder, "run", *IDENTITY_ALONE)
        with duckdb.connect(str(warehouse), read_only=True) as connection:
            scored = score(
                connection,
                "select identifier_value as record_id, customer_id as cluster_id "
                f"from identity.identity_map where identifier_type = '{RECORD}'",
            )
    bars = {"precision": (LOWEST_PRECISION, scored["precision"])}
    if rules.reference_f1 is not None:
        bars["f1"] = (rules.reference_f1, scored["f1"])
        return scored | {
            "seconds": taken["wall_seconds"],
            "bars": {
                name: {"bar": bar, "holds": round(value, 4) >= bar}
                for name, (bar, value) in bars.items()
            },
        }
    return scored | {"seconds": taken["wall_seconds"]}


def configure(folder: Path, rules: Rules) -> None:
    """Make the rules the scratch project's configuration and write its only staging model."""
    staging = folder / "models" / "staging"
    for table in KEYS:
        (staging / f"{table}.sql").unlink()
    (staging / f"{MODEL}.sql").write_text(rules.model())
    project = yaml.safe_load((ROOT / "dbt_project.yml").read_text())
    project["vars"] |= {
        "identity_entities": {"customer": {"id_prefix": "c"}},
        "identifier_types": rules.types(),
        "identifier_sources": rules.sources(),
    }
    project["models"]["kenning"] = {
        name: project["models"]["kenning"][name] for name in ("identity", "staging")
    }
    (folder / "dbt_project.yml").write_text(yaml.safe_dump(project))


def measure_splink(people: People) -> dict[str, Any]:
    """Splink at each threshold, or what the study measured where it is not installed."""
    try:
        installed = version("splink")
    except PackageNotFoundError:
        f1, threshold = people.splink_f1
        return {"from_the_study": {"f1": f1, "threshold": threshold}}
    tell(f"{people.name}: splink {installed}")
    with duckdb.connect() as connection:
        people.load(connection)
        found = clusters_of(connection, people.name)
        return {
            f"clusters at {threshold}": score(connection, f"from {table}")
            | {"seconds": seconds}
            for threshold, (table, seconds) in found.items()
        }


def score(connection: duckdb.DuckDBPyConnection, clusters: str) -> dict[str, Any]:
    """Pairwise over the records. Args: clusters, a query of record_id and cluster_id."""
    [(precision, recall, f1, largest)] = connection.execute(
        SCORE.format(clusters=clusters)
    ).fetchall()
    return {
        "precision": round(precision, 4),
        "recall": round(recall, 4),
        "f1": round(f1, 4),
        "largest": largest,
    }


def measure_demo(people: int = 100_000, *seeds: int) -> dict[str, Any]:
    """The demo company with all its mess, against the bars."""
    return measure_worlds(people, seeds or (1,))


PARTS: dict[str, Callable[..., dict[str, Any]]] = {
    "records": measure_records,
    "mess": measure_mess,
    "demo": measure_demo,
}


def main(arguments: list[str]) -> None:
    """Measure one part and print it."""
    if not arguments or arguments[0] not in PARTS:
        raise SystemExit(f"Name a part: {', '.join(PARTS)}.")
    part, *numbers = arguments
    found = PARTS[part](*map(int, numbers))
    head = {
        "python": platform.python_version(),
        "duckdb": duckdb.__version__,
        "cores": os.cpu_count(),
    }
    sys.stdout.write(f"{json.dumps(head | found, indent=2)}\n")


def tell(what: str) -> None:
    sys.stderr.write(f"identity accuracy: {what} ...\n")


if __name__ == "__main__":
    main(sys.argv[1:])
