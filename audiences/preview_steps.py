"""How a definition narrows the base down to its members, one step after another. Pure.

Every step is a definition itself, so it means what the compiler makes of it.
"""

from dataclasses import dataclass, replace

from audiences.audience_model import Surroundings
from audiences.conditions import AllOf, Condition, InAudience, Leaf
from audiences.definition import Definition
from audiences.logic import condition_text
from audiences.preview_candidate import Candidate

_LABEL_LENGTH = 72


@dataclass(frozen=True, slots=True)
class Step:
    """The members after one more thing was asked.

    Attributes:
        label: What is asked, in the words of the columns that it becomes.
        sql: A model of those who are left.
        alone_sql: A model of those for whom this condition holds by itself; None for what is
            no condition of the definition.
    """

    label: str
    sql: str
    alone_sql: str | None = None


def steps_of(candidate: Candidate) -> tuple[Step, ...]:
    """The steps of an audience, in the order that they are asked; the last has its members."""
    definition = candidate.definition
    surroundings = candidate.surroundings
    narrowed = replace(
        definition,
        exclude=None,
        sample=None,
        top=None,
        split=None,
        starts_at=None,
        ends_at=None,
    )
    asked = Surroundings()
    steps = []
    for index, part in enumerate(parts := top_level(definition)):
        narrowed = replace(narrowed, condition=_joined(parts[: index + 1]))
        alone = replace(narrowed, condition=part)
        steps.append(
            Step(
                label_of(part, candidate),
                candidate.sql_of(narrowed, asked),
                candidate.sql_of(alone, asked),
            )
        )
    if definition.exclude is not None:
        narrowed = replace(narrowed, exclude=definition.exclude)
        label = f"left out: {label_of(definition.exclude, candidate)}"
        steps.append(Step(_cut(label), candidate.sql_of(narrowed, asked)))
    for index, exclusion in enumerate(surroundings.exclusions):
        asked = replace(asked, exclusions=surroundings.exclusions[: index + 1])
        label = f"left out everywhere: {exclusion.name}"
        steps.append(Step(label, candidate.sql_of(narrowed, asked)))
    for index, name in enumerate(surroundings.ahead):
        asked = replace(asked, ahead=surroundings.ahead[: index + 1])
        label = f"gets {name} first"
        steps.append(Step(label, candidate.sql_of(narrowed, asked)))
    for label, settled in _selections(narrowed, definition):
        narrowed = settled
        steps.append(Step(label, candidate.sql_of(narrowed, asked)))
    return tuple(steps)


def top_level(definition: Definition) -> tuple[Condition, ...]:
    """The conditions that all have to hold, as they stand in the file."""
    condition = definition.condition
    return condition.conditions if isinstance(condition, AllOf) else (condition,)


def label_of(condition: Condition, candidate: Candidate) -> str:
    """A condition in the words of the columns that its leaves become, on one line."""

    def leaf_text(leaf: Leaf) -> str:
        if isinstance(leaf, InAudience):
            group = f" group {leaf.split_group}" if leaf.split_group else ""
            return f"in {leaf.audience}{group}"
        return candidate.columns[leaf]

    text = " ".join(condition_text(condition, leaf_text).split())
    return _cut(text.replace("( ", "(").replace(" )", ")"))


def _joined(parts: tuple[Condition, ...]) -> Condition:
    return parts[0] if len(parts) == 1 else AllOf(parts)


def _selections(
    narrowed: Definition, definition: Definition
) -> list[tuple[str, Definition]]:
    """What chooses among those whom the conditions let in, each with all before it."""
    steps = []
    if definition.starts_at or definition.ends_at:
        narrowed = replace(
            narrowed, starts_at=definition.starts_at, ends_at=definition.ends_at
        )
        steps.append(("outside its time", narrowed))
    if definition.sample:
        narrowed = replace(narrowed, sample=definition.sample)
        steps.append(("not in the sample", narrowed))
    if definition.top:
        narrowed = replace(narrowed, top=definition.top)
        end = "highest" if definition.top.is_highest else "lowest"
        label = (
            f"not among the {definition.top.count:,} {end} by {definition.top.column}"
        )
        steps.append((label, narrowed))
    return steps


def _cut(text: str) -> str:
    return text if len(text) <= _LABEL_LENGTH else f"{text[: _LABEL_LENGTH - 1]}…"
