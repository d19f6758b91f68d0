"""The YAML of the documentation, read as the engine reads it, and rows to run it with.

An example is a whole exposure, or a `config: {meta: {sync: ...}}`. The model that it sends
documents exactly the columns that it names.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple, TypeAlias

import yaml

from reverse_etl.spec import CUSTOMER_COLUMN, SyncSpec, template_parts
from reverse_etl.spec_reading import parse_sync
from warehouse.manifest import ColumnInfo, Exposure, Json, Manifest, Model
from warehouse.values import Relation

PAGES = ("docs/destinations", "docs/how-to")
SCHEMA = "activation"

Cell: TypeAlias = str | int | float | bool | date | datetime

_YAML_BLOCK = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)


class Example(NamedTuple):
    """One sync of a page.

    Attributes:
        page: File, from the project's folder.
        line: Where its block begins.
        name: Of the exposure; made up where the page leaves it out.
        sync: What is under `config.meta.sync`.
    """

    page: str
    line: int
    name: str
    sync: Mapping[str, Json]

    @property
    def id(self) -> str:
        return f"{Path(self.page).stem}-{self.sync.get('object')}-{self.line}"

    @property
    def model(self) -> str:
        return f"sync_{self.name}"

    def spec(self) -> SyncSpec:
        """The sync, read against a model that documents the columns it names."""
        manifest, exposure = _documented(self)
        return parse_sync(exposure, manifest)


def examples(root: Path) -> Iterator[Example]:
    """Every sync in the YAML of the pages."""
    for folder in PAGES:
        for path in sorted((root / folder).glob("*.md")):
            page = path.relative_to(root).as_posix()
            for line, content in yaml_blocks(path.read_text("utf-8")):
                yield from _syncs(page, line, content)


def yaml_blocks(text: str) -> Iterator[tuple[int, Json]]:
    """Each block of YAML with the line it begins on."""
    for found in _YAML_BLOCK.finditer(text):
        yield text.count("\n", 0, found.start()) + 1, yaml.safe_load(found[1])


def _syncs(page: str, line: int, content: Json) -> Iterator[Example]:
    if not isinstance(content, dict):
        return
    exposures = content.get("exposures")
    for exposure in exposures if isinstance(exposures, list) else [content]:
        assert isinstance(exposure, dict)
        sync = exposure
        for name in ("config", "meta", "sync"):
            inner = sync.get(name)
            sync = inner if isinstance(inner, dict) else {}
        if sync:
            made_up = f"{sync.get('destination')}__{sync.get('object')}".lower()
            yield Example(page, line, str(exposure.get("name", made_up)), sync)


def columns_of_example(sync: Mapping[str, Json]) -> tuple[str, ...]:
    """Columns that an example names, each once."""
    found = [str(sync["key"])]
    mapping, match = sync.get("mapping", {}), sync.get("match", {})
    assert isinstance(mapping, dict)
    assert isinstance(match, dict)
    for source in (*mapping.values(), *match.values()):
        if isinstance(source, str):
            found.append(source)
        elif isinstance(source, dict) and "from" in source:
            found.append(str(source["from"]))
        elif isinstance(source, dict) and "template" in source:
            parts = template_parts(str(source["template"]))
            found += [name for _, name in parts if name is not None]
    associations = sync.get("associations", {})
    assert isinstance(associations, dict)
    found += [str(column) for column in associations.values()]
    if sync.get("purpose") != "none":
        found.append(CUSTOMER_COLUMN)
    return tuple(dict.fromkeys(found))


def _documented(example: Example) -> tuple[Manifest, Exposure]:
    model = Model(
        unique_id=f"model.kenning.{example.model}",
        name=example.model,
        relation=Relation(SCHEMA, example.model),
        layer="activation",
        description="",
        group=None,
        access="protected",
        materialized="table",
        is_contracted=False,
        columns={
            name: ColumnInfo(name, None, "", None)
            for name in columns_of_example(example.sync)
        },
        depends_on=(),
        path=f"models/activation/{example.model}.sql",
    )
    exposure = Exposure(
        unique_id=f"exposure.kenning.{example.name}",
        name=example.name,
        label=None,
        description="",
        owner_name=None,
        owner_email=None,
        depends_on=(model.unique_id,),
        tags=(),
        sync=example.sync,
        path=f"{example.page}:{example.line}",
    )
    return (
        Manifest("kenning", "", "", {model.name: model}, {}, {exposure.name: exposure}),
        exposure,
    )


def column_type(name: str) -> str:
    """Type of a column, as its name promises."""
    if name.endswith("_at"):
        return "timestamp"
    if name.endswith("_on"):
        return "date"
    if name.endswith(("_eur", "_amount")) or name == "score":
        return "decimal(12, 2)"
    if name.endswith("_count"):
        return "bigint"
    if name.startswith("has_"):
        return "boolean"
    return "text"


_TEXTS: Mapping[str, str] = {
    "advertising_id": "00000000-0000-4000-8000-{number:012}",
    "city": "Utrecht",
    "country": "NL",
    "email": "person{number}@example.com",
    "language": "nl",
    "phone": "+3161234{number:04}",
    "postal_code": "1012 AB",
    "traits_json": '{{"likes": ["tea", {version}]}}',
}


def cell(name: str, number: int, version: int = 1) -> Cell:
    """A value of a made-up row: another for each version, where it may change."""
    match column_type(name):
        case "timestamp":
            return datetime(2026, 6, 1) + timedelta(days=number, hours=version)
        case "date":
            return date(1980, 1, 1) + timedelta(days=number, weeks=version)
        case "decimal(12, 2)":
            return round(number * 10 + version + 0.25, 2)
        case "bigint":
            return number * 10 + version
        case "boolean":
            return True
        case _:
            if name.endswith("_id") and name not in _TEXTS:
                return f"{name.removesuffix('_id')}-{number}"
            text = _TEXTS.get(name, f"{name.replace('_', ' ')} {{number}}.{{version}}")
            return text.format(number=number, version=version)
