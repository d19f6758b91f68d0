"""Entries of a ledger as rows of its tables, and back. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import orjson
import sqlalchemy as sa

from reverse_etl.lease_holders import Holder
from reverse_etl.ledger_entries import BatchState, LedgerBatch, Refusal
from reverse_etl.modes import Action
from reverse_etl.spans import joined, spans_from_text, spans_text

_MOST_SPANS_TOGETHER = 1_000


def put_together(
    batches: Sequence[LedgerBatch],
) -> tuple[list[LedgerBatch], list[int]]:
    """Finished batches with those of the same fate as one; and the numbers that it frees.

    The highest number of each stays, since the next one is counted from it.
    """
    kept: list[LedgerBatch] = []
    removed: list[int] = []
    place_of_fate: dict[LedgerBatch, int] = {}
    for batch in batches:
        fate = replace(
            batch, number=0, spans=(), row_tries=0, give_ups=0, uncounted=0, job=None
        )
        place = place_of_fate.get(fate)
        if place is None or len(kept[place].spans) > _MOST_SPANS_TOGETHER:
            place_of_fate[fate] = len(kept)
            kept.append(batch)
            continue
        earlier = kept[place]
        removed.append(earlier.number)
        kept[place] = replace(
            batch,
            spans=joined([*earlier.spans, *batch.spans]),
            uncounted=earlier.uncounted + batch.uncounted,
        )
    return kept, removed


def batch_row(run_id: str, batch: LedgerBatch) -> dict[str, str | int | bool | None]:
    """A batch as a row of the run."""
    return {
        "run_id": run_id,
        "number": batch.number,
        "action": batch.action.value,
        "state": batch.state.value,
        "spans": spans_text(batch.spans),
        "row_tries": batch.row_tries,
        "give_ups": batch.give_ups,
        "is_in_doubt": batch.is_in_doubt,
        "job": batch.job,
        "uncounted": batch.uncounted,
        "error_class": batch.error_class,
        "error_code": batch.error_code,
        "is_retryable": batch.is_retryable,
    }


def batch_of(row: sa.Row[tuple[object, ...]]) -> LedgerBatch:
    """The batch that a row is."""
    values = row._mapping  # noqa: SLF001  its documented accessor
    return LedgerBatch(
        number=values["number"],
        action=Action(values["action"]),
        spans=spans_from_text(values["spans"]),
        state=BatchState(values["state"]),
        row_tries=values["row_tries"],
        give_ups=values["give_ups"],
        is_in_doubt=values["is_in_doubt"],
        job=values["job"],
        uncounted=values["uncounted"],
        error_class=values["error_class"],
        error_code=values["error_code"],
        is_retryable=values["is_retryable"],
    )


def refusal_row(run_id: str, refusal: Refusal) -> dict[str, str | int | bool | None]:
    """A refused row of a plan as a row of the run."""
    return {
        "run_id": run_id,
        "seq": refusal.seq,
        "error_class": refusal.error_class,
        "error_code": refusal.code,
        "error_field": refusal.field,
        "is_retryable": refusal.is_retryable,
    }


def dest_id_row(
    run_id: str, number: int, ids: Mapping[int, str]
) -> dict[str, str | int]:
    """What a destination calls the rows of a batch, as one row of the run."""
    return {
        "run_id": run_id,
        "number": number,
        "seqs": orjson.dumps(list(ids)).decode(),
        "ids": orjson.dumps(list(ids.values())).decode(),
    }


def lease_row(
    sync: str, holder: Holder, *, fence: int = 0, token: str = "", expires_at: str = ""
) -> dict[str, str | int]:
    """A lease as a row: held, or free where only its sync is given."""
    return {
        "sync_name": sync,
        "fence": fence,
        "holder": token,
        "host": holder.host,
        "process_id": holder.process_id,
        "process_start": holder.process_start,
        "expires_at": expires_at,
    }
