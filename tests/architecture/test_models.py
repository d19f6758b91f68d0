"""The dbt project keeps its shape, and every rule that says so can fail."""

from collections.abc import Callable

import pytest

from tests.architecture import model_rules
from tests.architecture.model_rules import RULES
from tests.architecture.project import Column, Exposure, Macro, Model, Project

Rule = Callable[[Project], list[str]]

KEY = Column("customer_id", "Who.", tests=frozenset({"unique", "not_null"}))


def models(*given: Model) -> Project:
    return Project(models=given, group_owners={"core": "core@nordvik.example"})


def columns(*given: Column) -> Project:
    return models(Model("models/core/dim_customers.sql", is_public=True, columns=given))


def sync(**changes: object) -> Project:
    exposure = {
        "name": "mailer__contacts",
        "tags": ("sync",),
        "refs": ("sync_mailer__contacts",),
        "sync": {
            "destination": "mailer",
            "object": "contacts",
            "mode": "upsert",
            "key": "customer_id",
            "purpose": "ads",
        },
    }
    return Project(
        models=(
            Model(
                "models/activation/sync_mailer__contacts.sql",
                refs=("audience_regulars",),
            ),
            Model(
                "models/audiences/audience_regulars.sql",
                meta={"audience": {"purpose": "ads"}},
            ),
        ),
        exposures=(Exposure(**(exposure | changes)),),
    )


SQL = "models/core/dim_customers.sql"
STAGING = "models/staging/shop/stg_shop__orders.sql"

BROKEN: list[tuple[Rule, Project]] = [
    (
        model_rules.only_staging_reads_sources,
        models(Model(SQL, source_tables=("shop.order",))),
    ),
    (
        model_rules.only_staging_reads_sources,
        models(Model(SQL, sql="select * from {{ source('shop', 'order') }}")),
    ),
    (
        model_rules.only_staging_reads_sources,
        models(Model(SQL, sql="{{ source_rows('shop', 'order') }}")),
    ),
    (
        model_rules.staging_reads_sources_through_source_rows,
        models(Model(STAGING, sql="select * from {{ source('shop', 'order') }}")),
    ),
    (
        model_rules.data_flows_one_way,
        models(
            Model(SQL, refs=("audience_regulars",)),
            Model("models/audiences/audience_regulars.sql"),
        ),
    ),
    (
        model_rules.data_flows_one_way,
        models(
            Model(SQL, refs=("quality_rows",)), Model("models/quality/quality_rows.sql")
        ),
    ),
    (
        model_rules.every_model_stands_in_a_layer,
        models(Model("models/marts/dim_customers.sql")),
    ),
    (model_rules.names_say_the_layer, models(Model("models/core/customers.sql"))),
    (
        model_rules.names_say_the_layer,
        models(Model("models/core/stg_shop__orders.sql")),
    ),
    (
        model_rules.names_say_the_layer,
        models(Model("models/staging/shop/stg_till__sales.sql")),
    ),
    (
        model_rules.names_say_the_layer,
        models(Model("models/activation/sync_contacts.sql")),
    ),
    (model_rules.every_folder_has_its_yaml, models(Model(SQL))),
    (
        model_rules.every_folder_has_its_yaml,
        models(Model(SQL, yaml_path="models/core/schema.yml")),
    ),
    (
        model_rules.descriptions_begin_with_the_grain,
        models(Model(SQL, description="All customers.")),
    ),
    (
        model_rules.every_model_tests_its_primary_key,
        models(
            Model(
                SQL,
                tests=frozenset(),
                columns=(
                    Column("customer_id", tests=frozenset({"unique"})),
                    Column("email", tests=frozenset({"not_null"})),
                ),
            )
        ),
    ),
    (
        model_rules.public_layers_are_public_under_contract,
        models(Model(SQL, is_public=False, has_contract=True)),
    ),
    (
        model_rules.public_layers_are_public_under_contract,
        models(Model(SQL, is_public=True, has_contract=False)),
    ),
    (
        model_rules.public_layers_are_public_under_contract,
        models(
            Model(
                "models/core/int_orders__unioned.sql", is_public=True, has_contract=True
            )
        ),
    ),
    (model_rules.public_columns_are_described_typed_and_marked, columns()),
    (
        model_rules.public_columns_are_described_typed_and_marked,
        columns(Column("customer_id", "Customer id.")),
    ),
    (
        model_rules.public_columns_are_described_typed_and_marked,
        columns(Column("customer_id", "Who.", data_type=None)),
    ),
    (
        model_rules.public_columns_are_described_typed_and_marked,
        columns(Column("customer_id", "Who.", pii=None)),
    ),
    (
        model_rules.public_columns_are_described_typed_and_marked,
        columns(Column("customer_id", "Who.", pii="maybe")),
    ),
    (
        model_rules.models_do_not_ask_for_the_engine,
        models(Model(SQL, sql="{% if target.type == 'duckdb' %}select 1{% endif %}")),
    ),
    (
        model_rules.models_do_not_read_the_wall_clock,
        models(Model(SQL, sql="select current_timestamp as seen_at")),
    ),
    (
        model_rules.models_do_not_read_the_wall_clock,
        models(Model(SQL, sql="select NOW () as seen_at")),
    ),
    (
        model_rules.models_do_not_read_the_wall_clock,
        models(Model(SQL, sql="select {{ dbt.current_timestamp() }} as seen_at")),
    ),
    (
        model_rules.no_model_reads_the_truth,
        models(Model(SQL, sql="select * from Truth.person")),
    ),
    (
        model_rules.no_model_reads_the_truth,
        models(Model(SQL, sql="attach 'data/truth.duckdb'")),
    ),
    (
        model_rules.no_model_reads_the_truth,
        models(Model(STAGING, source_tables=("truth.person",))),
    ),
    (
        model_rules.models_end_with_a_plain_select,
        models(
            Model(
                SQL, sql="with\n\nrows as (select 1 as one)\n\nselect one from rows\n"
            )
        ),
    ),
    (model_rules.every_model_has_a_group_with_an_owner, models(Model(SQL, group=None))),
    (
        model_rules.every_model_has_a_group_with_an_owner,
        models(Model(SQL, group="nobodys")),
    ),
    (
        model_rules.every_model_has_a_group_with_an_owner,
        Project(group_owners={"core": None}),
    ),
    (model_rules.every_sync_says_what_for_and_who_answers, sync(sync={})),
    (
        model_rules.every_sync_says_what_for_and_who_answers,
        sync(
            sync={
                "destination": "mailer",
                "object": "contacts",
                "mode": "upsert",
                "key": "customer_id",
                "purpose": "",
            }
        ),
    ),
    (model_rules.every_sync_says_what_for_and_who_answers, sync(owner_email=None)),
    (model_rules.every_sync_says_what_for_and_who_answers, sync(owner_name=None)),
    (model_rules.every_sync_says_what_for_and_who_answers, sync(refs=())),
    (model_rules.every_sync_model_has_its_exposure, sync(tags=())),
    (
        model_rules.syncs_keep_to_the_purpose_of_their_audience,
        sync(sync={"purpose": "email_marketing"}),
    ),
    (
        model_rules.every_macro_is_documented,
        Project(macros=(Macro("money", parameters=("column",)),)),
    ),
    (
        model_rules.every_macro_is_documented,
        Project(macros=(Macro("money", parameters=("column",), description="Money."),)),
    ),
    (
        model_rules.every_macro_is_documented,
        Project(
            macros=(
                Macro("money", description="Money.", documented=("column", "rate")),
            )
        ),
    ),
    (
        model_rules.no_package_is_installed,
        Project(packages=frozenset({"kenning", "dbt", "dbt_utils"})),
    ),
]

