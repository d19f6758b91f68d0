"""Judges the raw tables of one run and keeps what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from orchestration.preflight import LandedTable
from orchestration.quality.expectations import Expectation, Outcome
from orchestration.quality.frames import newest_rows
from orchestration.quality.raw_suite import (
    NEWEST_ROWS,
    SUITE,
    distributions,
    kept_rates,
    volume_expectations,
)
from orchestration.quality.results import VOLUME, keep, previous_volumes
from orchestration.quality.validation import validate
from warehouse.connection import Warehouse
from warehouse.manifest import Source


@dataclass(frozen=True, slots=True)
class RawVerdict:
    """What came of the suites, by table ("source.table")."""

    volumes: Mapping[str, tuple[Outcome, ...]]
    distributions: Mapping[str, tuple[Outcome, ...]]


def rules_for(source: Source, table: str, *, now: datetime) -> tuple[Expectation, ...]:
    """The distribution rules of a table, without those over columns that are not landed."""
    return tuple(
        rule
        for rule in distributions(now).get(table, ())
        if rule.column in source.columns
    )


def judge_raw_tables(
    warehouse: Warehouse,
    tables: Sequence[LandedTable],
    *,
    run_id: str,
    now: datetime,
) -> RawVerdict:
    """Judge volume and distributions of tables whose shape is in order.

    Args:
        warehouse: Open for writing: the outcomes are kept.
        tables: What to judge.
        run_id: Dagster's.
        now: UTC without a zone.
    """
    verdict = RawVerdict(
        volumes=_judge_volumes(warehouse, tables),
        distributions={
            table.name: _judge_rows(warehouse, table, rules)
            for table in tables
            if (rules := rules_for(table.source, table.name, now=now))
        },
    )
    outcomes = {
        table.name: (
            *verdict.volumes[table.name],
            *verdict.distributions.get(table.name, ()),
        )
        for table in tables
    }
    keep(warehouse, outcomes, run_id=run_id, suite=SUITE, checked_at=now)
    return verdict


def _judge_volumes(
    warehouse: Warehouse, tables: Sequence[LandedTable]
) -> dict[str, tuple[Outcome, ...]]:
    """All tables in one go: a frame with one row, and a column per table."""
    counts = {table.name: table.row_count for table in tables}
    rates = kept_rates(counts, previous_volumes(warehouse, suite=SUITE))
    outcomes = validate(
        pd.DataFrame([rates]), volume_expectations(tuple(counts)), name=VOLUME
    )
    return {
        name: tuple(
            Outcome(
                expectation=Expectation(
                    VOLUME if outcome.expectation.is_critical else f"{VOLUME}_growth",
                    severity=outcome.expectation.severity,
                ),
                is_met=outcome.is_met,
                row_count=count,
                unexpected_count=None,
            )
            for outcome in outcomes
            if outcome.expectation.column == name
        )
        for name, count in counts.items()
    }


def _judge_rows(
    warehouse: Warehouse, table: LandedTable, rules: Sequence[Expectation]
) -> tuple[Outcome, ...]:
    columns = tuple(dict.fromkeys(rule.column for rule in rules if rule.column))
    frame = newest_rows(warehouse, table.source, columns, limit=NEWEST_ROWS)
    return validate(frame, rules, name=table.name)
