"""What a changed definition adds to an audience and removes from it, before it is merged."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlglot import exp

from audiences import preview_queries as queries
from audiences.errors import EntityMismatchError
from audiences.names import audience_model
from audiences.overlap import SCHEMA, built_audiences, id_column
from audiences.preview_candidate import Candidate
from audiences.preview_evaluation import Evaluated, evaluate, instant
from audiences.preview_examples import Mask, examples_of
from audiences.preview_queries import filled
from audiences.preview_values import whole
from warehouse.connection import Warehouse
from warehouse.values import Relation


@dataclass(frozen=True, slots=True)
class Difference:
    """An audience as it would be, against the members that it has.

    Attributes:
        as_of: What was taken for now: that of the last build, UTC.
        version: Of the definition that was given.
        built_version: Of the one that the members were built by; None when it has none.
        built_at: When they were worked out; before as_of in an audience that was not due.
        before_count: Members that it has; 0 when it was never built.
        after_count: Members that it would have.
        added: Some of those added: shown texts by column.
        removed: Some of those removed.
    """

    name: str
    as_of: datetime
    version: str
    built_version: str | None
    built_at: datetime | None
    before_count: int
    after_count: int
    added_count: int
    removed_count: int
    added: tuple[Mapping[str, str], ...]
    removed: tuple[Mapping[str, str], ...]


def read_difference(
    warehouse: Warehouse, candidate: Candidate, root: Path, *, mask: Mask
) -> Difference:
    """Compare an audience with its members as built last.

    Args:
        warehouse: Open; the published file will do.
        candidate: The audience, as a file has it.
        root: The project.
        mask: What makes values of members fit to be shown.

    Raises:
        UnbuiltModelError: A table that it reads is not there.
        EntityMismatchError: The audience that was built has members of another kind.
    """
    found = evaluate(warehouse, candidate, root)
    name = candidate.definition.name
    if name not in built_audiences(warehouse):
        return _of_nothing(found, mask)
    table = Relation(SCHEMA, audience_model(name))
    member_id = candidate.entity.id
    if id_column(warehouse, table) != member_id:
        raise EntityMismatchError(
            f"{name} was built with members of another kind, and the file has "
            f"{candidate.entity.name}s. Give the new audience a name of its own."
        )
    differing = filled(
        queries.DIFFERENCE,
        {
            "members": found.members,
            "others": queries.ids_of(table.to_table(), member_id),
        },
    )
    [(added, removed)] = warehouse.query(
        filled(queries.DIFFERENCE_COUNTS, {"differing": differing})
    )
    version, built_at = _built(warehouse, table)
    added_count, removed_count = whole(added), whole(removed)
    return Difference(
        name=name,
        as_of=found.as_of,
        version=candidate.audience.version,
        built_version=version,
        built_at=built_at,
        before_count=found.member_count - added_count + removed_count,
        after_count=found.member_count,
        added_count=added_count,
        removed_count=removed_count,
        added=examples_of(found, _those(differing, is_added=True), mask),
        removed=examples_of(found, _those(differing, is_added=False), mask),
    )


def _of_nothing(found: Evaluated, mask: Mask) -> Difference:
    return Difference(
        name=found.candidate.definition.name,
        as_of=found.as_of,
        version=found.candidate.audience.version,
        built_version=None,
        built_at=None,
        before_count=0,
        after_count=found.member_count,
        added_count=found.member_count,
        removed_count=0,
        added=examples_of(found, found.members, mask),
        removed=(),
    )


def _those(differing: exp.Query, *, is_added: bool) -> exp.Query:
    flag = exp.column("is_added", table="differing")
    return (
        exp.select("member_id")
        .from_(differing.copy().subquery("differing"))
        .where(flag if is_added else exp.not_(flag))
    )


def _built(warehouse: Warehouse, table: Relation) -> tuple[str | None, datetime | None]:
    rows = warehouse.query(
        exp.select("definition_version", "evaluated_at")
        .from_(table.to_table())
        .limit(1)
    )
    return (str(rows[0][0]), instant(rows[0][1])) if rows else (None, None)
