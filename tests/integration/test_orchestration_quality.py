"""Great Expectations through our own words: what is met, what is broken, what is refused."""

from dataclasses import replace
from datetime import datetime

import pandas as pd
import pytest

from orchestration.quality.expectations import (
    Expectation,
    Severity,
    between,
    does_not_match,
    exactly_columns,
    filled,
    matches,
    one_of,
    unique,
)
from orchestration.quality.outbound_checks import judge_outbound_rows
from orchestration.quality.outbound_suite import column_rule, row_rules
from orchestration.quality.validation import ExpectationError, validate
from reverse_etl.spec import FieldMapping, Guards, Mode, SyncSpec
from warehouse.connection import open_warehouse
from warehouse.manifest import ColumnInfo, Model, Relation
from warehouse.target import Target

NOW = datetime(2026, 6, 30)


def column(name: str, pii: str = "none") -> ColumnInfo:
    return ColumnInfo(name=name, data_type=None, description="", pii=pii)


COLUMNS = (
    column("customer_id"),
    column("email", pii="email"),
    column("phone", pii="phone"),
    column("country_code"),
    column("cart_currency"),
    column("order_count"),
    column("ordered_at"),
)
FIT = {
    "customer_id": "c1",
    "email": "ada@nordvik.example",
    "phone": "+4791234567",
    "country_code": "NO",
    "cart_currency": "NOK",
    "order_count": 2,
    "ordered_at": datetime(2026, 6, 1),
    "_is_blocked": False,
}


def broken_rules(*rows: dict[str, object]) -> set[tuple[str, str | None]]:
    rules = row_rules(COLUMNS, key="customer_id", has_blocked_emails=True, now=NOW)
    outcomes = validate(pd.DataFrame(list(rows)), rules, name="outgoing")
    return {
        (outcome.expectation.name, outcome.expectation.column)
        for outcome in outcomes
        if not outcome.is_met
    }


def test_outcomes_come_in_the_order_of_the_rules_with_counts_and_no_values():
    frame = pd.DataFrame({"email": [None, "x@y.no", "bad"], "key": [1, 1, 2]})
    rules = [unique("key"), matches("email", "@"), filled("email"), one_of("key", [1])]

    outcomes = validate(frame, rules, name="frame")

    assert [str(outcome) for outcome in outcomes] == [
        "expect_column_values_to_be_unique on key: 2 of 3 rows",
        "expect_column_values_to_match_regex on email: 1 of 3 rows",
        "expect_column_values_to_not_be_null on email: 1 of 3 rows",
        "expect_column_values_to_be_in_set on key: 1 of 3 rows",
    ]


def test_share_below_mostly_is_met():
    frame = pd.DataFrame({"email": ["a@b.no"] * 9 + ["bad"]})

    loose, strict = validate(
        frame, [matches("email", "@", mostly=0.9), matches("email", "@")], name="frame"
    )

    assert loose.is_met
    assert not strict.is_met


def test_rules_over_no_rows_are_met():
    frame = pd.DataFrame({"n": [1]}).head(0)

    outcomes = validate(frame, [between("n", 0, 1), unique("n")], name="frame")

    assert all(outcome.is_met for outcome in outcomes)


def test_rule_over_a_column_that_is_not_there_is_an_error_and_not_a_finding():
    frame = pd.DataFrame({"n": [1]})

    with pytest.raises(ExpectationError, match="on email of frame could not be"):
        validate(frame, [filled("email")], name="frame")


def test_severity_travels_with_the_rule():
    frame = pd.DataFrame({"n": [5]})

    [outcome] = validate(
        frame, [between("n", 0, 1, severity=Severity.WARNING)], name="frame"
    )

    assert not outcome.is_met
    assert not outcome.expectation.is_critical


def test_further_column_breaks_the_column_set():
    frame = pd.DataFrame([{"customer_id": "c1", "ssn": "1"}])

    [outcome] = validate(frame, [column_rule([column("customer_id")])], name="frame")

    assert not outcome.is_met


def test_unwanted_shape_is_found():
    frame = pd.DataFrame({"email": ["test@nordvik.example"]})

    [outcome] = validate(frame, [does_not_match("email", "^test@")], name="frame")

    assert outcome.unexpected_count == 1


def test_row_that_is_fit_to_leave_breaks_no_rule():
    assert broken_rules(FIT) == set()


def test_blocked_address_may_not_leave():
    assert broken_rules(FIT | {"_is_blocked": True}) == {
        ("expect_column_values_to_be_in_set", "_is_blocked")
    }


@pytest.mark.parametrize(
    ("column_name", "value"),
    [
        ("email", "ada@nordvik"),
        ("email", "Ada <ada@nordvik.example>"),
        ("phone", "0612345678"),
        ("phone", "+0612345678"),
        ("country_code", "Norway"),
        ("country_code", "no"),
        ("cart_currency", "kr"),
    ],
)
def test_value_of_the_wrong_shape_may_not_leave(column_name, value):
    assert broken_rules(FIT | {column_name: value}) == {
        ("expect_column_values_to_match_regex", column_name)
    }


def test_missing_email_may_not_leave():
    assert broken_rules(FIT, FIT | {"customer_id": "c2", "email": None}) == {
        ("expect_column_values_to_not_be_null", "email")
    }


def test_two_rows_with_one_key_may_not_leave():
    assert broken_rules(FIT, FIT) == {
        ("expect_column_values_to_be_unique", "customer_id")
    }


def test_count_below_zero_and_time_to_come_may_not_leave():
    row = FIT | {"order_count": -1, "ordered_at": datetime(2026, 7, 2)}

    assert broken_rules(row) == {
        ("expect_column_values_to_be_between", "order_count"),
        ("expect_column_values_to_be_between", "ordered_at"),
    }


