"""What conditions can name: entities, relations, their columns, traits, and means of consent.

`relations.yml` says which models they are, the contracts what columns those have.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import yaml

from audiences.contracts import Columns, ColumnType
from audiences.errors import ProfileError

EVENTS = "events"
EVENT_NAME = "event_name"
TRAITS = "traits"
CONSENTS = "consents"


@dataclass(frozen=True, slots=True)
class Entity:
    """What a member can be: `model` has one row each, `id` names it."""

    name: str
    model: str
    id: str
    columns: Columns


@dataclass(frozen=True, slots=True)
class Link:
    """A model whose rows say which id belongs to which, where `where` is true."""

    model: str
    between: tuple[str, str]
    where: str


@dataclass(frozen=True, slots=True)
class Relation:
    """Rows that belong to an entity, by `key`. They happened at `time`, if they happen."""

    name: str
    model: str
    key: str
    time: str | None
    columns: Columns


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything that conditions can name.

    Attributes:
        models: Columns of every public model, for raw SQL.
        traits: What each trait holds.
        consents: Pairs of purpose and channel that people are asked for.
    """

    entities: Mapping[str, Entity]
    relations: Mapping[str, Relation]
    links: tuple[Link, ...] = ()
    models: Mapping[str, Columns] = field(default_factory=dict)
    traits: Mapping[str, ColumnType] = field(default_factory=dict)
    consents: frozenset[tuple[str, str]] = frozenset()

    def link(self, key: str, member_id: str) -> Link | None:
        """How rows with `key` belong to members; None when they do by themselves.

        Raises:
            KeyError: They do not.
        """
        if key == member_id:
            return None
        for link in self.links:
            if set(link.between) == {key, member_id}:
                return link
        raise KeyError(key)

    def relations_of(self, entity: Entity) -> tuple[str, ...]:
        """The relations whose rows belong to members of an entity."""
        reachable = {entity.id}
        reachable |= {
            key
            for link in self.links
            if entity.id in link.between
            for key in link.between
        }
        return tuple(
            name
            for name, relation in self.relations.items()
            if relation.key in reachable
        )


def read_catalogue(
    text: str,
    *,
    file: str,
    models: Mapping[str, Columns],
    variables: Mapping[str, object],
) -> Catalogue:
    """Read the list of relations.

    Args:
        text: Content of relations.yml.
        file: Its path, for messages.
        models: Columns of every public model.
        variables: The vars of dbt_project.yml, where traits and consents are listed.

    Raises:
        ProfileError: An entry cannot be read, or names a model or column that is not public.
    """
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        message = f"{file} is no readable YAML: {error}"
        raise ProfileError(message) from error
    reader = _Reader(file, models)
    try:
        return Catalogue(
            entities={
                name: reader.entity(name, entry)
                for name, entry in document["entities"].items()
            },
            relations={
                name: reader.relation(name, entry)
                for name, entry in document["relations"].items()
            },
            links=tuple(reader.link(entry) for entry in document.get("links") or []),
            models=models,
            traits=_traits(variables.get("customer_traits")),
            consents=_consents(variables.get("consent_purposes")),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        message = (
            f"{file} cannot be read: {type(error).__name__} at {error}. Its head says what "
            f"entries look like."
        )
        raise ProfileError(message) from error


class _Reader:
    def __init__(self, file: str, models: Mapping[str, Columns]) -> None:
        self._file = file
        self._models = models

    def entity(self, name: str, entry: Mapping[str, str]) -> Entity:
        columns = self._columns(entry["model"], entry["id"])
        return Entity(name, entry["model"], entry["id"], columns)

    def relation(self, name: str, entry: Mapping[str, str]) -> Relation:
        time = entry.get("time")
        columns = self._columns(entry["model"], entry["key"], time)
        return Relation(name, entry["model"], entry["key"], time, columns)

    def link(self, entry: Mapping[str, object]) -> Link:
        model, where = str(entry["model"]), str(entry["where"])
        match entry["between"]:
            case [str(first), str(second)]:
                self._columns(model, first, second, where)
                return Link(model, (first, second), where)
        raise ValueError(model)

    def _columns(self, model: str, *needed: str | None) -> Columns:
        if model not in self._models:
            message = (
                f"{self._file} names the model {model}, and no YAML file under models/core/ "
                f"describes it with a contract. Name a public model, or remove the entry."
            )
            raise ProfileError(message)
        columns = self._models[model]
        for name in needed:
            if name is not None and name not in columns:
                message = (
                    f"{self._file} names the column {name} of {model}, which has no such "
                    f"column. It has: {', '.join(columns)}."
                )
                raise ProfileError(message)
        return columns


_TRAIT_TYPES = {
    "count": ColumnType.NUMBER,
    "sum": ColumnType.NUMBER,
    "average": ColumnType.NUMBER,
    "distinct_count": ColumnType.NUMBER,
    "list": ColumnType.TEXT,
    "text": ColumnType.TEXT,
    "number": ColumnType.NUMBER,
    "time": ColumnType.TIMESTAMP,
}


def _traits(entries: object) -> Mapping[str, ColumnType]:
    """What each trait holds: its aggregate says it, or else its type."""
    return {
        str(entry["trait"]): _TRAIT_TYPES.get(
            str(entry.get("aggregate")),
            _TRAIT_TYPES.get(str(entry.get("type")), ColumnType.OTHER),
        )
        for entry in (entries if isinstance(entries, list) else [])
    }


def _consents(entries: object) -> frozenset[tuple[str, str]]:
    return frozenset(
        (str(entry["purpose"]), str(entry["channel"]))
        for entry in (entries if isinstance(entries, list) else [])
    )
