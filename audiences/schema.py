"""The JSON Schema of definitions, by which editors complete and check them while they are written.

It says what a definition looks like; names, types and values are checked when it is compiled.
"""

from collections.abc import Mapping, Sequence

from audiences.definition import CADENCES, ENTITIES, GOALS, PURPOSES
from audiences.nodes import MAX_NAME_LENGTH, MAX_TEXT_LENGTH
from audiences.raw_sql import MAX_LENGTH
from audiences.reading import NEEDED
from audiences.reading_columns import OPERATOR_TYPES, WEEKDAYS
from audiences.reading_rows import MAX_COUNT
from audiences.reading_selection import (
    MAX_GROUPS,
    MAX_MEMBERS,
    MAX_WEIGHT,
    ORDERS,
    TIES,
)
from audiences.reading_sequences import MAX_STEPS
from audiences.reading_values import MAX_DAYS, MAX_HOURS

JsonValue = str | int | float | bool | Sequence["JsonValue"] | Mapping[str, "JsonValue"]
Schema = Mapping[str, JsonValue]

_TEXT: Schema = {"type": "string", "maxLength": MAX_TEXT_LENGTH}
_SOME_TEXT: Schema = {**_TEXT, "minLength": 1}
_NAME: Schema = {
    "type": "string",
    "pattern": "^[a-z][a-z0-9]*(_[a-z0-9]+)*$",
    "maxLength": MAX_NAME_LENGTH,
}
_NUMBER: Schema = {"type": "number"}
_TRUE: Schema = {"const": True}
_SHARE: Schema = {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}
_SCALAR: Schema = {"type": ["string", "number"]}


