"""A part of the graph's sources copied, so that rules can be tried quickly.

The real warehouse is attached without the right to write. The copy holds source rows only: dbt
builds the graph in it anew, so the sample is judged as a company of its own.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlglot import exp

from identity.errors import NotBuiltError
from identity.tables import (
    ASSIGNMENTS,
    BLOCKED,
    LINK_RULES,
    LINKS,
    REGISTRY,
    make_schema,
    named,
)
from warehouse.connection import Warehouse
from warehouse.manifest import Relation

_ORIGINAL = "kenning_original"
_AROUND = "_kenning_sampled_nodes"
_WANTED = "_kenning_sampled_identifiers"


@dataclass(frozen=True, slots=True)
class IdentifierSource:
    """A staging table that identifiers are read from.

    Attributes:
        relation: The table.
        columns: Identifier type by column.
    """

    relation: Relation
    columns: Mapping[str, str]


def identifier_sources(
    variables: Mapping[str, object], relations: Mapping[str, Relation]
) -> tuple[IdentifierSource, ...]:
    """The staging tables that vars.identifier_sources names.

    Args:
        variables: `vars` of dbt_project.yml.
        relations: Where each model is, by its name.
    """
    columns: dict[str, dict[str, str]] = {}
    entries = variables.get("identifier_sources")
    for entry in entries if isinstance(entries, list) else []:
        given = entry["identifiers"]
        named_columns = (
            given if isinstance(given, dict) else {each: each for each in given}
        )
        columns.setdefault(str(entry["model"]), {}).update(
            {str(column): str(kind) for column, kind in named_columns.items()}
        )
    return tuple(
        IdentifierSource(relations[model], by_column)
        for model, by_column in columns.items()
    )


def copy_sample(
    warehouse: Warehouse,
    original: Path,
    sources: Iterable[IdentifierSource],
    *,
    size: int,
) -> None:
    """Fill an empty warehouse with the records of some customers.

    Customers are chosen by a hash of their number, so the same graph gives the same sample. All
    whom a shared identifier ties to them come along: without them it would not be shared.

    Args:
        warehouse: Empty, open for writing.
        original: The file of the real one.
        sources: Staging tables to copy the rows of.
        size: Customers to choose.

    Raises:
        NotBuiltError: The real warehouse holds no graph.
    """
    warehouse.execute(
        exp.Attach(
            this=exp.alias_(exp.Literal.string(str(original)), _ORIGINAL),
            expressions=[exp.AttachOption(this=exp.var("read_only"))],
        )
    )
    try:
        _require_original(warehouse)
        _choose(warehouse, size)
        for source in sources:
            _copy_rows(warehouse, source)
        for relation in _whole_tables(warehouse):
            make_schema(warehouse, relation.schema)
            warehouse.execute(
                exp.select("*").from_(_in_original(relation)).ctas(relation.to_table())
            )
    finally:
        for table in (_AROUND, _WANTED):
            warehouse.execute(
                exp.Drop(tables=[exp.to_table(table)], kind="TABLE", exists=True)
            )
        warehouse.execute(exp.Detach(this=exp.var(_ORIGINAL)))


def _require_original(warehouse: Warehouse) -> None:
    known = {
        (str(schema), str(name))
        for schema, name in warehouse.query(
            exp.select("table_schema", "table_name")
            .from_("information_schema.tables")
            .where(exp.column("table_catalog").eq(_ORIGINAL))
        )
    }
    for relation in (ASSIGNMENTS, LINKS, REGISTRY, LINK_RULES, BLOCKED):
        if (relation.schema, relation.name) not in known:
            raise NotBuiltError(
                f"{relation} is not there yet. Build it with `kenning demo` or `kenning build`."
            )


def _choose(warehouse: Warehouse, size: int) -> None:
    """Note the identifiers of chosen customers, and of all whom shared ones tie to them."""
    members = (
        exp.select("members.node_id")
        .from_(_in_original(ASSIGNMENTS, "members"))
        .join(
            exp.select("component_id")
            .from_(_in_original(ASSIGNMENTS))
            .where("not is_shared and component_id is not null")
            .group_by("component_id")
            .order_by("md5(cast(component_id as text))", "component_id")
            .limit(size)
            .subquery("chosen"),
            on="members.component_id = chosen.component_id",
        )
    )
    near = exp.union("select node_id from members", _neighbours_of("members"))
    shared = (
        exp.select("near.node_id")
        .from_("near")
        .join(
            _in_original(ASSIGNMENTS, "assignments"),
            on="near.node_id = assignments.node_id",
        )
        .where("assignments.is_shared")
    )
    tied = exp.union("select node_id from near", _neighbours_of("shared"))
    around = (
        exp.select("others.node_id")
        .distinct()
        .from_("tied")
        .join(
            _in_original(ASSIGNMENTS, "assignments"),
            on="tied.node_id = assignments.node_id",
        )
        .join(
            _in_original(ASSIGNMENTS, "others"),
            on="assignments.component_id = others.component_id",
        )
    )
    query = (
        around.with_("members", as_=members)
        .with_("near", as_=near)
        .with_("shared", as_=shared)
        .with_("tied", as_=tied)
    )
    _make_temporary(warehouse, _AROUND, query)
    _make_temporary(
        warehouse,
        _WANTED,
        exp.select("registry.identifier_type", "registry.identifier_value")
        .from_(_in_original(REGISTRY, "registry"))
        .join(_AROUND, on=f"registry.node_id = {_AROUND}.node_id"),
    )


def _neighbours_of(nodes: str) -> exp.Query:
    directions = [
        exp.select(f"links.{there}")
        .from_(_in_original(LINKS, "links"))
        .where("links.is_current")
        .where(
            exp.column(here, table="links").isin(
                query=exp.select("node_id").from_(nodes)
            )
        )
        for here, there in (
            ("node_id", "centre_node_id"),
            ("centre_node_id", "node_id"),
        )
    ]
    return exp.union(*directions)


def _copy_rows(warehouse: Warehouse, source: IdentifierSource) -> None:
    """The rows that name an identifier of the sample, as it stands in the graph."""
    make_schema(warehouse, source.relation.schema)
    names = [
        exp.column(column, quoted=True).isin(
            query=exp.select("identifier_value")
            .from_(_WANTED)
            .where(exp.column("identifier_type").eq(kind))
        )
        for column, kind in source.columns.items()
    ]
    warehouse.execute(
        exp.select("*")
        .from_(_in_original(source.relation))
        .where(exp.or_(*names))
        .ctas(source.relation.to_table())
    )


def _whole_tables(warehouse: Warehouse) -> list[Relation]:
    """The seeds and the rules of the commands."""
    rows = warehouse.query(
        exp.select("table_name")
        .from_("information_schema.tables")
        .where(exp.column("table_catalog").eq(_ORIGINAL))
        .where(exp.column("table_schema").eq(BLOCKED.schema))
        .order_by("table_name")
    )
    return [LINK_RULES, *(Relation(BLOCKED.schema, str(name)) for (name,) in rows)]


def _in_original(relation: Relation, alias: str | None = None) -> exp.Table:
    table = relation.to_table() if alias is None else named(relation, alias)
    table.set("catalog", exp.to_identifier(_ORIGINAL))
    return table


def _make_temporary(warehouse: Warehouse, name: str, query: exp.Query) -> None:
    warehouse.execute(
        exp.Create(
            this=exp.to_table(name),
            kind="TABLE",
            properties=exp.Properties(expressions=[exp.TemporaryProperty()]),
            expression=query,
        )
    )
