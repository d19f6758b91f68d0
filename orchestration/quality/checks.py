"""Outcomes as Dagster asset checks: red when a critical rule broke, amber when a warning did."""

from collections.abc import Sequence

import dagster as dg

from orchestration.quality.expectations import Outcome

_LISTED = 10


def check_result(
    outcomes: Sequence[Outcome], *, key: dg.AssetCheckKey
) -> dg.AssetCheckResult:
    """One check for all rules of a suite over one asset. Metadata holds counts and rule names."""
    broken = [outcome for outcome in outcomes if not outcome.is_met]
    is_red = any(outcome.expectation.is_critical for outcome in broken)
    return dg.AssetCheckResult(
        asset_key=key.asset_key,
        check_name=key.name,
        passed=not broken,
        severity=(
            dg.AssetCheckSeverity.ERROR if is_red else dg.AssetCheckSeverity.WARN
        ),
        description="; ".join(str(outcome) for outcome in broken[:_LISTED]) or None,
        metadata={
            "rules": len(outcomes),
            "broken_rules": len(broken),
            "rows_looked_at": max(
                (outcome.row_count for outcome in outcomes), default=0
            ),
        },
    )
