"""How audiences share members, as built last."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from sqlglot import exp

from audiences import preview_queries as queries
from audiences.errors import UnknownAudienceError
from audiences.history import MEMBERSHIPS, SIZES
from audiences.names import ID_COLUMNS, audience_model
from audiences.preview_values import share, whole
from warehouse.connection import Warehouse
from warehouse.values import Relation

SCHEMA = "audiences"


@dataclass(frozen=True, slots=True)
class Overlaps:
    """Audiences of one entity, and how many members each two have in common.

    Attributes:
        sizes: Members by audience, in the order of the names.
        both: Members that two audiences share, by their names in order; a pair that shares none
            is left out.
    """

    entity: str
    sizes: Mapping[str, int]
    both: Mapping[tuple[str, str], int]

    def both_count(self, name: str, other: str) -> int:
        """Members of both; of an audience and itself, all."""
        if name == other:
            return self.sizes[name]
        return self.both.get((min(name, other), max(name, other)), 0)

    def share(self, name: str, other: str) -> float:
        """How much of an audience is in another too, 0 to 1."""
        return share(self.both_count(name, other), self.sizes[name])


def read_overlaps(
    warehouse: Warehouse, names: Sequence[str] = ()
) -> tuple[Overlaps, ...]:
    """The overlaps of audiences, one entity after another.

    Args:
        warehouse: Open; the published file will do.
        names: Of audiences; all that were built, where there are none.

    Raises:
        UnknownAudienceError: One was not built.
    """
    tables = {
        name: members_table(warehouse, name)
        for name in sorted(set(names) or built_audiences(warehouse))
    }
    ids = {name: id_column(warehouse, table) for name, table in tables.items()}
    return tuple(
        _overlaps(warehouse, entity, member_id, own)
        for entity, member_id in ID_COLUMNS.items()
        if (own := {name: tables[name] for name in tables if ids[name] == member_id})
    )


def built_audiences(warehouse: Warehouse) -> tuple[str, ...]:
    """The names of all audiences that have a table, in order."""
    prefix = audience_model("")
    return tuple(
        sorted(
            name.removeprefix(prefix)
            for schema, name in warehouse.tables()
            if schema == SCHEMA
            and name.startswith(prefix)
            and name not in (MEMBERSHIPS.name, SIZES.name)
        )
    )


def members_table(warehouse: Warehouse, name: str) -> Relation:
    """The table of an audience.

    Raises:
        UnknownAudienceError: There is none.
    """
    known = built_audiences(warehouse)
    if name in known:
        return Relation(SCHEMA, audience_model(name))
    near = get_close_matches(name, known, n=1)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    names = f" Built are: {', '.join(known)}." if known else ""
    raise UnknownAudienceError(
        f"No audience '{name}' was built.{hint}{names} A new one is built by `kenning build`."
    )


def id_column(warehouse: Warehouse, table: Relation) -> str | None:
    """The column of the members' ids; None when the table has none."""
    columns = {column.name for column in warehouse.columns(table.schema, table.name)}
    return next((each for each in ID_COLUMNS.values() if each in columns), None)


def _overlaps(
    warehouse: Warehouse, entity: str, member_id: str, tables: Mapping[str, Relation]
) -> Overlaps:
    first, *others = [
        exp.select(
            exp.alias_(exp.Literal.string(name), "name"),
            exp.alias_(exp.column(member_id), "member_id"),
        ).from_(table.to_table())
        for name, table in tables.items()
    ]
    members: exp.Query = first
    for other in others:
        members = exp.union(members, other, distinct=False)
    both = {
        (str(name), str(other)): whole(count)
        for name, other, count in warehouse.query(
            queries.filled(queries.OVERLAPS, {"members": members})
        )
    }
    return Overlaps(
        entity=entity,
        sizes={name: both.get((name, name), 0) for name in tables},
        both={pair: count for pair, count in both.items() if pair[0] != pair[1]},
    )
