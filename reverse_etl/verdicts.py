"""What becomes of a batch after its answer, or after none. Pure.

The one place that knows what a lost answer means: a batch that may have been applied is
sent again where that has the effect of sending it once, and otherwise only if the sync says
so.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from reverse_etl.destinations.protocol import BatchResult, Idempotency, RejectedRow
from reverse_etl.errors import (
    BatchRefusedError,
    DeliveryError,
    ErrorClass,
    FatalDeliveryError,
    QuotaExhaustedError,
)
from reverse_etl.ledger_entries import BatchState, LedgerBatch, Refusal
from reverse_etl.modes import Action
from reverse_etl.plan_rows import Reading
from reverse_etl.spans import halves, spans_of, without
from reverse_etl.spec import InDoubt

_SAFE_CODE = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_CLASSES = frozenset(each.value for each in ErrorClass)


@dataclass(frozen=True, slots=True)
class Rules:
    """How the answers of one sync are judged.

    Attributes:
        idempotency: What sending a batch twice does at its destination.
        in_doubt: What the sync wants where that does it twice.
        max_row_tries: How often rows are tried again that were refused for a reason that
            may pass.
        max_give_ups: How often a batch is given up before it is set aside.
    """

    idempotency: Idempotency
    in_doubt: InDoubt
    max_row_tries: int = 3
    max_give_ups: int = 3

    @property
    def may_resend(self) -> bool:
        """Whether what may have been applied is sent again, as the batch that it was."""
        return self.may_resend_rows or self.idempotency is Idempotency.HEADER

    @property
    def may_resend_rows(self) -> bool:
        """Whether it is sent again in other batches, whose keys are others."""
        return (
            self.idempotency in (Idempotency.KEYED, Idempotency.EVENT_ID)
            or self.in_doubt is InDoubt.RESEND
        )


class StopReason(StrEnum):
    """Why no further batch is begun. FAILED outranks PAUSED."""

    PAUSED = "paused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Stop:
    """The end of a run before its plan's. The plan stays, and the next run goes on."""

    reason: StopReason
    message: str
    resume_at: datetime | None = None


class When(StrEnum):
    """When a batch that is PLANNED again goes."""

    AT_ONCE = "at once"
    WITH_OTHER_ROWS = "with other rows"
    LATER = "later"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is written down about a batch, and what is done next.

    Attributes:
        batches: New states, of it and of those that take its place.
        removed: Numbers of batches that are no more.
        refusals: Rows that the destination refused for good, or for this run.
        dest_ids: The destination's ids by sequence number.
        again: When those of `batches` go that are to be sent again.
        stop: Nothing further is begun.
        reason: Why, as an error class; empty when all is well.
        fate: What happens with the batch, for people.
    """

    batches: tuple[LedgerBatch, ...]
    removed: tuple[int, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    dest_ids: Mapping[int, str] = field(default_factory=dict, repr=False)
    again: When = When.AT_ONCE
    stop: Stop | None = None
    reason: str = ""
    fate: str = ""


NewNumber = Callable[[], int]


def on_answer(
    batch: LedgerBatch,
    reading: Reading,
    result: BatchResult,
    rules: Rules,
    new_number: NewNumber,
) -> Verdict:
    """The destination answered for every row, or has taken the batch on as a job.

    Raises:
        FatalDeliveryError: The answer names rows that the batch does not have.
    """
    if result.job is not None:
        return Verdict((replace(batch, state=BatchState.SUBMITTED, job=result.job),))
    _check_positions(reading, result)
    again: list[int] = []
    refusals: list[Refusal] = []
    for row in result.rejected:
        seq = reading.seqs[row.position]
        if _was_created(batch, row.error_class):
            continue
        if row.is_retryable and batch.row_tries < rules.max_row_tries:
            again.append(seq)
        else:
            refusals.append(_refusal(seq, row))
    answered = replace(
        batch, state=BatchState.ACKED, job=None, uncounted=result.uncounted_failures
    )
    batches: tuple[LedgerBatch, ...] = (answered,)
    removed: tuple[int, ...] = ()
    if again:
        rest = without(batch.spans, again)
        batches = (replace(answered, spans=rest),) if rest else ()
        removed = () if rest else (batch.number,)
        batches += (
            LedgerBatch(
                new_number(),
                batch.action,
                spans_of(again),
                BatchState.PLANNED,
                row_tries=batch.row_tries + 1,
                is_in_doubt=batch.is_in_doubt,
            ),
        )
    return Verdict(
        batches,
        removed,
        tuple(refusals),
        {
            reading.seqs[position]: dest_id
            for position, dest_id in result.dest_ids.items()
            if 0 <= position < len(reading.seqs)
        },
        reason=ErrorClass.TRANSIENT.value if again else "",
        again=When.WITH_OTHER_ROWS,
        fate=f"{len(again)} rows are tried again" if again else "",
    )


def on_refusal(
    batch: LedgerBatch,
    reading: Reading,
    error: BatchRefusedError,
    rules: Rules,
    new_number: NewNumber,
    *,
    may_divide: bool,
) -> Verdict:
    """The batch was refused as a whole, and nothing of this attempt was applied.

    It is divided until the row at fault is alone; without the right to divide any further,
    its rows wait for a later run. Where an attempt before may have been applied, and only
    its key would tell, neither is done: parts and later runs have keys of their own.
    """
    reason = ErrorClass(error.error_class).value
    if batch.is_in_doubt and not rules.may_resend_rows:
        return _left_in_doubt(batch, rules)
    if len(reading.seqs) > 1 and may_divide:
        parts = tuple(
            replace(
                batch,
                number=new_number(),
                spans=spans,
                state=BatchState.PLANNED,
                job=None,
            )
            for spans in halves(batch.spans, reading.seqs)
        )
        return Verdict(parts, (batch.number,), reason=reason, fate="divided")
    is_alone = len(reading.seqs) == 1
    if is_alone and _was_created(batch, reason):
        return Verdict((replace(batch, state=BatchState.ACKED, job=None),))
    refused = replace(
        batch,
        state=BatchState.REFUSED,
        job=None,
        error_class=reason if is_alone else ErrorClass.BATCH.value,
        error_code=_safe(error.code),
        is_retryable=not is_alone,
    )
    return Verdict((refused,), refusals=reading.refusals, reason=reason, fate="refused")


def on_trouble(
    batch: LedgerBatch,
    error: DeliveryError,
    rules: Rules,
    *,
    others_went_through: bool,
) -> Verdict:
    """Sending it was given up after every attempt.

    It is tried again later. When that was done often enough, and others go through, it is
    set aside for a later run; when none does, the destination is down and the run stops.
    """
    reason = ErrorClass(error.error_class).value
    if error.is_in_doubt and not rules.may_resend:
        return _left_in_doubt(batch, rules)
    again = _again(batch, error)
    if again.give_ups < rules.max_give_ups:
        return Verdict((again,), again=When.LATER, reason=reason, fate="tried again")
    if not others_went_through:
        return Verdict(
            (replace(again, give_ups=0),),
            stop=Stop(StopReason.FAILED, str(error)),
            reason=reason,
            fate="left for the next run",
        )
    if again.is_in_doubt and not rules.may_resend_rows:
        return _left_in_doubt(again, rules)
    aside = replace(
        again,
        state=BatchState.REFUSED,
        error_class=reason,
        error_code=_safe(error.code),
        is_retryable=True,
    )
    return Verdict((aside,), reason=reason, fate="set aside")


def on_stop(batch: LedgerBatch, error: DeliveryError, rules: Rules) -> Verdict:
    """Every further batch would fail the same way, or the account's quota is used up."""
    if error.is_in_doubt and not rules.may_resend:
        left = unrepeatable(batch, rules)
    else:
        left = replace(_again(batch, error), give_ups=batch.give_ups)
    if isinstance(error, QuotaExhaustedError):
        stop = Stop(StopReason.PAUSED, str(error), error.resume_at)
    else:
        stop = Stop(StopReason.FAILED, str(error))
    return Verdict(
        (left,),
        stop=stop,
        reason=ErrorClass(error.error_class).value,
        fate="left for the next run",
    )