def test_column_set_rule_names_the_documented_columns():
    assert column_rule([column("a"), column("b")]) == exactly_columns(["a", "b"])


def test_rule_without_arguments_is_plain():
    assert unique("key") == Expectation("expect_column_values_to_be_unique", "key")


OUTGOING = Model(
    unique_id="model.kenning.sync_mailer__people",
    name="sync_mailer__people",
    relation=Relation("activation", "sync_mailer__people"),
    layer="activation",
    description="",
    group=None,
    access="public",
    materialized="table",
    is_contracted=True,
    columns={"customer_id": column("customer_id"), "email": column("email", "email")},
    depends_on=(),
    path="",
)
SYNC = SyncSpec(
    name="mailer__people",
    model=OUTGOING.name,
    model_unique_id=OUTGOING.unique_id,
    relation=OUTGOING.relation,
    destination="mailer",
    object="people",
    mode=Mode.MIRROR,
    key="customer_id",
    mapping=(FieldMapping("email", "email"),),
    purpose="email_marketing",
    guards=Guards(),
    path="",
)


@pytest.fixture
def warehouse(tmp_path):
    target = Target(name="test", engine="duckdb", path=tmp_path / "x.duckdb")
    with open_warehouse(target) as warehouse:
        for schema in ("activation", "core", "identity"):
            warehouse.execute(f"create schema {schema}")
        warehouse.execute("""
            create table activation.sync_mailer__people as
            select * from (values ('c1', 'ada@x.no'), ('c2', 'grace@x.no'))
            as t (customer_id, email)
        """)
        warehouse.execute("""
            create table core.customer_consents as
            select * from (values
                ('c1', 'email_marketing', true), ('c2', 'email_marketing', true)
            ) as t (customer_id, purpose, is_granted)
        """)
        warehouse.execute("""
            create table identity.identity_blocked as
            select 'email' as identifier_type, 'test@test.com' as identifier_value
        """)
        yield warehouse


def broken_over(warehouse) -> list[str]:
    outcomes = judge_outbound_rows(warehouse, SYNC, OUTGOING, now=NOW)
    return [str(outcome) for outcome in outcomes if not outcome.is_met]


def test_consented_rows_with_known_columns_may_leave(warehouse):
    assert broken_over(warehouse) == []


def test_consent_for_another_purpose_is_none(warehouse):
    warehouse.execute(
        "update core.customer_consents set purpose = 'ads' where customer_id = 'c1'"
    )

    assert broken_over(warehouse) == [
        "expect_column_values_to_be_in_set on _has_consent: 1 of 2 rows"
    ]


def test_consent_that_contradicts_itself_is_none(warehouse):
    warehouse.execute(
        "insert into core.customer_consents values ('c2', 'email_marketing', false)"
    )

    assert broken_over(warehouse) == [
        "expect_column_values_to_be_in_set on _has_consent: 1 of 2 rows"
    ]


def test_suppressed_customer_has_no_consent_whatever_was_granted(warehouse):
    warehouse.execute(
        "create table core.suppressed_customers as select 'c2' as customer_id"
    )

    assert broken_over(warehouse) == [
        "expect_column_values_to_be_in_set on _has_consent: 1 of 2 rows"
    ]


def test_rows_without_consent_are_counted_and_do_not_hold_the_others_back(warehouse):
    warehouse.execute(
        "insert into activation.sync_mailer__people values "
        "('c3', 'no address'), ('c2', null), (null, 'linus@x.no')"
    )
    warehouse.execute("delete from core.customer_consents where customer_id = 'c2'")

    outcomes = judge_outbound_rows(warehouse, SYNC, OUTGOING, now=NOW)
    broken = [outcome for outcome in outcomes if not outcome.is_met]

    assert [str(outcome) for outcome in broken] == [
        "expect_column_values_to_be_in_set on _has_consent: 4 of 5 rows"
    ]
    assert not broken[0].expectation.is_critical


def test_one_bad_row_with_consent_holds_back_the_sync(warehouse):
    warehouse.execute("insert into activation.sync_mailer__people values ('c2', 'x')")

    outcomes = judge_outbound_rows(warehouse, SYNC, OUTGOING, now=NOW)
    broken = [outcome for outcome in outcomes if not outcome.is_met]

    assert [str(outcome) for outcome in broken] == [
        "expect_column_values_to_be_unique on customer_id: 2 of 3 rows",
        "expect_column_values_to_match_regex on email: 1 of 3 rows",
    ]
    assert all(outcome.expectation.is_critical for outcome in broken)


def test_taking_people_out_of_a_list_asks_for_no_consent(warehouse):
    warehouse.execute("drop table core.customer_consents")
    spec = replace(SYNC, mode=Mode.REMOVE)

    outcomes = judge_outbound_rows(warehouse, spec, OUTGOING, now=NOW)

    assert all(outcome.is_met for outcome in outcomes)


def test_address_that_a_blocking_rule_names_may_not_leave(warehouse):
    warehouse.execute(
        "update activation.sync_mailer__people set email = 'test@test.com' "
        "where customer_id = 'c2'"
    )

    assert broken_over(warehouse) == [
        "expect_column_values_to_be_in_set on _is_blocked: 1 of 2 rows"
    ]


def test_undocumented_column_is_the_only_finding_when_there_is_one(warehouse):
    warehouse.execute("alter table activation.sync_mailer__people add ssn text")

    assert broken_over(warehouse) == ["expect_table_columns_to_match_set"]
