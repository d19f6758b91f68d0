"""The model of one audience: who is in it, in terms of conditions that are evaluated already."""

from collections.abc import Mapping
from string import Template

from audiences.definition import AllOf, AnyOf, Condition, Definition, Leaf, Not
from audiences.layout import in_brackets, indented, joined
from audiences.leaves import digest
from audiences.names import ID_COLUMNS, conditions_model, header

_VERSION_LENGTH = 12

_MODEL = Template("""\
$header

with

conditions as (

    select * from {{ ref('$conditions') }}

),

members as (

    select
        conditions.$id,
        cast(null as {{ dbt.type_string() }}) as split_group,
        '$version' as definition_version,
        {{ as_of() }} as evaluated_at

    from conditions
    where
$condition

)

select * from members
""")


def audience_sql(definition: Definition, columns: Mapping[Leaf, str]) -> str:
    """The model of one audience.

    Args:
        definition: The audience.
        columns: The column of each of its leaves in the conditions model.
    """
    return _MODEL.substitute(
        header=header(f"audiences/definitions/{definition.name}.yml"),
        conditions=conditions_model(definition.entity),
        id=ID_COLUMNS[definition.entity],
        version=definition_version(definition),
        condition=indented(condition_text(definition.condition, columns), 2),
    )


def definition_version(definition: Definition) -> str:
    """What stands for everything that decides who is a member, and for nothing else."""
    return digest((definition.entity, definition.condition), _VERSION_LENGTH)


def condition_text(condition: Condition, columns: Mapping[Leaf, str]) -> str:
    """A condition over the columns of the conditions model; never unknown."""
    match condition:
        case AllOf(parts):
            texts = [_operand(part, columns, within=AllOf) for part in parts]
            return joined("and", texts)
        case AnyOf(parts):
            texts = [_operand(part, columns, within=AnyOf) for part in parts]
            return joined("or", texts)
        case Not(part):
            return f"not {_operand(part, columns, within=Not)}"
        case _:
            return f"conditions.{columns[condition]}"


def _operand(condition: Condition, columns: Mapping[Leaf, str], *, within: type) -> str:
    """A condition as part of another, in brackets where it would be read otherwise."""
    text = condition_text(condition, columns)
    is_plain = (
        not isinstance(condition, AllOf | AnyOf) or len(condition.conditions) == 1
    )
    return text if is_plain or type(condition) is within else in_brackets(text)
