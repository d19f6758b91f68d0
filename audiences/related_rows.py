"""Conditions on the rows that belong to a member: one grouped scan a relation for all of them.

Each scan says as many aggregates as its leaves need, and reads no row that none of them asks
about. What happened since another event needs to know when that was last: one scan more.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from string import Template

from sqlglot import exp

from audiences.catalogue import EVENT_NAME, Catalogue, Entity, Link, Relation
from audiences.conditions import (
    Aggregate,
    Ago,
    AllOf,
    Comparator,
    Condition,
    Leaf,
    Literal,
    Membership,
    RelatedRows,
    Rows,
)
from audiences.expressions import COMPARISONS, row_condition
from audiences.layout import LINE_LENGTH, call, in_brackets, indented, joined
from audiences.literals import AS_OF, ago, literal, text_literal
from audiences.naming import aggregate_words, subject_words, unique_names
from audiences.parts import Border, Part, borders_of

_SCAN = Template("""\
    select
        $id,
$columns

$source
$where
    group by $id
""")

_FUNCTIONS: Mapping[Aggregate, str] = {
    Aggregate.COUNT: "count",
    Aggregate.SUM: "sum",
    Aggregate.MIN: "min",
    Aggregate.MAX: "max",
    Aggregate.AVERAGE: "avg",
    Aggregate.DISTINCT: "count",
}
_ROOM_FOR_CASE = 70
CHANGE_MARK = "changed_run"
"""The column by which a table tells which of its rows are new."""

_ZERO_OF_NONE = frozenset({Aggregate.COUNT, Aggregate.SUM, Aggregate.DISTINCT})


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


def related_part(
    leaves: Iterable[RelatedRows], entity: Entity, catalogue: Catalogue
) -> Part:
    """The queries of all leaves over related rows, and what they say."""
    leaves = list(dict.fromkeys(leaves))
    anchors = unique_names(
        (leaf.since for leaf in leaves if leaf.since),
        lambda rows: f"last_{subject_words(rows)}",
    )
    queries: dict[str, str] = {}
    flags: dict[Leaf, str] = {}
    reads: set[str] = set()
    borders: set[Border] = set()
    compared: set[Leaf] = set()
    for rows, name in anchors.items():
        queries[name] = _anchor(rows, scan_of(catalogue, rows.relation, entity))
    for relation in catalogue.relations:
        own = [leaf for leaf in leaves if leaf.rows.relation == relation]
        if not own:
            continue
        scan = scan_of(catalogue, relation, entity)
        columns = _columns(own)
        queries[relation] = _aggregates(columns, scan, anchors)
        for leaf in own:
            flags[leaf] = _flag(leaf, relation, columns[_measure(leaf)])
            scans = [scan]
            if leaf.since:
                scans.append(scan_of(catalogue, leaf.since.relation, entity))
            for each in scans:
                reads |= each.reads if each.tells_changes else frozenset()
            if not scan.tells_changes:
                compared.add(leaf)
                continue
            borders |= _borders(leaf.rows, scan.relation)
            borders |= _result_borders(leaf, scan.relation)
            if leaf.since:
                borders |= _borders(leaf.since, scans[-1].relation)
    return Part(
        queries=queries,
        joined=tuple(name for name in queries if name not in anchors.values()),
        flags=flags,
        reads=frozenset(reads),
        borders=frozenset(borders),
        compared=frozenset(compared),
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


def _measure(leaf: RelatedRows) -> RelatedRows:
    """The leaf without what it compares with: leaves that share it share an aggregate."""
    return replace(leaf, comparator=Comparator.AT_LEAST, operand=Decimal(0))


def _columns(leaves: Sequence[RelatedRows]) -> Mapping[RelatedRows, str]:
    return unique_names((_measure(leaf) for leaf in leaves), aggregate_words)


def _anchor(rows: Rows, scan: Scan) -> str:
    column = f"max({rows.relation}.{scan.relation.time}) as happened_at"
    return _SCAN.substitute(
        id=scan.member_id,
        columns=indented(column, 2),
        source=scan.source(),
        where=scan.where(asked_text(rows)),
    ).replace("\n\n    where", "\n    where")


def _aggregates(
    columns: Mapping[RelatedRows, str], scan: Scan, anchors: Mapping[Rows, str]
) -> str:
    relation = scan.relation
    lines = [
        f"{_aggregate(leaf, anchors, relation, name)} as {name}"
        for leaf, name in columns.items()
    ]
    used = dict.fromkeys(anchors[leaf.since] for leaf in columns if leaf.since)
    joins = [
        f"left join {name} on {scan.member_id} = {name}.{scan.entity.id}"
        for name in used
    ]
    return _SCAN.substitute(
        id=scan.member_id,
        columns=indented(",\n".join(lines), 2),
        source=scan.source(*joins),
        where=scan.where(prefilter([leaf.rows for leaf in columns], relation)),
    ).replace("\n\n    where", "\n    where")


def _aggregate(
    leaf: RelatedRows, anchors: Mapping[Rows, str], relation: Relation, name: str
) -> str:
    conditions = asked_text(leaf.rows)
    if leaf.since:
        anchor = f"{anchors[leaf.since]}.happened_at"
        later = f"{relation.name}.{relation.time} > {anchor}"
        conditions.append(in_brackets(f"{anchor} is null\nor {later}"))
    value = f"{relation.name}.{leaf.column}" if leaf.column else "1"
    function = _FUNCTIONS[leaf.aggregate]
    distinct = "distinct " if leaf.aggregate is Aggregate.DISTINCT else ""
    if not conditions:
        counted = "*" if not leaf.column else value
        return f"{function}({distinct}{counted})"
    case = _case(conditions, value)
    if distinct:
        lines = indented("\n".join(["distinct", case]), 1)
        return f"{function}(\n{lines}\n)"
    room = LINE_LENGTH - len(name) - len("         as ,")
    return call(function, [case], room=room)


def _case(conditions: Sequence[str], value: str) -> str:
    text = joined("and", conditions)
    one_line = f"case when {text} then {value} end"
    if "\n" not in one_line and len(one_line) <= _ROOM_FOR_CASE:
        return one_line
    lines = [f"case\n    when\n{indented(text, 2)}", f"        then {value}", "end"]
    return "\n".join(lines)


def _flag(leaf: RelatedRows, relation: str, column: str) -> str:
    """The leaf as SQL over the grouped rows; true or false, for who has none too."""
    value: exp.Condition = exp.column(column, table=relation)
    if leaf.aggregate in _ZERO_OF_NONE:
        value = exp.func("coalesce", value, exp.Literal.number(0))
    right = exp.Placeholder(this="operand")
    compared = COMPARISONS[leaf.comparator](this=value, expression=right)
    text = compared.sql().lower().replace(":operand", _operand(leaf.operand))
    is_known = (
        leaf.aggregate in _ZERO_OF_NONE or leaf.comparator is Comparator.NOT_EQUALS
    )
    return (
        text if is_known else call("coalesce", [text, "false"], room=LINE_LENGTH - 60)
    )


def _operand(operand: Literal | Ago) -> str:
    return ago(operand) if isinstance(operand, Ago) else literal(operand)


def _borders(rows: Rows, relation: Relation) -> frozenset[Border]:
    happened = (
        {Border(relation.model, relation.time, 0)} if relation.time else frozenset()
    )
    asked = borders_of(rows.where, relation.model) | borders_of(
        rows.during, relation.model
    )
    return frozenset(happened) | asked


def _result_borders(leaf: RelatedRows, relation: Relation) -> frozenset[Border]:
    """An instant that is the result may be compared with one that moves."""
    if isinstance(leaf.operand, Ago) and leaf.column:
        return frozenset(
            {
                Border(
                    relation.model,
                    leaf.column,
                    leaf.operand.hours,
                    leaf.operand.is_date,
                )
            }
        )
    return frozenset()
