"""The shape of the Python rooms, one function a rule, over source texts by path.

What ruff, mypy and import-linter already refuse is not repeated here.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

Sources = Mapping[str, str]

_MOST_LINES_OF_A_CONNECTOR = 250
"""What somebody reads in one sitting, docstrings and imports included."""

ROOMS = (
    "audiences",
    "cli",
    "demo",
    "identity",
    "orchestration",
    "reverse_etl",
    "warehouse",
)

_VAGUE_NAMES = re.compile(r"(utils?|helpers?|common|misc|lib|base|manager)\Z")
_STATEMENT = re.compile(
    r"\b(select\b.+\bfrom|insert into|delete from|update\b.+\bset)\b", re.DOTALL
)
_CLOCK_CALLS = {"now", "today", "utcnow", "time", "monotonic", "perf_counter"}
_SIDE_DOORS = {"open", "input", "__import__", "eval", "exec"}


def modules_say_what_lives_in_them(sources: Sources) -> list[str]:
    return [
        f"{path} has no module docstring. Say what lives here and what does not."
        for path, tree in _trees(sources)
        if not ast.get_docstring(tree)
    ]


def no_module_has_a_vague_name(sources: Sources) -> list[str]:
    return [
        f"{path}: name the module after what it holds."
        for path in sources
        if any(
            _VAGUE_NAMES.match(part)
            for part in PurePosixPath(path).with_suffix("").parts
        )
    ]


def connectors_are_read_in_one_sitting(sources: Sources) -> list[str]:
    return [
        f"{path} has {count} lines, over {_MOST_LINES_OF_A_CONNECTOR}. Move one idea of it "
        "into a module beside it: docs/how-to/add-a-destination.md."
        for path, text in sources.items()
        if path.startswith("reverse_etl/destinations/")
        and (count := len(text.splitlines())) > _MOST_LINES_OF_A_CONNECTOR
    ]


def printing_is_for_the_command_line(sources: Sources) -> list[str]:
    return [
        f"{path}:{node.lineno} prints. Return the text, or log it; cli/ prints."
        for path, tree in _trees(sources)
        if not path.startswith("cli/") and not path.endswith("/__main__.py")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and (
            (isinstance(node.func, ast.Name) and node.func.id == "print")
            or ast.unparse(node.func) == "sys.stdout.write"
        )
    ]


def broad_excepts_give_their_reason(sources: Sources) -> list[str]:
    breaches = []
    for path, tree in _trees(sources):
        lines = sources[path].splitlines()
        for node in ast.walk(tree):
            if not isinstance(node, ast.ExceptHandler):
                continue
            caught = ast.unparse(node.type) if node.type else "everything"
            is_broad = caught in {"everything", "Exception", "BaseException"}
            has_reason = re.search(r"# noqa: BLE001 - \S", lines[node.lineno - 1])
            reraises = any(
                isinstance(inner, ast.Raise) and inner.exc is None
                for inner in ast.walk(node)
            )
            if is_broad and not has_reason and not reraises:
                breaches.append(
                    f"{path}:{node.lineno} catches {caught}. Name the errors, or say why "
                    f"on the line: `# noqa: BLE001 - why`."
                )
    return breaches


def sql_is_not_built_from_strings(sources: Sources) -> list[str]:
    """Names and values reach SQL through sqlglot. The demo writes only its own names."""
    return [
        f"{path}:{node.lineno} puts values into a text of SQL. Build it with sqlglot."
        for path, tree in _trees(sources)
        if not path.startswith("demo/")
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr) and _STATEMENT.search(_constant_text(node))
    ]


def pure_modules_take_time_and_files_as_arguments(
    sources: Sources, pure: frozenset[str]
) -> list[str]:
    return [
        f"{path}:{node.lineno} calls {ast.unparse(node.func)}. This module is pure: take "
        f"the value as an argument."
        for path, tree in _trees(sources)
        if path.removesuffix(".py").replace("/", ".") in pure
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and (
            (isinstance(node.func, ast.Attribute) and node.func.attr in _CLOCK_CALLS)
            or (isinstance(node.func, ast.Name) and node.func.id in _SIDE_DOORS)
        )
    ]


def _trees(sources: Sources) -> Iterator[tuple[str, ast.Module]]:
    for path, text in sources.items():
        yield path, ast.parse(text)


def _constant_text(node: ast.JoinedStr) -> str:
    parts = (
        part.value if isinstance(part, ast.Constant) else "?" for part in node.values
    )
    return "".join(str(part) for part in parts).lower()


RULES = (
    modules_say_what_lives_in_them,
    no_module_has_a_vague_name,
    connectors_are_read_in_one_sitting,
    printing_is_for_the_command_line,
    broad_excepts_give_their_reason,
    sql_is_not_built_from_strings,
)
