"""What is read out of a dbt manifest, and what is refused."""

import json
from pathlib import Path

import pytest

from warehouse.errors import ManifestError
from warehouse.manifest import ColumnInfo, load_manifest, project_variables
from warehouse.values import Relation


def column(name: str, **more: object) -> dict[str, object]:
    return {"name": name, "description": "", "data_type": None, "config": {}} | more


MANIFEST = {
    "metadata": {
        "project_name": "kenning",
        "dbt_version": "1.12.6",
        "generated_at": "2026-06-30T00:00:00Z",
    },
    "nodes": {
        "model.kenning.dim_customers": {
            "resource_type": "model",
            "unique_id": "model.kenning.dim_customers",
            "name": "dim_customers",
            "schema": "core",
            "alias": "dim_customers",
            "fqn": ["kenning", "core", "dim_customers"],
            "description": "One row per customer.",
            "config": {
                "group": "core",
                "access": "public",
                "materialized": "table",
                "contract": {"enforced": True},
            },
            "columns": {
                "customer_id": column("customer_id", data_type="text"),
                "email": column(
                    "email",
                    data_type="text",
                    description="Best address.",
                    config={"meta": {"pii": "email"}},
                ),
            },
            "depends_on": {"nodes": ["model.kenning.identity_map"]},
            "original_file_path": "models/core/dim_customers.sql",
        },
        "test.kenning.unique": {"resource_type": "test"},
    },
    "sources": {
        "source.kenning.shopify.customer": {
            "unique_id": "source.kenning.shopify.customer",
            "source_name": "shopify",
            "name": "customer",
            "identifier": "customer_v2",
            "schema": "shopify",
            "description": "One row per customer.",
            "loaded_at_field": "_fivetran_synced",
            "config": {"meta": {"primary_key": "id"}},
            "columns": {
                "id": column("id", data_type="bigint"),
                "phone": column("phone"),
            },
        },
    },
    "exposures": {
        "exposure.kenning.files__vips": {
            "unique_id": "exposure.kenning.files__vips",
            "name": "files__vips",
            "label": "Best customers",
            "description": "A file.",
            "owner": {"name": "Marketing", "email": "marketing@example.com"},
            "depends_on": {"nodes": ["model.kenning.dim_customers"]},
            "tags": ["sync"],
            "config": {"meta": {"sync": {"destination": "files"}}},
            "original_file_path": "models/activation/_activation__exposures.yml",
        },
        "exposure.kenning.dashboard": {
            "unique_id": "exposure.kenning.dashboard",
            "name": "dashboard",
            "label": None,
            "description": "",
            "owner": {"name": None, "email": None},
            "depends_on": {"nodes": []},
            "tags": [],
            "config": {"meta": {}},
            "original_file_path": "models/core/_core__exposures.yml",
        },
    },
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    written = tmp_path / "manifest.json"
    written.write_text(json.dumps(MANIFEST))
    return written


def test_load_manifest_reads_a_models_relation_types_and_privacy_marks(path):
    model = load_manifest(path).models["dim_customers"]

    assert model.relation == Relation("core", "dim_customers")
    assert model.layer == "core"
    assert model.group == "core"
    assert model.is_contracted
    assert model.columns["customer_id"] == ColumnInfo("customer_id", "text", "", None)
    assert model.columns["email"] == ColumnInfo(
        "email", "text", "Best address.", "email"
    )


def test_load_manifest_reads_only_models_among_the_nodes(path):
    assert list(load_manifest(path).models) == ["dim_customers"]


def test_load_manifest_reads_a_syncs_configuration_and_none_for_a_dashboard(path):
    exposures = load_manifest(path).exposures

    assert exposures["files__vips"].sync == {"destination": "files"}
    assert exposures["files__vips"].depends_on == ("model.kenning.dim_customers",)
    assert exposures["dashboard"].sync is None


def test_load_manifest_without_variables_has_every_source_on(path):
    source = load_manifest(path).sources["shopify.customer"]

    assert source.is_on
    assert source.relation == Relation("shopify", "customer_v2")
    assert list(source.columns) == ["id", "phone"]


def test_load_manifest_with_the_source_left_out_has_it_off(path):
    manifest = load_manifest(path, variables={"sources": ["stripe"]})

    assert not manifest.sources["shopify.customer"].is_on


def test_load_manifest_with_a_table_not_landed_has_it_off(path):
    variables = {"sources": ["shopify"], "not_landed": ["shopify.customer"]}

    assert (
        not load_manifest(path, variables=variables).sources["shopify.customer"].is_on
    )


def test_load_manifest_with_a_column_not_landed_sets_it_apart(path):
    variables = {"sources": ["shopify"], "not_landed": ["shopify.customer.phone"]}

    source = load_manifest(path, variables=variables).sources["shopify.customer"]

    assert source.is_on
    assert list(source.columns) == ["id"]
    assert source.absent_columns == {"phone"}


def test_load_manifest_without_a_file_says_what_to_run(tmp_path):
    with pytest.raises(ManifestError, match=r"does not exist\. Run `dbt parse`"):
        load_manifest(tmp_path / "manifest.json")


def test_load_manifest_of_half_a_file_says_what_to_run(path):
    path.write_text(path.read_text()[:100])

    with pytest.raises(ManifestError, match=r"is not JSON.*Run `dbt parse`"):
        load_manifest(path)


def test_load_manifest_of_another_shape_says_what_is_missing(path):
    path.write_text('{"metadata": {}}')

    with pytest.raises(ManifestError, match="KeyError: 'nodes'"):
        load_manifest(path)


def test_model_by_id_of_an_unknown_model_names_it(path):
    with pytest.raises(ManifestError, match=r"no model 'model\.kenning\.gone'"):
        load_manifest(path).model_by_id("model.kenning.gone")


def test_project_variables_are_those_of_the_project_file(tmp_path):
    (tmp_path / "dbt_project.yml").write_text("vars: {sources: [shopify]}\n")

    assert project_variables(tmp_path) == {"sources": ["shopify"]}


def test_project_variables_of_a_project_without_any_are_empty(tmp_path):
    (tmp_path / "dbt_project.yml").write_text("name: kenning\n")

    assert project_variables(tmp_path) == {}


def test_source_knows_its_primary_key(tmp_path):
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(MANIFEST), encoding="utf-8")

    source = load_manifest(path).sources["shopify.customer"]

    assert source.primary_key == ("id",)
