"""Compiled audiences as an engine gets them: the project's own macros, without dbt."""

from collections.abc import Callable, Mapping

from tests.contract.conftest import MacroLibrary


def rendered(text: str, engine: str = "duckdb") -> str:
    """A compiled model as SQL of one engine, in a first run at 2026-06-30."""
    library = MacroLibrary(engine)
    surroundings: Mapping[str, Callable[..., object]] = {
        "ref": lambda name: name,
        "config": lambda **settings: "",
        "is_incremental": lambda: False,
        "audience_touched": lambda **arguments: "",
        "audience_keeps_members": lambda name: False,
        "current_run": lambda: "1",
    }
    return library.environment.from_string(text).render(**surroundings)
