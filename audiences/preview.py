"""What a marketer asks of an audience before it is built: how many, who, why, and how reached."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import sqlglot
from sqlglot import exp

from audiences import preview_queries as queries
from audiences.errors import EntityMismatchError
from audiences.history import MEMBERSHIPS, SIZES
from audiences.overlap import id_column, members_table
from audiences.preview_candidate import Candidate
from audiences.preview_evaluation import Evaluated, evaluate, is_there
from audiences.preview_examples import Mask, examples_of
from audiences.preview_queries import filled
from audiences.preview_steps import steps_of
from audiences.preview_values import share, whole
from warehouse.connection import Warehouse
from warehouse.values import Relation

CONSENTS = Relation("core", "customer_consents")
RECIPIENTS = Relation("core", "customer_recipients")
SUPPRESSIONS = Relation("core", "suppressed_customers")

_CUSTOMER = "customer"


@dataclass(frozen=True, slots=True)
class FunnelStep:
    """What one more thing that is asked leaves.

    Attributes:
        label: What is asked.
        removed_count: Who was still in before, and is out now.
        left_count: Who is in.
        alone_count: For how many of everybody it holds; None for what is no condition.
    """

    label: str
    removed_count: int
    left_count: int
    alone_count: int | None


@dataclass(frozen=True, slots=True)
class Overlap:
    """How an audience shares members with another, as that was built last.

    Attributes:
        share_of_this: Of this audience's members, those in both, 0 to 1.
        share_of_other: Of the other's.
    """

    name: str
    member_count: int
    both_count: int
    share_of_this: float
    share_of_other: float


@dataclass(frozen=True, slots=True)
class Change:
    """Members now against members as recorded a day before.

    Attributes:
        since: The instant that is compared with, UTC.
        member_count: Members at that instant.
        is_same_definition: Whether the definition that held then is this one.
    """

    since: datetime
    member_count: int
    entered_count: int
    exited_count: int
    is_same_definition: bool


@dataclass(frozen=True, slots=True)
class Reach:
    """Members that may be told something by one means, for one purpose.

    Attributes:
        consented_count: Who allows it and is not suppressed.
        addressed_count: Of them, those with an address to write to; None for a channel that
            has no addresses.
        is_own_purpose: Whether the audience is for this purpose.
    """

    purpose: str
    channel: str
    consented_count: int
    addressed_count: int | None
    is_own_purpose: bool


@dataclass(frozen=True, slots=True)
class Preview:
    """An audience as it would be if it were built now.

    Attributes:
        as_of: What was taken for now: that of the last build, UTC.
        version: Of the definition.
        base_count: Everybody with a profile.
        sizes: Members by split group; None stands for no group.
        examples: Some members: shown texts by column.
        change: None when nothing was recorded a day before.
        reach: None when members are no customers, or nothing is known of consent.
    """

    name: str
    entity: str
    purpose: str
    as_of: datetime
    version: str
    base_count: int
    member_count: int
    sizes: Mapping[str | None, int]
    funnel: tuple[FunnelStep, ...]
    examples: tuple[Mapping[str, str], ...]
    overlaps: tuple[Overlap, ...]
    change: Change | None
    reach: tuple[Reach, ...] | None

    @property
    def share_of_base(self) -> float:
        """Members of everybody, 0 to 1."""
        return share(self.member_count, self.base_count)


def preview(
    warehouse: Warehouse,
    candidate: Candidate,
    root: Path,
    *,
    mask: Mask,
    compared_with: Sequence[str] = (),
) -> Preview:
    """Look at an audience.

    Args:
        warehouse: Open; the published file will do.
        candidate: The audience.
        root: The project.
        mask: What makes values of members fit to be shown.
        compared_with: Names of audiences, as built last.

    Raises:
        UnbuiltModelError: A table that it reads is not there.
        UnknownAudienceError: A named audience was not built.
        EntityMismatchError: A named audience has members of another kind.
    """
    found = evaluate(warehouse, candidate, root)
    definition = candidate.definition
    return Preview(
        name=definition.name,
        entity=definition.entity,
        purpose=definition.purpose,
        as_of=found.as_of,
        version=candidate.audience.version,
        base_count=found.base_count,
        member_count=found.member_count,
        sizes=found.sizes,
        funnel=_funnel(found),
        examples=examples_of(found, found.members, mask),
        overlaps=tuple(_overlap(found, name) for name in compared_with),
        change=_change(found),
        reach=_reach(found),
    )


def _funnel(found: Evaluated) -> tuple[FunnelStep, ...]:
    before = found.base_count
    funnel = []
    for step in steps_of(found.candidate):
        left = found.count(step.sql)
        alone = None if step.alone_sql is None else found.count(step.alone_sql)
        funnel.append(FunnelStep(step.label, before - left, left, alone))
        before = left
    return tuple(funnel)


def _overlap(found: Evaluated, name: str) -> Overlap:
    entity = found.candidate.entity
    table = members_table(found.warehouse, name)
    if id_column(found.warehouse, table) != entity.id:
        raise EntityMismatchError(
            f"{name} has members of another kind than {found.candidate.definition.name}, whose "
            f"members are {entity.name}s. Compare audiences of one kind."
        )
    others = queries.ids_of(table.to_table(), entity.id)
    [(other_count, both_count)] = found.warehouse.query(
        filled(queries.OVERLAP, {"members": found.members, "others": others})
    )
    both, other = whole(both_count), whole(other_count)
    return Overlap(
        name=name,
        member_count=other,
        both_count=both,
        share_of_this=share(both, found.member_count),
        share_of_other=share(both, other),
    )


def _change(found: Evaluated) -> Change | None:
    warehouse = found.warehouse
    if not is_there(warehouse, SIZES) or not is_there(warehouse, MEMBERSHIPS):
        return None
    since = found.as_of - timedelta(days=1)
    values = {
        "name": exp.Literal.string(found.candidate.definition.name),
        "instant": queries.timestamp(since),
    }
    recorded = warehouse.query(
        filled(queries.VERSION_AT, {"sizes": SIZES.to_table()}, values)
    )
    if not recorded:
        return None
    tables = {"memberships": MEMBERSHIPS.to_table(), "members": found.members}
    [(before, entered, exited)] = warehouse.query(
        filled(queries.CHANGE, tables, values)
    )
    return Change(
        since=since,
        member_count=whole(before),
        entered_count=whole(entered),
        exited_count=whole(exited),
        is_same_definition=recorded[0][0] == found.candidate.audience.version,
    )


def _reach(found: Evaluated) -> tuple[Reach, ...] | None:
    warehouse, own = found.warehouse, found.candidate.definition.purpose
    is_known = is_there(warehouse, CONSENTS) and is_there(warehouse, RECIPIENTS)
    if found.candidate.entity.name != _CUSTOMER or not is_known:
        return None
    nobody = sqlglot.parse_one(queries.NOBODY, into=exp.Select)
    suppressed = (
        exp.select("customer_id").distinct().from_(SUPPRESSIONS.to_table())
        if is_there(warehouse, SUPPRESSIONS)
        else nobody
    )
    rows = warehouse.query(
        filled(
            queries.REACH,
            {
                "members": found.members,
                "suppressed": suppressed,
                "consents": CONSENTS.to_table(),
                "recipients": RECIPIENTS.to_table(),
            },
        )
    )
    reach = [
        Reach(
            purpose=str(purpose),
            channel=str(channel),
            consented_count=whole(consented),
            addressed_count=None if addresses is None else whole(addressed),
            is_own_purpose=purpose == own,
        )
        for purpose, channel, consented, addressed, addresses in rows
    ]
    return tuple(sorted(reach, key=lambda each: not each.is_own_purpose))
