"""One blocking check per sync: are the rows of its model fit to leave?

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
    row_rules,
)
from orchestration.quality.results import keep
from orchestration.quality.validation import validate
from orchestration.workspace import Workspace
from reverse_etl.change_query import CONSENTS
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
        description=f"Every row is fit to leave for {spec.destination}: columns, key, shape, "
        "consent.",
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
    """Judge every row of the model; when its columns are not the documented ones, only that.

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
    if spec.purpose is not None and CUSTOMER_COLUMN in found:
        extra[HAS_CONSENT] = _has_consent(spec.purpose)
    if email is not None and has_blocked:
        extra[IS_BLOCKED] = _is_blocked(email)
    query = exp.select(
        *[exp.column(name, table="outgoing", quoted=True) for name in found],
        *[exp.alias_(flag, name) for name, flag in extra.items()],
    ).from_(exp.alias_(spec.relation.to_table(), "outgoing", table=True))
    frame = all_rows(warehouse, query, [*found, *extra])
    columns = tuple(model.columns.values())
    shape = validate(frame[found], [column_rule(columns)], name=spec.model)
    if not shape[0].is_met:
        return shape
    rules = row_rules(
        columns,
        key=spec.key,
        has_purpose=spec.purpose is not None,
        has_blocked_emails=has_blocked,
        now=now,
    )
    return (*shape, *validate(frame, rules, name=spec.model))


def _has_own_model(spec: SyncSpec) -> bool:
    """Whether the model is named for this sync; one that is not may feed several."""
    return spec.model == f"sync_{spec.name}"


def _asset(spec: SyncSpec) -> str:
    """What the outcomes are kept under: one name for each sync."""
    return spec.model if _has_own_model(spec) else f"{spec.model}.{spec.name}"


def _has_consent(purpose: str) -> exp.Expr:
    """The customer has a row that grants the purpose, and none that does not."""
    granting = _consents(purpose).where(exp.column("is_granted"))
    refusing = _consents(purpose).where(exp.column("is_granted").is_(exp.true()).not_())
    return exp.and_(exp.Exists(this=granting), exp.not_(exp.Exists(this=refusing)))


def _consents(purpose: str) -> exp.Select:
    return (
        exp.select(exp.Literal.number(1))
        .from_(exp.alias_(CONSENTS.to_table(), "consents", table=True))
        .where(
            exp.column(CUSTOMER_COLUMN, table="consents").eq(
                exp.column(CUSTOMER_COLUMN, table="outgoing")
            )
        )
        .where(exp.column("purpose", table="consents").eq(purpose))
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
