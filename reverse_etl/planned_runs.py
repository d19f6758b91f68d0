"""A plan whose rows are in the warehouse, and the queries that read them.

How a plan is made is in `planning`, what of it is shown in `plan`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot import exp

from reverse_etl import send_query
from reverse_etl.counts import Counts
from reverse_etl.guards import holds_withdrawals
from reverse_etl.modes import Action, Mode
from reverse_etl.plan import SyncPlan
from reverse_etl.spec import SyncSpec
from reverse_etl.sync_actions import Actions
from warehouse.values import Column, Value

MOST_SORTED_ROWS = 100_000
"""With more rows, a plan that only adds (or only changes, or only removes) is in no order:
sorting takes as long as comparing."""


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
        schema_fingerprint: See `model_query.schema_fingerprint`.
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
        """The rows to send: see `send_query.plan_query`."""
        return send_query.plan_query(
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
        """What the destination should hold: see `send_query.wanted_query`."""
        return send_query.wanted_query(
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
