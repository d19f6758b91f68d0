"""How a model compares with what its destination holds, in rows. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from warehouse.values import Row, Value


@dataclass(frozen=True, slots=True)
class Counts:
    """How the model compares with what the destination holds, in rows.

    Every source row is in exactly one of `add`, `change`, `rematch`, `unchanged`,
    `waiting`, `invalid`, `skipped_no_consent` and `in_doubt`.

    Attributes:
        add, change: Rows that a run creates or updates.
        absent: Held rows that left the model and are removed.
        withdraw: Held rows whose consent is gone and that are removed.
        rematch: Held rows whose identifiers changed: they leave with the old ones now,
            and come back with the new ones in the pass that follows.
        unchanged: Rows that the destination already holds as they are.
        waiting: Rows that the destination rejected earlier, until they change or their
            time has come.
        in_doubt: Rows whose answer was lost, held until a person decides.
        invalid: Rows without a key, rows that share theirs with another, and rows with a
            value that cannot become what the mapping wants (`faulty`).
        faulty: Those of `invalid` for their value.
        skipped_no_consent: Rows whose customer has not granted the purpose. Those that the
            destination holds are also counted in `withdraw`.
        kept: Held rows that are not in the model and stay, or whose record stays because
            another row stands for it.
        source: Rows of the model.
        held: Rows that the destination holds by our record, before the run.
        unknown_change: Those of `change` whose state at the destination is not known,
            because an answer was lost. They are sent again without counting as a change.
        withdraw_gone: Those of `withdraw` that are not in the model.
    """

    add: int = 0
    change: int = 0
    absent: int = 0
    withdraw: int = 0
    rematch: int = 0
    unchanged: int = 0
    waiting: int = 0
    in_doubt: int = 0
    invalid: int = 0
    faulty: int = 0
    skipped_no_consent: int = 0
    kept: int = 0
    source: int = 0
    held: int = 0
    unknown_change: int = 0
    withdraw_gone: int = 0

    @property
    def remove(self) -> int:
        """Rows that a run takes away, for whatever reason."""
        return self.absent + self.withdraw + self.rematch

    @property
    def upserts(self) -> int:
        """Rows that a run creates or updates."""
        return self.add + self.change

    @property
    def planned(self) -> int:
        """Rows that a run sends."""
        return self.upserts + self.remove

    def only_withdrawals(self) -> "Counts":
        """The counts of a run that is held but for those who withdrew consent."""
        return Counts(withdraw=self.withdraw, source=self.source, held=self.held)


def read_counts(rows: Sequence[Row], *, source_count: int, held_count: int) -> Counts:
    """Counts from the answer of `change_query.count_query`, one row per op.

    Args:
        rows: op, keys, source rows, those without consent, held keys, unknown ones, keys
            that are not in the model.
        source_count: Rows of the model.
        held_count: Rows that the destination holds by our record.
    """
    by_op = {
        str(op): tuple(_number(value) for value in numbers) for op, *numbers in rows
    }

    def keys(op: str) -> int:
        return by_op[op][0] if op in by_op else 0

    def source_rows(*ops: str) -> int:
        return sum(by_op[op][1] for op in ops if op in by_op)

    skipped = sum(numbers[2] for numbers in by_op.values())
    compared = sum(numbers[1] for numbers in by_op.values())
    # Rows of a shared key that have consent, beside those of it that have not.
    ambiguous = source_rows("ambiguous", "absent", "withdraw", "skipped") - sum(
        by_op[op][2]
        for op in ("ambiguous", "absent", "withdraw", "skipped")
        if op in by_op
    )
    keyless = source_rows("keyless") - (
        by_op["keyless"][2] if "keyless" in by_op else 0
    )
    faulty = source_rows("faulty")
    return Counts(
        add=keys("add"),
        change=keys("change"),
        absent=keys("absent"),
        withdraw=keys("withdraw"),
        rematch=keys("rematch"),
        unchanged=source_count - compared + source_rows("unchanged"),
        waiting=keys("waiting"),
        in_doubt=source_rows("in_doubt")
        - (by_op["in_doubt"][2] if "in_doubt" in by_op else 0),
        invalid=ambiguous + keyless + faulty,
        faulty=faulty,
        skipped_no_consent=skipped,
        kept=keys("kept") + keys("inherited"),
        source=source_count,
        held=held_count,
        unknown_change=by_op["change"][4] if "change" in by_op else 0,
        withdraw_gone=by_op["withdraw"][5] if "withdraw" in by_op else 0,
    )


def _number(value: Value) -> int:
    return int(value) if isinstance(value, int | Decimal) else 0
