"""From the text of a definition file to a `Definition`, or to everything wrong with it.

Names are resolved against the catalogue here; nothing after this module checks again.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

import yaml

from audiences.catalogue import Catalogue, Entity
from audiences.conditions import InAudience
from audiences.definition import (
    CADENCES,
    ENTITIES,
    GOALS,
    PURPOSES,
    Definition,
    Exclusion,
    Owner,
    Priority,
)
from audiences.errors import DefinitionError
from audiences.nodes import Nodes, UnusableError, line_of, shown
from audiences.reading_conditions import Conditions
from audiences.reading_selection import Selections
from audiences.reading_values import Values

NEEDED = ("name", "description", "owner", "purpose", "entity", "conditions")
OPTIONAL = (
    "time_zone",
    "goal",
    "exclude",
    "priority",
    "sample",
    "top",
    "split",
    "starts",
    "ends",
    "refresh",
)
_OWNER_FIELDS = ("name", "email")
_EXCLUSION_FIELDS = ("name", "description", "entity", "conditions")
# audience_memberships and audience_sizes are tables about all audiences.
_RESERVED_NAMES = ("memberships", "sizes")
_MAX_RANK = 1_000

_EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+\Z")
_JINJA = re.compile(r"\{\{|\{%|\{#")


@dataclass(frozen=True, slots=True)
class Reading:
    """A definition, and where in its file it names other audiences or a place among them."""

    definition: Definition
    references: Mapping[InAudience, int]
    priority_line: int


def read_definition(
    text: str,
    *,
    file: str,
    name: str,
    catalogue: Catalogue,
    audiences: Collection[str] = (),
) -> Reading:
    """Read one definition file.

    Args:
        text: Content of the file.
        file: Its path, for messages.
        name: What the file's name says the audience is called.
        catalogue: What conditions can name.
        audiences: Names of all audiences, which conditions can name too.

    Raises:
        DefinitionError: With every problem found, unless the text is no YAML at all.
    """
    nodes = Nodes(file)
    reading = None
    try:
        root = nodes.root(text, NEEDED)
        reading = _DefinitionReader(nodes, catalogue, audiences).read(root, name)
    except UnusableError:
        pass
    if nodes.problems or reading is None:
        raise DefinitionError(nodes.problems)
    return reading


def read_exclusions(
    text: str, *, file: str, catalogue: Catalogue, audiences: Collection[str] = ()
) -> tuple[Exclusion, ...]:
    """Read the lists of people who are left out of audiences whatever their definitions say.

    Args:
        text: Content of the file.
        file: Its path, for messages.
        catalogue: What conditions can name.
        audiences: Names of all audiences.

    Raises:
        DefinitionError: With every problem found.
    """
    nodes = Nodes(file)
    found: list[Exclusion | None] = [None]
    try:
        root = nodes.fields(
            nodes.root(text, ["exclusions"]), "the file", ["exclusions"]
        )
        items = nodes.items(root["exclusions"], "exclusions") if root else []
        reader = _DefinitionReader(nodes, catalogue, audiences)
        found = [nodes.attempt(reader.exclusion, item) for item in items]
    except (UnusableError, KeyError):
        pass
    if nodes.problems:
        raise DefinitionError(nodes.problems)
    return tuple(exclusion for exclusion in found if exclusion is not None)


class _DefinitionReader:
    """Reads the fields of a definition, or of an exclusion."""

    def __init__(
        self, nodes: Nodes, catalogue: Catalogue, audiences: Collection[str]
    ) -> None:
        self._nodes = nodes
        self._catalogue = catalogue
        self._audiences = audiences

    def read(self, root: yaml.Node, file_name: str) -> Reading:
        """A whole definition."""
        nodes = self._nodes
        fields = nodes.fields(root, "a definition", NEEDED, OPTIONAL)
        name = nodes.attempt(self._name, fields.get("name"), file_name)
        description = nodes.attempt(self._prose, fields.get("description"))
        owner = nodes.attempt(self._owner, fields.get("owner"))
        purpose = nodes.attempt(nodes.choice, fields.get("purpose"), PURPOSES)
        entity = nodes.attempt(self._entity, fields.get("entity"))
        values = self._values(fields.get("time_zone"))
        goal = nodes.attempt(nodes.choice, fields.get("goal"), GOALS)
        priority = nodes.attempt(self._priority, fields.get("priority"))
        starts_at = nodes.attempt(values.instant, fields.get("starts"), "starts")
        ends_at = nodes.attempt(values.day_end, fields.get("ends"), "ends")
        refresh = nodes.attempt(nodes.choice, fields.get("refresh"), CADENCES)
        # Without an entity, what else is wrong is found by reading for the usual one.
        of = entity or self._catalogue.entities[ENTITIES[0]]
        conditions = Conditions(nodes, values, self._catalogue, of, self._audiences)
        condition = nodes.attempt(conditions.read, fields.get("conditions"))
        exclude = nodes.attempt(conditions.read, fields.get("exclude"))
        selections = Selections(nodes, of, file_name)
        sample = nodes.attempt(selections.sample, fields.get("sample"))
        top = nodes.attempt(selections.top, fields.get("top"))
        split = nodes.attempt(selections.split, fields.get("split"))
        self._check_time(fields, starts_at, ends_at)
        if (
            name is None
            or description is None
            or owner is None
            or purpose is None
            or entity is None
            or condition is None
        ):
            raise UnusableError
        definition = Definition(
            name=name,
            description=description,
            owner=owner,
            purpose=purpose,
            entity=entity.name,
            condition=condition,
            exclude=exclude,
            goal=goal,
            priority=priority,
            sample=sample,
            top=top,
            split=split,
            starts_at=starts_at,
            ends_at=ends_at,
            refresh=refresh,
        )
        line = line_of(fields["priority"]) if "priority" in fields else 1
        return Reading(definition, conditions.references, line)

    def exclusion(self, node: yaml.Node) -> Exclusion:
        """One list of people to leave out."""
        nodes = self._nodes
        optional = ("purposes", "goals", "time_zone")
        fields = nodes.fields(node, "an exclusion", _EXCLUSION_FIELDS, optional)
        name = nodes.attempt(nodes.identifier, fields.get("name"), "name")
        description = nodes.attempt(self._prose, fields.get("description"))
        entity = nodes.attempt(self._entity, fields.get("entity"))
        values = self._values(fields.get("time_zone"))
        purposes = nodes.attempt(self._choices, fields.get("purposes"), PURPOSES)
        goals = nodes.attempt(self._choices, fields.get("goals"), GOALS)
        if entity is None:
            raise UnusableError
        conditions = Conditions(nodes, values, self._catalogue, entity, self._audiences)
        condition = nodes.attempt(conditions.read, fields.get("conditions"))
        if name is None or description is None or condition is None:
            raise UnusableError
        return Exclusion(
            name, description, entity.name, condition, purposes or (), goals or ()
        )

    def _values(self, zone: yaml.Node | None) -> Values:
        utc = Values(self._nodes, "UTC")
        name = self._nodes.attempt(utc.zone, zone)
        return Values(self._nodes, name) if name else utc

    def _name(self, node: yaml.Node, file_name: str) -> str:
        name = self._nodes.identifier(node, "name")
        if name in _RESERVED_NAMES:
            self._nodes.fail(
                node,
                f"name {shown(name)} is taken: audience_{name} is a table about all "
                f"audiences. Choose another.",
            )
        if name != file_name:
            self._nodes.fail(
                node,
                f"name {shown(name)} differs from the file's name. "
                f"Rename the file to {name}.yml, or the audience.",
            )
        return name

    def _prose(self, node: yaml.Node) -> str:
        """Text for people. dbt renders YAML and SQL with Jinja, so there is none in it."""
        text = " ".join(self._nodes.text(node).split())
        if not text:
            self._nodes.fail(
                node, "this text is empty. Write what readers should know."
            )
        if _JINJA.search(text):
            self._nodes.fail(
                node,
                f"{shown(text)} holds a Jinja delimiter, which dbt would run. "
                f"Write it without doubled braces.",
            )
        return text

    def _owner(self, node: yaml.Node) -> Owner:
        fields = self._nodes.fields(node, "owner", _OWNER_FIELDS)
        name = self._nodes.attempt(self._prose, fields.get("name"))
        email = self._nodes.attempt(self._owner_email, fields.get("email"))
        if name is None or email is None:
            raise UnusableError
        return Owner(name, email)

    def _owner_email(self, node: yaml.Node) -> str:
        email = self._nodes.text(node)
        if not _EMAIL.match(email):
            self._nodes.fail(
                node,
                f"owner email {shown(email)} is no address like team@example.com.",
            )
        return email

    def _entity(self, node: yaml.Node) -> Entity:
        name = self._nodes.choice(node, ENTITIES)
        if name not in self._catalogue.entities:
            self._nodes.fail(
                node, f"audiences/relations.yml has no entity {shown(name)}."
            )
        return self._catalogue.entities[name]

    def _priority(self, node: yaml.Node) -> Priority:
        fields = self._nodes.fields(node, "priority", ("group", "rank"))
        if len(fields) < 2:
            raise UnusableError
        return Priority(
            self._nodes.identifier(fields["group"], "group"),
            self._nodes.whole_number(fields["rank"], "rank", 1, _MAX_RANK),
        )

    def _choices(self, node: yaml.Node, choices: Collection[str]) -> tuple[str, ...]:
        items = self._nodes.items(node, "this")
        return tuple(self._nodes.choice(item, choices) for item in items)

    def _check_time(
        self,
        fields: Mapping[str, yaml.Node],
        starts_at: datetime | None,
        ends_at: datetime | None,
    ) -> None:
        if starts_at is not None and ends_at is not None and starts_at >= ends_at:
            self._nodes.report(fields["ends"], "ends lies before starts.")