WELL_MADE = Project(
    models=(
        Model(
            STAGING,
            sql="with\n\nsource as ({{ source_rows('shop', 'order') }})\n\nselect * from source\n",
            yaml_path="models/staging/shop/_shop__models.yml",
            source_tables=("shop.order",),
        ),
        Model(
            SQL,
            sql="-- now() is for comments\nselect 1 as one",
            yaml_path="models/core/_core__models.yml",
            refs=("stg_shop__orders",),
            columns=(KEY,),
            tests=frozenset(),
            is_public=True,
            has_contract=True,
        ),
        Model(
            "models/audiences/audience_regulars.sql",
            yaml_path="models/audiences/_audiences__models.yml",
            refs=("dim_customers",),
            columns=(KEY,),
            is_public=True,
            has_contract=True,
            meta={"audience": {"purpose": "ads"}},
        ),
        Model(
            "models/activation/sync_mailer__contacts.sql",
            yaml_path="models/activation/_activation__models.yml",
            refs=("audience_regulars", "dim_customers"),
            columns=(KEY,),
            is_public=True,
            has_contract=True,
        ),
    ),
    exposures=sync().exposures,
    macros=(
        Macro(
            "money",
            parameters=("column",),
            description="Money.",
            documented=("column",),
        ),
        Macro("default__money", parameters=("column",)),
        Macro("_rounded", parameters=("column",)),
    ),
    group_owners={"core": "core@nordvik.example"},
    packages=frozenset({"kenning", "dbt", "dbt_duckdb"}),
)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_project_keeps(rule: Rule, project: Project):
    assert rule(project) == []


@pytest.mark.parametrize(
    ("rule", "broken"), BROKEN, ids=lambda value: getattr(value, "__name__", "example")
)
def test_rule_finds_the_breach(rule: Rule, broken: Project):
    assert len(rule(broken)) == 1


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_rule_accepts_a_well_made_project(rule: Rule):
    assert rule(WELL_MADE) == []


def test_every_rule_has_an_example_that_breaks_it():
    assert {rule for rule, _ in BROKEN} == set(RULES)
