"""The audience that somebody looks at: one of the project's, or a file that is not merged yet."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import yaml

from audiences.audience_model import Surroundings, audience_sql
from audiences.catalogue import Entity
from audiences.compiler import CompiledAudience, compiled
from audiences.conditions import InAudience, Leaf
from audiences.conditions_model import asked_leaves, conditions_sql, entity_columns
from audiences.definition import Definition, Exclusion
from audiences.errors import DefinitionError, UnknownAudienceError
from audiences.memberships import plain_audiences
from audiences.order import names_ahead, problems_between
from audiences.project import PUBLIC_MODELS, Project, read_project
from audiences.reading import Reading, read_definition

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SUFFIXES = (".yml", ".yaml")
_NO_PERSONAL_DATA = "none"


@dataclass(frozen=True, slots=True)
class Candidate:
    """An audience as it would be compiled into the project.

    Attributes:
        audience: Its definition, version and SQL.
        conditions_sql: A conditions model with the columns of this audience alone.
        columns: The column of each of its leaves, but those that ask of other audiences.
        entity: What its members are.
        surroundings: What else decides on members.
        public_columns: Columns of the entity's profile that are nobody's personal data.
    """

    audience: CompiledAudience
    conditions_sql: str
    columns: Mapping[Leaf, str]
    entity: Entity
    surroundings: Surroundings
    public_columns: frozenset[str]

    @property
    def definition(self) -> Definition:
        """What it says of itself."""
        return self.audience.definition

    def sql_of(self, definition: Definition, surroundings: Surroundings) -> str:
        """The SQL of a part of it: a definition that asks for no other leaves."""
        return audience_sql(definition, self.entity, self.columns, surroundings)


def find_candidate(root: Path, typed: str) -> Candidate:
    """Compile the audience that somebody named.

    Args:
        root: The project.
        typed: The name of an audience, or a file that ends with .yml or .yaml.

    Raises:
        UnknownAudienceError: There is no such audience, or no such file.
        DefinitionError: With everything wrong in the file, or in the project's own definitions.
        ProfileError: What conditions can name cannot be read.
    """
    if not typed.endswith(_SUFFIXES):
        project = read_project(root)
        return candidate_of(project, _named(root, project, typed), root)
    path = Path(typed)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UnknownAudienceError(
            f"The file {typed} cannot be read ({type(error).__name__}). Give the path of a "
            f"definition, or the name of an audience."
        ) from error
    project = read_project(root)
    return candidate_of(project, _written(root, project, text, path), root)


def candidate_of(project: Project, definition: Definition, root: Path) -> Candidate:
    """A definition as it would be compiled beside the project's others."""
    others = [each for each in project.definitions if each.name != definition.name]
    definitions = sorted([*others, definition], key=lambda each: each.name)
    result = compiled(definitions, project.exclusions, project.catalogue)
    [audience] = [
        each for each in result.audiences if each.definition.name == definition.name
    ]
    entity = project.catalogue.entities[definition.entity]
    columns = _own_columns(definition, definitions, project.exclusions)
    return Candidate(
        audience=audience,
        conditions_sql=conditions_sql(entity, columns, project.catalogue),
        columns=columns,
        entity=entity,
        surroundings=Surroundings(
            exclusions=tuple(
                exclusion
                for exclusion in project.exclusions
                if exclusion.holds_for(definition)
            ),
            ahead=names_ahead(definition, definitions),
        ),
        public_columns=_public_columns(root, entity.model),
    )


def _own_columns(
    definition: Definition,
    definitions: list[Definition],
    exclusions: tuple[Exclusion, ...],
) -> Mapping[Leaf, str]:
    """The columns that this audience reads, named with all audiences in view."""
    asked = {
        leaf
        for leaf in asked_leaves(definition, exclusions)
        if not isinstance(leaf, InAudience)
    }
    columns = entity_columns(definition.entity, definitions, exclusions)
    return {leaf: name for leaf, name in columns.items() if leaf in asked}


def _named(root: Path, project: Project, name: str) -> Definition:
    for definition in project.definitions:
        if definition.name == name:
            return definition
    if any(audience.name == name for audience in plain_audiences(root)):
        raise UnknownAudienceError(
            f"The audience {name} is a dbt model that a person wrote, and has no definition to "
            f"look through. `kenning audiences overlap {name}` and "
            f"`kenning audiences history {name} --as-of …` read its members."
        )
    names = [definition.name for definition in project.definitions]
    near = get_close_matches(name, names, n=1)
    hint = f"Did you mean '{near[0]}'?" if near else f"Audiences: {', '.join(names)}."
    raise UnknownAudienceError(
        f"The project has no audience '{name}'. {hint} For a definition that is not among them, "
        f"give its file: name.yml."
    )


def _written(root: Path, project: Project, text: str, path: Path) -> Definition:
    names = {definition.name for definition in project.definitions} | {path.stem}
    names |= {audience.name for audience in plain_audiences(root)}
    reading = read_definition(
        text,
        file=str(path),
        name=path.stem,
        catalogue=project.catalogue,
        audiences=names,
    )
    readings = {
        definition.name: Reading(definition, {}, 1)
        for definition in project.definitions
        if definition.name != reading.definition.name
    }
    problems = problems_between({**readings, str(path): reading}, project.exclusions)
    if problems:
        raise DefinitionError(problems)
    return reading.definition


def _public_columns(root: Path, model: str) -> frozenset[str]:
    """Columns that the contract of a model marks as nobody's personal data."""
    for folder in PUBLIC_MODELS:
        for path in sorted((root / folder).rglob("*__models.yml")):
            text = path.read_text(encoding="utf-8")
            if f"name: {model}\n" not in text:
                continue
            document = yaml.load(text, Loader=_LOADER)  # noqa: S506 - a safe loader
            for entry in document.get("models") or []:
                if entry.get("name") == model:
                    return frozenset(
                        column["name"]
                        for column in entry.get("columns") or []
                        if _pii(column) == _NO_PERSONAL_DATA
                    )
    return frozenset()


def _pii(column: Mapping[str, object]) -> object:
    match column:
        case {"config": {"meta": {"pii": mark}}}:
            return mark
    return None
