"""Every audience there is: as defined, and as built last."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from audiences import preview_queries as queries
from audiences.history import SIZES
from audiences.memberships import plain_audiences
from audiences.preview_evaluation import instant, is_there
from audiences.preview_values import whole
from audiences.project import read_project
from warehouse.connection import Warehouse


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was recorded of an audience on the last day that it was.

    Attributes:
        recorded_at: When last, UTC.
        entered_count: Who entered on that day.
        exited_count: Who left on that day.
    """

    recorded_at: datetime
    member_count: int
    entered_count: int
    exited_count: int


@dataclass(frozen=True, slots=True)
class Listed:
    """One audience.

    Attributes:
        owner: None for a plain dbt model, as is purpose.
        recorded: None when it was never built.
    """

    name: str
    entity: str
    owner: str | None
    purpose: str | None
    recorded: Recorded | None


def read_listing(warehouse: Warehouse, root: Path) -> tuple[Listed, ...]:
    """Every audience of the project, in the order of the names.

    Args:
        warehouse: Open; the published file will do.
        root: The project.

    Raises:
        DefinitionError: With everything wrong in definitions.
    """
    recorded = _recorded(warehouse)
    audiences = [
        Listed(
            name=definition.name,
            entity=definition.entity,
            owner=definition.owner.name,
            purpose=definition.purpose,
            recorded=recorded.get(definition.name),
        )
        for definition in read_project(root).definitions
    ]
    audiences += [
        Listed(plain.name, plain.entity, None, None, recorded.get(plain.name))
        for plain in plain_audiences(root)
    ]
    return tuple(sorted(audiences, key=lambda audience: audience.name))


def _recorded(warehouse: Warehouse) -> dict[str, Recorded]:
    if not is_there(warehouse, SIZES):
        return {}
    rows = warehouse.query(
        queries.filled(queries.LATEST_SIZES, {"sizes": SIZES.to_table()})
    )
    return {
        str(name): Recorded(
            instant(recorded_at), whole(members), whole(entered), whole(exited)
        )
        for name, recorded_at, members, entered, exited in rows
    }
