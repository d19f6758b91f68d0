"""What dbt knows: the models, sources and exposures of target/manifest.json.

Parsed once here, at the border; past it nobody handles a raw dictionary of the
manifest, except the `meta.sync` of an exposure, which `reverse_etl.spec` owns. Opens no
database.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

import yaml

from warehouse.errors import ManifestError
from warehouse.values import Relation

__all__ = [
    "ColumnInfo",
    "Exposure",
    "Json",
    "Manifest",
    "Model",
    "Relation",
    "Source",
    "load_manifest",
    "project_variables",
]

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

_PARSE_AGAIN = "Run `dbt parse` and try again."


@dataclass(frozen=True, slots=True)
class ColumnInfo:
    """One documented column.

    `pii` is the column's `config.meta.pii`: email, phone, name, address, device, ip,
    none. None means that the YAML does not say.
    """

    name: str
    data_type: str | None
    description: str
    pii: str | None


@dataclass(frozen=True, slots=True)
class Model:
    """One model; `layer` is its first folder under models/."""

    unique_id: str
    name: str
    relation: Relation
    layer: str
    description: str
    group: str | None
    access: str
    materialized: str
    is_contracted: bool
    columns: Mapping[str, ColumnInfo]
    depends_on: tuple[str, ...]
    path: str


@dataclass(frozen=True, slots=True)
class Source:
    """One raw table.

    `is_on` is false when vars.sources leaves its source out or vars.not_landed names
    the table: it then reads as empty and need not exist. `columns` are those that the
    loader lands, `absent_columns` those that vars.not_landed names. `primary_key` is the
    table's `config.meta.primary_key`, empty when the loader lands the same row twice.
    """

    unique_id: str
    source_name: str
    name: str
    relation: Relation
    description: str
    is_on: bool
    columns: Mapping[str, ColumnInfo]
    absent_columns: frozenset[str]
    loaded_at_field: str | None
    primary_key: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Exposure:
    """One exposure; `sync` is its raw `config.meta.sync`, None when it is no sync."""

    unique_id: str
    name: str
    label: str | None
    description: str
    owner_name: str | None
    owner_email: str | None
    depends_on: tuple[str, ...]
    tags: tuple[str, ...]
    sync: Mapping[str, Json] | None
    path: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """A parsed project. Models and exposures by name, sources by "source.table"."""

    project_name: str
    dbt_version: str
    generated_at: str
    models: Mapping[str, Model]
    sources: Mapping[str, Source]
    exposures: Mapping[str, Exposure]

    def model_by_id(self, unique_id: str) -> Model:
        """The model with dbt's unique id.

        Raises:
            ManifestError: There is none.
        """
        for model in self.models.values():
            if model.unique_id == unique_id:
                return model
        raise ManifestError(f"The manifest has no model '{unique_id}'. {_PARSE_AGAIN}")


def project_variables(project_dir: Path) -> Mapping[str, object]:
    """`vars` of dbt_project.yml, which the manifest does not carry.

    Raises:
        ManifestError: The file is missing or malformed.
    """
    path = project_dir / "dbt_project.yml"
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ManifestError(
            f"{path} does not exist. Run from the project's folder, or name it with "
            "--project-dir."
        ) from None
    except yaml.YAMLError:
        raise ManifestError(f"{path} is not valid YAML. Correct it.") from None
    variables = content.get("vars") if isinstance(content, dict) else None
    return MappingProxyType(dict(variables) if isinstance(variables, dict) else {})


def load_manifest(
    path: Path, *, variables: Mapping[str, object] = MappingProxyType({})
) -> Manifest:
    """Read a manifest that `dbt parse` or `dbt build` wrote.

    Args:
        path: Normally target/manifest.json.
        variables: The variables that dbt ran with, normally `project_variables(...)`
            with any `--vars` laid over it. Only `sources` and `not_landed` are read;
            without `sources` every source counts as on.

    Raises:
        ManifestError: There is no file, it is not JSON, or it lacks what every manifest
            has.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ManifestError(f"{path} does not exist. {_PARSE_AGAIN}") from None
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise ManifestError(
            f"{path} is not JSON; perhaps dbt was stopped while it wrote. "
            f"{_PARSE_AGAIN}"
        ) from None
    try:
        return _parse(content, variables)
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ManifestError(
            f"{path} is not a manifest of the form that dbt 1.12 writes "
            f"({type(error).__name__}: {error}). {_PARSE_AGAIN}"
        ) from None


