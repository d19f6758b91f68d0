"""What becomes of the rows of a plan, as spans that hold each of them once. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from reverse_etl.ledger_entries import BatchState, LedgerBatch
from reverse_etl.spans import Span, joined
from reverse_etl.spec import InDoubt
from reverse_etl.verdicts import Rules


class OutcomeStatus(StrEnum):
    """What a row of a plan came to. CANCELLED was not sent."""

    OK = "ok"
    REJECTED = "rejected"
    IN_DOUBT = "in_doubt"
    CANCELLED = "cancelled"


class Effect(StrEnum):
    """What that does to the record of what the destination holds.

    MOVE takes the new content (or the removal) as done, UNKNOWN notes that nobody knows, so
    that it is sent again, HOLD that a person decides. NONE leaves it as it was.
    """

    MOVE = "move"
    UNKNOWN = "unknown"
    HOLD = "hold"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Fate:
    """What rows came to.

    Attributes:
        status: See `OutcomeStatus`.
        effect: See `Effect`.
        is_in_doubt: An attempt without an answer may have applied even what was refused.
        error_class: Why, where all of a batch was refused or cancelled.
        error_code: The destination's code for that.
        is_retryable: Whether what is REJECTED may be taken later as it is.
    """

    status: OutcomeStatus
    effect: Effect
    is_in_doubt: bool = False
    error_class: str | None = None
    error_code: str | None = None
    is_retryable: bool = False


@dataclass(frozen=True, slots=True)
class FatedRows:
    """Rows of the same fate, in order; never none."""

    fate: Fate
    spans: tuple[Span, ...]


def fates_of(
    batches: Sequence[LedgerBatch] | None,
    *,
    planned: int,
    rules: Rules,
    is_over: bool,
) -> tuple[FatedRows, ...]:
    """Fates of the rows that have one, each row in one of them at most.

    Args:
        batches: As the ledger has them; None when the ledger has lost the run, so that
            every row may have been sent.
        planned: Rows of the plan.
        rules: How the sync judges lost answers.
        is_over: Whether nothing more of the plan is sent, so that every row that is not
            SETTLED has a fate.
    """
    whole = Span(1, planned)
    if batches is None:
        return (FatedRows(_doubt(rules), (whole,)),)
    found: dict[Fate, list[Span]] = {}
    for batch in batches:
        fate = _fate(batch, rules, is_over=is_over)
        if fate is not None:
            found.setdefault(fate, []).extend(batch.spans)
    if is_over:
        rest = _rest(whole, (span for batch in batches for span in batch.spans))
        if rest:
            found.setdefault(Fate(OutcomeStatus.CANCELLED, Effect.NONE), []).extend(
                rest
            )
    return tuple(FatedRows(fate, joined(spans)) for fate, spans in found.items())


_FINAL = {
    BatchState.ACKED: (OutcomeStatus.OK, Effect.MOVE),
    BatchState.REFUSED: (OutcomeStatus.REJECTED, Effect.NONE),
    BatchState.HELD: (OutcomeStatus.IN_DOUBT, Effect.HOLD),
    BatchState.SKIPPED: (OutcomeStatus.IN_DOUBT, Effect.MOVE),
}


def _fate(batch: LedgerBatch, rules: Rules, *, is_over: bool) -> Fate | None:
    if batch.state is BatchState.SETTLED:
        return None
    if batch.state in _FINAL:
        status, effect = _FINAL[batch.state]
        return Fate(
            status,
            effect,
            batch.is_in_doubt,
            batch.error_class,
            batch.error_code,
            batch.is_retryable,
        )
    if batch.state is not BatchState.CANCELLED and not is_over:
        return None
    if batch.state in (BatchState.CANCELLED, BatchState.PLANNED) and (
        not batch.is_in_doubt
    ):
        return Fate(OutcomeStatus.CANCELLED, Effect.NONE, error_class=batch.error_class)
    return _doubt(rules)


def _doubt(rules: Rules) -> Fate:
    """Rows that may have been applied, and that this run does not send again."""
    if rules.may_resend_rows:
        return Fate(OutcomeStatus.IN_DOUBT, Effect.UNKNOWN, is_in_doubt=True)
    effect = Effect.MOVE if rules.in_doubt is InDoubt.SKIP else Effect.HOLD
    return Fate(OutcomeStatus.IN_DOUBT, effect, is_in_doubt=True)


def _rest(whole: Span, spans: Iterable[Span]) -> tuple[Span, ...]:
    """What of a span these others leave."""
    rest: list[Span] = []
    first = whole.first
    for span in joined(spans):
        if span.first > first:
            rest.append(Span(first, span.first - 1))
        first = max(first, span.last + 1)
    if first <= whole.last:
        rest.append(Span(first, whole.last))
    return tuple(rest)
