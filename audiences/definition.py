"""What an audience is once its file has been read: values only, every name and type checked.

Every condition is true or false for a member, never unknown: a comparison with a missing value
is false, and `not` turns that into true. What a condition can say is in `conditions`.
"""

from dataclasses import dataclass
from datetime import datetime

from audiences.conditions import Condition

PURPOSES = ("ads", "analytics", "email_marketing", "personalisation", "sms_marketing")
"""Purposes that the consent log knows. An audience is built for exactly one."""

ENTITIES = ("customer", "account", "household")
"""What a member can be."""

GOALS = ("acquisition", "activation", "retention", "win_back", "service")
"""What an audience is for, where a list of exclusions asks."""

CADENCES = ("hourly", "daily", "weekly")
"""How often an audience is to be evaluated anew."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Who answers for the audience."""

    name: str
    email: str


@dataclass(frozen=True, slots=True)
class Priority:
    """A place in a group of audiences of which a member gets only the first."""

    group: str
    rank: int


@dataclass(frozen=True, slots=True)
class Sample:
    """A part of those whom the conditions let in: a share of them, or so many."""

    salt: str
    share: float | None = None
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Top:
    """The first so many by a column of the profile; who has no value comes last.

    With `with_ties`, everybody equal to the last one is in as well; else the lower id is.
    """

    column: str
    count: int
    is_highest: bool = True
    with_ties: bool = False


@dataclass(frozen=True, slots=True)
class Holdout:
    """A share that is left alone, the same people wherever the salt is the same."""

    share: float
    salt: str


@dataclass(frozen=True, slots=True)
class Split:
    """Groups that members are drawn for, by weight, at least one, in the order written.

    With `stratify_by`, a column of the profile, the weights hold among those who have the same
    value there. The holdout is drawn first and by its salt alone.
    """

    salt: str
    groups: tuple[tuple[str, int], ...]
    holdout: Holdout | None = None
    stratify_by: str | None = None


@dataclass(frozen=True, slots=True)
class Definition:
    """One audience. `name` is also its file's name; texts hold no Jinja.

    Attributes:
        exclude: Who is out though the condition holds.
        starts_at: From when on it has members, UTC.
        ends_at: From when on it has none, UTC.
    """

    name: str
    description: str
    owner: Owner
    purpose: str
    entity: str
    condition: Condition
    exclude: Condition | None = None
    goal: str | None = None
    priority: Priority | None = None
    sample: Sample | None = None
    top: Top | None = None
    split: Split | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    refresh: str | None = None


@dataclass(frozen=True, slots=True)
class Exclusion:
    """People who are in no audience of some kind, whatever its definition says.

    Attributes:
        purposes: Only audiences for these; all where there are none.
        goals: Only audiences with one of these; all where there are none.
    """

    name: str
    description: str
    entity: str
    condition: Condition
    purposes: tuple[str, ...] = ()
    goals: tuple[str, ...] = ()

    def holds_for(self, definition: Definition) -> bool:
        """Whether an audience leaves these people out."""
        return (
            self.entity == definition.entity
            and (not self.purposes or definition.purpose in self.purposes)
            and (not self.goals or definition.goal in self.goals)
        )
