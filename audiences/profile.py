"""The columns of the profile that a definition may name, and what kind of value each holds.

They come from the contract of the profile model in its YAML, so a definition can be checked
without a warehouse and before dbt has parsed the project.
"""

import re
from collections.abc import Mapping
from enum import StrEnum

import yaml
from sqlglot import exp
from sqlglot.errors import SqlglotError

from audiences.errors import ProfileError

_COLUMN_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")


class ColumnType(StrEnum):
    """Kinds of value that conditions tell apart."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    TIMESTAMP = "timestamp"
    OTHER = "other"


_FAMILIES: Mapping[ColumnType, frozenset[exp.DType]] = {
    ColumnType.TEXT: frozenset(exp.DataType.TEXT_TYPES),
    ColumnType.NUMBER: frozenset(exp.DataType.NUMERIC_TYPES),
    ColumnType.BOOLEAN: frozenset({exp.DType.BOOLEAN}),
    ColumnType.TIMESTAMP: frozenset(exp.DataType.TEMPORAL_TYPES),
}


def read_profile(
    text: str, *, file: str, model: str
) -> Mapping[str, ColumnType] | None:
    """The columns that one YAML file documents for a model, in the model's order.

    Args:
        text: Content of a dbt YAML file.
        file: Its path, for messages.
        model: Name of the model to look for.

    Returns:
        Type by column name, or None when the file does not describe the model.

    Raises:
        ProfileError: The file is no YAML, or a column lacks a usable name or data_type.
    """
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        message = f"{file} is no readable YAML: {error}"
        raise ProfileError(message) from error
    models = document.get("models") if isinstance(document, dict) else None
    for entry in models if isinstance(models, list) else []:
        if isinstance(entry, dict) and entry.get("name") == model:
            columns = entry.get("columns") or []
            return dict(
                _named_type(column, file=file, model=model) for column in columns
            )
    return None


def _named_type(column: object, *, file: str, model: str) -> tuple[str, ColumnType]:
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
    return name, _column_type(data_type)


def _column_type(data_type: str) -> ColumnType:
    try:
        parsed = exp.DataType.build(data_type)
    except SqlglotError:
        return ColumnType.OTHER
    for column_type, family in _FAMILIES.items():
        if parsed.this in family:
            return column_type
    return ColumnType.OTHER
