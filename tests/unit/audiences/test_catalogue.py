"""What conditions can name, and what is wrong with a list of relations."""

import pytest

from audiences.catalogue import read_catalogue
from audiences.contracts import Column, ColumnType
from audiences.errors import ProfileError
from tests.audience_world import small_catalogue

MODELS = {
    "dim_customers": {"customer_id": Column(ColumnType.TEXT)},
    "fct_orders": {
        "customer_id": Column(ColumnType.TEXT),
        "ordered_at": Column(ColumnType.TIMESTAMP),
    },
}
LIST = """\
entities:
  customer: {model: dim_customers, id: customer_id}
relations:
  orders: {model: fct_orders, key: customer_id, time: ordered_at}
"""


def problem_of(text: str) -> str:
    with pytest.raises(ProfileError) as raised:
        read_catalogue(text, file="relations.yml", models=MODELS, variables={})
    return str(raised.value)


def test_relations_get_the_columns_of_their_models():
    catalogue = read_catalogue(LIST, file="relations.yml", models=MODELS, variables={})

    assert catalogue.relations["orders"].columns == MODELS["fct_orders"]
    assert catalogue.traits == {}


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        (
            "model: fct_orders",
            "model: stg_orders",
            "relations.yml names the model stg_orders, and no YAML file under models/core/ "
            "describes it with a contract. Name a public model, or remove the entry.",
        ),
        (
            "time: ordered_at",
            "time: ordered",
            "relations.yml names the column ordered of fct_orders, which has no such column. "
            "It has: customer_id, ordered_at.",
        ),
        (
            "id: customer_id",
            "ident: customer_id",
            "relations.yml cannot be read: KeyError at 'id'. Its head says what entries look "
            "like.",
        ),
        (
            "relations:",
            "links: [{model: fct_orders, between: [customer_id], where: ordered_at}]\n"
            "relations:",
            "relations.yml cannot be read: ValueError at fct_orders. Its head says what "
            "entries look like.",
        ),
    ],
)
def test_list_that_cannot_be_read_is_refused(right: str, wrong: str, message: str):
    assert problem_of(LIST.replace(right, wrong)) == message


def test_list_that_is_no_yaml_is_refused():
    assert problem_of("entities: [").startswith("relations.yml is no readable YAML")


def test_what_belongs_to_members_is_what_a_link_reaches():
    catalogue = small_catalogue()

    account = catalogue.relations_of(catalogue.entities["account"])
    household = catalogue.relations_of(catalogue.entities["household"])

    assert {"orders", "people", "accounts"} <= set(account)
    assert "households" not in account
    assert "accounts" not in household


def test_a_trait_holds_what_its_aggregate_says_or_its_type():
    assert small_catalogue().traits == {
        "favourite_channel": ColumnType.TEXT,
        "orders_90_days": ColumnType.NUMBER,
        "last_refunded_at": ColumnType.TIMESTAMP,
    }
