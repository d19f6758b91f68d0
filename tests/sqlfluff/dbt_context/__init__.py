"""What dbt gives to Jinja beyond ref and source, for sqlfluff, which renders without dbt.

Variables are the real ones of dbt_project.yml, so that a model that loops over them is
linted as it will run, but for lists so long that a lint of them takes minutes. A dispatched macro and dbt's own macros render as a call of a
function of that name, which is an expression wherever they stand for one. Every name that
does not begin with an underscore is seen by the models.
"""

import re as _re
from collections.abc import Callable as _Callable
from datetime import datetime as _datetime
from hashlib import md5 as _md5
from pathlib import Path as _Path

import yaml as _yaml

_PROJECT = _yaml.safe_load(_Path("dbt_project.yml").read_text(encoding="utf-8"))
# Two entries with every setting stand for the twenty.
_SHORTENED = {
    "identifier_sources": [
        {
            "model": "stg_segment__pages",
            "record_key": "message_id",
            "seen_at": "occurred_at",
            "appended_at": "received_at",
            "identifiers": ["user_id", "anonymous_id"],
        },
        {
            "model": "stg_salesforce__leads",
            "record_key": "salesforce_lead_id",
            "deleted": "is_deleted",
            "only": "is_converted",
            "identifiers": {"phone": "phone", "mobile_phone": "phone"},
        },
    ]
}

execute = False
invocation_id = "3f4a7f3e-0000-4000-8000-000000000000"
run_started_at = _datetime(2026, 6, 30)


def var(name: str) -> object:
    """The variable's default; one that dbt_project.yml lacks stops the lint."""
    return _SHORTENED.get(name, _PROJECT["vars"][name])


def env_var(_name: str, default: str = "") -> str:
    """The default: a lint does not depend on who runs it."""
    return default


def local_md5(text: str) -> str:
    """The digest that dbt gives."""
    return _md5(text.encode(), usedforsecurity=False).hexdigest()


def _call(name: str, *arguments: object) -> str:
    return f"{name}({', '.join(str(argument) for argument in arguments)})"


class _Dbt:
    """dbt's own cross-database macros."""

    def __getattr__(self, name: str) -> _Callable[..., str]:
        types = {"type_bigint": "bigint", "type_boolean": "boolean", "type_int": "int"}
        types |= {"type_float": "double", "type_string": "text"}
        types |= {"type_timestamp": "timestamp", "type_numeric": "decimal(28, 6)"}
        if name in types:
            return lambda: types[name]
        if name == "cast":
            return lambda field, type_: f"cast({field} as {type_})"
        if name == "generate_series":
            return lambda _count: "select 1 as generated_number"
        if name == "listagg":
            return lambda measure, delimiter, order_by: (
                f"string_agg({measure}, {delimiter} {order_by})"
            )
        return lambda *arguments: _call(name, *arguments)


class _Adapter:
    """The engine's adapter."""

    def dispatch(self, name: str, _project: str) -> _Callable[..., str]:
        if name == "text_literal":
            # Its argument is a text and no expression, whatever it holds.
            return lambda _text: "'text'"
        return lambda *arguments, **named: _call(name, *arguments, *named.values())

    def quote(self, name: str) -> str:
        return f'"{name}"'


class _Flags:
    """What dbt was asked for."""

    FULL_REFRESH = False
    WHICH = "compile"


class _Regex:
    match = staticmethod(_re.match)


class _Modules:
    re = _Regex()


dbt = _Dbt()
adapter = _Adapter()
flags = _Flags()
modules = _Modules()
