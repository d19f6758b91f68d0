"""From the model to the plan of a run: compare, count, judge, write down.

Everything happens inside one transaction of the caller, so that the model is read as it is
at one moment. What a plan holds and why is in `change_query`, what holds it in `guards`.
"""

import contextlib
import difflib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlglot import exp

from reverse_etl import change_query
from reverse_etl.change_query import CONSENTS, SUPPRESSIONS, Actions
from reverse_etl.clock import as_utc
from reverse_etl.content_hash import TypeTag, type_tag
from reverse_etl.counts import Counts, read_counts
from reverse_etl.destinations.protocol import Capabilities, LimitKind, RateLimit
from reverse_etl.errors import ContractError, SpecError
from reverse_etl.guards import (
    Previous,
    guard_findings,
    holds_withdrawals,
)
from reverse_etl.masking import masked
from reverse_etl.modes import Action, Mode, Op
from reverse_etl.normalising import NORMALISERS
from reverse_etl.plan import Sample, SyncPlan, request_count, seal_of
from reverse_etl.retl_tables import (
    create_temporary_as,
    drop,
    literal,
    temporary,
)
from reverse_etl.spec import CUSTOMER_COLUMN, SyncSpec, mapping_fingerprint
from warehouse.connection import Warehouse
from warehouse.errors import WarehouseError
from warehouse.values import Column, Value

SAMPLE_ROWS = 3
"""Rows of each kind that a plan shows."""

MOST_SORTED_ROWS = 100_000
"""With more rows, a plan that only adds (or only changes, or only removes) is in no order:
sorting takes as long as comparing."""

