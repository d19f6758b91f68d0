"""A look at the rows of a plan: some of them, masked, and what is sent as another type.

How values are masked is in `masking`.
"""

from dataclasses import replace

from sqlglot import exp

from reverse_etl.content_hash import TypeTag, type_tag
from reverse_etl.masking import masked
from reverse_etl.modes import Op
from reverse_etl.plan import Sample
from reverse_etl.planned_runs import PlannedRun
from warehouse.connection import Warehouse

SAMPLE_ROWS = 3
"""Rows of each kind that a plan shows."""


def looked_at(run: PlannedRun, warehouse: Warehouse) -> PlannedRun:
    """The plan with samples and conversions."""
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
