"""The errors of the audiences room, and the problems they are made of.

A problem names the file and the line, quotes the value, and says what would be valid.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from warehouse.errors import ConfigurationError


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing to mend in one file. Lines count from 1."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


class DefinitionError(ConfigurationError):
    """Definitions that cannot be compiled, with everything found wrong in them.

    `problems` is never empty, and is in the order of files and lines.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        lines = "\n".join(str(problem) for problem in self.problems)
        super().__init__(
            f"{lines}\nNothing was written. Mend the lines above, then run "
            f"`kenning audiences compile` again."
        )


class ProfileError(ConfigurationError):
    """The columns that definitions may use could not be read."""


class HandwrittenModelError(ConfigurationError):
    """A model that a person wrote stands where a compiled one belongs."""


class UnknownAudienceError(ConfigurationError):
    """Nothing is known of an audience of that name."""


class UnrecordedError(ConfigurationError):
    """An audience was first evaluated after the instant that was asked for."""


class UnbuiltModelError(ConfigurationError):
    """A model has no table in the warehouse that is read."""


class UnrenderableError(ConfigurationError):
    """Compiled SQL could not be rendered outside dbt."""


class EntityMismatchError(ConfigurationError):
    """Audiences of different entities were to be compared."""
