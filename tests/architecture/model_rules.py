"""The shape of the dbt project, one function a rule.

Each rule takes a `Project` and returns what breaks it, one sentence a breach: where, what,
and what to do. An empty list is a kept rule.
"""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from tests.architecture.project import Model, Project

LAYERS = ("staging", "identity", "core", "audiences", "activation")
"""In the order of the data's flow. A model reads its own layer and earlier ones."""

OUTSIDE_THE_FLOW = ("quality",)
"""Folders that read any layer and that no layer reads."""

PUBLIC_LAYERS = ("core", "audiences", "activation", "quality")

PII = frozenset(
    [
        "none",
        "email",
        "phone",
        "name",
        "address",
        "device",
        "ip",
        "identifier",
        "birth_date",
        "text",
        "gender",
    ]
)

_NAMES = {
    "staging": re.compile(r"stg_[a-z_]+?__[a-z_]+\Z"),
    "identity": re.compile(r"(int_)?identity(_[a-z0-9]+)*(__[a-z_]+)?\Z"),
    "core": re.compile(
        r"(dim|fct|bridge|customer|suppressed)_[a-z_]+\Z|int_[a-z]+(_[a-z]+)*(__[a-z_]+)?\Z"
    ),
    "audiences": re.compile(r"audience_[a-z][a-z0-9_]*\Z|int_audiences__[a-z_]+\Z"),
    "activation": re.compile(r"sync_[a-z][a-z0-9]*(_[a-z0-9]+)*__[a-z][a-z0-9_]*\Z"),
    "quality": re.compile(r"quality_[a-z_]+\Z"),
}

_WALL_CLOCK = re.compile(
    r"\b(current_timestamp|current_date|localtimestamp|sysdate|getdate\s*\(|now\s*\()"
    r"|\b(dbt|dbt_date)\.(current_timestamp|now|today)"
)
_SYNC_KEYS = ("destination", "object", "mode", "key", "purpose")


def only_staging_reads_sources(project: Project) -> list[str]:
    return [
        f"{model.path} reads {', '.join(model.source_tables) or 'a source'}. Only staging "
        f"reads raw tables: ref() the staging model."
        for model in project.models
        if model.layer != "staging"
        and (model.source_tables or re.search(r"\bsource(_rows)?\s*\(", model.code))
    ]


def staging_reads_sources_through_source_rows(project: Project) -> list[str]:
    return [
        f"{model.path} calls source(). Use source_rows(), so that a company without the "
        f"source still builds."
        for model in project.models
        if model.layer == "staging" and re.search(r"\bsource\s*\(", model.code)
    ]


def data_flows_one_way(project: Project) -> list[str]:
    layers = {model.name: model.layer for model in project.models}
    return [
        f"{model.path} reads {name}, which is further on in the flow {' → '.join(LAYERS)}."
        for model in project.models
        for name in model.refs
        if _rank(layers[name]) > _rank(model.layer)
    ]


def _rank(layer: str) -> int:
    return LAYERS.index(layer) if layer in LAYERS else len(LAYERS)


def every_model_stands_in_a_layer(project: Project) -> list[str]:
    known = LAYERS + OUTSIDE_THE_FLOW
    return [
        f"{model.path} is in no layer. Layers: {', '.join(known)}."
        for model in project.models
        if model.layer not in known
    ]


def names_say_the_layer(project: Project) -> list[str]:
    breaches = []
    for model in project.models:
        pattern = _NAMES.get(model.layer)
        if pattern and not pattern.match(model.name):
            breaches.append(
                f"{model.path}: {model.layer} models match {pattern.pattern}."
            )
        source = PurePosixPath(model.folder).name
        if model.layer == "staging" and not model.name.startswith(f"stg_{source}__"):
            breaches.append(
                f"{model.path}: in {source}/, names begin with stg_{source}__."
            )
    return breaches


def every_folder_has_its_yaml(project: Project) -> list[str]:
    return [
        f"{model.path} is documented in {model.yaml_path or 'no file'}. Document it in "
        f"{_expected_yaml(model)}."
        for model in project.models
        if model.yaml_path != _expected_yaml(model)
    ]


def _expected_yaml(model: Model) -> str:
    return f"{model.folder}/_{PurePosixPath(model.folder).name}__models.yml"


def descriptions_begin_with_the_grain(project: Project) -> list[str]:
    return [
        f"{model.path}: the description begins with the grain, 'One row per …'. It begins "
        f"with '{model.description[:30]}'."
        for model in project.models
        if not model.description.startswith("One row per ")
    ]


def every_model_tests_its_primary_key(project: Project) -> list[str]:
    return [
        f"{model.path} has no key test. Give one column unique and not_null, or the model "
        f"unique_combination."
        for model in project.models
        if "unique_combination" not in model.tests
        and not any({"unique", "not_null"} <= column.tests for column in model.columns)
    ]


def public_layers_are_public_under_contract(project: Project) -> list[str]:
    breaches = []
    for model in project.models:
        is_private = model.name.startswith("int_")
        in_public_layer = model.layer in PUBLIC_LAYERS or model.layer == "identity"
        if in_public_layer and not is_private and not model.is_public:
            breaches.append(
                f"{model.path} is not public. Set access: public, or name it int_."
            )
        if model.is_public and not model.has_contract:
            breaches.append(f"{model.path} is public without an enforced contract.")
        if model.is_public and is_private:
            breaches.append(
                f"{model.path} is public, and its name says it is a private step."
            )
    return breaches


