"""dbt's manifest as the values that the architecture rules read.

Only parsing lives here. Rules take these values, so that each can be shown a small project
that breaks it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

PROJECT = "kenning"

_COMMENT = re.compile(r"\{#.*?#\}|--[^\n]*|/\*.*?\*/", re.DOTALL)
_PARAMETERS = re.compile(r"{%-?\s*macro\s+\w+\s*\((.*?)\)\s*-?%}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Column:
    """A documented column."""

    name: str
    description: str = "Something."
    data_type: str | None = "text"
    pii: str | None = "none"
    tests: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Model:
    """A model, its YAML included. `refs` are names; `source_tables` are source.table."""

    path: str
    sql: str = "select 1 as one"
    description: str = "One row per thing."
    columns: tuple[Column, ...] = ()
    tests: frozenset[str] = frozenset({"unique_combination"})
    refs: tuple[str, ...] = ()
    source_tables: tuple[str, ...] = ()
    is_public: bool = False
    has_contract: bool = False
    group: str | None = "core"
    yaml_path: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return PurePosixPath(self.path).stem

    @property
    def folder(self) -> str:
        return str(PurePosixPath(self.path).parent)

    @property
    def layer(self) -> str:
        return PurePosixPath(self.path).parts[1]

    @property
    def code(self) -> str:
        """The SQL without its comments, in lower case."""
        return _COMMENT.sub(" ", self.sql).lower()


@dataclass(frozen=True, slots=True)
class Exposure:
    """An exposure with its owner and its sync configuration, if it is one."""

    name: str
    tags: tuple[str, ...] = ()
    owner_name: str | None = "Team"
    owner_email: str | None = "team@nordvik.example"
    refs: tuple[str, ...] = ()
    sync: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Macro:
    """A macro and its documentation. `is_body` marks one engine's body of another macro."""

    name: str
    path: str = "macros/some.sql"
    parameters: tuple[str, ...] = ()
    description: str = ""
    documented: tuple[str, ...] = ()

    @property
    def is_public(self) -> bool:
        """Whether models may call it: no engine's body, no helper, no test."""
        return not self.name.startswith("_") and "__" not in self.name


@dataclass(frozen=True, slots=True)
class Project:
    """Everything the rules about dbt read."""

    models: tuple[Model, ...] = ()
    exposures: tuple[Exposure, ...] = ()
    macros: tuple[Macro, ...] = ()
    group_owners: Mapping[str, str | None] = field(default_factory=dict)
    packages: frozenset[str] = frozenset()


def read_project(manifest: Mapping[str, Any]) -> Project:
    """The project that a manifest describes. Shape: what `dbt parse` of dbt 1.12 writes."""
    nodes = manifest["nodes"]
    tests: dict[str, list[tuple[str | None, str]]] = {}
    for node in nodes.values():
        if node["resource_type"] == "test" and node.get("test_metadata"):
            attached, name = node.get("attached_node"), node["test_metadata"]["name"]
            tests.setdefault(attached, []).append((node.get("column_name"), name))
    return Project(
        models=tuple(
            _model(node, tests.get(key, []))
            for key, node in nodes.items()
            if node["resource_type"] == "model"
        ),
        exposures=tuple(_exposure(node) for node in manifest["exposures"].values()),
        macros=tuple(
            _macro(macro)
            for macro in manifest["macros"].values()
            if macro["package_name"] == PROJECT
        ),
        group_owners={
            group["name"]: (group.get("owner") or {}).get("email")
            for group in manifest["groups"].values()
        },
        packages=frozenset(
            macro["package_name"] for macro in manifest["macros"].values()
        ),
    )


def _model(node: Mapping[str, Any], tests: Sequence[tuple[str | None, str]]) -> Model:
    config, parents = node["config"], node["depends_on"]["nodes"]
    return Model(
        path=node["original_file_path"],
        sql=node["raw_code"],
        description=node["description"],
        columns=tuple(
            _column(column, tests) for column in node.get("columns", {}).values()
        ),
        tests=frozenset(name for column, name in tests if column is None),
        refs=_names(parents, "model"),
        source_tables=tuple(
            ".".join(parent.split(".")[2:])
            for parent in parents
            if parent.startswith("source.")
        ),
        is_public=node.get("access") == "public",
        has_contract=bool((config.get("contract") or {}).get("enforced")),
        group=config.get("group"),
        yaml_path=(node.get("patch_path") or "").split("://")[-1] or None,
        meta=config.get("meta") or {},
    )


def _column(
    column: Mapping[str, Any], tests: Sequence[tuple[str | None, str]]
) -> Column:
    meta = (column.get("config") or {}).get("meta") or column.get("meta") or {}
    return Column(
        name=column["name"],
        description=column["description"],
        data_type=column.get("data_type"),
        pii=meta.get("pii"),
        tests=frozenset(name for tested, name in tests if tested == column["name"]),
    )


def _exposure(node: Mapping[str, Any]) -> Exposure:
    config = node.get("config") or {}
    owner = node.get("owner") or {}
    return Exposure(
        name=node["name"],
        tags=tuple(config.get("tags") or node.get("tags") or ()),
        owner_name=owner.get("name"),
        owner_email=owner.get("email"),
        refs=_names(node["depends_on"]["nodes"], "model"),
        sync=((config.get("meta") or node.get("meta") or {}).get("sync")) or {},
    )


def _macro(node: Mapping[str, Any]) -> Macro:
    found = _PARAMETERS.search(node["macro_sql"])
    parameters = found.group(1).split(",") if found else []
    return Macro(
        name=node["name"],
        path=node["original_file_path"],
        parameters=tuple(
            parameter.split("=")[0].strip()
            for parameter in parameters
            if parameter.strip()
        ),
        description=node.get("description") or "",
        documented=tuple(argument["name"] for argument in node.get("arguments") or ()),
    )


def _names(parents: Sequence[str], kind: str) -> tuple[str, ...]:
    return tuple(
        parent.split(".")[2] for parent in parents if parent.startswith(f"{kind}.")
    )
