"""What audiences read of each other: the order they are worked out in, and what is wrong there."""

from collections.abc import Iterator, Mapping, Sequence

from audiences.conditions import InAudience
from audiences.conditions_model import asked_leaves
from audiences.definition import Definition, Exclusion
from audiences.errors import Problem
from audiences.nodes import listed, shown, suggested
from audiences.reading import Reading
from audiences.selection import HOLDOUT


def names_ahead(
    definition: Definition, definitions: Sequence[Definition]
) -> tuple[str, ...]:
    """The audiences of its priority group that come before one, in their order."""
    own = definition.priority
    if own is None:
        return ()
    ahead = [
        (other.priority.rank, other.name)
        for other in definitions
        if other.priority is not None
        and other.priority.group == own.group
        and other.priority.rank < own.rank
    ]
    return tuple(name for _, name in sorted(ahead))


def names_read(
    definition: Definition,
    definitions: Sequence[Definition],
    exclusions: Sequence[Exclusion],
) -> tuple[str, ...]:
    """The audiences that decide on the members of one, each once, by name."""
    asked = {
        leaf.audience
        for leaf in asked_leaves(definition, exclusions)
        if isinstance(leaf, InAudience)
    }
    return tuple(sorted(asked | set(names_ahead(definition, definitions))))


def in_reading_order(
    definitions: Sequence[Definition], exclusions: Sequence[Exclusion]
) -> Iterator[Definition]:
    """Every definition, after those that it reads; what is in a circle comes never."""
    waiting = {definition.name: definition for definition in definitions}
    read = {
        name: names_read(definition, definitions, exclusions)
        for name, definition in waiting.items()
    }
    while waiting:
        ready = [
            name
            for name in waiting
            if not any(other in waiting for other in read[name])
        ]
        if not ready:
            return
        for name in ready:
            yield waiting.pop(name)


def problems_between(
    readings: Mapping[str, Reading], exclusions: Sequence[Exclusion]
) -> list[Problem]:
    """What is wrong with what definitions say of each other.

    Args:
        readings: Every definition, by its file.
        exclusions: Lists of people to leave out.
    """
    definitions = [reading.definition for reading in readings.values()]
    by_name = {definition.name: definition for definition in definitions}
    problems = [
        problem
        for file, reading in readings.items()
        for problem in _own_problems(file, reading, by_name)
    ]
    if problems:
        return problems
    reached = {
        definition.name for definition in in_reading_order(definitions, exclusions)
    }
    return [
        Problem(
            file,
            min(reading.references.values(), default=reading.priority_line),
            f"{shown(name)} reads itself, by way of "
            f"{listed(names_read(reading.definition, definitions, exclusions))}. "
            f"Take one of them out.",
        )
        for file, reading in readings.items()
        if (name := reading.definition.name) not in reached
    ]


def _own_problems(
    file: str, reading: Reading, by_name: Mapping[str, Definition]
) -> Iterator[Problem]:
    definition = reading.definition
    for leaf, line in reading.references.items():
        complaint = _reference_complaint(leaf, definition, by_name)
        if complaint:
            yield Problem(file, line, complaint)
    complaint = _priority_complaint(definition, by_name)
    if complaint:
        yield Problem(file, reading.priority_line, complaint)


def _reference_complaint(
    leaf: InAudience, definition: Definition, by_name: Mapping[str, Definition]
) -> str | None:
    other = by_name.get(leaf.audience)
    if other is None:
        # A plain model, whose name was found and of which nothing else is known.
        return None
    if other.entity != definition.entity:
        return (
            f"{shown(other.name)} holds members of another kind: {other.entity}. "
            f"This audience has {definition.entity}."
        )
    if leaf.split_group is None:
        return None
    groups = [name for name, _ in other.split.groups] if other.split else []
    if other.split and other.split.holdout:
        groups.append(HOLDOUT)
    if leaf.split_group not in groups:
        return f"{shown(other.name)} has no group {suggested(leaf.split_group, groups)}"
    return None


def _priority_complaint(
    definition: Definition, by_name: Mapping[str, Definition]
) -> str | None:
    own = definition.priority
    if own is None:
        return None
    for other in by_name.values():
        if other is definition or other.priority is None:
            continue
        if other.priority.group != own.group:
            continue
        if other.priority.rank == own.rank:
            return (
                f"{shown(other.name)} has rank {own.rank} in the group {own.group} too. "
                f"Give each its own."
            )
        if other.entity != definition.entity:
            return (
                f"the group {own.group} has members of another kind too, in "
                f"{shown(other.name)}. Choose another group."
            )
    return None
