"""The tables of identity by name: those that this room reads, and the one that it writes."""

from sqlglot import exp

from identity.errors import NotBuiltError
from warehouse.connection import Warehouse
from warehouse.manifest import Relation

SCHEMA = "identity"

# What the models keep, in whole numbers.
RUNS = Relation(SCHEMA, "int_identity__runs")
REGISTRY = Relation(SCHEMA, "int_identity__registry")
RECORDS = Relation(SCHEMA, "int_identity__records")
NODES = Relation(SCHEMA, "int_identity__nodes")
LINKS = Relation(SCHEMA, "int_identity__links")
OVERRIDES = Relation(SCHEMA, "int_identity__overrides")
REPAIRS = Relation(SCHEMA, "int_identity__repairs")
ASSIGNMENTS = Relation(SCHEMA, "int_identity__assignments")

# What everybody may read.
MAP = Relation(SCHEMA, "identity_map")
CUSTOMER_IDS = Relation(SCHEMA, "identity_customer_ids")
MERGES = Relation(SCHEMA, "identity_merges")
SPLITS = Relation(SCHEMA, "identity_splits")
CLUSTERS = Relation(SCHEMA, "identity_clusters")
REVIEW = Relation(SCHEMA, "identity_review")

LINK_RULES = Relation(SCHEMA, "identity_link_rules")
"""Rules that the command writes; dbt makes it and only reads it."""

SEEDED_LINK_RULES = Relation("reference", "link_rules")
"""Rules that are reviewed in a file, as dbt loaded them."""


BLOCKED = Relation("reference", "blocked_identifiers")
"""Values that name nobody, as dbt loaded them."""


def named(relation: Relation, alias: str) -> exp.Table:
    """A relation inside a query, under a name of its own."""
    table = relation.to_table()
    table.set("alias", exp.TableAlias(this=exp.to_identifier(alias)))
    return table


def require(warehouse: Warehouse, *relations: Relation) -> None:
    """Make sure that tables are there.

    Raises:
        NotBuiltError: One is not.
    """
    known = warehouse.tables()
    for relation in relations:
        if (relation.schema, relation.name) not in known:
            raise NotBuiltError(
                f"{relation} is not there yet. Build it with `kenning demo` or `kenning build`."
            )


def make_schema(warehouse: Warehouse, schema: str) -> None:
    """Make a schema, unless it is there."""
    warehouse.execute(
        exp.Create(
            this=exp.Table(db=exp.to_identifier(schema, quoted=True)),
            kind="SCHEMA",
            exists=True,
        )
    )
