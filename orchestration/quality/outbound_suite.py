"""What every row must be before it may leave, whoever receives it.

Judged on every row of a sync_ model that may be sent, never on a sample. Rows without consent
are no such rows: planning leaves them behind, and takes out of the destination those that it
holds, which a rule must not prevent. They are counted, in amber. The column set comes first: a
missing column would make the other rules meaningless. Rules follow from what the model's YAML
says of its columns (`config.meta.pii`, the house's names), so a new sync is covered the day it is
written.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from orchestration.quality.expectations import (
    Expectation,
    Severity,
    between,
    exactly_columns,
    filled,
    matches,
    one_of,
    unique,
)
from orchestration.quality.raw_suite import EARLIEST
from warehouse.manifest import ColumnInfo

SUITE = "outbound_rows"

HAS_CONSENT = "_has_consent"
"""Column that the query adds: a plan may send the row. Asked of the consent table itself, in the
words of planning, and not of the model."""

IS_BLOCKED = "_is_blocked"
"""Column that the query adds: the e-mail address is one that a blocking rule names."""

_EMAIL = r"^[^@\s]+@[^@\s]+\.[^@\s]+$"
_PHONE = r"^\+[1-9][0-9]{7,14}$"
_COUNTRY = r"^[A-Z]{2}$"
_CURRENCY = r"^[A-Z]{3}$"


def column_rule(columns: Sequence[ColumnInfo]) -> Expectation:
    """The table has the documented columns and no other."""
    return exactly_columns([column.name for column in columns])


def consent_rule() -> Expectation:
    """No row is in the model for nothing: one without consent is never sent."""
    return one_of(HAS_CONSENT, [True], severity=Severity.WARNING)


def row_rules(
    columns: Sequence[ColumnInfo],
    *,
    key: str,
    has_blocked_emails: bool,
    now: datetime,
) -> list[Expectation]:
    """The rules over the rows of one sync_ model that may be sent.

    Args:
        columns: The model's, as documented.
        key: Column that the destination matches on.
        has_blocked_emails: The query says which e-mail addresses are blocked.
        now: Nothing has happened later, but for a day of clock skew. UTC without a zone.
    """
    rules = [filled(key), unique(key)]
    if has_blocked_emails:
        rules.append(one_of(IS_BLOCKED, [False]))
    for column in columns:
        rules += _rules_of_column(column, now=now)
    return rules


def _rules_of_column(column: ColumnInfo, *, now: datetime) -> list[Expectation]:
    if column.pii == "email":
        return [filled(column.name), matches(column.name, _EMAIL)]
    if column.pii == "phone":
        return [matches(column.name, _PHONE)]
    if column.name.endswith("country_code"):
        return [matches(column.name, _COUNTRY)]
    if column.name.endswith("currency"):
        return [matches(column.name, _CURRENCY)]
    if column.name.endswith("_count"):
        return [between(column.name, 0, None)]
    if column.name.endswith("_at"):
        return [between(column.name, EARLIEST, now + timedelta(days=1))]
    return []
