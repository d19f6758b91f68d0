"""The queries of a plan: they parse everywhere, and no user's text becomes SQL."""

from dataclasses import replace

import pytest
import sqlglot
from sqlglot import exp

from reverse_etl import (
    change_query,
    consent_query,
    model_query,
    send_query,
    shared_keys,
)
from reverse_etl.destinations.protocol import FIRST_ASSOCIATION
from reverse_etl.modes import Action, Mode, Removal
from reverse_etl.spec import (
    Association,
    Cast,
    FieldMapping,
    Guards,
    MatchMapping,
    SyncSpec,
)
from reverse_etl.sync_actions import Actions, actions, gentlest_removal
from reverse_etl.wire_columns import field_names
from warehouse.values import Column, Relation

COLUMNS = (
    Column("person_key", "VARCHAR"),
    Column("customer_id", "VARCHAR"),
    Column("first_name", "VARCHAR"),
    Column("order_count", "BIGINT"),
)
COMPARED = exp.table_("compared")
SHARED = exp.table_("shared")
SNAPSHOT = exp.table_("sync_snapshot", db="retl")
SPEC = SyncSpec(
    name="mailer__people",
    model="sync_mailer__people",
    model_unique_id="model.kenning.sync_mailer__people",
    relation=Relation("activation", "sync_mailer__people"),
    destination="mailer",
    object="contacts",
    mode=Mode.MIRROR,
    key="person_key",
    mapping=(
        FieldMapping("one", column="first_name"),
        FieldMapping("two", constant=1),
        FieldMapping("three", column="order_count", cast=Cast.TEXT),
        FieldMapping("four", template="Hi {first_name}"),
        FieldMapping("five", column="first_name", cast=Cast.INTEGER),
        FieldMapping("six", column="first_name", cast=Cast.UNIX_SECONDS),
    ),
    match=(MatchMapping("email", "first_name"),),
    associations=(Association("company", "first_name"),),
    purpose="email_marketing",
    guards=Guards(),
    path="models/activation/_activation__exposures.yml",
)
ACTIONS = Actions(Action.UPSERT, Action.ARCHIVE, Action.ARCHIVE)
NOW = exp.cast(exp.Literal.string("2026-06-30 12:00:00"), "timestamp")


def queries(spec: SyncSpec, dialect: str, columns=COLUMNS) -> list[exp.Expr]:
    suppressed = exp.table_("suppressed_customers", db="core")
    granted = consent_query.granted_query(spec, suppressed=suppressed, dialect=dialect)
    source = model_query.source_query(
        spec, columns, head="digest", granted=granted, dialect=dialect
    )
    return [
        granted,
        source,
        change_query.comparison_query(
            spec,
            source=source,
            granted=granted,
            snapshot=SNAPSHOT,
            rejected=exp.table_("sync_rejected", db="retl"),
            wanted_actions=ACTIONS,
            is_membership=True,
            now=NOW,
            stale_before=NOW,
            dialect=dialect,
        ),
        shared_keys.balance_query(compared=COMPARED, dialect=dialect),
        model_query.source_count_query(spec, dialect=dialect),
        change_query.held_count_query(spec, snapshot=SNAPSHOT, dialect=dialect),
        shared_keys.shared_keys_query(spec, compared=None, dialect=dialect),
        shared_keys.shared_keys_query(spec, compared=COMPARED, dialect=dialect),
        shared_keys.ambiguous_query(
            shared=SHARED,
            compared=COMPARED,
            wanted_actions=ACTIONS,
            removes_ambiguous=True,
            dialect=dialect,
        ),
        shared_keys.delete_shared_query(
            shared=SHARED, compared=COMPARED, dialect=dialect
        ),
        change_query.count_query(compared=COMPARED, dialect=dialect),
        *(
            send_query.plan_query(
                spec,
                columns,
                compared=COMPARED,
                wanted_actions=ACTIONS,
                order_by=order_by,
                only_withdrawals=False,
                dialect=dialect,
            )
            for order_by in (None, "company", FIRST_ASSOCIATION)
        ),
        send_query.wanted_query(spec, columns, compared=COMPARED, dialect=dialect),
        consent_query.withdrawn_query(
            spec,
            plan=exp.table_("plan", db="retl"),
            first_seq=7,
            suppressed=suppressed,
            dialect=dialect,
        ),
    ]


