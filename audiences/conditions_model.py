"""The model that says of everyone which conditions hold, for all audiences of an entity.

Every distinct leaf is one column, true or false, and everything it is read from is scanned
once. A later run looks at those again for whom something changed (audience_touched).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from string import Template

from audiences.catalogue import Catalogue, Entity
from audiences.conditions import (
    ColumnLeaf,
    InAudience,
    Leaf,
    RawSql,
    RelatedRows,
)
from audiences.conditions import Sequence as SequenceLeaf
from audiences.definition import Definition, Exclusion
from audiences.expressions import is_two_valued, leaf_sql
from audiences.layout import LINE_LENGTH, call, in_brackets, indented
from audiences.logic import leaves_of
from audiences.names import header, rows_of
from audiences.naming import leaf_words, unique_names
from audiences.parts import Border, Part, borders_of, joined_parts
from audiences.raw_sql import raw_sql_part
from audiences.related_rows import related_part
from audiences.sequences import sequences_part

_MODEL = Template("""\
$header

{{ config(
    materialized='incremental',
    incremental_strategy='replace_rows',
    unique_key='$id',
    on_schema_change='sync_all_columns',
    meta={'removed_when': 'changed_run is null'}
) }}

{% set touched = audience_touched(
    entity='$entity',
    reads=[$reads],
    windows=[$windows]$flags
) %}
{% set looked_at = 'touched' if is_incremental() else '$rows' %}

with

$rows as (

    select * from {{ ref('$profile') }}

),

$compared{% if is_incremental() %}
touched as (

    {{ touched }}

),
{% endif %}

$queries-- Those who are no more have no changed_run, and make way.
conditions as (

    select
        {{ looked_at }}.$id,

        -- conditions
$columns

        -- bookkeeping
        case when $rows.$id is not null then {{ current_run() }} end as changed_run

    from {{ looked_at }}
    {% if is_incremental() %}
    left join $rows on touched.$id = $rows.$id
    {% endif %}$joins

)

select * from conditions
""")

_COALESCE = re.compile(
    r"coalesce\((?P<inner>.*), (?P<default>false|0)\)(?P<rest>(?: \S+ \S+)?)\Z",
    re.DOTALL,
)

_QUERY = Template("""\
$name as (

$text
),

""")

_COMPARED = Template("""\
    select $rows.$id
    from $rows
    left join $query on $rows.$id = $query.$id
    where $flag