def _parse(content: dict[str, Json], variables: Mapping[str, object]) -> Manifest:
    metadata = _object(content["metadata"])
    models = [
        _model(_object(node))
        for node in _object(content["nodes"]).values()
        if _object(node)["resource_type"] == "model"
    ]
    sources = [
        _source(_object(node), variables)
        for node in _object(content["sources"]).values()
    ]
    exposures = [
        _exposure(_object(node)) for node in _object(content["exposures"]).values()
    ]
    return Manifest(
        project_name=str(metadata["project_name"]),
        dbt_version=str(metadata["dbt_version"]),
        generated_at=str(metadata["generated_at"]),
        models={model.name: model for model in models},
        sources={f"{source.source_name}.{source.name}": source for source in sources},
        exposures={exposure.name: exposure for exposure in exposures},
    )


def _model(node: dict[str, Json]) -> Model:
    config = _object(node["config"])
    fqn = _strings(node["fqn"])
    return Model(
        unique_id=str(node["unique_id"]),
        name=str(node["name"]),
        relation=Relation(schema=str(node["schema"]), name=str(node["alias"])),
        layer=fqn[1] if len(fqn) > 2 else "",
        description=str(node["description"]),
        group=_optional_text(config.get("group")),
        access=str(config.get("access") or "protected"),
        materialized=str(config["materialized"]),
        is_contracted=bool(_object(config.get("contract") or {}).get("enforced")),
        columns=_columns(node),
        depends_on=_strings(_object(node["depends_on"])["nodes"]),
        path=str(node["original_file_path"]),
    )


def _source(node: dict[str, Json], variables: Mapping[str, object]) -> Source:
    source_name, name = str(node["source_name"]), str(node["name"])
    sources_on = variables.get("sources")
    not_landed = variables.get("not_landed") or []
    absent = (
        {str(entry) for entry in not_landed} if isinstance(not_landed, list) else set()
    )
    table = f"{source_name}.{name}"
    columns = _columns(node)
    absent_columns = frozenset(
        column for column in columns if f"{table}.{column}" in absent
    )
    return Source(
        unique_id=str(node["unique_id"]),
        source_name=source_name,
        name=name,
        relation=Relation(schema=str(node["schema"]), name=str(node["identifier"])),
        description=str(node["description"]),
        is_on=(not isinstance(sources_on, list) or source_name in sources_on)
        and table not in absent,
        columns={
            name: column
            for name, column in columns.items()
            if name not in absent_columns
        },
        absent_columns=absent_columns,
        loaded_at_field=_optional_text(node.get("loaded_at_field")),
        primary_key=_primary_key(node),
    )


def _primary_key(node: dict[str, Json]) -> tuple[str, ...]:
    config = _object(node.get("config") or {})
    key = _object(config.get("meta") or {}).get("primary_key")
    if key is None:
        return ()
    return (key,) if isinstance(key, str) else _strings(key)


def _exposure(node: dict[str, Json]) -> Exposure:
    owner = _object(node.get("owner") or {})
    sync = _object(_object(node["config"]).get("meta") or {}).get("sync")
    if sync is not None and not isinstance(sync, dict):
        raise ManifestError(
            f"Exposure '{node['name']}' in {node['original_file_path']} has a "
            "config.meta.sync that is not a map. Write it as names and values."
        )
    return Exposure(
        unique_id=str(node["unique_id"]),
        name=str(node["name"]),
        label=_optional_text(node.get("label")),
        description=str(node["description"]),
        owner_name=_optional_text(owner.get("name")),
        owner_email=_optional_text(owner.get("email")),
        depends_on=_strings(_object(node["depends_on"])["nodes"]),
        tags=_strings(node["tags"]),
        sync=MappingProxyType(sync) if sync is not None else None,
        path=str(node["original_file_path"]),
    )


def _columns(node: dict[str, Json]) -> dict[str, ColumnInfo]:
    return {
        name: _column(_object(column))
        for name, column in _object(node["columns"]).items()
    }


def _column(column: dict[str, Json]) -> ColumnInfo:
    meta = _object(_object(column.get("config") or {}).get("meta") or {})
    return ColumnInfo(
        name=str(column["name"]),
        data_type=_optional_text(column.get("data_type")),
        description=str(column["description"]),
        pii=_optional_text(meta.get("pii")),
    )


def _object(value: Json) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise TypeError(f"expected a map, found {type(value).__name__}")
    return value


def _strings(value: Json) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError(f"expected a list, found {type(value).__name__}")
    return tuple(str(entry) for entry in value)


def _optional_text(value: Json) -> str | None:
    return None if value is None else str(value)
