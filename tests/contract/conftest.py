"""The project's macros, rendered for any engine without dbt and without that engine.

Says how dbt finds, dispatches and calls a macro, in as few lines as that takes; the
tests beside it say what the SQL must be.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import jinja2

PROJECT = Path(__file__).parents[2]
ENGINES = ("duckdb", "postgres", "spark", "snowflake", "bigquery")

_MACRO = re.compile(r"{%-?\s*macro\s+(\w+)\(.*?{%-?\s*endmacro\s*-?%}", re.DOTALL)
_VARIABLES: Mapping[str, object] = {"as_of": "2026-06-30T00:00:00"}


class CompilerError(Exception):
    """What a macro raises through exceptions.raise_compiler_error."""


class _Return(Exception):  # noqa: N818 - it carries a value, as in dbt
    """Carries the value of {{ return(...) }} out of a macro, as in dbt."""

    def __init__(self, value: object) -> None:
        super().__init__()
        self.value = value


class MacroLibrary:
    """Every macro of macros/, callable as an attribute: library.money("amount").

    Args:
        engine: One of ENGINES; decides which body a dispatched macro gets.
    """

    def __init__(self, engine: str) -> None:
        self.engine = engine
        self.sources = macro_sources()
        environment = jinja2.Environment(
            extensions=["jinja2.ext.do"], undefined=jinja2.StrictUndefined
        )
        self._macros = {name: self._callable(name) for name in self.sources}
        environment.globals.update(self._macros)
        environment.globals.update(
            {
                "return": _give_back,
                "adapter": SimpleNamespace(dispatch=self._dispatch, quote=_quote),
                "dbt": _built_in_macros(engine),
                "execute": True,
                "exceptions": SimpleNamespace(raise_compiler_error=_refuse),
                "modules": SimpleNamespace(re=re),
                "var": _VARIABLES.__getitem__,
                "env_var": lambda name, default: default,
                "run_started_at": datetime(2026, 6, 30, tzinfo=UTC),
            }
        )
        self.environment = environment
        self._compiled: dict[str, Callable[..., object]] = {}

    def __getattr__(self, name: str) -> Callable[..., object]:
        try:
            return self._macros[name]
        except KeyError:
            raise AttributeError(f"macros/ has no macro '{name}'") from None

    def _callable(self, name: str) -> Callable[..., object]:
        def call(*args: object, **kwargs: object) -> object:
            try:
                return str(self._compile(name)(*args, **kwargs))
            except _Return as returned:
                return returned.value

        return call

    def _compile(self, name: str) -> Callable[..., object]:
        if name not in self._compiled:
            # Jinja exports no name that begins with an underscore, hence the prefix.
            source = self.sources[name].replace(f" {name}(", f" exported_{name}(", 1)
            module = self.environment.from_string(source).module
            self._compiled[name] = getattr(module, f"exported_{name}")
        return self._compiled[name]

    def _dispatch(self, name: str, package: str) -> Callable[..., object]:
        assert package == "kenning", f"{name} is dispatched in package '{package}'"
        body = self._macros.get(f"{self.engine}__{name}")
        return body or self._macros[f"default__{name}"]


def macro_sources() -> dict[str, str]:
    """The text of every macro under macros/, by name."""
    return {
        found.group(1): found.group(0)
        for path in sorted((PROJECT / "macros").rglob("*.sql"))
        for found in _MACRO.finditer(path.read_text(encoding="utf-8"))
    }


def _give_back(value: object) -> None:
    raise _Return(value)


def _refuse(message: str) -> None:
    raise CompilerError(message)


def _quote(name: str) -> str:
    return f'"{name}"'


def _built_in_macros(engine: str) -> SimpleNamespace:
    """The few macros of dbt itself that ours call, as dbt's adapters write them."""
    escaped_quote = {"duckdb": "''", "postgres": "''"}.get(engine, "\\'")
    text = {"duckdb": "text", "postgres": "text"}.get(engine, "string")
    return SimpleNamespace(
        type_string=lambda: text,
        type_int=lambda: "int",
        type_bigint=lambda: "bigint",
        type_float=lambda: "float",
        type_boolean=lambda: "boolean",
        type_timestamp=lambda: "timestamp",
        cast=lambda value, type_: f"cast({value} as {type_})",
        escape_single_quotes=lambda value: value.replace("'", escaped_quote),
        split_part=lambda value, delimiter, index: (
            f"split({value}, {delimiter})[{index - 1}]"
            if engine in ("bigquery", "spark")
            else f"split_part({value}, {delimiter}, {index})"
        ),
    )
