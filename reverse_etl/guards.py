"""What holds a run before anything is sent. Pure.

A guard compares the numbers of a plan with what the destination holds and with the run
before. A first run holds nothing yet, and so can only break the quota. Who withdrew
consent leaves even when a guard holds the rest, unless it is the consents that look wrong.
"""

from dataclasses import dataclass
from enum import StrEnum

from reverse_etl.counts import Counts
from reverse_etl.spec import Guards
from reverse_etl.wording import counted


class Guard(StrEnum):
    """The guards, in the order in which findings are told."""

    EMPTY_SOURCE = "empty_source"
    MAX_REMOVE_RATE = "max_remove_rate"
    MAX_CHANGE_RATE = "max_change_rate"
    MAX_GROWTH_RATE = "max_growth_rate"
    MAX_CONSENT_DROP = "max_consent_drop"
    ACCOUNT_CHANGE = "account_change"
    MAPPING_CHANGE = "mapping_change"
    SCHEMA_CHANGE = "schema_change"
    QUOTA = "quota"


_HOLDS_WITHDRAWALS = frozenset(
    {Guard.EMPTY_SOURCE, Guard.MAX_CONSENT_DROP, Guard.ACCOUNT_CHANGE}
)


@dataclass(frozen=True, slots=True)
class GuardFinding:
    """A guard that holds the run, and what it saw."""

    guard: str
    message: str


@dataclass(frozen=True, slots=True)
class Previous:
    """What the last run that was not held found: None where it did not say."""

    mapping_fingerprint: str | None = None
    schema_fingerprint: str | None = None
    source: int | None = None
    skipped_no_consent: int | None = None
    account_fingerprint: str | None = None


def guard_findings(
    counts: Counts,
    guards: Guards,
    *,
    previous: Previous = Previous(),
    mapping_fingerprint: str | None = None,
    schema_fingerprint: str | None = None,
    account_fingerprint: str | None = None,
    requests: int = 0,
    requests_left: int | None = None,
    returning: int = 0,
) -> tuple[GuardFinding, ...]:
    """The guards that this run would break, in a fixed order; empty when it may go.

    Args:
        counts: Of the plan.
        guards: The sync's limits.
        previous: See `Previous`.
        mapping_fingerprint: How rows look at the destination, now.
        schema_fingerprint: The types of the columns that are sent, now.
        account_fingerprint: Which account it is that they are sent to, now.
        requests: That the run would make.
        requests_left: Of the account's day; None without a daily quota.
        returning: Rows that the pass before took away because their identifiers changed,
            and that come back with the new ones: they are no growth.
    """
    findings = _quota(requests, requests_left)
    if counts.held == 0:
        return tuple(findings)
    return (
        *_empty_source(counts, guards),
        *_rates(counts, guards, returning),
        *_consent(counts, guards, previous),
        *_account(previous, account_fingerprint),
        *_mapping(counts, previous, mapping_fingerprint),
        *_schema(previous, schema_fingerprint),
        *findings,
    )


def holds_withdrawals(findings: tuple[GuardFinding, ...]) -> bool:
    """Whether these findings keep back even those who withdrew their consent."""
    return any(finding.guard in _HOLDS_WITHDRAWALS for finding in findings)


def _empty_source(counts: Counts, guards: Guards) -> list[GuardFinding]:
    if counts.source > 0 or guards.allow_empty:
        return []
    return [
        GuardFinding(
            Guard.EMPTY_SOURCE,
            f"the model is empty while the destination holds "
            f"{counted(counts.held, 'row', 'rows')}",
        )
    ]


