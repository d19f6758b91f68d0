"""One blocking check per sync: are the rows that it may send fit to leave?

A step of its own per sync, so that one sync's bad rows hold back that sync alone.
"""

from datetime import datetime

import dagster as dg
from sqlglot import exp

from orchestration.as_of import resolve_as_of
from orchestration.dbt_assets import WAREHOUSE_POOL
from orchestration.dbt_project import model_key
from orchestration.failures import told_to_dagster
from orchestration.progress import Progress, Tell
from orchestration.quality.checks import check_result
from orchestration.quality.expectations import Outcome
from orchestration.quality.frames import all_rows
from orchestration.quality.outbound_suite import (
    HAS_CONSENT,
    IS_BLOCKED,
    SUITE,
    column_rule,
    consent_rule,
    row_rules,
)
from orchestration.quality.results import keep
from orchestration.quality.validation import validate
from orchestration.workspace import Workspace
from reverse_etl.comparing import suppressions
from reverse_etl.consent_query import granted_query
from reverse_etl.errors import ContractError
from reverse_etl.spec import CUSTOMER_COLUMN, SyncSpec
from warehouse.connection import Warehouse, open_warehouse
from warehouse.manifest import Manifest, Model, Relation

STAGE = "outbound checks"
CHECK = "fit_to_leave"
BLOCKED = Relation("identity", "identity_blocked")
"""One row per identifier that a blocking rule names: identifier_type, identifier_value."""


def outbound_check_key(spec: SyncSpec, manifest: Manifest) -> dg.AssetCheckKey:
    """The check that a sync waits for."""
    layer = manifest.model_by_id(spec.model_unique_id).layer
    return dg.AssetCheckKey(
        model_key(layer, spec.model),
        CHECK if _has_own_model(spec) else f"{spec.name}_{CHECK}",
    )


def outbound_step(spec: SyncSpec, manifest: Manifest) -> str:
    """The step of that check, as runs name it."""
    key = outbound_check_key(spec, manifest)
    return f"{key.asset_key.to_python_identifier()}_{key.name}"


def build_outbound_check(
    workspace: Workspace, manifest: Manifest, spec: SyncSpec
) -> dg.AssetChecksDefinition:
    """The check over the rows of one sync's model."""
    model = manifest.model_by_id(spec.model_unique_id)
    key = outbound_check_key(spec, manifest)

    @dg.asset_check(
        asset=key.asset_key,
        name=key.name,
        blocking=True,
        pool=WAREHOUSE_POOL,
        description=f"Every row that may be sent is fit to leave for {spec.destination}: "
        "columns, key, shape.",
    )
    def fit_to_leave(
        context: dg.AssetCheckExecutionContext, tell: dg.ResourceParam[Tell]
    ) -> dg.AssetCheckResult:
        tell(Progress(STAGE, spec.name))
        with told_to_dagster(), open_warehouse(workspace.target) as warehouse:
            now = resolve_as_of(context, workspace)
            outcomes = judge_outbound_rows(warehouse, spec, model, now=now)
            keep(
                warehouse,
                {_asset(spec): outcomes},
                run_id=context.run.run_id,
                suite=SUITE,
                checked_at=now,
            )
        broken = sum(not outcome.is_met for outcome in outcomes)
        tell(
            Progress(
                STAGE,
                f"{spec.name}: {len(outcomes):,} rules, {broken:,} broken",
                is_done=True,
            )
        )
        return check_result(outcomes, key=key)

    return fit_to_leave


def judge_outbound_rows(
    warehouse: Warehouse, spec: SyncSpec, model: Model, *, now: datetime
) -> tuple[Outcome, ...]:
    """Judge the rows that may be sent; when the columns are not the documented ones, only that.

    Rows without consent are counted and not judged, however they look: planning never sends
    them, and must get to the point of removing them.

    Raises:
        ContractError: The model is not in the warehouse.
    """
    found = [
        column.name
        for column in warehouse.columns(spec.relation.schema, spec.relation.name)
    ]
    if not found:
        raise ContractError(
            f"Sync '{spec.name}' reads {spec.relation}, which is not in the warehouse. "
            f"Build it first: `dbt build --select +{spec.model}`."
        )
    email = next(
        (name for name, column in model.columns.items() if column.pii == "email"), None
    )
    has_blocked = email in found and bool(
        warehouse.columns(BLOCKED.schema, BLOCKED.name)
    )
    extra = {}
    if email is not None and has_blocked:
        extra[IS_BLOCKED] = _is_blocked(email)
    query = exp.select(
        *[exp.column(name, table="outgoing", quoted=True) for name in found],
        *[exp.alias_(flag, name) for name, flag in extra.items()],
    ).from_(exp.alias_(spec.relation.to_table(), "outgoing", table=True))
    names = [*found, *extra]
    asks_consent = spec.needs_consent and CUSTOMER_COLUMN in found
    if asks_consent:
        query = _with_consent(query, spec, warehouse)
        names.append(HAS_CONSENT)
    frame = all_rows(warehouse, query, names)
    columns = tuple(model.columns.values())
    shape = validate(frame[found], [column_rule(columns)], name=spec.model)
    if not shape[0].is_met:
        return shape
    rules = row_rules(columns, key=spec.key, has_blocked_emails=has_blocked, now=now)
    if not asks_consent:
        return (*shape, *validate(frame, rules, name=spec.model))
    sendable = frame[frame[HAS_CONSENT].astype(bool)]
    return (
        *shape,
        *validate(frame, [consent_rule()], name=spec.model),
        *validate(sendable, rules, name=spec.model),
    )


def _has_own_model(spec: SyncSpec) -> bool:
    """Whether the model is named for this sync; one that is not may feed several."""
    return spec.model == f"sync_{spec.name}"


def _asset(spec: SyncSpec) -> str:
    """What the outcomes are kept under: one name for each sync."""
    return spec.model if _has_own_model(spec) else f"{spec.model}.{spec.name}"


def _with_consent(
    query: exp.Select, spec: SyncSpec, warehouse: Warehouse
) -> exp.Select:
    """The rows with whether a plan may send them. Granted customers are unique."""
    granted = granted_query(
        spec, suppressed=suppressions(warehouse), dialect=warehouse.dialect
    )
    customer = exp.column(CUSTOMER_COLUMN, table="outgoing", quoted=True)
    is_granted = exp.column(CUSTOMER_COLUMN, table="granted").is_(exp.null()).not_()
    return query.select(exp.alias_(is_granted, HAS_CONSENT)).join(
        granted.subquery("granted"),
        on=exp.cast(customer, "text").eq(exp.column(CUSTOMER_COLUMN, table="granted")),
        join_type="left",
    )


def _is_blocked(email: str) -> exp.Expr:
    blocked = (
        exp.select(exp.Literal.number(1))
        .from_(exp.alias_(BLOCKED.to_table(), "blocked", table=True))
        .where(
            exp.column("identifier_type", table="blocked").isin(
                "email", "email_canonical"
            )
        )
        .where(
            exp.column("identifier_value", table="blocked").eq(
                exp.column(email, table="outgoing", quoted=True)
            )
        )
    )
    return exp.Exists(this=blocked)
