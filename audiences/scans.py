"""How rows are read for members: from which tables, and no row that nobody asks about."""

from collections.abc import Sequence
from dataclasses import dataclass

from audiences.catalogue import EVENT_NAME, Catalogue, Entity, Link, Relation
from audiences.conditions import Ago, AllOf, Condition, Membership, Rows
from audiences.expressions import row_condition
from audiences.layout import LINE_LENGTH, in_brackets, indented, joined
from audiences.literals import AS_OF, ago, text_literal

CHANGE_MARK = "changed_run"
"""The column by which a table tells which of its rows are new."""


@dataclass(frozen=True, slots=True)
class Scan:
    """A relation as it is read for members of an entity.

    Attributes:
        tells_changes: Whether its models say which rows changed. Of one that does not, all
            rows are read, and what they say is compared with what they said.
    """

    relation: Relation
    entity: Entity
    link: Link | None
    tells_changes: bool

    @property
    def member_id(self) -> str:
        """The column of the member's id."""
        rows = self.link.model if self.link else self.relation.name
        return f"{rows}.{self.entity.id}"

    @property
    def reads(self) -> frozenset[str]:
        """The models behind it."""
        models = {self.relation.model} | ({self.link.model} if self.link else set())
        return frozenset(models)

    def source(self, *joins: str) -> str:
        """The from clause, with only those members that are looked at."""
        name, relation = self.relation.name, self.relation
        lines = [f"from {{{{ ref('{relation.model}') }}}} as {name}"]
        if self.link:
            link = self.link.model
            lines += [
                f"inner join {{{{ ref('{link}') }}}} as {link}",
                "    on",
                f"        {name}.{relation.key} = {link}.{relation.key}",
                f"        and {link}.{self.link.where}",
            ]
        if self.tells_changes:
            lines += [
                "{% if is_incremental() %}",
                f"inner join touched on {self.member_id} = touched.{self.entity.id}",
                "{% endif %}",
            ]
        return indented("\n".join([*lines, *joins]), 1)

    def where(self, conditions: Sequence[str]) -> str:
        """The where clause: nothing that has not happened, and what else is given."""
        column = f"{self.relation.name}.{self.relation.time}"
        happened = [f"{column} <= {AS_OF}"] if self.relation.time else []
        texts = [*happened, *conditions]
        if not texts:
            return ""
        return "\n" + indented(f"where\n{indented(joined('and', texts), 1)}", 1)


def scan_of(catalogue: Catalogue, relation: str, entity: Entity) -> Scan:
    """How a relation is read for the members of an entity."""
    found = catalogue.relations[relation]
    link = catalogue.link(found.key, entity.id)
    models = [found.model, *([link.model] if link else [])]
    return Scan(
        found,
        entity,
        link,
        all(CHANGE_MARK in catalogue.models[model] for model in models),
    )


def asked_of(rows: Rows) -> Condition | None:
    """Everything that is asked of a row, in one condition; None when nothing is."""
    parts = (rows.only, rows.where, rows.during)
    asked = tuple(part for part in parts if part is not None)
    return AllOf(asked) if asked else None


def asked_text(rows: Rows) -> list[str]:
    """The same as SQL that `and` may stand beside, in a list of one, or of none."""
    condition = asked_of(rows)
    return [row_condition(condition, rows.relation)] if condition else []


def prefilter(asked: Sequence[Rows], relation: Relation) -> list[str]:
    """What every row has that any of these asks about, so that others are not looked at."""
    conditions = []
    names = _event_names(asked)
    if names:
        listed = ", ".join(text_literal(name) for name in names)
        conditions.append(_in_list(f"{relation.name}.{EVENT_NAME}", listed, names))
    starts = [rows.during.low if rows.during else None for rows in asked]
    hours = [start.hours for start in starts if isinstance(start, Ago)]
    if relation.time and starts and len(hours) == len(starts):
        earliest = ago(Ago(max(hours)))
        conditions.append(f"{relation.name}.{relation.time} >= {earliest}")
    return conditions


def _in_list(column: str, listed: str, names: Sequence[str]) -> str:
    if len(column) + len(listed) + 20 <= LINE_LENGTH:
        return f"{column} in ({listed})"
    lines = ",\n".join(text_literal(name) for name in names)
    return f"{column} in {in_brackets(lines)}"


def _event_names(asked: Sequence[Rows]) -> list[str]:
    names: set[str] = set()
    for rows in asked:
        match rows.only:
            case Membership(column, values, False) if column == EVENT_NAME:
                names.update(str(value) for value in values)
            case _:
                return []
    return sorted(names)
