"""What a sync asks of its destination that the destination cannot do. Pure.

Everything is told from capabilities, which are data: nothing is opened for it.
"""

from collections.abc import Iterable, Iterator

from reverse_etl.destinations.protocol import ANY_ASSOCIATION, Capabilities
from reverse_etl.modes import Mode, Removal
from reverse_etl.spec import SyncSpec
from reverse_etl.sync_actions import gentlest_removal
from reverse_etl.yaml_reading import nearest


def problems_of(spec: SyncSpec, found: Capabilities) -> Iterator[str]:
    """What the destination cannot do of what the sync asks, in sentences for people.

    Args:
        spec: The sync.
        found: What its destination can do with its object.
    """
    with_object = f"destination '{spec.destination}' with '{spec.object}'"
    if spec.mode not in found.modes:
        yield f"mode '{spec.mode}' is none that {with_object} does. {_known(found.modes)}"
    removals = {Removal.NOTHING, *found.removals}
    for setting, removal in (
        ("on_remove", spec.on_removal),
        ("on_withdrawal", spec.on_withdrawal),
    ):
        if removal is not None and removal not in removals:
            yield (
                f"{setting} '{removal}' is nothing that {with_object} does. "
                f"{_known(removals)}"
            )
    if spec.mode is Mode.MIRROR and spec.on_removal is Removal.NOTHING:
        yield "mode 'mirror' takes away what left; with on_remove 'nothing' use 'upsert'."
    yield from _match_problems(spec, found)
    yield from _association_problems(spec, found)
    yield from _removal_problems(spec, found)
    settings = (*found.settings, *found.optional_settings)
    for name in spec.settings:
        if name not in settings:
            yield (
                f"{with_object} has no setting '{name}'.{nearest(name, settings)} "
                + (_known(settings))
            )
    missing = [name for name in found.settings if name not in spec.settings]
    if missing:
        yield f"{with_object} needs settings.{' and settings.'.join(missing)}."


def _removal_problems(spec: SyncSpec, found: Capabilities) -> Iterator[str]:
    """Records that would stay though they are to leave, because nobody said how."""
    is_whole_run = found.max_batch_rows is None
    if is_whole_run or not found.removals or gentlest_removal(found.removals):
        return
    withdraws = spec.needs_consent and spec.mode is not Mode.APPEND
    says_how = spec.on_withdrawal or spec.on_removal is Removal.DELETE
    if spec.mode is Mode.MIRROR and spec.on_removal is None:
        yield f"'{spec.destination}' has no gentler way than to delete: give on_remove."
    elif withdraws and not says_how:
        yield (
            f"'{spec.destination}' has no gentler way than to delete: say with "
            "on_withdrawal what happens to a record whose consent is gone."
        )


def _match_problems(spec: SyncSpec, found: Capabilities) -> Iterator[str]:
    known = found.match_fields
    given = [each.identifier for each in spec.match]
    for name in given:
        if known and name not in known:
            yield (
                f"match: '{spec.destination}' finds no '{spec.object}' by '{name}'."
                f"{nearest(name, known)} {_known(known)}"
            )
    missing = [name for name in known if name not in given]
    if found.requires_all_match_fields and missing and (given or len(known) > 1):
        yield f"match: '{spec.destination}' needs {' and '.join(missing)} too."


def _association_problems(spec: SyncSpec, found: Capabilities) -> Iterator[str]:
    if found.associations == ANY_ASSOCIATION:
        return
    for each in spec.associations:
        if each.name not in found.associations:
            yield (
                f"associations: '{spec.destination}' ties no '{spec.object}' to "
                f"'{each.name}'.{nearest(each.name, found.associations)} "
                f"{_known(found.associations)}"
            )


def _known(names: Iterable[str]) -> str:
    return f"Known: {listed(names)}."


def listed(names: Iterable[str]) -> str:
    """Names for people, in order."""
    return ", ".join(sorted(str(name) for name in names)) or "none"