def _rates(counts: Counts, guards: Guards, returning: int) -> list[GuardFinding]:
    held = counts.held + returning
    judged = [
        (
            Guard.MAX_REMOVE_RATE,
            counts.absent + counts.rematch,
            "be removed",
            guards.max_remove_rate,
            0,
        ),
        (
            Guard.MAX_CHANGE_RATE,
            counts.change - counts.unknown_change,
            "change",
            guards.max_change_rate,
            0,
        ),
        (
            Guard.MAX_GROWTH_RATE,
            max(0, counts.add - returning),
            "be added to them",
            guards.max_growth_rate,
            guards.min_held_rows,
        ),
    ]
    return [
        GuardFinding(
            guard,
            (
                f"{count:,} would {verb}, against "
                f"{counted(held, 'row that is', 'rows that are')} held "
                f"({count / held:.1%}, limit {limit:.1%})"
            ),
        )
        for guard, count, verb, limit, fewest in judged
        if count > limit * held and held >= fewest
    ]


def _consent(counts: Counts, guards: Guards, previous: Previous) -> list[GuardFinding]:
    gone = counts.withdraw_gone
    if (
        counts.held >= guards.min_held_rows
        and gone > guards.max_consent_drop * counts.held
    ):
        # They are in no model any more, whose share of rows with consent would show it.
        return [
            GuardFinding(
                Guard.MAX_CONSENT_DROP,
                f"{counted(gone, 'row that left the model has', 'rows that left the model have')}"
                " no consent any more, of "
                f"{counts.held:,} that are held ({gone / counts.held:.1%}, limit "
                f"{guards.max_consent_drop:.1%})",
            )
        ]
    before, skipped = previous.source, previous.skipped_no_consent
    if not before or skipped is None or counts.source == 0:
        return []
    if before < guards.min_held_rows:
        return []
    had = 1 - skipped / before
    has = 1 - counts.skipped_no_consent / counts.source
    # Shares of whole rows meet the limit itself, whatever their last binary digit.
    if had - has <= guards.max_consent_drop + 1e-9:
        return []
    return [
        GuardFinding(
            Guard.MAX_CONSENT_DROP,
            f"{has:.1%} of the model's rows have consent, {had:.1%} had at the last run "
            f"(limit: {guards.max_consent_drop:.1%} less)",
        )
    ]


def _account(previous: Previous, fingerprint: str | None) -> list[GuardFinding]:
    before = previous.account_fingerprint
    if fingerprint is None or before in (None, fingerprint):
        return []
    return [
        GuardFinding(
            Guard.ACCOUNT_CHANGE,
            "the account has another address or number than at the last run. If it is "
            "another account, what was sent stays in the old one for ever: point it back "
            "and give the new one a name of its own. If it is the same, approve it",
        )
    ]


def _mapping(
    counts: Counts, previous: Previous, fingerprint: str | None
) -> list[GuardFinding]:
    if previous.mapping_fingerprint in (None, fingerprint) or fingerprint is None:
        return []
    return [
        GuardFinding(
            Guard.MAPPING_CHANGE,
            "the mapping is another than at the last run, so "
            f"{counted(counts.change, 'row', 'rows')} would be sent again. Approve it to "
            "send them, or reset the sync with --as-sent to go on from here",
        )
    ]


def _schema(previous: Previous, fingerprint: str | None) -> list[GuardFinding]:
    before = previous.schema_fingerprint
    if before in (None, fingerprint) or fingerprint is None or before is None:
        return []
    known = dict(each.split(":") for each in before.split(",") if each)
    now = dict(each.split(":") for each in fingerprint.split(",") if each)
    # Columns that came or went are the mapping's change, and told there.
    changed = sorted(
        name for name in known.keys() & now.keys() if known[name] != now[name]
    )
    if not changed:
        return []
    return [
        GuardFinding(
            Guard.SCHEMA_CHANGE,
            f"{', '.join(changed)} of the model changed type since the last run",
        )
    ]


def _quota(requests: int, requests_left: int | None) -> list[GuardFinding]:
    if requests_left is None or requests <= requests_left:
        return []
    return [
        GuardFinding(
            Guard.QUOTA,
            f"the run needs about {counted(requests, 'request', 'requests')}, and "
            f"{counted(requests_left, 'is', 'are')} left of the account's day",
        )
    ]
