"""An audience worked out from the tables there are, without a build.

What is written are temporary tables of this connection, so the published file will do.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from string import Template

import sqlglot
from sqlglot import exp

from audiences import preview_queries as queries
from audiences.errors import UnbuiltModelError
from audiences.names import conditions_model
from audiences.preview_candidate import Candidate
from audiences.preview_queries import filled
from audiences.preview_rendering import Renderer, read_macros
from audiences.preview_values import whole
from warehouse.connection import Warehouse
from warehouse.publish import PUBLIC_SCHEMAS
from warehouse.values import Relation, Value

RUNS = Relation("identity", "identity_stats")

_CONDITIONS = "preview_conditions"
_MEMBERS = "preview_members"

_WHOLE = Template("""\
with

$name as (

$conditions

)

select * from (

$members

) as members""")


@dataclass(frozen=True, slots=True)
class Evaluated:
    """An audience that was worked out.

    Attributes:
        relations: What each model is called in a query, by its name.
        as_of: What was taken for now: that of the last build, UTC.
        base_count: Members that there could be: everybody with a profile.
        sizes: Members by split group; the group is None in an audience without.
    """

    warehouse: Warehouse
    candidate: Candidate
    renderer: Renderer
    relations: Mapping[str, str]
    as_of: datetime
    base_count: int
    sizes: Mapping[str | None, int]

    @property
    def member_count(self) -> int:
        """How many are in."""
        return sum(self.sizes.values())

    @property
    def members(self) -> exp.Table:
        """The members: member_id and split_group."""
        return exp.to_table(_MEMBERS)

    def count(self, model: str) -> int:
        """How many rows a model of this audience, or of a part of it, would have."""
        query = _query(self.renderer.sql(model, self.relations), self.warehouse)
        return _count(self.warehouse, query)


def evaluate(warehouse: Warehouse, candidate: Candidate, root: Path) -> Evaluated:
    """Work an audience out at the instant of the last build.

    Args:
        warehouse: Open; the published file will do.
        candidate: The audience.
        root: The project, whose macros are used.

    Raises:
        UnbuiltModelError: A table that it reads is not there, or nothing was built.
    """
    as_of = last_as_of(warehouse)
    renderer = Renderer(read_macros(root), engine=warehouse.dialect, as_of=as_of)
    relations = {
        **relations_of(warehouse),
        conditions_model(candidate.entity.name): _CONDITIONS,
    }
    conditions = renderer.sql(candidate.conditions_sql, relations)
    _make(warehouse, _CONDITIONS, _query(conditions, warehouse))
    members = _query(renderer.sql(candidate.audience.sql, relations), warehouse)
    member_id = exp.alias_(exp.column(candidate.entity.id), "member_id")
    _make(
        warehouse,
        _MEMBERS,
        exp.select(member_id, "split_group").from_(members.subquery("members")),
    )
    sizes = warehouse.query(filled(queries.SIZES, {"members": exp.to_table(_MEMBERS)}))
    return Evaluated(
        warehouse=warehouse,
        candidate=candidate,
        renderer=renderer,
        relations=relations,
        as_of=as_of,
        base_count=_count(warehouse, exp.to_table(_CONDITIONS)),
        sizes={
            None if group is None else str(group): whole(count)
            for group, count in sizes
        },
    )


def whole_sql(warehouse: Warehouse, candidate: Candidate, root: Path) -> str:
    """One query that gives the members, to be run by anybody who has the same tables.

    Raises:
        UnbuiltModelError: A table that it reads is not there, or nothing was built.
    """
    name = conditions_model(candidate.entity.name)
    renderer = Renderer(
        read_macros(root), engine=warehouse.dialect, as_of=last_as_of(warehouse)
    )
    relations = {**relations_of(warehouse), name: name}
    conditions = renderer.sql(candidate.conditions_sql, relations)
    members = renderer.sql(candidate.audience.sql, relations)
    return _WHOLE.substitute(name=name, conditions=conditions, members=members)


def last_as_of(warehouse: Warehouse) -> datetime:
    """What the last build took for now, UTC.

    Raises:
        UnbuiltModelError: Nothing was built.
    """
    rows = (
        warehouse.query(filled(queries.LAST_RUN, {"runs": RUNS.to_table()}))
        if is_there(warehouse, RUNS)
        else []
    )
    if not rows:
        raise UnbuiltModelError(
            f"{RUNS} says of no build. Build the warehouse with `kenning build`."
        )
    return instant(rows[0][0])


def relations_of(warehouse: Warehouse) -> Mapping[str, str]:
    """What every public table is called in a query, by its name."""
    return {
        name: f"{schema}.{name}"
        for schema, name in sorted(warehouse.tables())
        if schema in PUBLIC_SCHEMAS
    }


def is_there(warehouse: Warehouse, relation: Relation) -> bool:
    """Whether the warehouse has a table."""
    return bool(warehouse.columns(relation.schema, relation.name))


def instant(value: Value) -> datetime:
    """A timestamp as Python has it."""
    return value if isinstance(value, datetime) else datetime.fromisoformat(str(value))


def _query(sql: str, warehouse: Warehouse) -> exp.Select:
    """Compiled SQL, to be part of another query."""
    return sqlglot.parse_one(sql, dialect=warehouse.dialect, into=exp.Select)


def _count(warehouse: Warehouse, rows: exp.Query | exp.Table) -> int:
    counted = filled(queries.COUNT, {"counted": rows})
    return whole(warehouse.query(counted)[0][0])


def _make(warehouse: Warehouse, name: str, query: exp.Select) -> None:
    create = query.ctas(name)
    create.set("replace", value=True)
    create.set("properties", exp.Properties(expressions=[exp.TemporaryProperty()]))
    warehouse.execute(create)
