"""From definitions to the texts of their dbt models, by the names of the files."""

from collections.abc import Mapping, Sequence

from audiences.audience_model import audience_sql
from audiences.conditions_model import conditions_sql, entity_columns
from audiences.definition import ENTITIES, Definition
from audiences.model_files import models_yaml
from audiences.names import audience_model, conditions_model

MODELS_YAML = "_audiences__models.yml"


def compiled_files(definitions: Sequence[Definition]) -> Mapping[str, str]:
    """Everything that a project's definitions compile to.

    Args:
        definitions: All of them, in the order of their names.

    Returns:
        The text of each file of models/audiences.
    """
    entities = [entity for entity in ENTITIES if _has(entity, definitions)]
    columns = {entity: entity_columns(entity, definitions) for entity in entities}
    files = {
        f"{audience_model(definition.name)}.sql": audience_sql(
            definition, columns[definition.entity]
        )
        for definition in definitions
    }
    for entity in entities:
        files[f"{conditions_model(entity)}.sql"] = conditions_sql(entity, definitions)
    files[MODELS_YAML] = models_yaml(definitions, columns)
    return files


def _has(entity: str, definitions: Sequence[Definition]) -> bool:
    return any(definition.entity == entity for definition in definitions)
