"""Whether the warehouse has what a sync reads: model, consents, columns, purpose."""

import difflib
from collections.abc import Iterable

from reverse_etl import consent_query
from reverse_etl.consent_query import CONSENTS
from reverse_etl.errors import ContractError, SpecError
from reverse_etl.spec import CUSTOMER_COLUMN, SyncSpec
from warehouse.connection import Warehouse
from warehouse.values import Column


def checked_columns(spec: SyncSpec, warehouse: Warehouse) -> tuple[Column, ...]:
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


def check_purpose(spec: SyncSpec, warehouse: Warehouse) -> None:
    """A purpose that nobody was asked for is a slip of the pen, and no mass withdrawal."""
    if not spec.needs_consent:
        return
    purpose, dialect = str(spec.purpose), warehouse.dialect
    if warehouse.query(consent_query.purpose_in_use_query(purpose, dialect=dialect)):
        return
    known = [
        str(name)
        for (name,) in warehouse.query(consent_query.purposes_query(dialect=dialect))
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
