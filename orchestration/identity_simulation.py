"""Tries rules of identity on a copy of the warehouse, and says what they would change.

The copy is gone when it is over (`orchestration.scratch`); the warehouse is only read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from identity.comparison import Comparison
from identity.errors import ProposalError
from identity.proposal import Proposal, parse_proposal, proposed_variables
from identity.sample import copy_sample, identifier_sources
from identity.sandbox import (
    add_rows,
    compare,
    last_instant,
    remember,
    waiting_rules,
)
from orchestration.errors import BuildError
from orchestration.parsing import prepare_manifest
from orchestration.progress import Progress, Tell, keep_silent
from orchestration.scratch import (
    Complaint,
    Scratch,
    copy_warehouse,
    open_scratch,
    run_dbt,
)
from orchestration.workspace import Workspace, read_manifest
from warehouse.connection import open_warehouse
from warehouse.errors import KenningError
from warehouse.manifest import project_variables

STAGE = "simulation"
GRAPH = ("path:models/identity",)
EVERYTHING_AFTER = ("path:models/core", "path:models/audiences")


@dataclass(frozen=True, slots=True)
class Simulation:
    """What came of it.

    Attributes:
        comparison: Before and after.
        as_of: What both took for now, UTC.
        sample_size: Customers that were chosen; None when all were looked at.
        waiting_rules: Ids of link rules that were written since the last build. They are among what
            is tried.
    """

    comparison: Comparison
    as_of: datetime | None
    sample_size: int | None
    waiting_rules: tuple[str, ...]


def simulate(
    workspace: Workspace,
    rules_path: Path,
    *,
    sample_size: int | None = None,
    tell: Tell = keep_silent,
) -> Simulation:
    """Build the graph once more in a copy, by proposed rules, and compare.

    Args:
        workspace: Whose warehouse; nothing in it is written.
        rules_path: The proposal; `identity.proposal` says what may stand in it.
        sample_size: Choose so many customers, and leave audiences out; everybody otherwise.
        tell: Hears the progress.

    Raises:
        ProposalError: The file is missing, or says something that no model understands.
        NotBuiltError: The graph is not there yet.
        BuildError: dbt cannot build by these rules; the message is its own.
    """
    proposal = _read(rules_path)
    variables = project_variables(workspace.project_dir)
    with open_warehouse(workspace.target, read_only=True) as warehouse:
        as_of = last_instant(warehouse)
    with open_scratch(workspace, purpose="simulation", as_of=as_of) as sandbox:
        tell(Progress(STAGE, "copying the warehouse"))
        if sample_size is None:
            copy_warehouse(workspace.target, sandbox.target)
        else:
            _copy_sample(workspace, sandbox, variables, sample_size)
            tell(Progress(STAGE, "building the sample by the rules as they are"))
            _build(sandbox, GRAPH, variables={})
        with open_warehouse(sandbox.target) as warehouse:
            remember(warehouse)
            waiting = waiting_rules(warehouse)
            add_rows(warehouse, proposal)
        changed = proposed_variables(proposal, variables)
        tell(Progress(STAGE, "building identity by the proposed rules"))
        _build(sandbox, GRAPH, variables=changed)
        if sample_size is None:
            tell(Progress(STAGE, "building profiles and audiences"))
            _build(sandbox, EVERYTHING_AFTER, variables=changed)
        with open_warehouse(sandbox.target) as warehouse:
            comparison = compare(warehouse, with_audiences=sample_size is None)
    tell(Progress(STAGE, "compared, and the copy is deleted", is_done=True))
    return Simulation(
        comparison=comparison,
        as_of=as_of,
        sample_size=sample_size,
        waiting_rules=waiting,
    )


def _read(path: Path) -> Proposal:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ProposalError(
            f"{path} cannot be read ({reason}). Give --rules a YAML file; "
            "docs/how-to/review-identity.md has an example."
        ) from None
    return parse_proposal(text, where=str(path))


def _copy_sample(
    workspace: Workspace,
    sandbox: Scratch,
    variables: Mapping[str, object],
    size: int,
) -> None:
    prepare_manifest(workspace)
    relations = {
        model.name: model.relation for model in read_manifest(workspace).models.values()
    }
    with open_warehouse(sandbox.target) as warehouse:
        copy_sample(
            warehouse,
            workspace.target.path,
            identifier_sources(variables, relations),
            size=size,
        )


def _build(
    scratch: Scratch, select: Sequence[str], *, variables: Mapping[str, object]
) -> None:
    complaint = run_dbt(scratch, select, variables=variables)
    if complaint is not None:
        raise _failure(complaint)


def _failure(complaint: Complaint) -> KenningError:
    kind = ProposalError if complaint.is_compilation else BuildError
    return kind(
        f"dbt cannot build by the proposed rules: {complaint.reason}. The warehouse is as it was "
        "and the copy is deleted. Correct the file that --rules names; if models have changed "
        "since the last build, run `kenning build` first. Then try again."
    )
