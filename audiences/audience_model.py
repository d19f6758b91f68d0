"""The model of one audience: who is in it, in terms of conditions that are evaluated already.

First the conditions, and who is left out; then, where the definition asks for it, a sample, the
first so many by a column, and the groups that members are drawn for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import Template

from audiences.catalogue import Entity
from audiences.conditions import AnyOf, Condition, InAudience, Leaf, Not
from audiences.definition import Definition, Exclusion
from audiences.layout import in_brackets, indented, joined
from audiences.literals import AS_OF, text_literal, timestamp_literal
from audiences.logic import condition_text, leaves_of, without_shell
from audiences.names import audience_model, conditions_model, header, rows_of
from audiences.naming import digest
from audiences.selection import selection_queries, split_group_sql

_VERSION_LENGTH = 12

_MODEL = Template("""\
$header

with

$imports$queries
select * from members
""")

_MEMBERS = Template("""\

members as (

    select
        $rows.$id,
        $split_group as split_group,
        '$version' as definition_version,
        {{ as_of() }} as evaluated_at

    from $rows$where

)
""")

# Of an audience that is not worked out in every run.
_IN_BETWEEN = Template("""\

{% if audience_keeps_members('$name') %}
-- It is not due, so whoever is in it stays; whom it leaves out leaves at once.
members as (

    select
        kept.$id,
        kept.split_group,
        kept.definition_version,
        kept.evaluated_at

    from {{ this }} as kept
    inner join conditions on kept.$id = conditions.$id$where

)
{% else %}$queries
{% endif %}
""")

_IMPORT = Template("""\
$rows as (

    select * from {{ ref('$model') }}

),
""")

_ELIGIBLE = Template("""\

eligible as (

    select
$columns

    from conditions$join
    where
$condition

),
""")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What else decides on the members of an audience.

    Attributes:
        exclusions: Lists that hold for it.
        ahead: Audiences of its priority group that come first, in their order.
        versions: The version of every audience that it reads.
    """

    exclusions: tuple[Exclusion, ...] = ()
    ahead: tuple[str, ...] = ()
    versions: Mapping[str, str] | None = None


def audience_sql(
    definition: Definition,
    entity: Entity,
    columns: Mapping[Leaf, str],
    surroundings: Surroundings,
) -> str:
    """The model of one audience.

    Args:
        definition: The audience.
        entity: What its members are.
        columns: The column of each of its leaves in the conditions model.
        surroundings: What else decides.
    """
    included, outside = _included_and_left_out(
        definition, entity, columns, surroundings
    )
    condition = indented(
        "\n".join([included, *outside, *_outside_its_time(definition)]), 2
    )
    profile_columns = _profile_columns(definition)
    selects = bool(definition.sample or definition.top or definition.split)
    models = [("conditions", conditions_model(entity.name))]
    if profile_columns:
        models.append((rows_of(entity.name), entity.model))
    models += [
        (audience_model(name), audience_model(name))
        for name in audiences_read(definition, surroundings)
    ]
    queries, last = "", "conditions"
    if selects:
        queries = _eligible(entity, profile_columns, condition)
        chosen, last = selection_queries(definition, entity.id)
        queries += chosen
    queries += _MEMBERS.substitute(
        rows=last,
        id=entity.id,
        split_group=split_group_sql(definition, last),
        version=definition_version(definition, surroundings),
        where="" if selects else f"\n    where\n{condition}",
    )
    if definition.refresh:
        queries = _IN_BETWEEN.substitute(
            name=definition.name,
            id=entity.id,
            where=_where(outside),
            queries=queries.rstrip("\n"),
        )
    return _MODEL.substitute(
        header=header(f"audiences/definitions/{definition.name}.yml"),
        imports="\n".join(
            _IMPORT.substitute(rows=rows, model=model) for rows, model in models
        ),
        queries=queries,
    )


def audiences_read(definition: Definition, surroundings: Surroundings) -> list[str]:
    """The audiences that decide on this one, each once, by name."""
    conditions = [definition.condition, definition.exclude]
    conditions += [exclusion.condition for exclusion in surroundings.exclusions]
    asked = {
        leaf.audience
        for condition in conditions
        for leaf in leaves_of(condition)
        if isinstance(leaf, InAudience)
    }
    return sorted(asked | set(surroundings.ahead))