""")


def conditions_sql(
    entity: Entity, columns: Mapping[Leaf, str], catalogue: Catalogue
) -> str:
    """The conditions model of one entity.

    Args:
        entity: What a row is.
        columns: The column of every leaf, in the order of the model (entity_columns).
        catalogue: What the leaves are read from.
    """
    rows = rows_of(entity.name)
    leaves = list(columns)
    raw = raw_sql_part(
        {leaf: name for leaf, name in columns.items() if isinstance(leaf, RawSql)},
        entity,
    )
    related = related_part(
        [leaf for leaf in leaves if isinstance(leaf, RelatedRows)], entity, catalogue
    )
    sequences = sequences_part(
        [leaf for leaf in leaves if isinstance(leaf, SequenceLeaf)], entity, catalogue
    )
    whole = joined_parts([_profile_part(leaves, entity, rows), raw, related, sequences])
    compared = {name: leaf for leaf, name in columns.items() if leaf in whole.compared}
    early = {name: whole.queries[name] for name in whole.queries if name in whole.early}
    early |= _compared_queries(compared, whole, entity)
    late = {name: text for name, text in whole.queries.items() if name not in early}
    return _MODEL.substitute(
        header=header("audiences/definitions/"),
        entity=entity.name,
        id=entity.id,
        profile=entity.model,
        rows=rows,
        reads=_jinja_list(f"'{model}'" for model in sorted(whole.reads)),
        windows=_jinja_list(_window(border) for border in sorted(whole.borders)),
        flags=_flags_argument(list(compared)),
        compared=_text(early),
        queries=_text(late),
        columns=indented(
            "\n".join(
                f"{_fitted(whole.flags[leaf], name)} as {name},"
                for leaf, name in columns.items()
            ),
            2,
        ),
        joins="".join(
            f"\n    left join {name}"
            f"\n        on {{{{ looked_at }}}}.{entity.id} = {name}.{entity.id}"
            for name in whole.joined
        ),
    )


def _compared_queries(
    compared: Mapping[str, Leaf], whole: Part, entity: Entity
) -> Mapping[str, str]:
    """Ids for which what is compared holds now, by its column; SQL gives them by itself."""
    queries = {}
    for name, leaf in compared.items():
        if isinstance(leaf, RawSql):
            continue
        flag = whole.flags[leaf]
        [query] = [each for each in whole.joined if re.search(rf"\b{each}\.", flag)]
        queries[name] = _COMPARED.substitute(
            rows=rows_of(entity.name), id=entity.id, query=query, flag=flag
        )
    return queries


def entity_columns(
    entity: str, definitions: Sequence[Definition], exclusions: Sequence[Exclusion] = ()
) -> Mapping[Leaf, str]:
    """The column of every leaf that is evaluated for members of an entity, by name.

    Membership of an audience is none: that is asked of the audience itself.
    """
    return unique_names(
        (
            leaf
            for definition in definitions
            if definition.entity == entity
            for leaf in asked_leaves(definition, exclusions)
            if not isinstance(leaf, InAudience)
        ),
        leaf_words,
    )


def asked_leaves(
    definition: Definition, exclusions: Sequence[Exclusion] = ()
) -> list[Leaf]:
    """Every leaf that decides on a member of one audience, those that exclude included."""
    conditions = [definition.condition, definition.exclude]
    conditions += [
        exclusion.condition
        for exclusion in exclusions
        if exclusion.holds_for(definition)
    ]
    return [leaf for condition in conditions for leaf in leaves_of(condition)]


def _profile_part(leaves: Sequence[Leaf], entity: Entity, rows: str) -> Part:
    own = [leaf for leaf in leaves if isinstance(leaf, ColumnLeaf)]
    return Part(
        flags={leaf: _two_valued(leaf, rows) for leaf in own},
        reads=frozenset({entity.model}),
        borders=frozenset(
            border for leaf in own for border in borders_of(leaf, entity.model)
        ),
    )


def _two_valued(leaf: ColumnLeaf, rows: str) -> str:
    sql = leaf_sql(leaf, rows)
    return sql if is_two_valued(leaf) else f"coalesce({sql}, false)"


def _fitted(sql: str, name: str) -> str:
    """A flag on one line where it has room beside its name, else on several."""
    room = LINE_LENGTH - len(name) - len("         as ,")
    if "\n" not in sql and len(sql) <= room:
        return sql
    two_valued = _COALESCE.match(sql)
    if two_valued:
        return (
            call("coalesce", [two_valued["inner"], two_valued["default"]], room=0)
            + (two_valued["rest"])
        )
    return in_brackets(sql)


def _text(queries: Mapping[str, str]) -> str:
    return "".join(
        _QUERY.substitute(name=name, text=text) for name, text in queries.items()
    )


def _window(border: Border) -> str:
    day = ", 'is_date': true" if border.is_date else ""
    return (
        f"{{'model': '{border.model}', 'column': '{border.column}', "
        f"'hours': {border.hours}{day}}}"
    )


def _flags_argument(columns: Sequence[str]) -> str:
    listed = ", ".join(f"'{column}'" for column in columns)
    return f",\n    flags=[{listed}]" if columns else ""


def _jinja_list(items: Iterable[str]) -> str:
    lines = ",\n".join(items)
    if not lines:
        return ""
    if "\n" not in lines and len(lines) < 60 and not lines.startswith("{"):
        return lines
    return f"\n{indented(lines, 2)}\n    "
