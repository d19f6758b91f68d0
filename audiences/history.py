"""Who was in an audience at an instant, as recorded by the runs there were.

Reads public tables only, so the published file will do.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from difflib import get_close_matches

from sqlglot import exp

from audiences.errors import UnknownAudienceError, UnrecordedError
from warehouse.connection import Warehouse
from warehouse.values import Relation, Value

MEMBERSHIPS = Relation("audiences", "audience_memberships")
SIZES = Relation("audiences", "audience_sizes")


@dataclass(frozen=True, slots=True)
class Member:
    """A member at an instant.

    Attributes:
        member_id: Id at that time.
        customer_id: The customer that this is now; None for another entity, or when gone.
        split_group: None in an audience without groups.
        entered_at: UTC.
        entered_because: The conditions that flipped, or another reason.
    """

    member_id: str
    customer_id: str | None
    split_group: str | None
    entered_at: datetime
    entered_because: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """An audience at an instant, as recorded.

    Attributes:
        name: The audience.
        as_of: The instant, UTC.
        evaluated_at: The last evaluation of a day that counts for it, UTC.
        definition_version: That held then; None when the audience had been removed.
        members: In the order of their ids.
    """

    name: str
    as_of: datetime
    evaluated_at: datetime
    definition_version: str | None
    members: tuple[Member, ...]

    @property
    def groups(self) -> Mapping[str | None, int]:
        """Members by split group, in the order of the groups' names."""
        counts = Counter(member.split_group for member in self.members)
        return {group: counts[group] for group in sorted(counts, key=lambda g: g or "")}

    @property
    def reasons(self) -> Sequence[tuple[str, int]]:
        """Why members had entered, the most frequent reason first."""
        counts = Counter(member.entered_because for member in self.members)
        return sorted(counts.items(), key=lambda each: (-each[1], each[0]))


def recorded_members(warehouse: Warehouse, name: str, as_of: datetime) -> Recorded:
    """The members of an audience at an instant.

    Args:
        warehouse: The published file, or the warehouse itself.
        name: The audience.
        as_of: The instant, UTC.

    Raises:
        UnknownAudienceError: Nothing was ever recorded of an audience of this name.
        UnrecordedError: The first evaluation lies after the instant.
    """
    evaluations = warehouse.query(
        exp.select("recorded_at", "definition_version")
        .distinct()
        .from_(SIZES.to_table())
        .where(exp.column("audience_name").eq(name))
        .order_by("recorded_at")
    )
    if not evaluations:
        raise UnknownAudienceError(_unknown(warehouse, name))
    before = [each for each in evaluations if _instant(each[0]) <= as_of]
    entered = warehouse.query(
        exp.select(exp.Min(this=exp.column("entered_at")))
        .from_(MEMBERSHIPS.to_table())
        .where(exp.column("audience_name").eq(name))
    )[0][0]
    first = min(
        _instant(each) for each in (evaluations[0][0], entered) if each is not None
    )
    if first > as_of:
        raise UnrecordedError(
            f"Nothing is recorded of the audience {name} before {first:%Y-%m-%d %H:%M} UTC, and "
            f"{as_of:%Y-%m-%d %H:%M} was asked for. To work it out from the facts: "
            f"kenning audiences backdate {name} --as-of {as_of.isoformat()}"
        )
    evaluated_at, version = before[-1] if before else (first, evaluations[0][1])
    return Recorded(
        name=name,
        as_of=as_of,
        evaluated_at=_instant(evaluated_at),
        definition_version=None if version is None else str(version),
        members=_members(warehouse, name, as_of),
    )


def _members(warehouse: Warehouse, name: str, as_of: datetime) -> tuple[Member, ...]:
    exited_at = exp.column("exited_at")
    instant = exp.cast(exp.Literal.string(as_of.isoformat(sep=" ")), "timestamp")
    rows = warehouse.query(
        exp.select(
            "member_id", "customer_id", "split_group", "entered_at", "entered_because"
        )
        .from_(MEMBERSHIPS.to_table())
        .where(exp.column("audience_name").eq(name))
        .where(exp.LTE(this=exp.column("entered_at"), expression=instant))
        .where(
            exp.or_(
                exited_at.is_(exp.null()), exp.GT(this=exited_at, expression=instant)
            )
        )
        .order_by("member_id")
    )
    return tuple(
        Member(
            member_id=str(member_id),
            customer_id=_text(customer_id),
            split_group=_text(split_group),
            entered_at=_instant(entered_at),
            entered_because=str(because),
        )
        for member_id, customer_id, split_group, entered_at, because in rows
    )


def _unknown(warehouse: Warehouse, name: str) -> str:
    known = [
        str(row[0])
        for row in warehouse.query(
            exp.select("audience_name")
            .distinct()
            .from_(SIZES.to_table())
            .order_by("audience_name")
        )
    ]
    near = get_close_matches(name, known, n=1)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    names = f" Recorded are: {', '.join(known)}." if known else ""
    return (
        f"Nothing was ever recorded of an audience '{name}'.{hint}{names} A new audience is "
        "recorded from the next `kenning build` on."
    )


def _text(value: Value) -> str | None:
    return None if value is None else str(value)


def _instant(value: Value) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)
    return datetime.fromisoformat(str(value))
