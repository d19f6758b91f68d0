"""Compiled models as SQL that runs, without dbt: by the same macros that dbt runs.

For a look at an audience before it is built, which has no seconds for dbt to start. Only what
compiled audiences call is here; every macro is the project's own.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import jinja2

from audiences.errors import UnbuiltModelError, UnrenderableError

_MACRO = re.compile(r"{%-?\s*macro\s+(\w+)\(.*?{%-?\s*endmacro\s*-?%}", re.DOTALL)
_FOLDERS = (Path("macros"), Path("macros/audiences"))
_PACKAGE = "kenning"


class Renderer:
    """Turns the text of compiled models into SQL of one engine at one instant.

    Args:
        macros: The text of each macro, by its name (read_macros).
        engine: sqlglot's name of the engine.
        as_of: What the SQL takes for now, UTC.
    """

    def __init__(
        self, macros: Mapping[str, str], *, engine: str, as_of: datetime
    ) -> None:
        self._sources = macros
        self._engine = engine
        self._compiled: dict[str, Callable[..., object]] = {}
        self._macros = {name: self._callable(name) for name in macros}
        self._environment = jinja2.Environment(  # noqa: S701 - it writes SQL, and no page
            extensions=["jinja2.ext.do"],
            undefined=jinja2.StrictUndefined,
        )
        self._environment.globals.update(self._macros)
        self._environment.globals.update(
            {
                "adapter": SimpleNamespace(dispatch=self._dispatch),
                "config": lambda **_: "",
                "dbt": SimpleNamespace(
                    type_string=lambda: "text",
                    type_timestamp=lambda: "timestamp",
                    type_boolean=lambda: "boolean",
                    type_bigint=lambda: "bigint",
                ),
                "env_var": lambda _, default: default,
                "exceptions": SimpleNamespace(raise_compiler_error=_refuse),
                "execute": True,
                "is_incremental": lambda: False,
                "modules": SimpleNamespace(re=re),
                "return": _give_back,
                "var": {"as_of": as_of.isoformat()}.__getitem__,
                # What a run does to a conditions model is none of a look's business.
                "audience_touched": lambda **_: "",
                "current_run": lambda: "0",
            }
        )

        # Lines of a model that only steer leave no line behind. Nothing is tidied after
        # rendering: what a person wrote may hold line breaks.
        self._models = self._environment.overlay(trim_blocks=True, lstrip_blocks=True)

    def sql(self, text: str, relations: Mapping[str, str]) -> str:
        """One compiled model as SQL.

        Args:
            text: What the compiler wrote.
            relations: What each model is called in the query, by its name.

        Raises:
            UnbuiltModelError: It reads a model that `relations` lacks.
            UnrenderableError: A macro refuses what it is given.
        """

        def ref(model: str) -> str:
            if model not in relations:
                raise UnbuiltModelError(
                    f"There is no table of the model {model}, which is read here. Build it "
                    f"with `kenning build`, then look again."
                )
            return relations[model]

        try:
            sql = self._models.from_string(text).render(ref=ref)
        except jinja2.TemplateError as error:
            raise UnrenderableError(
                f"The compiled SQL calls what only dbt can work out: {error}. Build the audience "
                f"with `kenning build` instead."
            ) from error
        return sql.strip()

    def _callable(self, name: str) -> Callable[..., object]:
        def call(*arguments: object, **named: object) -> object:
            try:
                return str(self._compile(name)(*arguments, **named))
            except _Return as returned:
                return returned.value

        return call

    def _compile(self, name: str) -> Callable[..., object]:
        if name not in self._compiled:
            # Jinja exports no name that begins with an underscore, hence the prefix.
            source = self._sources[name].replace(f" {name}(", f" exported_{name}(", 1)
            module = self._environment.from_string(source).module
            self._compiled[name] = getattr(module, f"exported_{name}")
        return self._compiled[name]

    def _dispatch(self, name: str, package: str) -> Callable[..., object]:
        if package != _PACKAGE:
            raise UnrenderableError(
                f"The macro {name} is dispatched in the package {package}. Use {_PACKAGE}."
            )
        own = self._macros.get(f"{self._engine}__{name}")
        return own or self._macros[f"default__{name}"]


def read_macros(root: Path) -> Mapping[str, str]:
    """The text of every macro that compiled audiences can call, by name."""
    return {
        found[1]: found[0]
        for folder in _FOLDERS
        for path in sorted((root / folder).glob("*.sql"))
        for found in _MACRO.finditer(path.read_text(encoding="utf-8"))
    }


class _Return(Exception):  # noqa: N818 - it carries a value, as in dbt
    """Carries the value of {{ return(...) }} out of a macro."""

    def __init__(self, value: object) -> None:
        super().__init__()
        self.value = value


def _give_back(value: object) -> None:
    raise _Return(value)


def _refuse(message: str) -> None:
    raise UnrenderableError(message)
