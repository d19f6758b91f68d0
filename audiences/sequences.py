"""Conditions on the order of events: each step is later than the former, and soon enough.

A row that is a step knows the latest first step from which it is reached, as every step on the
way allowed; the latest is the one that a limit on the whole span is kept with, if with any. So
one pass over a member's events finds the sequence, however many events there are.
"""

from collections.abc import Iterable
from string import Template

from audiences.catalogue import Catalogue, Entity
from audiences.conditions import Ago, AllOf, Condition, Rows, Sequence, Step
from audiences.expressions import row_condition
from audiences.layout import call, indented, joined
from audiences.literals import ago, literal
from audiences.naming import digest
from audiences.parts import Border, Part, borders_of, joined_parts
from audiences.scans import Scan, asked_of, prefilter, scan_of

_DIGEST_LENGTH = 8
_MICROSECONDS_AN_HOUR = 3_600_000_000

_STEPS = Template("""\
    select
        $id,
        $time as happened_at,
        {{ epoch_microseconds('$time') }} as instant,
$steps

$source
$where
""")

_STEP = Template("""\
    select
        $former.*,
        case
            when $former.is_step_$index
                then
                    max($start) over (
                        partition by $former.$id
                        order by $former.instant
                        range between $before preceding and 1 preceding
                    )
        end as start_$index

    from $former
""")

_FIRST = Template("""\
    select
        $former.*,
        case
            when $former.is_step_1 then $former.instant
        end as start_1$absent

    from $former
""")

_ABSENT = Template(""",
        count(case when $former.is_absent_step then 1 end) over (
            partition by $former.$id
            order by $former.instant
            range between 1 following and $after following
        ) as absent_count""")

_FOUND = Template("""\
    select $last.$id
    from $last
    where
$where
    group by $last.$id
""")


def sequences_part(
    leaves: Iterable[Sequence], entity: Entity, catalogue: Catalogue
) -> Part:
    """The queries of all sequences, and what they say."""
    names = {leaf: f"sequence_{digest(leaf, _DIGEST_LENGTH)}" for leaf in leaves}
    return joined_parts(
        _sequence_part(leaf, name, scan_of(catalogue, leaf.relation, entity))
        for leaf, name in names.items()
    )


def _sequence_part(leaf: Sequence, name: str, scan: Scan) -> Part:
    queries = _queries(leaf, name, scan)
    is_told = scan.tells_changes
    return Part(
        queries=queries,
        joined=(name,),
        flags={leaf: f"{name}.{scan.entity.id} is not null"},
        reads=scan.reads if is_told else frozenset(),
        borders=frozenset(_borders(leaf, scan)) if is_told else frozenset(),
        compared=frozenset() if is_told else frozenset([leaf]),
        early=frozenset() if is_told else frozenset(queries),
    )


def _queries(leaf: Sequence, name: str, scan: Scan) -> dict[str, str]:
    member_id = scan.entity.id
    former = f"{name}_rows"
    queries = {former: _step_rows(leaf, scan)}
    absent = ""
    if leaf.absent:
        after = _microseconds(leaf.absent.hours)
        absent = _ABSENT.substitute(former=former, id=member_id, after=after)
    queries[f"{name}_step_1"] = _FIRST.substitute(former=former, absent=absent)
    for index, step in enumerate(leaf.steps[1:], start=2):
        former = f"{name}_step_{index - 1}"
        queries[f"{name}_step_{index}"] = _STEP.substitute(
            former=former,
            id=member_id,
            index=index,
            start=f"{former}.start_{index - 1}",
            before=_microseconds(step.hours),
        )
    last = f"{name}_step_{len(leaf.steps)}"
    queries[name] = _FOUND.substitute(
        last=last, id=member_id, where=indented(joined("and", _found(leaf, last)), 2)
    )
    return queries


def _microseconds(hours: int | None) -> str:
    return "unbounded" if hours is None else str(hours * _MICROSECONDS_AN_HOUR)


def _found(leaf: Sequence, last: str) -> list[str]:
    start = f"{last}.start_{len(leaf.steps)}"
    conditions = [f"{start} is not null"]
    if leaf.span_hours is not None:
        span = leaf.span_hours * _MICROSECONDS_AN_HOUR
        conditions.append(f"{last}.instant - {start} <= {span}")
    if leaf.absent:
        conditions.append(f"{last}.absent_count = 0")
        if leaf.absent.hours is not None:
            conditions.append(f"{last}.happened_at <= {ago(Ago(leaf.absent.hours))}")
    return conditions


def _step_rows(leaf: Sequence, scan: Scan) -> str:
    rows = scan.relation.name
    steps = [
        (f"is_step_{index}", _asked(step.rows, leaf))
        for index, step in enumerate(leaf.steps, start=1)
    ]
    if leaf.absent:
        steps.append(("is_absent_step", asked_of(leaf.absent.rows)))
    lines = [f"{_two_valued(asked, rows)} as {name}" for name, asked in steps]
    asked_rows = [step.rows for step in _all_steps(leaf)]
    return _STEPS.substitute(
        id=scan.member_id,
        time=f"{rows}.{scan.relation.time}",
        steps=indented(",\n".join(lines), 2),
        source=scan.source(),
        where=scan.where(
            [*prefilter(asked_rows, scan.relation), *_not_before(leaf, scan)]
        ),
    ).replace("\n\n    where", "\n    where")


def _two_valued(condition: Condition | None, rows: str) -> str:
    if condition is None:
        return "true"
    return call("coalesce", [row_condition(condition, rows), "false"])


def _asked(rows: Rows, leaf: Sequence) -> Condition | None:
    """What makes a row a step: what the step asks, in the time of the whole sequence."""
    parts = (asked_of(rows), leaf.during)
    asked = tuple(part for part in parts if part is not None)
    return AllOf(asked) if asked else None


def _not_before(leaf: Sequence, scan: Scan) -> list[str]:
    """No row before the time of the sequence can be a step, nor what a step is not followed by."""
    if leaf.during is None:
        return []
    low = leaf.during.low
    start = ago(low) if isinstance(low, Ago) else literal(low)
    return [f"{scan.relation.name}.{scan.relation.time} >= {start}"]


def _all_steps(leaf: Sequence) -> list[Step]:
    return [*leaf.steps, *([leaf.absent] if leaf.absent else [])]


def _borders(leaf: Sequence, scan: Scan) -> set[Border]:
    model, time = scan.relation.model, scan.relation.time
    assert time is not None  # noqa: S101 - reading admits relations with a time only
    borders = {Border(model, time, 0)} | borders_of(leaf.during, model)
    if leaf.absent and leaf.absent.hours is not None:
        borders |= {Border(model, time, leaf.absent.hours)}
    for step in _all_steps(leaf):
        borders |= borders_of(step.rows.where, model) | borders_of(
            step.rows.during, model
        )
    return set(borders)
