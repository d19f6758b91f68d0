"""What a sync asks of its destination for rows that are written, or that leave. Pure.

Which rows these are is found in `change_query`.
"""

from dataclasses import dataclass

from reverse_etl.modes import REMOVAL_ACTIONS, Action, Mode, Removal, write_action
from reverse_etl.spec import SyncSpec


@dataclass(frozen=True, slots=True)
class Actions:
    """What a sync asks of its destination for rows that are written, or that leave.

    `absent` and `withdrawn` are None where such rows stay as they are.
    """

    write: Action
    absent: Action | None
    withdrawn: Action | None


def actions(
    spec: SyncSpec, *, removals: frozenset[Removal], is_membership: bool, is_run: bool
) -> Actions:
    """The actions of a sync at a destination.

    Args:
        spec: The sync.
        removals: What the destination can do with a record that is to leave.
        is_membership: Whether the object is a list or an audience.
        is_run: Whether a whole run goes as one batch.
    """
    if is_run:
        return Actions(Action.RUN, Action.RUN, Action.RUN)
    gentlest = gentlest_removal(removals)
    on_removal = spec.on_removal or gentlest or Removal.NOTHING
    on_withdrawal = spec.on_withdrawal or (
        on_removal if on_removal is not Removal.NOTHING else gentlest or on_removal
    )
    is_lasting = spec.mode in (Mode.APPEND, Mode.REMOVE, Mode.ARCHIVE)
    return Actions(
        write_action(spec.mode, is_membership=is_membership),
        REMOVAL_ACTIONS.get(on_removal) if spec.mode is Mode.MIRROR else None,
        None if is_lasting else REMOVAL_ACTIONS.get(on_withdrawal),
    )


def gentlest_removal(removals: frozenset[Removal]) -> Removal | None:
    """What is done with a record that is to leave when nobody says; never DELETE."""
    for removal in (Removal.REMOVE, Removal.ARCHIVE, Removal.CLEAR):
        if removal in removals:
            return removal
    return None
