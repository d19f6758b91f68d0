"""Some members of an audience, fit to be shown: no value of a person leaves here unmasked."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from sqlglot import exp

from audiences.conditions import ColumnLeaf
from audiences.preview_candidate import Candidate
from audiences.preview_evaluation import Evaluated
from audiences.preview_queries import EXAMPLES, filled
from warehouse.values import Value

Mask: TypeAlias = Callable[[Value, bool], str]
"""Makes a value fit to be shown. The flag: whether it is nobody's personal data."""

_RECOGNISED = ("email", "first_name", "city", "country_code", "account_name", "domain")
_MOST_COLUMNS = 8


def examples_of(
    found: Evaluated, chosen: exp.Table | exp.Query, mask: Mask
) -> tuple[Mapping[str, str], ...]:
    """Ten of some members at most, the first by their ids, which say nothing about them.

    Args:
        found: The audience that was worked out.
        chosen: Of whom to take some: has a column member_id.
        mask: What makes values fit to be shown.

    Returns:
        Shown texts by column.
    """
    candidate, warehouse = found.candidate, found.warehouse
    member_id = exp.column(candidate.entity.id)
    columns = shown_columns(candidate)
    profile = exp.to_table(
        found.relations[candidate.entity.model], dialect=warehouse.dialect
    )
    rows = warehouse.query(
        exp.select(*columns)
        .from_(profile)
        .where(member_id.isin(query=filled(EXAMPLES, {"chosen": chosen})))
        .order_by(member_id)
    )
    return tuple(
        {
            column: mask(value, column in candidate.public_columns)
            for column, value in zip(columns, row, strict=True)
        }
        for row in rows
    )


def shown_columns(candidate: Candidate) -> list[str]:
    """The id, what the definition asks of the profile, and what people are recognised by."""
    asked = [leaf.column for leaf in candidate.columns if isinstance(leaf, ColumnLeaf)]
    wanted = [candidate.entity.id, *_RECOGNISED[:3], *asked, *_RECOGNISED[3:]]
    known = [column for column in wanted if column in candidate.entity.columns]
    return list(dict.fromkeys(known))[:_MOST_COLUMNS]
