"""Definitions and compiled models as files of a project: the only I/O of this room.

Everything is read and compiled before anything is written, so a mistake in one definition
leaves every model as it was.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from audiences.compiler import compiled_files
from audiences.definition import Definition
from audiences.errors import (
    DefinitionError,
    HandwrittenModelError,
    Problem,
    ProfileError,
)
from audiences.memberships import (
    AUDIENCE_LIST,
    audience_list,
    listed_audiences,
    plain_audiences,
)
from audiences.names import GENERATED_MARK, PROFILE_MODEL
from audiences.profile import ColumnType, read_profile
from audiences.reading import read_definition

DEFINITIONS = Path("audiences/definitions")
MODELS = Path("models/audiences")
PROFILE_MODELS = Path("models/core")


@dataclass(frozen=True, slots=True)
class Compilation:
    """What compiling changed, as paths from the project's root, each list sorted."""

    written: tuple[Path, ...]
    removed: tuple[Path, ...]
    unchanged: tuple[Path, ...]

    @property
    def is_current(self) -> bool:
        """Whether every model already agreed with its definition."""
        return not self.written and not self.removed


def compile_audiences(root: Path) -> Compilation:
    """Write the models of every definition, and remove those whose definition is gone.

    Args:
        root: The project's root, where dbt_project.yml is.

    Raises:
        DefinitionError: With every problem of every definition. Nothing is written.
        ProfileError: The profile's columns cannot be read.
        HandwrittenModelError: A model's place is taken by a file that was not compiled.
    """
    files = _compiled_files(root)
    compilation = _compared(root, files)
    for path in compilation.written:
        _replace(root / path, files[path])
    for path in compilation.removed:
        (root / path).unlink()
    return compilation


def check_audiences(root: Path) -> Compilation:
    """Say what `compile_audiences` would change, and change nothing.

    Raises:
        DefinitionError, ProfileError, HandwrittenModelError: As when compiling.
    """
    return _compared(root, _compiled_files(root))


def read_definitions(root: Path) -> tuple[Definition, ...]:
    """Every definition of the project, in the order of their names.

    Raises:
        DefinitionError: With every problem of every definition.
        ProfileError: The profile's columns cannot be read.
    """
    columns = _profile_columns(root)
    definitions: list[Definition] = []
    problems: list[Problem] = []
    for path in sorted((root / DEFINITIONS).glob("*.y*ml")):
        file = path.relative_to(root).as_posix()
        try:
            text = _text(path, file)
            definition = read_definition(
                text, file=file, name=path.stem, columns=columns
            )
        except DefinitionError as error:
            problems.extend(error.problems)
        else:
            definitions.append(definition)
    if problems:
        raise DefinitionError(problems)
    return tuple(definitions)


def _compiled_files(root: Path) -> dict[Path, str]:
    definitions = read_definitions(root)
    models = compiled_files(definitions)
    audiences = [*listed_audiences(definitions), *plain_audiences(root)]
    return {
        **{MODELS / name: text for name, text in models.items()},
        AUDIENCE_LIST: audience_list(audiences),
    }


def _compared(root: Path, files: Mapping[Path, str]) -> Compilation:
    written: list[Path] = []
    unchanged: list[Path] = []
    for path, content in sorted(files.items()):
        current = _current_text(root / path)
        if current == content:
            unchanged.append(path)
            continue
        if current is not None and GENERATED_MARK not in current:
            message = (
                f"{path.as_posix()} was written by hand, and a definition compiles to the "
                f"same file. Rename one of them."
            )
            raise HandwrittenModelError(message)
        written.append(path)
    return Compilation(tuple(written), tuple(_orphans(root, files)), tuple(unchanged))


def _orphans(root: Path, files: Mapping[Path, str]) -> list[Path]:
    """Compiled models that no definition compiles to any more."""
    models = (
        path.relative_to(root)
        for path in sorted((root / MODELS).glob("*.sql"))
        if GENERATED_MARK in (_current_text(path) or "")
    )
    return [path for path in models if path not in files]


def _profile_columns(root: Path) -> Mapping[str, ColumnType]:
    for path in sorted((root / PROFILE_MODELS).rglob("*.yml")):
        file = path.relative_to(root).as_posix()
        columns = read_profile(
            path.read_text(encoding="utf-8"), file=file, model=PROFILE_MODEL
        )
        if columns is not None:
            return columns
    message = (
        f"No YAML file under {PROFILE_MODELS.as_posix()}/ in {root} describes the model "
        f"{PROFILE_MODEL}, whose columns audiences are made of. Run this in a Kenning project."
    )
    raise ProfileError(message)


def _text(path: Path, file: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        problem = Problem(file, 1, "not readable as UTF-8. Save the file as UTF-8.")
        raise DefinitionError([problem]) from error


def _current_text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


def _replace(path: Path, content: str) -> None:
    """Put a whole file in place of the old one, or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_text(content, encoding="utf-8")
    part.replace(path)
