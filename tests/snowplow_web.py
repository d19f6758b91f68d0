"""The open Snowplow sample in a warehouse file of its own, with the real models run on it.

The sample is no part of this repository; without the folder beside it the tests that use it are skipped.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import duckdb
import pytest
import yaml

PROJECT = Path(__file__).parents[1]
SAMPLE = PROJECT.parent / "shared" / "data" / "snowplow_web"
SOURCE_FILES = {
    "events": "snowplow_web_events.csv",
    "com_snowplowanalytics_snowplow_consent_preferences_1": "snowplow_web_consent_preferences.csv",
    "com_snowplowanalytics_snowplow_cmp_visible_1": "snowplow_web_consent_cmp_visible.csv",
}

needs_sample = pytest.mark.skipif(
    not SAMPLE.is_dir(), reason=f"the open Snowplow sample is not at {SAMPLE}"
)


def build(folder: Path, *, as_of: str, settings: Mapping[str, object]) -> Path:
    """Land the sample as the only source, and run every model on it.

    Args:
        folder: An empty folder, for the warehouse file and what dbt leaves.
        as_of: What the models take for now.
        settings: Variables of dbt_project.yml that differ.

    Returns:
        The warehouse file.
    """
    warehouse = folder / "kenning.duckdb"
    with duckdb.connect(
        str(warehouse), config={"storage_compatibility_version": "v1.5.0"}
    ) as connection:
        connection.execute("create schema snowplow")
        for table, file in SOURCE_FILES.items():
            connection.execute(
                f"create table snowplow.{table} as from read_csv(?, all_varchar = true)",
                [str(SAMPLE / "source" / file)],
            )
    variables = {"sources": ["snowplow"], "as_of": as_of, **settings}
    for command in ("seed", "run"):
        run = subprocess.run(
            [
                Path(sys.executable).with_name("dbt"),
                command,
                f"--vars={yaml.safe_dump(variables)}",
                f"--project-dir={PROJECT}",
                f"--profiles-dir={PROJECT}",
                f"--target-path={folder / 'target'}",
                f"--log-path={folder / 'logs'}",
                "--quiet",
            ],
            env={**os.environ, "KENNING_DUCKDB_PATH": str(warehouse)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, run.stdout[-4000:]
    return warehouse


def expected_file(name: str) -> str:
    """The path of one expected table."""
    return str(SAMPLE / "expected" / f"snowplow_web_{name}_expected.csv")
