"""The table of all memberships: its model and its entry in the YAML."""

from collections.abc import Sequence
from string import Template

from audiences.names import PROFILE_MODEL, audience_model, header
from audiences.yaml_text import YamlValue, contract, documented_column, is_customer

MEMBERSHIPS_MODEL = "audience_memberships"

_IMPORT = Template("""\
$rows as (

    select * from {{ ref('$model') }}

),
""")

_MODEL = Template("""\
$header

with

$imports
memberships as (

$selects

)

select * from memberships
""")

_MEMBERSHIP = Template("""\
    select
        '$name' as audience_name,
        $model.customer_id,
        $model.evaluated_at as entered_at

    from $model""")

_NO_MEMBERSHIP = """\
    select
        '' as audience_name,
        customers.customer_id,
        {{ as_of() }} as entered_at

    from customers
    where false"""


def memberships_sql(names: Sequence[str]) -> str:
    """The model that holds the members of every named audience in one table."""
    models = [audience_model(name) for name in names]
    imports = [_IMPORT.substitute(rows=model, model=model) for model in models]
    selects = [
        _MEMBERSHIP.substitute(name=name, model=model)
        for name, model in zip(names, models, strict=True)
    ]
    if not names:
        imports = [_IMPORT.substitute(rows="customers", model=PROFILE_MODEL)]
        selects = [_NO_MEMBERSHIP]
    return _MODEL.substitute(
        header=header("audiences/definitions/"),
        imports="\n".join(imports),
        selects="\n\n    union all\n\n".join(selects),
    )


def memberships_entry(names: Sequence[str]) -> YamlValue:
    """The entry of the table in models/audiences/_audiences__models.yml."""
    known_names: YamlValue = {"accepted_values": {"arguments": {"values": names}}}
    primary_key = {"arguments": {"columns": ["audience_name", "customer_id"]}}
    return {
        "name": MEMBERSHIPS_MODEL,
        "description": (
            "One row per audience and member. Read by BI tools and by whoever asks which "
            "audiences a customer is in."
        ),
        "config": {"access": "public", "contract": contract()},
        "columns": [
            documented_column(
                "audience_name",
                "text",
                "Name of the audience, as in its definition.",
                tests=["not_null", known_names] if names else ["not_null"],
            ),
            documented_column(
                "customer_id",
                "text",
                "The member, as in dim_customers.",
                tests=["not_null", is_customer()],
            ),
            documented_column(
                "entered_at",
                "timestamp",
                "The evaluation that found the member, UTC. No history is kept yet: every "
                "build moves it.",
                tests=["not_null"],
            ),
        ],
        "data_tests": [{"unique_combination": primary_key}],
    }
