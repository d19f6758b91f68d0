"""Conditions on the rows that belong to a member: one grouped scan a relation for all of them.

Each scan says as many aggregates as its leaves need, and reads no row that none of them asks
about. What happened since another event needs to know when that was last: one scan more.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from string import Template

from sqlglot import exp

from audiences.catalogue import Catalogue, Entity, Relation
from audiences.conditions import (
    Aggregate,
    Ago,
    Comparator,
    Literal,
    RelatedRows,
    Rows,
)
from audiences.expressions import COMPARISONS
from audiences.layout import LINE_LENGTH, call, in_brackets, indented, joined
from audiences.literals import ago, literal
from audiences.naming import aggregate_words, subject_words, unique_names
from audiences.parts import Border, Part, borders_of, joined_parts
from audiences.scans import Scan, asked_text, prefilter, scan_of

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
_ZERO_OF_NONE = frozenset({Aggregate.COUNT, Aggregate.SUM, Aggregate.DISTINCT})


def related_part(
    leaves: Iterable[RelatedRows], entity: Entity, catalogue: Catalogue
) -> Part:
    """The queries of all leaves over related rows, and what they say."""
    by_relation: dict[str, list[RelatedRows]] = {}
    for leaf in dict.fromkeys(leaves):
        by_relation.setdefault(leaf.rows.relation, []).append(leaf)
    anchors = unique_names(
        (leaf.since for own in by_relation.values() for leaf in own if leaf.since),
        lambda rows: f"last_{subject_words(rows)}",
    )
    parts = [
        _relation_part(by_relation[name], name, anchors, entity, catalogue)
        for name in catalogue.relations
        if name in by_relation
    ]
    # An anchor that anybody reads in full is read in full for all.
    early = frozenset(name for part in parts for name in part.early)
    queries = {
        name: _anchor(
            rows,
            _scan(rows.relation, entity, catalogue, tells_changes=name not in early),
        )
        for rows, name in anchors.items()
    }
    return joined_parts([Part(queries=queries), *parts])


def _relation_part(
    leaves: Sequence[RelatedRows],
    name: str,
    anchors: Mapping[Rows, str],
    entity: Entity,
    catalogue: Catalogue,
) -> Part:
    """The leaves over one relation: all of them are compared where any of its models needs it."""
    relations = {name} | {leaf.since.relation for leaf in leaves if leaf.since}
    scans = [scan_of(catalogue, each, entity) for each in sorted(relations)]
    tells_changes = all(scan.tells_changes for scan in scans)
    scan = _scan(name, entity, catalogue, tells_changes=tells_changes)
    columns = _columns(leaves)
    used = [anchors[leaf.since] for leaf in leaves if leaf.since]
    return Part(
        queries={name: _aggregates(columns, scan, anchors)},
        joined=(name,),
        flags={leaf: _flag(leaf, name, columns[_measure(leaf)]) for leaf in leaves},
        reads=frozenset(model for each in scans for model in each.reads)
        if tells_changes
        else frozenset(),
        borders=_leaves_borders(leaves, catalogue) if tells_changes else frozenset(),
        compared=frozenset() if tells_changes else frozenset(leaves),
        early=frozenset() if tells_changes else frozenset([name, *used]),
    )


def _scan(
    relation: str, entity: Entity, catalogue: Catalogue, *, tells_changes: bool
) -> Scan:
    scan = scan_of(catalogue, relation, entity)
    return replace(scan, tells_changes=tells_changes and scan.tells_changes)


def _leaves_borders(
    leaves: Sequence[RelatedRows], catalogue: Catalogue
) -> frozenset[Border]:
    return frozenset(
        border
        for leaf in leaves
        for rows in (leaf.rows, leaf.since)
        if rows is not None
        for border in (
            _borders(rows, catalogue.relations[rows.relation])
            | _result_borders(leaf, catalogue.relations[leaf.rows.relation])
        )
    )


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
