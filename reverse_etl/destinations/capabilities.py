"""What a destination can do with one kind of object, as data. Types only."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from reverse_etl.modes import Mode, Removal

Settings: TypeAlias = Mapping[str, str]
"""What a sync says beyond its object, by setting: the id of a list, of an audience."""


FIRST_ASSOCIATION = "*"
"""For `Capabilities.order_by`, where association names are the user's own."""


ANY_ASSOCIATION = ("*",)
"""For `Capabilities.associations`, where their names are the user's own."""


class Idempotency(StrEnum):
    """What sending a batch a second time does, when nobody knows about the first.

    KEYED leaves the same state. EVENT_ID is known again by each record's `event_id`. HEADER
    is known again by the batch's `idempotency_key`. NONE does it twice.
    """

    KEYED = "keyed"
    EVENT_ID = "event_id"
    HEADER = "header"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a destination can do with one kind of object, as data.

    Attributes:
        modes: Sync modes that it carries out.
        removals: What it can do with a record that is to leave, beside nothing.
        max_batch_rows: Most records of one batch. None means that it takes a whole run as
            one batch, all operations together, and streams it.
        max_batch_bytes: Most bytes of one request's body.
        max_row_bytes: Most bytes of one record in it.
        idempotency: See `Idempotency`.
        match_fields: Names of the identifiers that it finds a record by. Empty: any one
            name.
        requires_all_match_fields: Whether a sync gives all of them, or at least one.
        is_membership: The object is a list or an audience: records enter and leave it, and
            one whose identifiers change must leave with the old ones first.
        is_async: Answers come later: `send` gives a job, and `poll` its result.
        max_workers: Most batches under way at once.
        names_failed_rows: False where failed rows are only counted.
        gives_ids: Answers carry the destination's own ids, which come back with each
            record's later changes.
        can_erase: Whether it carries out Action.ERASE.
        settings: Settings that a sync of this object must give.
        optional_settings: Settings that it may give.
        associations: Names of the records that one may belong to; ANY_ASSOCIATION where
            they are the user's own.
        order_by: Match or association name whose equal values go next to each other,
            where neighbours share a lock: FIRST_ASSOCIATION for the one that a sync names
            first. None for plain key order.
    """

    modes: frozenset[Mode]
    removals: frozenset[Removal] = frozenset()
    max_batch_rows: int | None = 1
    max_batch_bytes: int | None = None
    max_row_bytes: int | None = None
    idempotency: Idempotency = Idempotency.KEYED
    match_fields: tuple[str, ...] = ()
    requires_all_match_fields: bool = False
    is_membership: bool = False
    is_async: bool = False
    max_workers: int = 4
    names_failed_rows: bool = True
    gives_ids: bool = False
    can_erase: bool = False
    settings: tuple[str, ...] = ()
    optional_settings: tuple[str, ...] = ()
    associations: tuple[str, ...] = ()
    order_by: str | None = None
