"""From definitions to the texts of their dbt models, by the names of the files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from audiences.audience_model import Surroundings, audience_sql, definition_version
from audiences.catalogue import Catalogue
from audiences.conditions import InAudience, Leaf
from audiences.conditions_model import asked_leaves, conditions_sql, entity_columns
from audiences.definition import ENTITIES, Definition, Exclusion
from audiences.model_files import models_yaml
from audiences.names import audience_model, conditions_model
from audiences.order import in_reading_order, names_ahead

MODELS_YAML = "_audiences__models.yml"


@dataclass(frozen=True, slots=True)
class CompiledAudience:
    """What others need to know of an audience.

    Attributes:
        version: Stands for what decides who is a member.
        conditions: Columns of the conditions model that decide, each once, by name.
    """

    definition: Definition
    version: str
    conditions: tuple[str, ...]
    sql: str


@dataclass(frozen=True, slots=True)
class Compiled:
    """Everything that a project's definitions compile to.

    Attributes:
        files: Text of each file of models/audiences, by its name.
        audiences: In the order of their names.
    """

    files: Mapping[str, str]
    audiences: tuple[CompiledAudience, ...]


def compiled(
    definitions: Sequence[Definition],
    exclusions: Sequence[Exclusion],
    catalogue: Catalogue,
) -> Compiled:
    """Compile all definitions of a project together.

    Args:
        definitions: All of them; what they read of each other has no circles.
        exclusions: Lists of people to leave out.
        catalogue: What conditions are read from.
    """
    definitions = sorted(definitions, key=lambda definition: definition.name)
    entities = [
        entity
        for entity in ENTITIES
        if any(definition.entity == entity for definition in definitions)
    ]
    columns = {
        entity: entity_columns(entity, definitions, exclusions) for entity in entities
    }
    audiences = _audiences(definitions, exclusions, catalogue, columns)
    files = {
        f"{conditions_model(entity)}.sql": conditions_sql(
            catalogue.entities[entity], columns[entity], catalogue
        )
        for entity in entities
    }
    for audience in audiences:
        files[f"{audience_model(audience.definition.name)}.sql"] = audience.sql
    files[MODELS_YAML] = models_yaml(definitions, exclusions, columns, catalogue)
    return Compiled(files, audiences)


def _audiences(
    definitions: Sequence[Definition],
    exclusions: Sequence[Exclusion],
    catalogue: Catalogue,
    columns: Mapping[str, Mapping[Leaf, str]],
) -> tuple[CompiledAudience, ...]:
    versions: dict[str, str] = {}
    found: dict[str, CompiledAudience] = {}
    for definition in in_reading_order(definitions, exclusions):
        own_columns = columns[definition.entity]
        surroundings = Surroundings(
            exclusions=tuple(
                exclusion for exclusion in exclusions if exclusion.holds_for(definition)
            ),
            ahead=names_ahead(definition, definitions),
            versions=versions,
        )
        versions[definition.name] = definition_version(definition, surroundings)
        asked = {
            own_columns[leaf]
            for leaf in asked_leaves(definition, exclusions)
            if not isinstance(leaf, InAudience)
        }
        entity = catalogue.entities[definition.entity]
        found[definition.name] = CompiledAudience(
            definition,
            versions[definition.name],
            tuple(sorted(asked)),
            audience_sql(definition, entity, own_columns, surroundings),
        )
    return tuple(found[definition.name] for definition in definitions)
