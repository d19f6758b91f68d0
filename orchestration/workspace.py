"""Where one installation lives: its dbt project, its warehouse, and what its runs leave behind.

Paths and the dbt target only. Creates no folder and opens nothing by being imported.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from warehouse.errors import ConfigurationError
from warehouse.manifest import Manifest, load_manifest, project_variables
from warehouse.target import Target, load_target

PROJECT_DIR = Path(__file__).resolve().parent.parent
"""The checkout that this code runs from; it is the dbt project too."""

DATA_VARIABLE = "KENNING_DATA_DIR"
AS_OF_VARIABLE = "KENNING_AS_OF"


@dataclass(frozen=True, slots=True)
class Workspace:
    """One installation.

    `data_dir` holds everything that runs leave behind: the folder of the warehouse file, or
    KENNING_DATA_DIR. Two warehouses in two folders therefore share no state.
    """

    project_dir: Path
    target: Target
    data_dir: Path
    dbt_target_dir: Path

    @property
    def dagster_home(self) -> Path:
        """Dagster's run history and settings."""
        return self.data_dir / "dagster"

    @property
    def logs_dir(self) -> Path:
        """One log file per run started from the command line."""
        return self.data_dir / "logs"

    @property
    def published_path(self) -> Path:
        """The copy that BI tools may keep open."""
        return self.data_dir / "published" / "kenning.duckdb"

    @property
    def ledger_path(self) -> Path:
        """What the syncs have sent, batch by batch."""
        return self.data_dir / "ledger.sqlite"

    @property
    def truth_path(self) -> Path:
        """Who is who in the demo company; no model reads it."""
        return self.data_dir / "truth.duckdb"

    @property
    def report_path(self) -> Path:
        """The last report of the demo."""
        return self.data_dir / "report.json"

    @property
    def manifest_path(self) -> Path:
        """What dbt knows of the project."""
        return self.dbt_target_dir / "manifest.json"

    @property
    def clock_path(self) -> Path:
        """The instant at which the warehouse stands still, if it does (a demo's does)."""
        return self.data_dir / "as_of.txt"


def find_workspace(
    *,
    environ: Mapping[str, str] | None = None,
    project_dir: Path | None = None,
    target_name: str | None = None,
) -> Workspace:
    """The workspace that this process means.

    Args:
        environ: Environment to read; the process's own by default.
        project_dir: Folder with dbt_project.yml; the checkout by default.
        target_name: Target of profiles.yml; KENNING_TARGET or the profile's default otherwise.

    Raises:
        TargetError: profiles.yml does not name such a target.
    """
    environment = os.environ if environ is None else environ
    project = (project_dir or PROJECT_DIR).resolve()
    target = load_target(project, target_name, environ=environment)
    data_dir = environment.get(DATA_VARIABLE)
    return Workspace(
        project_dir=project,
        target=target,
        data_dir=(project / data_dir).resolve() if data_dir else target.path.parent,
        dbt_target_dir=(
            project / environment.get("DBT_TARGET_PATH", "target")
        ).resolve(),
    )


def read_manifest(workspace: Workspace) -> Manifest:
    """What dbt knows of the workspace's project, from its last parse.

    Raises:
        ManifestError: There is none, or it is unreadable.
    """
    return load_manifest(
        workspace.manifest_path, variables=project_variables(workspace.project_dir)
    )


def read_clock(
    workspace: Workspace, *, environ: Mapping[str, str] | None = None
) -> datetime | None:
    """The instant that "now" means here, when it is fixed; UTC without a zone.

    KENNING_AS_OF wins over the file that `set_clock` wrote. None: now is now.

    Raises:
        ConfigurationError: The value is no ISO 8601 instant.
    """
    environment = os.environ if environ is None else environ
    given = environment.get(AS_OF_VARIABLE, "")
    where = f"the environment variable {AS_OF_VARIABLE}"
    if not given and workspace.clock_path.is_file():
        given = workspace.clock_path.read_text(encoding="utf-8").strip()
        where = str(workspace.clock_path)
    return parse_instant(given, where=where) if given else None


def set_clock(workspace: Workspace, as_of: datetime) -> None:
    """Let the warehouse stand still at `as_of`, so that later runs read the same world."""
    workspace.clock_path.parent.mkdir(parents=True, exist_ok=True)
    workspace.clock_path.write_text(f"{format_instant(as_of)}\n", encoding="utf-8")


def parse_instant(text: str, *, where: str) -> datetime:
    """An ISO 8601 instant as UTC without a zone.

    Raises:
        ConfigurationError: It is none. The message names `where` it was given.
    """
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigurationError(
            f"'{text}' in {where} is no instant. Write it as YYYY-MM-DDTHH:MM:SS, in UTC."
        ) from None
    if instant.tzinfo is not None:
        instant = instant.astimezone(UTC).replace(tzinfo=None)
    return instant


def format_instant(instant: datetime) -> str:
    """The form in which dbt's `as_of` variable takes it, to the second."""
    return instant.replace(microsecond=0).isoformat()
