"""Works out who was in an audience at a past instant, from the facts, in a copy of the warehouse.

The audience may be new: it is worked out as it is defined today. Facts are those known today with
a time up to the instant, and customers are who they are today.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlglot import exp

from audiences.errors import UnknownAudienceError, UnrecordedError
from audiences.history import MEMBERSHIPS, SIZES, Recorded, recorded_members
from audiences.names import ID_COLUMNS, audience_model
from orchestration.errors import BuildError
from orchestration.parsing import prepare_manifest
from orchestration.progress import Progress, Tell, keep_silent
from orchestration.scratch import copy_warehouse, open_scratch, run_dbt
from orchestration.workspace import Workspace, read_manifest
from warehouse.connection import Warehouse, open_warehouse
from warehouse.manifest import Manifest, Model

STAGE = "backdating"

_PROFILES = "path:models/core"
_AUDIENCES = "path:models/audiences"


@dataclass(frozen=True, slots=True)
class Agreement:
    """What was recorded at the instant, compared with what was worked out.

    Attributes:
        both_count: Members by both.
        only_recorded_count: Recorded and not worked out: facts were corrected or arrived since.
        only_worked_out_count: Worked out and not recorded, likewise.
        gone_count: Recorded, and no customer any more.
    """

    both_count: int
    only_recorded_count: int
    only_worked_out_count: int
    gone_count: int


@dataclass(frozen=True, slots=True)
class Backdated:
    """An audience at a past instant, worked out.

    Attributes:
        name: The audience.
        as_of: The instant, UTC.
        groups: The split group of each member, by id, in the order of the ids.
        agreement: None when nothing was recorded then.
    """

    name: str
    as_of: datetime
    groups: Mapping[str, str | None]
    agreement: Agreement | None

    @property
    def group_sizes(self) -> Mapping[str | None, int]:
        """Members by split group, in the order of the groups' names."""
        counts = Counter(self.groups.values())
        return {group: counts[group] for group in sorted(counts, key=lambda g: g or "")}


def backdate(
    workspace: Workspace, name: str, as_of: datetime, *, tell: Tell = keep_silent
) -> Backdated:
    """Build profiles and the audience once more, for the instant.

    Args:
        workspace: Whose warehouse; nothing in it is written.
        name: The audience, as the project defines it now.
        as_of: The instant, UTC.
        tell: Hears the progress.

    Raises:
        UnknownAudienceError: The project has no such audience.
        BuildError: dbt cannot build it; the message is its own.
        WarehouseMissingError: Nothing was built yet.
    """
    tell(Progress(STAGE, "dbt parses the project"))
    prepare_manifest(workspace)
    model = _model(read_manifest(workspace), name)
    with open_scratch(workspace, purpose="backdating", as_of=as_of) as scratch:
        tell(Progress(STAGE, "copying the warehouse"))
        copy_warehouse(workspace.target, scratch.target)
        tell(Progress(STAGE, "building profiles and the audience"))
        complaint = run_dbt(
            scratch,
            [_PROFILES, f"+{model.name},{_AUDIENCES}"],
            is_full_refresh=True,
        )
        if complaint is not None:
            raise BuildError(
                f"dbt cannot build {model.name} for {as_of:%Y-%m-%d %H:%M} UTC: "
                f"{complaint.reason}. The warehouse is as it was and the copy is deleted. If "
                "models have changed since the last build, run `kenning build` first, then try "
                "again."
            )
        with open_warehouse(scratch.target, read_only=True) as warehouse:
            groups = _groups(warehouse, model)
            recorded = _recorded(warehouse, name, as_of)
    tell(Progress(STAGE, "worked out, and the copy is deleted", is_done=True))
    return Backdated(
        name,
        as_of,
        groups,
        agreement=None if recorded is None else agreement(recorded, groups),
    )


def agreement(recorded: Recorded, groups: Mapping[str, str | None]) -> Agreement:
    """Members as recorded against members as worked out, by the ids they have now."""
    is_of_customers = any(member.customer_id for member in recorded.members)
    then = {
        member.customer_id if is_of_customers else member.member_id
        for member in recorded.members
    } - {None}
    gone = sum(
        is_of_customers and member.customer_id is None for member in recorded.members
    )
    return Agreement(
        both_count=len(then & groups.keys()),
        only_recorded_count=len(then - groups.keys()),
        only_worked_out_count=len(groups.keys() - then),
        gone_count=gone,
    )


def _model(manifest: Manifest, name: str) -> Model:
    wanted = audience_model(name)
    audiences = {
        model.name: model
        for model in manifest.models.values()
        if model.layer == "audiences"
        and model.name.startswith(audience_model(""))
        and model.name not in (MEMBERSHIPS.name, SIZES.name)
    }
    if wanted not in audiences:
        names = ", ".join(
            sorted(each.removeprefix(audience_model("")) for each in audiences)
        )
        raise UnknownAudienceError(
            f"The project has no audience '{name}'. Audiences: {names or 'none'}. If it was just "
            "written, run `kenning audiences compile` first."
        )
    return audiences[wanted]


def _groups(warehouse: Warehouse, model: Model) -> dict[str, str | None]:
    columns = {
        column.name
        for column in warehouse.columns(model.relation.schema, model.relation.name)
    }
    id_column = next(each for each in ID_COLUMNS.values() if each in columns)
    group = "split_group" if "split_group" in columns else exp.null()
    rows = warehouse.query(
        exp.select(id_column, group)
        .from_(model.relation.to_table())
        .order_by(id_column)
    )
    return {
        str(member): None if group is None else str(group) for member, group in rows
    }


def _recorded(warehouse: Warehouse, name: str, as_of: datetime) -> Recorded | None:
    try:
        return recorded_members(warehouse, name, as_of)
    except (UnknownAudienceError, UnrecordedError):
        return None