def public_columns_are_described_typed_and_marked(project: Project) -> list[str]:
    return [breach for model in project.models for breach in _column_breaches(model)]


def _column_breaches(model: Model) -> Iterator[str]:
    if not model.is_public:
        return
    if not model.columns:
        yield f"{model.path} documents no column."
    for column in model.columns:
        where = f"{model.path}, {column.name}"
        words = re.sub(r"[^a-z0-9]+", " ", column.description.lower()).strip()
        if words in {"", column.name.replace("_", " ")}:
            yield f"{where}: the description says no more than the name."
        if not column.data_type:
            yield f"{where} has no data_type."
        if column.pii not in PII:
            yield f"{where}: config.meta.pii is {column.pii}. Use one of {sorted(PII)}."


def models_do_not_ask_for_the_engine(project: Project) -> list[str]:
    return [
        f"{model.path} asks for target. Put the difference into a dispatched macro."
        for model in project.models
        if re.search(r"\btarget\s*[.\[]", model.code)
    ]


def models_do_not_read_the_wall_clock(project: Project) -> list[str]:
    return [
        f"{model.path} reads the wall clock. Use {{{{ as_of() }}}}."
        for model in project.models
        if _WALL_CLOCK.search(model.code)
    ]


def no_model_reads_the_truth(project: Project) -> list[str]:
    return [
        f"{model.path} says 'truth'. The demo's truth scores models and is read by none."
        for model in project.models
        if re.search(r"(?<![a-z0-9])truth(?![a-z0-9])", model.sql.lower())
        or any(table.startswith("truth.") for table in model.source_tables)
    ]


def models_end_with_a_plain_select(project: Project) -> list[str]:
    """The last line names the rows of the table, so a reader begins there."""
    return [
        f"{model.path} does not end with `select * from <what its rows are>`."
        for model in project.models
        if model.code.lstrip().startswith("with")
        and not re.search(r"\nselect \* from [a-z_]+\s*\Z", model.code)
    ]


def every_model_has_a_group_with_an_owner(project: Project) -> list[str]:
    breaches = [
        f"{model.path} has no group. Give its folder one in dbt_project.yml."
        for model in project.models
        if model.group not in project.group_owners
    ]
    return breaches + [
        f"Group {name} has no owner with an e-mail address."
        for name, owner in project.group_owners.items()
        if not owner or "@" not in owner
    ]


def every_sync_says_what_for_and_who_answers(project: Project) -> list[str]:
    breaches = []
    for exposure in project.exposures:
        if "sync" not in exposure.tags:
            continue
        where = f"Exposure {exposure.name}"
        missing = [key for key in _SYNC_KEYS if not exposure.sync.get(key)]
        if missing:
            breaches.append(f"{where}: config.meta.sync lacks {', '.join(missing)}.")
        if not exposure.owner_name or not exposure.owner_email:
            breaches.append(f"{where} has no owner with a name and an e-mail address.")
        if exposure.refs != (f"sync_{exposure.name}",):
            breaches.append(f"{where} depends on exactly ref('sync_{exposure.name}').")
    return breaches


def every_sync_model_has_its_exposure(project: Project) -> list[str]:
    exposed = {
        name
        for exposure in project.exposures
        if "sync" in exposure.tags
        for name in exposure.refs
    }
    return [
        f"{model.path} has no exposure tagged sync, so nothing sends it. Write one beside it."
        for model in project.models
        if model.layer == "activation" and model.name not in exposed
    ]


def syncs_keep_to_the_purpose_of_their_audience(project: Project) -> list[str]:
    models = {model.name: model for model in project.models}
    return [
        f"Exposure {exposure.name} sends {audience} for "
        f"{exposure.sync.get('purpose')}; the audience was built for {purpose}."
        for exposure in project.exposures
        for name in exposure.refs
        for audience in models[name].refs
        if (purpose := models[audience].meta.get("audience", {}).get("purpose"))
        and purpose != exposure.sync.get("purpose")
    ]


def every_macro_is_documented(project: Project) -> list[str]:
    breaches = []
    for macro in project.macros:
        if not macro.is_public or macro.name.startswith(("test_", "materialization_")):
            continue
        if not macro.description:
            breaches.append(
                f"{macro.path}: macro {macro.name} has no description in YAML."
            )
        elif macro.documented != macro.parameters:
            breaches.append(
                f"{macro.path}: macro {macro.name} takes {list(macro.parameters)} and its "
                f"YAML documents {list(macro.documented)}."
            )
    return breaches


def no_package_is_installed(project: Project) -> list[str]:
    own = {"kenning", "dbt", "dbt_duckdb", "dbt_postgres", "dbt_spark"}
    return [
        f"Macros of the package {name} are in use. Write the macro; there are no packages."
        for name in sorted(project.packages - own)
    ]


RULES = (
    only_staging_reads_sources,
    staging_reads_sources_through_source_rows,
    data_flows_one_way,
    every_model_stands_in_a_layer,
    names_say_the_layer,
    every_folder_has_its_yaml,
    descriptions_begin_with_the_grain,
    every_model_tests_its_primary_key,
    public_layers_are_public_under_contract,
    public_columns_are_described_typed_and_marked,
    models_do_not_ask_for_the_engine,
    models_do_not_read_the_wall_clock,
    no_model_reads_the_truth,
    models_end_with_a_plain_select,
    every_model_has_a_group_with_an_owner,
    every_sync_says_what_for_and_who_answers,
    every_sync_model_has_its_exposure,
    syncs_keep_to_the_purpose_of_their_audience,
    every_macro_is_documented,
    no_package_is_installed,
)
