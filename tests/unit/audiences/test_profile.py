"""The columns that definitions may name, read from the profile's contract."""

import pytest

from audiences.errors import ProfileError
from audiences.profile import ColumnType, read_profile


def test_columns_of_the_model_are_read_in_order_with_their_types():
    text = """\
models:
  - name: fct_orders
    columns: [{name: order_id, data_type: text}]
  - name: dim_customers
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
"""

    columns = read_profile(text, file="_core__models.yml", model="dim_customers")

    assert columns is not None
    assert list(columns.items()) == [
        ("customer_id", ColumnType.TEXT),
        ("order_count", ColumnType.NUMBER),
        ("revenue_eur", ColumnType.NUMBER),
        ("is_b2b", ColumnType.BOOLEAN),
        ("last_seen_at", ColumnType.TIMESTAMP),
        ("birth_date", ColumnType.TIMESTAMP),
        ("traits", ColumnType.OTHER),
        ("tags", ColumnType.OTHER),
        ("shape", ColumnType.OTHER),
    ]


@pytest.mark.parametrize("text", ["", "version: 2", "models: []", "models: nothing"])
def test_file_without_the_model_has_no_profile(text: str):
    assert read_profile(text, file="other.yml", model="dim_customers") is None


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
    text = f"models: [{{name: dim_customers, columns: [{column}]}}]"

    with pytest.raises(ProfileError) as raised:
        read_profile(text, file="core.yml", model="dim_customers")

    assert str(raised.value) == message


def test_unreadable_file_is_named():
    with pytest.raises(ProfileError, match=r"core\.yml is no readable YAML"):
        read_profile("models: [", file="core.yml", model="dim_customers")