def definition_version(definition: Definition, surroundings: Surroundings) -> str:
    """What stands for everything that decides who is a member, and for nothing else."""
    versions = surroundings.versions or {}
    return digest(
        (
            definition.entity,
            definition.condition,
            definition.exclude,
            definition.sample,
            definition.top,
            definition.split,
            definition.starts_at,
            definition.ends_at,
            tuple(exclusion.condition for exclusion in surroundings.exclusions),
            tuple(
                f"{name} {versions.get(name)}"
                for name in audiences_read(definition, surroundings)
            ),
        ),
        _VERSION_LENGTH,
    )


def _where(others: Sequence[str]) -> str:
    """A where clause of conditions that go on from another one."""
    if not others:
        return ""
    lines = "\n".join(others).replace("\nand ", "\n", 1)
    return f"\n    where\n{indented(lines, 2)}"


def _included_and_left_out(
    definition: Definition,
    entity: Entity,
    columns: Mapping[Leaf, str],
    surroundings: Surroundings,
) -> tuple[str, list[str]]:
    """What lets somebody in, and the lines that go on with what leaves them out."""

    def leaf_text(leaf: Leaf) -> str:
        if isinstance(leaf, InAudience):
            return _is_in(leaf, entity)
        return f"conditions.{columns[leaf]}"

    def without(condition: Condition) -> str:
        return condition_text(Not(condition), leaf_text)

    included = condition_text(definition.condition, leaf_text)
    is_choice = isinstance(without_shell(definition.condition), AnyOf)
    others: list[str] = []
    if definition.exclude is not None:
        others += [
            "-- left out by the definition",
            f"and {without(definition.exclude)}",
        ]
    for exclusion in surroundings.exclusions:
        others += [
            f"-- left out by audiences/exclusions.yml: {exclusion.name}",
            f"and {without(exclusion.condition)}",
        ]
    if surroundings.ahead:
        others.append("-- gets what comes first in the priority group")
        others += [
            f"and not {_is_in(InAudience(name), entity)}" for name in surroundings.ahead
        ]
    is_continued = bool(others or definition.starts_at or definition.ends_at)
    return in_brackets(included) if is_choice and is_continued else included, others


def _outside_its_time(definition: Definition) -> list[str]:
    """The lines that go on with from when to when there are members."""
    lines = []
    if definition.starts_at or definition.ends_at:
        lines.append("-- outside its time nobody is a member")
    if definition.starts_at:
        lines.append(f"and {AS_OF} >= {timestamp_literal(definition.starts_at)}")
    if definition.ends_at:
        lines.append(f"and {AS_OF} < {timestamp_literal(definition.ends_at)}")
    return lines


def _is_in(leaf: InAudience, entity: Entity) -> str:
    model = audience_model(leaf.audience)
    conditions = [f"{model}.{entity.id} = conditions.{entity.id}"]
    if leaf.split_group:
        conditions.append(f"{model}.split_group = {text_literal(leaf.split_group)}")
    where = indented(joined("and", conditions), 1)
    return f"exists {in_brackets(_EXISTS.substitute(model=model, where=where))}"


_EXISTS = Template("select 1\nfrom $model\nwhere\n$where")


def _profile_columns(definition: Definition) -> Sequence[str]:
    asked = [
        definition.top.column if definition.top else None,
        definition.split.stratify_by if definition.split else None,
    ]
    return list(dict.fromkeys(column for column in asked if column))


def _eligible(entity: Entity, profile_columns: Sequence[str], condition: str) -> str:
    rows = rows_of(entity.name)
    columns = [
        f"conditions.{entity.id}",
        *(f"{rows}.{name}" for name in profile_columns),
    ]
    join = f"\n    inner join {rows} on conditions.{entity.id} = {rows}.{entity.id}"
    return _ELIGIBLE.substitute(
        columns=indented(",\n".join(columns), 2),
        join=join if profile_columns else "",
        condition=condition,
    )