def definition_schema() -> Schema:
    """The schema of a file of audiences/definitions/."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Definition of an audience",
        "description": "See docs/how-to/add-an-audience.md.",
        "type": "object",
        "required": list(NEEDED),
        "additionalProperties": False,
        "properties": {
            "name": {**_NAME, "not": {"enum": ["memberships", "sizes"]}},
            "description": _SOME_TEXT,
            "owner": _object({"name": _SOME_TEXT, "email": _TEXT}, ["name", "email"]),
            "purpose": {"enum": list(PURPOSES)},
            "entity": {"enum": list(ENTITIES)},
            "conditions": _ref("condition"),
            "time_zone": _TEXT,
            "goal": {"enum": list(GOALS)},
            "exclude": _ref("condition"),
            "priority": _object(
                {"group": _NAME, "rank": _whole(1, 1_000)}, ["group", "rank"]
            ),
            "sample": _sample(),
            "top": _object(
                {
                    "by": _TEXT,
                    "count": _whole(1, MAX_MEMBERS),
                    "order": {"enum": list(ORDERS)},
                    "ties": {"enum": list(TIES)},
                },
                ["by", "count"],
            ),
            "split": _split(),
            "starts": _TEXT,
            "ends": _TEXT,
            "refresh": {"enum": list(CADENCES)},
        },
        "$defs": {
            "condition": {
                "anyOf": [
                    _ref("group"),
                    _ref("column"),
                    _ref("rows"),
                    _ref("sequence"),
                    _ref("trait"),
                    _ref("consent"),
                    _ref("audience"),
                    _ref("sql"),
                ]
            },
            "row_condition": {"anyOf": [_ref("row_group"), _ref("column")]},
            "group": _group("condition"),
            "row_group": _group("row_condition"),
            "column": _operation("column"),
            "trait": _operation("trait"),
            "rows": _rows(),
            "sequence": _sequence(),
            "consent": _object({"consent": _TEXT, "channel": _TEXT}, ["consent"]),
            "audience": _object(
                {"audience": _TEXT, "split_group": _TEXT}, ["audience"]
            ),
            "sql": _object(
                {"sql": {"type": "string", "maxLength": MAX_LENGTH}, "called": _NAME},
                ["sql"],
            ),
            "moment": _moment(),
        },
    }


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _object(properties: Schema, required: Sequence[str] = ()) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def _whole(least: int, most: int) -> Schema:
    return {"type": "integer", "minimum": least, "maximum": most}


def _list(items: Schema, least: int = 1, most: int | None = None) -> Schema:
    limit: Schema = {} if most is None else {"maxItems": most}
    return {"type": "array", "items": items, "minItems": least, **limit}


def _group(condition: str) -> Schema:
    parts = _list(_ref(condition))
    return {
        **_object({"all": parts, "any": parts, "not": _ref(condition)}),
        "minProperties": 1,
        "maxProperties": 1,
    }


def _moment() -> Schema:
    return {
        **_object(
            {
                "days_ago": _whole(0, MAX_DAYS),
                "hours_ago": _whole(0, MAX_HOURS),
                "days_ahead": _whole(0, MAX_DAYS),
            }
        ),
        "minProperties": 1,
        "maxProperties": 1,
    }


def _operators() -> dict[str, JsonValue]:
    """What each operator takes."""
    days, hours = _whole(1, MAX_DAYS), _whole(1, MAX_HOURS)
    operand: Schema = {
        "anyOf": [_SCALAR, _ref("moment"), _object({"column": _TEXT}, ["column"])]
    }
    bound: Schema = {"anyOf": [_SCALAR, _ref("moment")]}
    taken: dict[str, JsonValue] = dict.fromkeys(OPERATOR_TYPES, operand)
    taken |= dict.fromkeys(["is_true", "is_false", "is_known", "is_unknown"], _TRUE)
    taken |= dict.fromkeys(["in", "not_in"], _list(_SCALAR))
    some_texts: Schema = {"anyOf": [_SOME_TEXT, _list(_SOME_TEXT)]}
    taken |= dict.fromkeys(["contains", "starts_with", "ends_with"], some_texts)
    taken |= {
        "between": _list(bound, 2, 2),
        "within_days": days,
        "within_next_days": days,
        "within_hours": hours,
        "on_weekdays": _list({"enum": list(WEEKDAYS)}),
        "between_hours": _list(_whole(0, 24), 2, 2),
    }
    return taken


def _operation(subject: str) -> Schema:
    """A column or a trait with one operator."""
    operators = _operators()
    return {
        **_object({subject: _TEXT, **operators, "ignore_case": _TRUE}, [subject]),
        "oneOf": [{"required": [operator]} for operator in operators],
    }


def _windows() -> dict[str, JsonValue]:
    operators = _operators()
    return {
        name: operators[name] for name in ("within_days", "within_hours", "between")
    }


def _events() -> Schema:
    return {"anyOf": [_SOME_TEXT, _list(_SOME_TEXT)]}


def _rows() -> Schema:
    operators = _operators()
    since = _object(
        {"event": _events(), "related": _TEXT, "where": _ref("row_condition")}
    )
    measures = ("greater_than", "less_than", "before", "after")
    aggregates = ("sum", "min", "max", "average", "distinct")
    return {
        **_object(
            {
                "event": _events(),
                "related": _TEXT,
                "where": _ref("row_condition"),
                **_windows(),
                "since": {**since, **_either("event", "related")},
                "none": _TRUE,
                **dict.fromkeys(aggregates, _TEXT),
                **dict.fromkeys(("at_least", "at_most", "exactly"), _NUMBER),
                **{name: operators[name] for name in measures},
            }
        ),
        **_either("event", "related"),
        "allOf": [
            {"if": {"required": ["none"]}, "then": _without(*aggregates, "at_least")},
            {
                "if": {"not": {"anyOf": [{"required": [name]} for name in aggregates]}},
                "then": {
                    **_without(*measures),
                    "properties": dict.fromkeys(
                        ("at_least", "at_most", "exactly"), _whole(0, MAX_COUNT)
                    ),
                },
            },
        ],
    }


def _either(*names: str) -> Schema:
    return {"oneOf": [{"required": [name]} for name in names]}


def _without(*names: str) -> Schema:
    return {"not": {"anyOf": [{"required": [name]} for name in names]}}


def _sequence() -> Schema:
    limits = {"within_days": _whole(1, MAX_DAYS), "within_hours": _whole(1, MAX_HOURS)}
    step = {
        **_object(
            {
                "event": _events(),
                "no_event": _events(),
                "where": _ref("row_condition"),
                **limits,
            }
        ),
        **_either("event", "no_event"),
    }
    spans = {"span_days": _whole(1, MAX_DAYS), "span_hours": _whole(1, MAX_HOURS)}
    return _object(
        {"sequence": _list(step, 2, MAX_STEPS), **_windows(), **spans}, ["sequence"]
    )


def _sample() -> Schema:
    fields: Schema = {"share": _SHARE, "count": _whole(1, MAX_MEMBERS), "salt": _NAME}
    return {**_object(fields), **_either("share", "count")}


def _split() -> Schema:
    return _object(
        {
            "groups": {
                "type": "object",
                "propertyNames": {**_NAME, "not": {"const": "holdout"}},
                "additionalProperties": _whole(1, MAX_WEIGHT),
                "minProperties": 1,
                "maxProperties": MAX_GROUPS,
            },
            "salt": _NAME,
            "holdout": _object({"share": _SHARE, "salt": _NAME}, ["share"]),
            "stratify_by": _TEXT,
        },
        ["groups"],
    )
