"""The words of a sync: what it does to the destination, and to one row of it. Pure.

Mode is what a person configures, Op is what became of a row since the last run, Action is
what a batch asks the destination to do.
"""

from collections.abc import Mapping
from enum import StrEnum


class Mode(StrEnum):
    """What a sync does with rows that are new, that changed, and that left the model.

    UPSERT creates and updates, and leaves what left the model. INSERT only creates. UPDATE
    changes records that are there and creates none. MIRROR is UPSERT that also takes away
    what left the model. ADD puts into a list or audience, REMOVE takes out of one, ARCHIVE
    archives: each row of the model once. APPEND adds one event for each row that is new
    or changed. FULL writes everything anew when anything changed.
    """

    UPSERT = "upsert"
    INSERT = "insert"
    UPDATE = "update"
    MIRROR = "mirror"
    ADD = "add"
    REMOVE = "remove"
    ARCHIVE = "archive"
    APPEND = "append"
    FULL = "full"


class Op(StrEnum):
    """What a row of a plan is, in the order of a plan: removals go first."""

    REMOVE = "remove"
    CHANGE = "change"
    ADD = "add"


class Removal(StrEnum):
    """What happens at the destination to a record that is to leave it.

    NOTHING leaves it there. CLEAR empties the mapped fields. REMOVE takes it out of the
    list or audience. ARCHIVE can be undone there. DELETE cannot.
    """

    NOTHING = "nothing"
    CLEAR = "clear"
    REMOVE = "remove"
    ARCHIVE = "archive"
    DELETE = "delete"


class Action(StrEnum):
    """What a batch asks the destination to do with every record of it.

    RUN is a whole run at once, for files. ERASE is a privacy request: for good, where the
    tool can.
    """

    UPSERT = "upsert"
    CREATE = "create"
    UPDATE = "update"
    ADD = "add"
    REMOVE = "remove"
    ARCHIVE = "archive"
    DELETE = "delete"
    APPEND = "append"
    RUN = "run"
    ERASE = "erase"


WRITE_ACTIONS: Mapping[Mode, Action] = {
    Mode.UPSERT: Action.UPSERT,
    Mode.INSERT: Action.CREATE,
    Mode.UPDATE: Action.UPDATE,
    Mode.MIRROR: Action.UPSERT,
    Mode.ADD: Action.ADD,
    Mode.REMOVE: Action.REMOVE,
    Mode.ARCHIVE: Action.ARCHIVE,
    Mode.APPEND: Action.APPEND,
    Mode.FULL: Action.RUN,
}
"""What happens to rows that are new or changed. In a list or audience MIRROR means ADD."""

REMOVAL_ACTIONS: Mapping[Removal, Action] = {
    Removal.CLEAR: Action.UPDATE,
    Removal.REMOVE: Action.REMOVE,
    Removal.ARCHIVE: Action.ARCHIVE,
    Removal.DELETE: Action.DELETE,
}
"""What happens to records that are to leave; NOTHING sends nothing."""


HELD_MEANINGS: Mapping[Mode, str] = {
    **dict.fromkeys(Mode, "is there"),
    Mode.REMOVE: "was taken out",
    Mode.ARCHIVE: "was archived",
    Mode.APPEND: "was told as an event",
}
"""What a row that a destination is known to hold means, by the mode that sent it."""


def write_action(mode: Mode, *, is_membership: bool) -> Action:
    """What a batch of new and changed rows asks for."""
    if is_membership and mode in (Mode.MIRROR, Mode.UPSERT):
        return Action.ADD
    return WRITE_ACTIONS[mode]
