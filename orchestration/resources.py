"""What steps are given from outside: dbt, and somebody to tell."""

from collections.abc import Mapping

import dagster as dg

from orchestration.dbt_project import InstalledDbt
from orchestration.parsing import dbt_executable
from orchestration.progress import Tell, keep_silent
from orchestration.workspace import Workspace


def build_resources(
    workspace: Workspace, *, tell: Tell = keep_silent
) -> Mapping[str, object]:
    """The resources of one code location.

    Args:
        workspace: Whose project dbt builds.
        tell: Hears the progress of runs in this process.
    """
    return {
        "dbt": InstalledDbt(
            project_dir=str(workspace.project_dir),
            profiles_dir=str(workspace.project_dir),
            target=workspace.target.name,
            dbt_executable=str(dbt_executable()),
        ),
        "tell": dg.ResourceDefinition.hardcoded_resource(tell),
    }
