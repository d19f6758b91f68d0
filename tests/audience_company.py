"""A company of five customers in tables as they are published, to look at audiences in."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from audiences.definition import Definition
from audiences.preview_candidate import Candidate, candidate_of
from audiences.project import Project
from audiences.reading import read_definition, read_exclusions
from tests.audience_world import small_catalogue
from tests.demo_worlds import target
from warehouse.connection import Warehouse, open_warehouse

ROOT = Path(__file__).parents[1]

# As of 2026-06-30. ada and grace ordered twice or more; grace is suppressed; hedy saw a lamp.
TABLES = """
    create schema identity;
    create schema core;
    create schema audiences;
    create table identity.identity_stats as
    select * from (values
        (2, timestamp '2026-06-30'), (1, timestamp '2026-06-29')
    ) as t (run_id, as_of);
    create table core.dim_customers as
    select * from (values
        ('ada', 'Delft', 5, 500, timestamp '2026-06-20'),
        ('grace', 'Oslo', 2, 90, timestamp '2026-01-02'),
        ('hedy', 'Oslo', 1, 70, timestamp '2026-05-30'),
        ('joan', 'Delft', 0, 0, null),
        ('mary', null, 3, 300, timestamp '2026-06-29')
    ) as t (customer_id, city, order_count, revenue_eur, last_ordered_at);
    create table core.fct_customer_events as
    select * from (values
        ('e1', 'hedy', 'viewed', 'a lamp', timestamp '2026-06-28'),
        ('e2', 'ada', 'viewed', 'a lamp', timestamp '2026-05-01'),
        ('e3', 'mary', 'viewed', 'a desk', timestamp '2026-06-30'),
        ('e4', 'joan', 'viewed', 'a desk', timestamp '2026-07-01')
    ) as t (event_key, customer_id, event_name, subject, occurred_at);
    create table core.suppressed_customers as select 'grace' as customer_id, 'asked' as reason;
    create table core.customer_consents as
    select * from (values
        ('ada', 'email_marketing', 'email', true),
        ('grace', 'email_marketing', 'email', true),
        ('hedy', 'email_marketing', 'email', true),
        ('joan', 'email_marketing', 'email', false),
        ('mary', 'email_marketing', 'email', true),
        ('mary', 'email_marketing', 'email', false),
        ('ada', 'ads', 'online', true),
        ('mary', 'ads', 'online', true)
    ) as t (customer_id, purpose, channel, is_granted);
    create table core.customer_recipients as
    select * from (values
        ('ada', 'email_marketing', 'email'), ('grace', 'email_marketing', 'email')
    ) as t (customer_id, purpose, channel);
    create table audiences.audience_buyers as
    select id as customer_id, cast(null as text) as split_group, 'v1' as definition_version,
        timestamp '2026-06-30' as evaluated_at
    from (values ('ada'), ('grace'), ('hedy')) as t (id);
    create table audiences.audience_lookers as
    select id as customer_id, cast(null as text) as split_group, 'v1' as definition_version,
        timestamp '2026-06-30' as evaluated_at
    from (values ('hedy'), ('mary')) as t (id);
    create table audiences.audience_offices as
    select 'acme' as account_id, cast(null as text) as split_group, 'v1' as definition_version,
        timestamp '2026-06-30' as evaluated_at;
    create table audiences.audience_memberships as
    select * from (values
        ('buyers', 'ada', 'ada', timestamp '2026-06-28', null),
        ('buyers', 'former', 'hedy', timestamp '2026-06-28', timestamp '2026-06-29 12:00'),
        ('buyers', 'gone', null, timestamp '2026-06-28', timestamp '2026-06-29 12:00'),
        ('buyers', 'joan', 'joan', timestamp '2026-06-20', timestamp '2026-06-28 12:00'),
        ('buyers', 'mary', 'mary', timestamp '2026-06-29 12:00', null),
        ('lookers', 'ada', 'ada', timestamp '2026-06-28', null)
    ) as t (audience_name, member_id, customer_id, entered_at, exited_at);
    create table audiences.audience_sizes as
    select * from (values
        ('buyers', 'customer', date '2026-06-28', 'a', 'v0', 2, 2, 1, timestamp '2026-06-28'),
        ('buyers', 'customer', date '2026-06-28', 'b', 'v0', 1, 1, 0, timestamp '2026-06-28'),
        ('buyers', 'customer', date '2026-06-30', 'a', 'v1', 3, 1, 2, timestamp '2026-06-30'),
        ('buyers', 'customer', date '2026-06-30', 'b', 'v1', 4, 0, 1, timestamp '2026-06-30')
    ) as t (audience_name, entity, size_date, split_group, definition_version, member_count,
        entered_count, exited_count, recorded_at)
"""

EXCLUSIONS = """\
exclusions:
  - name: suppressed
    description: Who asked not to be contacted.
    entity: customer
    conditions: {related: suppressions}
"""


@contextmanager
def company(folder: Path) -> Iterator[Warehouse]:
    """The tables, open."""
    with open_warehouse(target(folder / "kenning.duckdb")) as warehouse:
        for statement in TABLES.split(";"):
            warehouse.execute(statement)
        yield warehouse


def definition(name: str, rest: str) -> Definition:
    """A definition; `rest` is YAML from `conditions` on."""
    text = (
        f"name: {name}\ndescription: Some.\npurpose: email_marketing\nentity: customer\n"
        f"owner: {{name: Stores, email: stores@nordvik.example}}\n{rest}"
    )
    return read_definition(
        text,
        file=f"{name}.yml",
        name=name,
        catalogue=small_catalogue(),
        audiences=["buyers", "lookers", "offices", name],
    ).definition


def candidate(name: str, rest: str, *others: Definition) -> Candidate:
    """A definition beside others, with one list of people to leave out."""
    catalogue = small_catalogue()
    exclusions = read_exclusions(EXCLUSIONS, file="exclusions.yml", catalogue=catalogue)
    project = Project(others, exclusions, catalogue)
    return candidate_of(project, definition(name, rest), ROOT)