def recovered(batch: LedgerBatch, rules: Rules) -> LedgerBatch:
    """A batch of a run that ended without a word, before the plan is continued."""
    if batch.state is not BatchState.SENDING:
        return batch
    if not rules.may_resend:
        return unrepeatable(batch, rules)
    return replace(batch, state=BatchState.PLANNED, is_in_doubt=True)


def unrepeatable(batch: LedgerBatch, rules: Rules) -> LedgerBatch:
    """A batch that may have been applied, and is not sent again."""
    is_skipped = rules.in_doubt is InDoubt.SKIP
    return replace(
        batch,
        state=BatchState.SKIPPED if is_skipped else BatchState.HELD,
        is_in_doubt=True,
        job=None,
    )


def _left_in_doubt(batch: LedgerBatch, rules: Rules) -> Verdict:
    return Verdict(
        (unrepeatable(batch, rules),),
        reason=ErrorClass.IN_DOUBT.value,
        fate=rules.in_doubt.value,
    )


def _was_created(batch: LedgerBatch, error_class: str) -> bool:
    """Whether a conflict only says that the attempt without an answer had gone through."""
    return (
        batch.is_in_doubt
        and batch.action is Action.CREATE
        and error_class == ErrorClass.CONFLICT.value
    )


def _again(batch: LedgerBatch, error: DeliveryError) -> LedgerBatch:
    return replace(
        batch,
        state=BatchState.PLANNED,
        job=None,
        give_ups=batch.give_ups + 1,
        is_in_doubt=batch.is_in_doubt or error.is_in_doubt,
    )


def _check_positions(reading: Reading, result: BatchResult) -> None:
    positions = [row.position for row in result.rejected]
    if len(set(positions)) == len(positions) and all(
        0 <= position < len(reading.seqs) for position in positions
    ):
        return
    raise FatalDeliveryError(
        "The destination's answer names rows that were not in the batch, or one of them "
        "twice. The sync stopped, because the interface is not the one it knows.",
        is_in_doubt=True,
        error_class=ErrorClass.INTERNAL,
    )


def _refusal(seq: int, row: RejectedRow) -> Refusal:
    return Refusal(
        seq,
        row.error_class if row.error_class in _CLASSES else ErrorClass.OTHER.value,
        _safe(row.code),
        row.field if row.field is not None and _is_field(row.field) else None,
        row.is_retryable,
    )


def _safe(code: str | None) -> str | None:
    """A code; None for anything that may quote somebody's value: a phone number, say."""
    is_code = code is not None and _SAFE_CODE.fullmatch(code)
    return code if code is not None and is_code and _digits(code) < 8 else None


def _is_field(name: str) -> bool:
    """Whether it is a field's name, which may end with a long number of its own."""
    letters = sum(character.isalpha() for character in name)
    return bool(_SAFE_CODE.fullmatch(name)) and (_digits(name) < 8 or letters > 3)


def _digits(text: str) -> int:
    return sum(character.isdigit() for character in text)
