"""What is expected of raw tables beyond their shape: distributions and volume.

Distributions are judged on the rows that arrived last (older ones were judged when they were new),
so the cost does not grow with the history. Shares are loose on purpose: single malformed values are
staging's to repair and count; these rules catch a loader that sends cents for euros, local time for
UTC, or half of the rows.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from orchestration.quality.expectations import (
    Expectation,
    Severity,
    between,
    filled,
    matches,
    one_of,
)

SUITE = "raw_inputs"
NEWEST_ROWS = 50_000
"""Rows per table that distributions are judged on."""

KEPT_AT_LEAST = 0.5
"""A table that kept less than this share of its rows since the run before has lost something."""

GROWN_AT_MOST = 3.0
"""A table that grew beyond this factor is worth a look, and no reason to stop."""

EARLIEST = datetime(1995, 1, 1)
"""No shop event is older; an epoch in the wrong unit is."""

_EMAIL = r"[^@\s]@[^@\s]+\.[^@\s]"
_CURRENCY = r"^[A-Za-z]{3}$"
_WARNING = Severity.WARNING


def distributions(now: datetime) -> Mapping[str, tuple[Expectation, ...]]:
    """The rules by table ("source.table").

    Args:
        now: Nothing in a raw table is later, but for a day of clock skew. UTC without a zone.
    """
    latest = now + timedelta(days=1)

    def time(column: str) -> Expectation:
        return between(column, EARLIEST, latest, mostly=0.99)

    rules = {
        "segment.tracks": [
            filled("id"),
            filled("anonymous_id", mostly=0.5, severity=_WARNING),
            matches("event", r"^[a-z0-9_]+$", mostly=0.99, severity=_WARNING),
            time("received_at"),
            time("timestamp"),
        ],
        "segment.identifies": [
            matches("email", _EMAIL, mostly=0.8),
            time("received_at"),
        ],
        "shopify.order": [
            between("total_price", 0, 100_000, mostly=0.999),
            matches("currency", _CURRENCY, mostly=0.99),
            matches("email", _EMAIL, mostly=0.8),
            time("created_at"),
        ],
        "shopify.customer": [
            matches("email", _EMAIL, mostly=0.8),
            time("created_at"),
        ],
        "hubspot.contact": [matches("property_email", _EMAIL, mostly=0.8)],
        "salesforce.contact": [
            matches("email", _EMAIL, mostly=0.8),
            time("created_date"),
        ],
        "salesforce.lead": [
            matches("email", _EMAIL, mostly=0.8),
            time("created_date"),
        ],
        "zendesk.user": [
            matches("email", _EMAIL, mostly=0.8),
            time("created_at"),
        ],
        "klaviyo.person": [matches("email", _EMAIL, mostly=0.8)],
        "klaviyo.event": [filled("type", mostly=0.99), time("datetime")],
        "stripe.charge": [
            between("amount", 0, 100_000_000, mostly=0.999),
            matches("currency", _CURRENCY, mostly=0.99),
            time("created"),
        ],
        "google_ads.campaign_stats": [
            between("cost_micros", 0, 10**13),
            between("clicks", 0, None),
        ],
        "meta_ads.basic_campaign": [
            between("spend", 0, 10_000_000),
            between("impressions", 0, None),
        ],
        "till.sale": [
            between("amount", -100_000, 100_000, mostly=0.999),
            matches("currency", _CURRENCY, mostly=0.99),
            time("sold_at"),
        ],
        "consent_log.consent": [
            one_of("action", ["granted", "withdrawn"]),
            filled("purpose"),
            filled("recorded_at"),
            time("recorded_at"),
        ],
        "loyalty.member": [
            filled("member_id"),
            matches("email", _EMAIL, mostly=0.8),
            time("joined_at"),
        ],
    }
    return {table: tuple(table_rules) for table, table_rules in rules.items()}


def volume_expectations(tables: Sequence[str]) -> list[Expectation]:
    """Two rules per table, over a frame with one row and one column per table.

    The value is the share of the rows of the run before that are still there: 1 is unchanged.
    """
    return [
        rule
        for table in tables
        for rule in (
            between(table, KEPT_AT_LEAST, None),
            between(table, None, GROWN_AT_MOST, severity=_WARNING),
        )
    ]


def kept_rates(
    row_counts: Mapping[str, int], previous: Mapping[str, int]
) -> dict[str, float]:
    """Rows now over rows before, by table; 1 for a table without a past."""
    return {
        table: count / previous[table] if previous.get(table) else 1.0
        for table, count in row_counts.items()
    }
