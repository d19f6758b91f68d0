"""Which of those whom the conditions let in are members, and the groups they are drawn for.

Draws are made once and for all: a number for an id and a salt (draw_number), so nobody changes
sides between runs, and two audiences with one salt draw the same people.
"""

from string import Template

from audiences.definition import Definition, Sample, Split, Top
from audiences.layout import indented
from audiences.literals import jinja_text, text_literal

DRAWN_NUMBERS = 16**6
"""How many numbers there are to be drawn."""

_NOBODY = "cast(null as {{ dbt.type_string() }})"
HOLDOUT = "holdout"

_NUMBERED = Template("""\

$name as (

    select
        $rows.*,
$columns

    from $rows

),
""")

_KEPT = Template("""\

$name as (

    select $rows.*
    from $rows
    where $condition

),
""")


def selection_queries(definition: Definition, member_id: str) -> tuple[str, str]:
    """Queries after `eligible`, and the name of the last, which has the members alone.

    Of a split audience it has the columns that split_group_sql reads.
    """
    text, rows = "", "eligible"
    if definition.sample:
        added, rows = _sampled(definition.sample, rows, member_id)
        text += added
    if definition.top:
        added, rows = _highest(definition.top, rows, member_id)
        text += added
    if definition.split:
        added, rows = _drawn(definition.split, rows, member_id)
        text += added
    return text, rows


def split_group_sql(definition: Definition, rows: str) -> str:
    """The group of a member, as SQL over the last of selection_queries."""
    split = definition.split
    if split is None:
        return _NOBODY
    lines = ["case"]
    if split.holdout:
        border = _border(split.holdout.share)
        lines.append(f"    when {rows}.holdout_number < {border} then '{HOLDOUT}'")
    *others, (last, _) = split.groups
    total = sum(weight for _, weight in split.groups)
    reached = 0
    for name, weight in others:
        reached += weight
        condition = _is_below(split, rows, reached, total)
        lines += [
            "    when",
            f"        {condition}",
            f"        then {text_literal(name)}",
        ]
    if len(lines) == 1:
        return text_literal(last)
    lines += [f"    else {text_literal(last)}", "end"]
    return indented("\n".join(lines), 2).lstrip()


def _is_below(split: Split, rows: str, reached: int, total: int) -> str:
    if split.stratify_by is None:
        return f"{rows}.group_number * {total} < {reached * DRAWN_NUMBERS}"
    # Where the stratum begins is drawn too, else the first group would get every lone member.
    place = f"(({rows}.stratum_place - 1) * {DRAWN_NUMBERS} + {rows}.stratum_number)"
    border = f"{reached * DRAWN_NUMBERS} * {rows}.stratum_size"
    return f"{place} * {total}\n        < {border}"


def _sampled(sample: Sample, rows: str, member_id: str) -> tuple[str, str]:
    number = _draw(f"{rows}.{member_id}", "sample", sample.salt)
    if sample.share is not None:
        condition = f"{number} < {_border(sample.share)}"
        return _KEPT.substitute(
            name="sampled", rows=rows, condition=condition
        ), "sampled"
    order = indented(f"order by\n    {number},\n    {rows}.{member_id}", 1)
    place = f"row_number() over (\n{order}\n)"
    return _first(rows, "sampled", place, sample.count or 0)


def _highest(top: Top, rows: str, member_id: str) -> tuple[str, str]:
    column = f"{rows}.{top.column}"
    order = [
        f"case when {column} is null then 1 else 0 end",
        f"{column} desc" if top.is_highest else column,
    ]
    function = "rank()" if top.with_ties else "row_number()"
    if not top.with_ties:
        order.append(f"{rows}.{member_id}")
    lines = indented("order by\n" + indented(",\n".join(order), 1), 1)
    return _first(rows, "highest", f"{function} over (\n{lines}\n)", top.count)


def _first(rows: str, name: str, place: str, count: int) -> tuple[str, str]:
    column = f"{name}_place"
    numbered = _NUMBERED.substitute(
        name=f"{name}_placed", rows=rows, columns=indented(f"{place} as {column}", 2)
    )
    kept = _KEPT.substitute(
        name=name, rows=f"{name}_placed", condition=f"{name}_placed.{column} <= {count}"
    )
    return numbered + kept, name


def _drawn(split: Split, rows: str, member_id: str) -> tuple[str, str]:
    columns = []
    if split.holdout:
        number = _draw(f"{rows}.{member_id}", HOLDOUT, split.holdout.salt)
        columns.append(f"{number} as holdout_number")
    number = _draw(f"{rows}.{member_id}", "group", split.salt)
    columns.append(f"{number} as group_number")
    if split.stratify_by is not None:
        text_type = "{{ dbt.type_string() }}"
        stratum = f"cast({rows}.{split.stratify_by} as {text_type})"
        columns.append(f"coalesce({stratum}, '') as stratum_text")
    text = _NUMBERED.substitute(
        name="drawn", rows=rows, columns=indented(",\n".join(columns), 2)
    )
    if split.stratify_by is None:
        return text, "drawn"
    return text + _stratified(split, member_id), "placed"


def _stratified(split: Split, member_id: str) -> str:
    """Places in each stratum, in the order of the draw; the holdout takes none."""
    strata = [f"drawn.{split.stratify_by}"]
    if split.holdout:
        strata.append(f"drawn.holdout_number < {_border(split.holdout.share)}")
    partition = "partition by " + ", ".join(strata)
    columns = [
        "row_number() over (\n"
        + indented(f"{partition}\norder by drawn.group_number, drawn.{member_id}", 1)
        + "\n) as stratum_place",
        f"count(*) over ({partition}) as stratum_size",
        f"{_draw('drawn.stratum_text', 'stratum', split.salt)} as stratum_number",
    ]
    return _NUMBERED.substitute(
        name="placed", rows="drawn", columns=indented(",\n".join(columns), 2)
    )


def _draw(expression: str, what: str, salt: str) -> str:
    """A number drawn for an id; one for a sample tells nothing about one for a group."""
    salted = jinja_text(f"{what} {salt}")
    return f"{{{{ draw_number('{expression}', {salted}) }}}}"


def _border(share: float) -> int:
    return round(share * DRAWN_NUMBERS)
