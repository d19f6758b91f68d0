"""Companies that lack sources: each source off in turn, each source alone, and none at all.

One tiny world is landed once. The project is parsed once too: what a source's absence changes is
what its staging model selects, not the shape of the project, so every run reuses the manifest.
`make test` takes two of each kind, `make test-exhaustive` all of them.
The raw tables of a source that is off are dropped, so nothing can read them by mistake.
Not here: raw tables that are missing though their source is on (test_bad_input.py).
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
import yaml
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest

from demo.world import WorldSpec
from tests.demo_worlds import landed

PROJECT = Path(__file__).parents[2]
SOURCES: list[str] = yaml.safe_load((PROJECT / "dbt_project.yml").read_text())["vars"][
    "sources"
]
ADVERTISING = ["google_ads", "meta_ads"]

Build = Callable[[list[str]], duckdb.DuckDBPyConnection]


def _dbt(*arguments: str, folder: Path, manifest: Manifest | None = None):
    outcome = dbtRunner(manifest=manifest).invoke(
        [
            *arguments,
            f"--project-dir={PROJECT}",
            f"--profiles-dir={PROJECT}",
            f"--target-path={folder / 'target'}",
            f"--log-path={folder / 'logs'}",
            "--quiet",
        ]
    )
    # dbt in this process keeps the file open otherwise.
    DuckDBConnectionManager.close_all_connections()
    failures = [
        f"{result.node.name}: {result.message}"
        for result in getattr(outcome.result, "results", [])
        if result.status not in ("success", "pass", "no-op")
    ]
    assert outcome.success, (failures, outcome.exception)
    return outcome.result


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse file with raw tables and seeds."""
    folder = tmp_path_factory.mktemp("off")
    with landed(folder, WorldSpec(people=60)):
        pass
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KENNING_DUCKDB_PATH", str(folder / "raw.duckdb"))
        _dbt("seed", folder=folder)
    return folder / "raw.duckdb"


@pytest.fixture(scope="module")
def manifest(world: Path) -> Manifest:
    return _dbt("parse", folder=world.parent)


@pytest.fixture
def build(
    world: Path, manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Build:
    def run(sources: list[str]) -> duckdb.DuckDBPyConnection:
        path = tmp_path / "kenning.duckdb"
        shutil.copy(world, path)
        with duckdb.connect(str(path)) as connection:
            for source in set(SOURCES) - set(sources):
                connection.execute(f"drop schema {source} cascade")
        monkeypatch.setenv("KENNING_DUCKDB_PATH", str(path))
        variables = yaml.safe_dump({"sources": sources, "as_of": "2026-06-30"})
        _dbt("run", f"--vars={variables}", folder=tmp_path, manifest=manifest)
        return duckdb.connect(str(path), read_only=True)

    return run


def _count(connection: duckdb.DuckDBPyConnection, relation: str) -> int:
    (count,) = connection.execute(f"select count(*) from {relation}").fetchone()
    return count


def _sample(*shown: str) -> list[object]:
    """All sources; those not shown are for the exhaustive suite."""
    return [
        pytest.param(source, marks=() if source in shown else pytest.mark.exhaustive)
        for source in SOURCES
    ]


@pytest.mark.parametrize("source", _sample("segment", "consent_log"))
def test_project_without_one_source_still_builds_everything_downstream(
    build: Build, source: str
) -> None:
    with build([name for name in SOURCES if name != source]) as warehouse:
        assert _count(warehouse, "core.dim_customers") > 0
        assert _count(warehouse, "core.fct_customer_events") > 0
        assert (
            _count(
                warehouse,
                f"identity.identity_edges where source_model like 'stg_{source}__%'",
            )
            == 0
        )


@pytest.mark.parametrize("source", _sample("shopify", "meta_ads"))
def test_project_with_only_one_source_still_builds_everything_downstream(
    build: Build, source: str
) -> None:
    with build([source]) as warehouse:
        customers = _count(warehouse, "core.dim_customers")

    assert (customers == 0) is (source in ADVERTISING)


def test_project_without_any_source_builds_empty_tables(build: Build) -> None:
    with build([]) as warehouse:
        assert _count(warehouse, "core.dim_customers") == 0
        assert _count(warehouse, "activation.sync_mailer__cart_abandoners") == 0