_LONG_AGO = datetime(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """A plan whose rows are in the warehouse, in a temporary table until they are written.

    Attributes:
        spec: The sync.
        plan: Numbers, guards and seal.
        compared: The comparison; see `change_query.comparison_query`.
        columns: Columns of the model.
        actions: What the destination is asked to do.
        mapping_fingerprint: See `spec.mapping_fingerprint`.
        schema_fingerprint: See `change_query.schema_fingerprint`.
        account_fingerprint: See `accounts.account_fingerprint`.
        order_by: See `Capabilities.order_by`.
        dialect: Of the warehouse.
    """

    spec: SyncSpec
    plan: SyncPlan
    compared: exp.Table
    columns: Sequence[Column]
    actions: Actions
    mapping_fingerprint: str
    schema_fingerprint: str
    account_fingerprint: str | None
    order_by: str | None
    dialect: str

    @property
    def counts(self) -> Counts:
        """The numbers of the plan."""
        return self.plan.counts

    @property
    def lets_withdrawals_go(self) -> bool:
        """Whether a run that guards hold still takes away who withdrew consent.

        Where all is written anew there is no taking away one row alone.
        """
        return (
            self.counts.withdraw > 0
            and not self.writes_all_anew
            and not holds_withdrawals(self.plan.findings)
        )

    @property
    def writes_all_anew(self) -> bool:
        """Whether a run replaces everything that its destination holds."""
        return self.actions.write is Action.RUN and self.spec.mode in (
            Mode.MIRROR,
            Mode.FULL,
        )

    @property
    def needs_second_pass(self) -> bool:
        """Whether records left with old identifiers that come back in another pass."""
        return self.counts.rematch > 0

    def plan_query(self, *, only_withdrawals: bool = False) -> exp.Select:
        """The rows to send: see `change_query.plan_query`."""
        return change_query.plan_query(
            self.spec,
            self.columns,
            compared=self.compared,
            wanted_actions=self.actions,
            order_by=self.order_by,
            only_withdrawals=only_withdrawals,
            dialect=self.dialect,
            is_sorted=only_withdrawals or not self._may_go_in_any_order,
        )

    @property
    def _may_go_in_any_order(self) -> bool:
        counts = self.counts
        ops = (
            counts.withdraw,
            counts.absent,
            counts.rematch,
            counts.change,
            counts.add,
        )
        return (
            counts.planned > MOST_SORTED_ROWS
            and max(ops) == counts.planned
            and self.order_by is None
            and self.actions.write is not Action.RUN
        )

    def wanted_query(self) -> exp.Select:
        """What the destination should hold: see `change_query.wanted_query`."""
        return change_query.wanted_query(
            self.spec, self.columns, compared=self.compared, dialect=self.dialect
        )

    def run_columns(self) -> dict[str, Value]:
        """What `retl.sync_runs` keeps of a plan, by column."""
        counts = self.counts
        return {
            "seal": self.plan.seal,
            "mapping_fingerprint": self.mapping_fingerprint,
            "schema_fingerprint": self.schema_fingerprint,
            "account_fingerprint": self.account_fingerprint,
            "source_count": counts.source,
            "unchanged_count": counts.unchanged,
            "waiting_count": counts.waiting,
            "invalid_count": counts.invalid,
            "skipped_no_consent_count": counts.skipped_no_consent,
            "kept_count": counts.kept,
        }


@contextlib.contextmanager
def planned_run(
    spec: SyncSpec,
    capabilities: Capabilities,
    *,
    warehouse: Warehouse,
    snapshot: exp.Table,
    rejected: exp.Table,
    previous: Previous,
    now: datetime,
    account_fingerprint: str | None = None,
    limits: Iterable[RateLimit] = (),
    requests_left: int | None = None,
    has_unfinished_run: bool = False,
    with_samples: bool = False,
    returning: int = 0,
) -> Iterator[PlannedRun]:
    """Compare a model with what its destination holds.

    Args:
        spec: The sync, checked against its destination.
        capabilities: Of the destination's object.
        warehouse: Open. For writing, inside a transaction that stays open until the
            plan's rows are written; for reading alone, only the numbers can be had.
        snapshot: What destinations have acknowledged.
        rejected: What destinations have refused.
        previous: What the last run found.
        now: The present moment.
        account_fingerprint: Which account it is; None where nobody says.
        limits: The account's limits, to tell how long the run takes.
        requests_left: Of the account's day; None without a daily quota.
        has_unfinished_run: See `SyncPlan`.
        with_samples: Whether the plan shows some masked rows.
        returning: See `guards.guard_findings`.

    Raises:
        ContractError: The model or the consent table is not there or lacks a column, or
            a column is of a type that cannot go.
        SpecError: Customers answered for other purposes, and nobody for the sync's.
    """
    columns = _checked_columns(spec, warehouse)
    _check_purpose(spec, warehouse)
    is_run = capabilities.max_batch_rows is None
    wanted_actions = change_query.actions(
        spec,
        removals=capabilities.removals,
        is_membership=capabilities.is_membership,
        is_run=is_run,
    )
    head = mapping_fingerprint(
        spec, {name: each.version for name, each in NORMALISERS.items()}
    )
    schema = change_query.schema_fingerprint(spec, columns)
    compared = temporary(f"compared__{spec.name}")
    try:
        _compare(
            spec,
            columns,
            warehouse=warehouse,
            compared=compared,
            snapshot=snapshot,
            rejected=rejected,
            wanted_actions=wanted_actions,
            is_membership=capabilities.is_membership,
            removes_ambiguous=is_run,
            head=head,
            now=now,
        )
        counts = _counts(spec, warehouse, compared=compared, snapshot=snapshot)
        requests = request_count(
            counts, wanted_actions, max_batch_rows=capabilities.max_batch_rows
        )
        findings = guard_findings(
            counts,
            spec.guards,
            previous=previous,
            mapping_fingerprint=head,
            schema_fingerprint=schema,
            account_fingerprint=account_fingerprint,
            requests=requests,
            requests_left=requests_left,
            returning=returning,
        )
        run = PlannedRun(
            spec=spec,
            plan=SyncPlan(
                sync=spec.name,
                planned_at=now,
                counts=counts,
                findings=findings,
                has_unfinished_run=has_unfinished_run,
                seal=seal_of(
                    counts,
                    (
                        *_deed(spec, wanted_actions),
                        str(account_fingerprint),
                        head,
                        schema,
                    ),
                ),
                requests=requests,
                seconds=_least_seconds(requests, limits),
            ),
            compared=compared,
            columns=columns,
            actions=wanted_actions,
            mapping_fingerprint=head,
            schema_fingerprint=schema,
            account_fingerprint=account_fingerprint,
            order_by=capabilities.order_by,
            dialect=warehouse.dialect,
        )
        if with_samples:
            run = _looked_at(run, warehouse)
        yield run
    finally:
        # They end with the connection anyway; an error on the way is the one to tell.
        with contextlib.suppress(WarehouseError):
            drop(warehouse, compared)


def suppressions(warehouse: Warehouse) -> exp.Table | None:
    """The table of customers that nobody may be told of, where there is one."""
    if (SUPPRESSIONS.schema, SUPPRESSIONS.name) not in warehouse.tables():
        return None
    return SUPPRESSIONS.to_table()


def withdrawn_since(
    spec: SyncSpec, *, warehouse: Warehouse, plan: exp.Table, first_seq: int
) -> tuple[int, ...]:
    """Sequence numbers of planned rows whose consent is gone since they were planned."""
    if not spec.needs_consent:
        return ()
    rows = warehouse.query(
        change_query.withdrawn_query(
            spec,
            plan=plan,
            first_seq=first_seq,
            suppressed=suppressions(warehouse),
            dialect=warehouse.dialect,
        )
    )
    return tuple(int(str(seq)) for (seq,) in rows)


def _compare(
    spec: SyncSpec,
    columns: Sequence[Column],
    *,
    warehouse: Warehouse,
    compared: exp.Table,
    snapshot: exp.Table,
    rejected: exp.Table,
    wanted_actions: Actions,
    is_membership: bool,
    removes_ambiguous: bool,
    head: str,
    now: datetime,
) -> None:
    dialect = warehouse.dialect
    granted = change_query.granted_query(
        spec, suppressed=suppressions(warehouse), dialect=dialect
    )
    days = spec.refresh_after_days
    stale_before = _LONG_AGO if days is None else as_utc(now) - timedelta(days=days)
    create_temporary_as(
        warehouse,
        compared.name,
        change_query.comparison_query(
            spec,
            source=change_query.source_query(
                spec, columns, head=head, granted=granted, dialect=dialect
            ),
            granted=granted,
            snapshot=snapshot,
            rejected=rejected,
            wanted_actions=wanted_actions,
            is_membership=is_membership,
            now=literal(as_utc(now)),
            stale_before=literal(stale_before),
            dialect=dialect,
        ),
    )
    _settle_shared_keys(
        spec,
        warehouse,
        compared=compared,
        snapshot=snapshot,
        wanted_actions=wanted_actions,
        removes_ambiguous=removes_ambiguous,
    )
    if spec.match and wanted_actions.write is not Action.RUN:
        warehouse.execute(
            change_query.inherit_query(
                spec, compared=compared, snapshot=snapshot, dialect=dialect
            )
        )


def _settle_shared_keys(
    spec: SyncSpec,
    warehouse: Warehouse,
    *,
    compared: exp.Table,
    snapshot: exp.Table,
    wanted_actions: Actions,
    removes_ambiguous: bool,
) -> None:
    """Put one row in place of the several that share a key.

    Rows that are as they were are not in the comparison. If more of them are left out
    than keys are held, some share a key, and the model is looked through for it.
    """
    dialect = warehouse.dialect
    ((source_rows, held_keys),) = warehouse.query(
        change_query.balance_query(compared=compared, dialect=dialect)
    )
    left_out = _one(
        warehouse, change_query.source_count_query(spec, dialect=dialect)
    ) - int(str(source_rows))
    untouched = _one(
        warehouse,
        change_query.held_count_query(spec, snapshot=snapshot, dialect=dialect),
    ) - int(str(held_keys))
    shared = temporary(f"shared__{spec.name}")
    create_temporary_as(
        warehouse,
        shared.name,
        change_query.shared_keys_query(
            spec, compared=None if left_out > untouched else compared, dialect=dialect
        ),
    )
    if _one(warehouse, exp.select(exp.func("count", exp.Star())).from_(shared)):
        settled = temporary(f"settled__{spec.name}")
        create_temporary_as(
            warehouse,
            settled.name,
            change_query.ambiguous_query(
                shared=shared,
                compared=compared,
                wanted_actions=wanted_actions,
                removes_ambiguous=removes_ambiguous,
                dialect=dialect,
            ),
        )
        warehouse.execute(
            change_query.delete_shared_query(
                shared=shared, compared=compared, dialect=dialect
            )
        )
        names = list(_COMPARED_COLUMNS)
        warehouse.execute(
            exp.insert(
                exp.select(*names).from_(settled), into=compared.copy(), columns=names
            )
        )
        drop(warehouse, settled)
    drop(warehouse, shared)


_COMPARED_COLUMNS = (
    "key",
    "is_in_source",
    "is_held",
    "customer_id",
    "has_consent",
    "row_hash",
    "match_text",
    "fault",
    "held_customer_id",
    "held_hash",
    "state",
    "held_match_text",
    "dest_id",
    "is_different",
    "is_waiting",
    "has_held_consent",
    "row_count",
    "op",
)


def _counts(
    spec: SyncSpec, warehouse: Warehouse, *, compared: exp.Table, snapshot: exp.Table
) -> Counts:
    dialect = warehouse.dialect
    return read_counts(
        warehouse.query(change_query.count_query(compared=compared, dialect=dialect)),
        source_count=_one(
            warehouse, change_query.source_count_query(spec, dialect=dialect)
        ),
        held_count=_one(
            warehouse,
            change_query.held_count_query(spec, snapshot=snapshot, dialect=dialect),
        ),
    )


def _deed(spec: SyncSpec, wanted_actions: Actions) -> tuple[str, ...]:
    """What is done, where, and in whose name, beside the rows themselves."""
    return (
        spec.destination,
        spec.object,
        spec.key,
        spec.mode.value,
        str(spec.relation),
        str(spec.purpose),
        wanted_actions.write.value,
        str(wanted_actions.absent),
        str(wanted_actions.withdrawn),
    )


def _least_seconds(requests: int, limits: Iterable[RateLimit]) -> float:
    """How long the slowest window makes that many requests last."""
    return max(
        (
            (requests / limit.max_requests) * limit.window_s
            for limit in limits
            if limit.kind is LimitKind.WINDOW and requests > limit.max_requests
        ),
        default=0.0,
    )


def _looked_at(run: PlannedRun, warehouse: Warehouse) -> PlannedRun:
    return replace(
        run,
        plan=replace(
            run.plan, samples=_samples(run, warehouse), conversions=_conversions(run)
        ),
    )


def _samples(run: PlannedRun, warehouse: Warehouse) -> tuple[Sample, ...]:
    spec = run.spec
    shown = list(dict.fromkeys((*spec.columns, spec.key)))
    is_key_public = spec.key in spec.public_columns
    samples = []
    for finding, op in (
        ("withdraw", Op.REMOVE),
        ("absent", Op.REMOVE),
        ("change", Op.CHANGE),
        ("add", Op.ADD),
    ):
        model = exp.alias_(spec.relation.to_table(), "model", table=True)
        model_key = exp.column(exp.to_identifier(spec.key, quoted=True), "model")
        rows = warehouse.query(
            exp.select(
                exp.column("key", "compared"),
                *[
                    exp.column(exp.to_identifier(name, quoted=True), "model")
                    for name in shown
                ],
            )
            .from_(exp.alias_(run.compared.copy(), "compared", table=True))
            .join(
                model,
                on=exp.column("key", "compared").eq(exp.cast(model_key, "text")),
                join_type="left",
            )
            .where(exp.column("op", "compared").eq(finding))
            .order_by(exp.column("key", "compared"))
            .limit(SAMPLE_ROWS)
        )
        for key, *values in rows:
            held = {
                name: masked(value, is_public=name in spec.public_columns)
                for name, value in zip(shown, values, strict=True)
                if name != spec.key
            }
            samples.append(
                Sample(
                    op,
                    masked(key, is_public=is_key_public),
                    {} if op is Op.REMOVE else held,
                )
            )
    return tuple(samples)


def _conversions(run: PlannedRun) -> dict[str, int]:
    """Rows that go whose value is sent as another type than its own, by what it is."""
    types = {column.name: column.data_type for column in run.columns}
    found: dict[str, int] = {}
    for mapped in run.spec.mapping:
        if mapped.column is None:
            continue
        tag = type_tag(types[mapped.column], column=mapped.column, model=run.spec.model)
        wanted = None if mapped.cast is None else mapped.cast.value
        if wanted is None and tag in (TypeTag.TIMESTAMP, TypeTag.DATE):
            wanted = "ISO 8601 text"
        if wanted is None or wanted == tag.name.lower():
            continue
        count = run.counts.upserts
        if count:
            found[f"{mapped.field}: {types[mapped.column].lower()} -> {wanted}"] = count
    return found


def _checked_columns(spec: SyncSpec, warehouse: Warehouse) -> tuple[Column, ...]:
    """Columns of the model, once everything that the sync reads is known to be there."""
    columns = warehouse.columns(spec.relation.schema, spec.relation.name)
    if not columns:
        raise ContractError(
            f"Sync '{spec.name}' reads {spec.relation}, which is not in the warehouse. "
            f"Build it first: `dbt build --select +{spec.model}`."
        )
    needed = {spec.key, *spec.columns}
    if spec.purpose is not None:
        needed.add(CUSTOMER_COLUMN)
    if spec.needs_consent:
        _check_present(
            {"customer_id", "purpose", "is_granted"},
            warehouse.columns(CONSENTS.schema, CONSENTS.name),
            sync=spec.name,
            table=str(CONSENTS),
        )
    _check_present(needed, columns, sync=spec.name, table=str(spec.relation))
    return columns


def _check_purpose(spec: SyncSpec, warehouse: Warehouse) -> None:
    """A purpose that nobody was asked for is a slip of the pen, and no mass withdrawal."""
    if not spec.needs_consent:
        return
    purpose, dialect = str(spec.purpose), warehouse.dialect
    if warehouse.query(change_query.purpose_in_use_query(purpose, dialect=dialect)):
        return
    known = [
        str(name)
        for (name,) in warehouse.query(change_query.purposes_query(dialect=dialect))
    ]
    if known:
        known.sort(key=lambda name: (-_likeness(name, purpose), name))
        raise SpecError(
            f"Sync '{spec.name}' in {spec.path} has purpose '{purpose}', which no row of "
            f"{CONSENTS} has. Nothing was sent. There are, closest first: "
            f"{', '.join(known)}. Correct the purpose; if it is new, let its answers reach "
            "that table first."
        )


def _likeness(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one, other).ratio()


def _check_present(
    needed: set[str], columns: Iterable[Column], *, sync: str, table: str
) -> None:
    missing = sorted(needed - {column.name for column in columns})
    if missing:
        raise ContractError(
            f"Sync '{sync}' needs {', '.join(missing)} of {table}, which the warehouse "
            "does not have. Nothing was sent. Build the model again, or correct the sync."
        )


def _one(warehouse: Warehouse, query: exp.Select) -> int:
    ((count,),) = warehouse.query(query)
    return int(str(count))
