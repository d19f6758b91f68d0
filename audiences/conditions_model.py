"""The model that says of everyone which conditions hold, for all audiences of an entity.

Every distinct leaf is one column, true or false, and everything it is read from is scanned
once. A later run looks at those again for whom something changed (audience_touched).
"""

from collections.abc import Mapping, Sequence
from string import Template

from audiences.definition import Comparison, DaysAgo, Definition, Leaf, WithinDays
from audiences.expressions import is_two_valued, leaf_sql
from audiences.layout import LINE_LENGTH, call, indented
from audiences.leaves import column_names, leaves_of
from audiences.names import ID_COLUMNS, PROFILE_MODELS, header, rows_of

_HOURS_A_DAY = 24

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
    windows=[$windows]
) %}

with

{% if is_incremental() %}
touched as (

    {{ touched }}

),
{% endif %}

$rows as (

    select * from {{ ref('$profile') }}

),

-- Those who are no more have no changed_run, and make way.
conditions as (

    select
        $first.$id,

        -- conditions
$columns

        -- bookkeeping
        case when $rows.$id is not null then {{ current_run() }} end as changed_run

    from $first
    {% if is_incremental() %}
    left join $rows on touched.$id = $rows.$id
    {% endif %}

)

select * from conditions
""")


def conditions_sql(entity: str, definitions: Sequence[Definition]) -> str:
    """The conditions model of one entity, for all its definitions."""
    names = entity_columns(entity, definitions)
    rows = rows_of(entity)
    first = "{{ 'touched' if is_incremental() else '" + rows + "' }}"
    windows = ",".join(f"\n        {window}" for window in _windows(entity, names))
    return _MODEL.substitute(
        header=header("audiences/definitions/"),
        entity=entity,
        id=ID_COLUMNS[entity],
        profile=PROFILE_MODELS[entity],
        rows=rows,
        first=first,
        reads=f"'{PROFILE_MODELS[entity]}'",
        windows=windows + ("\n    " if windows else ""),
        columns=indented(
            "\n".join(f"{_flag(leaf, name, rows)}," for leaf, name in names.items()), 2
        ),
    )


def entity_columns(
    entity: str, definitions: Sequence[Definition]
) -> Mapping[Leaf, str]:
    """The column of every leaf that the definitions of one entity say, by name."""
    return column_names(
        leaf
        for definition in definitions
        if definition.entity == entity
        for leaf in leaves_of(definition.condition)
    )


def _flag(leaf: Leaf, name: str, rows: str) -> str:
    sql = leaf_sql(leaf, rows)
    if not is_two_valued(leaf):
        sql = call("coalesce", [sql, "false"], room=LINE_LENGTH - len(name) - 13)
    return f"{sql} as {name}"


def _windows(entity: str, leaves: Mapping[Leaf, str]) -> list[str]:
    """The borders that rows cross by time alone, as dictionaries of Jinja.

    A row whose `column` lies `hours` before the present crosses it just now.
    """
    borders = {
        (leaf.column, hours) for leaf in leaves for hours in _borders_in_hours(leaf)
    }
    return [
        f"{{'model': '{PROFILE_MODELS[entity]}', 'column': '{column}', 'hours': {hours}}}"
        for column, hours in sorted(borders)
    ]


def _borders_in_hours(leaf: Leaf) -> tuple[int, ...]:
    match leaf:
        case WithinDays(_, days):
            return (0, days * _HOURS_A_DAY)
        case Comparison(_, _, DaysAgo(days)):
            return (days * _HOURS_A_DAY,)
    return ()
