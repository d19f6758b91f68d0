"""The columns that definitions may name, read from the contracts of models."""

import pytest

from audiences.contracts import Column, ColumnType, read_contracts
from audiences.errors import ProfileError


def test_columns_of_the_model_are_read_in_order_with_their_types():
    text = """\
models:
  - name: fct_orders
    columns: [{name: order_id, data_type: text}]
  - name: dim_customers
    config: {contract: {enforced: true}}
    columns:
      - {name: customer_id, data_type: varchar}
      - {name: order_count, data_type: bigint}
      - {name: revenue_eur, data_type: "decimal(18, 2)"}
      - {name: is_b2b, data_type: boolean}
      - {name: last_seen_at, data_type: timestamp}
      - {name: birth_date, data_type: date}
      - {name: traits, data_type: json}
      - {name: tags, data_type: "text[]"}
      - {name: shape, data_type: no such type}
      - name: stage
        data_type: text
        data_tests: [not_null, accepted_values: {arguments: {values: [lead, 1]}}]
      - name: purpose
        data_type: text
        data_tests: [accepted_values: {arguments: {values: "{{ var('purposes') }}"}}]
"""

    contracts = read_contracts(text, file="_core__models.yml")

    assert list(contracts) == ["dim_customers"]
    assert list(contracts["dim_customers"].items()) == [
        ("customer_id", Column(ColumnType.TEXT)),
        ("order_count", Column(ColumnType.NUMBER)),
        ("revenue_eur", Column(ColumnType.NUMBER)),
        ("is_b2b", Column(ColumnType.BOOLEAN)),
        ("last_seen_at", Column(ColumnType.TIMESTAMP)),
        ("birth_date", Column(ColumnType.DATE)),
        ("traits", Column(ColumnType.OTHER)),
        ("tags", Column(ColumnType.OTHER)),
        ("shape", Column(ColumnType.OTHER)),
        ("stage", Column(ColumnType.TEXT, ("lead", "1"))),
        ("purpose", Column(ColumnType.TEXT)),
    ]


@pytest.mark.parametrize("text", ["", "version: 2", "models: []", "models: nothing"])
def test_file_without_contracts_has_none(text: str):
    assert read_contracts(text, file="other.yml") == {}


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (
            "{name: city}",
            "core.yml: column dim_customers.city has no data_type. Write the one of its "
            "contract.",
        ),
        (
            "{name: 'city; drop table x', data_type: text}",
            "core.yml: model dim_customers documents a column named 'city; drop table "
            "x'. Audiences need names of lower-case letters, digits and underscores.",
        ),
        (
            "{data_type: text}",
            "core.yml: model dim_customers documents a column named None. Audiences "
            "need names of lower-case letters, digits and underscores.",
        ),
    ],
)
def test_column_without_a_usable_name_or_type_is_refused(column: str, message: str):
    text = (
        "models: [{name: dim_customers, config: {contract: {enforced: true}}, "
        f"columns: [{column}]}}]"
    )

    with pytest.raises(ProfileError) as raised:
        read_contracts(text, file="core.yml")

    assert str(raised.value) == message


def test_unreadable_file_is_named():
    with pytest.raises(ProfileError, match=r"core\.yml is no readable YAML"):
        read_contracts("models: [", file="core.yml")
