"""Definitions and compiled models as files of a project: the only I/O of this room.

Everything is read and compiled before anything is written, so a mistake in one definition
leaves every model as it was.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import yaml

from audiences.catalogue import Catalogue, read_catalogue
from audiences.compiler import compiled
from audiences.contracts import Columns, read_contracts
from audiences.definition import Definition, Exclusion
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
from audiences.names import GENERATED_MARK
from audiences.order import problems_between
from audiences.reading import Reading, read_definition, read_exclusions

_T = TypeVar("_T")

DEFINITIONS = Path("audiences/definitions")
EXCLUSIONS = Path("audiences/exclusions.yml")
RELATIONS = Path("audiences/relations.yml")
MODELS = Path("models/audiences")
PUBLIC_MODELS = (Path("models/core"), Path("models/identity"))
DBT_PROJECT = Path("dbt_project.yml")


@dataclass(frozen=True, slots=True)
class Project:
    """What a project says of audiences.

    Attributes:
        definitions: In the order of their names.
        exclusions: Lists of people to leave out, in the order written.
        catalogue: What conditions can name.
    """

    definitions: tuple[Definition, ...]
    exclusions: tuple[Exclusion, ...]
    catalogue: Catalogue


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


def read_project(root: Path) -> Project:
    """Every definition of the project, and what they are read against.

    Raises:
        DefinitionError: With every problem of every definition.
        ProfileError: What conditions can name cannot be read.
    """
    catalogue = read_project_catalogue(root)
    paths = sorted((root / DEFINITIONS).glob("*.y*ml"))
    names = {path.stem for path in paths}
    names |= {audience.name for audience in plain_audiences(root)}
    problems: list[Problem] = []

    def attempt(read: Callable[[str, str], _T], path: Path) -> _T | None:
        file = path.relative_to(root).as_posix()
        try:
            return read(_text(path, file), file)
        except DefinitionError as error:
            problems.extend(error.problems)
            return None

    readings: dict[str, Reading] = {}
    for path in paths:
        reading = attempt(_definition_reader(path.stem, catalogue, names), path)
        if reading is not None:
            readings[path.relative_to(root).as_posix()] = reading
    exclusions: tuple[Exclusion, ...] = ()
    if (root / EXCLUSIONS).exists():
        reader = _exclusions_reader(catalogue, names)
        exclusions = attempt(reader, root / EXCLUSIONS) or ()
    if not problems:
        problems.extend(problems_between(readings, exclusions))
    if problems:
        raise DefinitionError(problems)
    definitions = tuple(reading.definition for reading in readings.values())
    return Project(definitions, exclusions, catalogue)


def read_project_catalogue(root: Path) -> Catalogue:
    """What conditions can name.

    Raises:
        ProfileError: It cannot be read.
    """
    models: dict[str, Columns] = {}
    for folder in PUBLIC_MODELS:
        for path in sorted((root / folder).rglob("*__models.yml")):
            file = path.relative_to(root).as_posix()
            models |= read_contracts(path.read_text(encoding="utf-8"), file=file)
    if not (root / RELATIONS).exists():
        message = (
            f"There is no {RELATIONS.as_posix()} in {root}, which says what audiences are made "
            f"of. Run this in a Kenning project."
        )
        raise ProfileError(message)
    return read_catalogue(
        (root / RELATIONS).read_text(encoding="utf-8"),
        file=RELATIONS.as_posix(),
        models=models,
        variables=_variables(root),
    )


def _definition_reader(
    name: str, catalogue: Catalogue, names: Collection[str]
) -> Callable[[str, str], Reading]:
    def read(text: str, file: str) -> Reading:
        return read_definition(
            text, file=file, name=name, catalogue=catalogue, audiences=names
        )

    return read


def _exclusions_reader(
    catalogue: Catalogue, names: Collection[str]
) -> Callable[[str, str], tuple[Exclusion, ...]]:
    def read(text: str, file: str) -> tuple[Exclusion, ...]:
        return read_exclusions(text, file=file, catalogue=catalogue, audiences=names)

    return read


def _compiled_files(root: Path) -> dict[Path, str]:
    project = read_project(root)
    result = compiled(project.definitions, project.exclusions, project.catalogue)
    audiences = [*listed_audiences(result.audiences), *plain_audiences(root)]
    return {
        **{MODELS / name: text for name, text in result.files.items()},
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


def _variables(root: Path) -> Mapping[str, object]:
    """The vars of dbt_project.yml, where traits and purposes of consent are listed."""
    path = root / DBT_PROJECT
    document = yaml.safe_load(path.read_text("utf-8")) if path.exists() else None
    found = document.get("vars") if isinstance(document, dict) else None
    return found if isinstance(found, dict) else {}


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
