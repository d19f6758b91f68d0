"""Scores of tiny identity maps, worked out by hand."""

from collections.abc import Callable
from pathlib import Path

import pytest

from demo.score import IdentityScore, score, score_in_place
from tests.demo_worlds import target
from warehouse.connection import open_warehouse

Owner = tuple[str, str, int | None, bool, bool]
Entry = tuple[str, str, str]

# Ada (1) has three identifiers and Bo (2) two; the rest must not be counted.
TRUTH: list[Owner] = [
    ("email", "ada@x.no", 1, False, True),
    ("phone", "+4791111111", 1, False, True),
    ("user_id", "11", 1, False, True),
    ("email", "bo@x.no", 2, False, True),
    ("user_id", "22", 2, False, True),
    ("device_id", "tablet", None, True, False),
    ("email", "family@x.no", 2, True, True),
    ("anonymous_id", "passer-by", 3, False, False),
]

Scored = Callable[[list[Entry]], IdentityScore]


def sql_rows(rows: list[tuple[object, ...]]) -> str:
    return ", ".join(
        "("
        + ", ".join(
            "null"
            if value is None
            else repr(value).lower()
            if isinstance(value, bool)
            else repr(value)
            for value in row
        )
        + ")"
        for row in rows
    )


IDENTIFIER_TABLE = (
    "create table {} as select *, case identifier_value when 'a.da@x.no' then 'ada@x.no' "
    "else identifier_value end as canonical_value from (values "
    + sql_rows(TRUTH)
    + ") as t (identifier_type, identifier_value, person_id, is_shared, is_linkable)"
)


@pytest.fixture
def scored(tmp_path: Path) -> Scored:
    def score_map(entries: list[Entry]) -> IdentityScore:
        with open_warehouse(target(tmp_path / "score.duckdb")) as engine:
            engine.execute(IDENTIFIER_TABLE.format("identifier"))
            engine.execute(
                "create table identity_map as select * from (values "
                + sql_rows(entries)
                + ") as t (identifier_type, identifier_value, customer_id)"
            )
            return score_in_place(engine)

    return score_map


def test_score_of_a_map_that_finds_everybody_is_one(scored):
    found = scored(
        [
            ("email", "ada@x.no", "c1"),
            ("phone", "+4791111111", "c1"),
            ("user_id", "11", "c1"),
            ("email", "bo@x.no", "c2"),
            ("user_id", "22", "c2"),
        ]
    )

    assert found == IdentityScore(
        identifier_count=5,
        missing_count=0,
        person_count=2,
        customer_count=2,
        precision=1.0,
        recall=1.0,
        purity=1.0,
    )


def test_score_of_a_map_that_makes_all_one_customer_loses_precision(scored):
    found = scored(
        [
            ("email", "ada@x.no", "c1"),
            ("phone", "+4791111111", "c1"),
            ("user_id", "11", "c1"),
            ("email", "bo@x.no", "c1"),
            ("user_id", "22", "c1"),
        ]
    )

    # Ten pairs found; three of Ada and one of Bo are right.
    assert found.precision == pytest.approx(4 / 10)
    assert found.recall == 1.0
    assert found.purity == pytest.approx(3 / 5)
    assert found.customer_count == 1


def test_score_of_a_map_that_splits_one_person_loses_recall(scored):
    found = scored(
        [
            ("email", "ada@x.no", "c1"),
            ("phone", "+4791111111", "c1"),
            ("user_id", "11", "c3"),
            ("email", "bo@x.no", "c2"),
            ("user_id", "22", "c2"),
        ]
    )

    # Four true pairs; Ada's e-mail and phone, and Bo's two, are found.
    assert found.precision == 1.0
    assert found.recall == pytest.approx(2 / 4)
    assert found.purity == 1.0


def test_score_counts_an_identifier_that_the_map_lacks_as_a_customer_alone(scored):
    found = scored(
        [
            ("email", "ada@x.no", "c1"),
            ("phone", "+4791111111", "c1"),
            ("email", "bo@x.no", "c2"),
            ("user_id", "22", "c2"),
        ]
    )

    assert found.missing_count == 1
    assert found.customer_count == 3
    assert found.recall == pytest.approx(2 / 4)


def test_score_leaves_out_what_is_shared_or_that_nothing_links(scored):
    found = scored(
        [
            ("email", "ada@x.no", "c1"),
            ("phone", "+4791111111", "c1"),
            ("user_id", "11", "c1"),
            ("email", "bo@x.no", "c2"),
            ("user_id", "22", "c2"),
            ("device_id", "tablet", "c1"),
            ("email", "family@x.no", "c1"),
            ("anonymous_id", "passer-by", "c1"),
            ("email_canonical", "ada@x.no", "c9"),
        ]
    )

    assert (found.identifier_count, found.precision, found.recall) == (5, 1.0, 1.0)


def test_score_of_an_empty_map_has_full_precision_and_no_recall(scored):
    found = scored([("email", "nobody@x.no", "c1")])

    assert (found.missing_count, found.precision, found.recall) == (5, 1.0, 0.0)


def test_score_reads_the_map_from_the_warehouse_and_the_truth_from_its_own_file(
    tmp_path,
):
    with (
        open_warehouse(target(tmp_path / "kenning.duckdb")) as warehouse,
        open_warehouse(target(tmp_path / "truth.duckdb")) as truth,
    ):
        warehouse.execute("create schema identity")
        warehouse.execute(
            "create table identity.identity_map as select * from (values "
            "('email', 'ada@x.no', 'c1', 4), ('user_id', '11', 'c1', 2)) "
            "as t (identifier_type, identifier_value, customer_id, record_count)"
        )
        truth.execute("create schema truth")
        truth.execute(IDENTIFIER_TABLE.format("truth.truth.identifier"))

        found = score(warehouse, truth)

        assert found.missing_count == 3
        assert found.recall == pytest.approx(1 / 4)
        assert truth.query("select current_schema()") == [("main",)]