@pytest.mark.parametrize("dialect", ["duckdb", "postgres"])
@pytest.mark.parametrize("purpose", ["email_marketing", None])
def test_every_query_parses_in_its_dialect(dialect, purpose):
    built = queries(replace(SPEC, purpose=purpose), dialect)

    sql = [query.sql(dialect) for query in built]
    assert [
        sqlglot.parse_one(text, dialect=dialect).sql(dialect) for text in sql
    ] == sql


def test_no_placeholder_is_left_open():
    left = [query.find(exp.Placeholder) for query in queries(SPEC, "duckdb")]

    assert set(left) == {None}


def test_names_and_values_of_a_user_stay_inside_quotes():
    hostile = "x'; drop table core.customer_consents; --"
    column = 'odd"; name'
    spec = replace(
        SPEC,
        name=hostile,
        purpose=hostile,
        key=column,
        relation=Relation("activation", column),
        mapping=(
            FieldMapping(hostile, column=column, cast=Cast.NUMBER),
            FieldMapping("b", template=f"{hostile} {{customer_id}}"),
        ),
        match=(MatchMapping(hostile, column),),
        associations=(Association(hostile, column),),
    )
    columns = (Column(column, "VARCHAR"), Column("customer_id", "VARCHAR"))

    for query in queries(spec, "duckdb", columns):
        assert len(sqlglot.parse(query.sql("duckdb"), dialect="duckdb")) == 1


def test_rows_of_one_parent_go_next_to_each_other():
    def sorted_by(order_by: str | None) -> str:
        query = send_query.plan_query(
            SPEC,
            COLUMNS,
            compared=COMPARED,
            wanted_actions=ACTIONS,
            order_by=order_by,
            only_withdrawals=False,
            dialect="duckdb",
        )
        return query.sql("duckdb")

    assert sorted_by(FIRST_ASSOCIATION) == sorted_by("company")
    assert sorted_by("company") != sorted_by(None)
    assert sorted_by("unknown") == sorted_by(None)


def test_field_names_skip_constants_and_keep_their_places():
    assert field_names(SPEC) == ("field_1", "field_3", "field_4", "field_5", "field_6")


def test_a_record_leaves_by_the_gentlest_way_and_is_never_deleted_unasked():
    assert gentlest_removal(frozenset(Removal)) is Removal.REMOVE
    assert gentlest_removal(frozenset({Removal.DELETE, Removal.ARCHIVE})) is (
        Removal.ARCHIVE
    )
    assert gentlest_removal(frozenset({Removal.DELETE})) is None


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, Actions(Action.UPSERT, Action.ARCHIVE, Action.ARCHIVE)),
        (
            {"on_removal": Removal.DELETE},
            Actions(Action.UPSERT, Action.DELETE, Action.DELETE),
        ),
        (
            {"on_removal": Removal.NOTHING},
            Actions(Action.UPSERT, None, Action.ARCHIVE),
        ),
        (
            {"on_removal": Removal.NOTHING, "on_withdrawal": Removal.NOTHING},
            Actions(Action.UPSERT, None, None),
        ),
        ({"mode": Mode.UPSERT}, Actions(Action.UPSERT, None, Action.ARCHIVE)),
        ({"mode": Mode.INSERT}, Actions(Action.CREATE, None, Action.ARCHIVE)),
        (
            {"mode": Mode.UPDATE, "on_removal": Removal.CLEAR},
            Actions(Action.UPDATE, None, Action.UPDATE),
        ),
        ({"mode": Mode.APPEND}, Actions(Action.APPEND, None, None)),
        ({"mode": Mode.REMOVE}, Actions(Action.REMOVE, None, None)),
    ],
)
def test_what_a_mode_asks_for(changes, expected):
    found = actions(
        replace(SPEC, **changes),
        removals=frozenset({Removal.ARCHIVE, Removal.DELETE, Removal.CLEAR}),
        is_membership=False,
        is_run=False,
    )

    assert found == expected


def test_mirroring_a_list_adds_to_it_and_takes_out_of_it():
    found = actions(
        SPEC, removals=frozenset({Removal.REMOVE}), is_membership=True, is_run=False
    )

    assert found == Actions(Action.ADD, Action.REMOVE, Action.REMOVE)
