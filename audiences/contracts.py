"""What models promise about their columns: names, kinds of value, and closed sets of values.

It comes from the contracts in the dbt YAML, so a definition can be checked without a warehouse
and before dbt has parsed the project.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

import yaml
from sqlglot import exp
from sqlglot.errors import SqlglotError

from audiences.errors import ProfileError

_COLUMN_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
# The C parser reads a thousand columns in milliseconds; it is not in every build of PyYAML.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class ColumnType(StrEnum):
    """Kinds of value that conditions tell apart."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    TIMESTAMP = "timestamp"
    DATE = "date"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Column:
    """A column: what it holds, and, where its tests accept only some values, which."""

    type: ColumnType
    values: tuple[str, ...] | None = None


Columns = Mapping[str, Column]

_FAMILIES: Mapping[ColumnType, frozenset[exp.DType]] = {
    ColumnType.TEXT: frozenset(exp.DataType.TEXT_TYPES),
    ColumnType.NUMBER: frozenset(exp.DataType.NUMERIC_TYPES),
    ColumnType.BOOLEAN: frozenset({exp.DType.BOOLEAN}),
    ColumnType.DATE: frozenset({exp.DType.DATE, exp.DType.DATE32}),
    ColumnType.TIMESTAMP: frozenset(exp.DataType.TEMPORAL_TYPES),
}


def read_contracts(text: str, *, file: str) -> Mapping[str, Columns]:
    """The columns of every model under contract that one YAML file documents.

    Args:
        text: Content of a dbt YAML file.
        file: Its path, for messages.

    Returns:
        Columns in the model's order, by model.

    Raises:
        ProfileError: The file is no YAML, or a column lacks a usable name or data_type.
    """
    try:
        document = yaml.load(text, Loader=_LOADER)  # noqa: S506 - a safe loader
    except yaml.YAMLError as error:
        message = f"{file} is no readable YAML: {error}"
        raise ProfileError(message) from error
    models = document.get("models") if isinstance(document, dict) else None
    return {
        str(model["name"]): _columns(model, file)
        for model in (models if isinstance(models, list) else [])
        if isinstance(model, dict) and _is_under_contract(model)
    }


def _is_under_contract(model: Mapping[str, object]) -> bool:
    match model:
        case {"name": str(), "config": {"contract": {"enforced": True}}}:
            return True
    return False


def _columns(model: Mapping[str, object], file: str) -> Columns:
    columns = model.get("columns")
    return dict(
        _column(column, file=file, model=str(model["name"]))
        for column in (columns if isinstance(columns, list) else [])
    )


def _column(column: object, *, file: str, model: str) -> tuple[str, Column]:
    fields = column if isinstance(column, dict) else {}
    name, data_type = fields.get("name"), fields.get("data_type")
    if not isinstance(name, str) or not _COLUMN_NAME.match(name):
        message = (
            f"{file}: model {model} documents a column named {name!r}. Audiences need names "
            f"of lower-case letters, digits and underscores."
        )
        raise ProfileError(message)
    if not isinstance(data_type, str):
        message = f"{file}: column {model}.{name} has no data_type. Write the one of its contract."
        raise ProfileError(message)
    accepted = list(_accepted_values(fields.get("data_tests")))
    return name, Column(_column_type(data_type), accepted[0] if accepted else None)


def _accepted_values(tests: object) -> Iterator[tuple[str, ...]]:
    """The closed sets of values among a column's tests; what Jinja works out is not known here."""
    for test in tests if isinstance(tests, list) else []:
        match test:
            case {"accepted_values": {"arguments": {"values": [*values]}}}:
                yield tuple(str(value) for value in values)


def _column_type(data_type: str) -> ColumnType:
    try:
        parsed = exp.DataType.build(data_type)
    except SqlglotError:
        return ColumnType.OTHER
    for column_type, family in _FAMILIES.items():
        if parsed.this in family:
            return column_type
    return ColumnType.OTHER
