"""One object of a project's own destination, read: what can be told from its requests. Pure."""

from collections.abc import Collection, Mapping

from reverse_etl.destinations.custom_definition import CustomObject
from reverse_etl.destinations.custom_request_reading import RequestReader
from reverse_etl.destinations.custom_values import needed
from reverse_etl.destinations.protocol import ANY_ASSOCIATION, Capabilities, Idempotency
from reverse_etl.modes import Action, Mode, Removal
from reverse_etl.yaml_reading import Item, optional

_FIXED_ACTIONS = (Action.RUN,)
_ACTION_NAMES = tuple(a.value for a in Action if a not in _FIXED_ACTIONS)

_WRITE_MODES: Mapping[Action, Mode] = {
    Action.UPSERT: Mode.UPSERT,
    Action.CREATE: Mode.INSERT,
    Action.UPDATE: Mode.UPDATE,
    Action.ADD: Mode.ADD,
    Action.REMOVE: Mode.REMOVE,
    Action.ARCHIVE: Mode.ARCHIVE,
    Action.APPEND: Mode.APPEND,
}
_REMOVALS: Mapping[Action, Removal] = {
    Action.UPDATE: Removal.CLEAR,
    Action.REMOVE: Removal.REMOVE,
    Action.ARCHIVE: Removal.ARCHIVE,
    Action.DELETE: Removal.DELETE,
}


def read_object(item: Item) -> CustomObject:
    """One object of the tool: its requests, and what can be told from them.

    Raises:
        SyncConfigurationError: It cannot be meant as it is written.
    """
    settings = item.map(
        (
            "match",
            "requires_all_match",
            "max_batch_rows",
            "max_batch_bytes",
            "max_row_bytes",
            "max_workers",
            "idempotency",
            "optional_settings",
            "actions",
        )
    )
    actions = needed(item, settings, "actions").map(_ACTION_NAMES)
    if not actions:
        raise settings["actions"].refusal("there is no action in it.")
    match = optional(settings, "match")
    max_rows = _whole(settings, "max_batch_rows") or 1
    scope = RequestReader(
        match=() if match is None else match.texts(), is_one_row=max_rows == 1
    )
    requests = {
        Action(name): scope.request(Action(name), found)
        for name, found in actions.items()
    }
    if Action.ADD in requests and Action.UPSERT in requests:
        raise actions["add"].refusal(
            "an object is either a list, with 'add' and 'remove', or holds records, with "
            "'upsert'. Describe two objects."
        )
    optional_settings = optional(settings, "optional_settings")
    may_miss = () if optional_settings is None else optional_settings.texts()
    need_all = optional(settings, "requires_all_match")
    idempotency = optional(settings, "idempotency")
    gives_ids = any(request.rows and request.rows.id for request in requests.values())
    return CustomObject(
        Capabilities(
            modes=_modes(requests),
            removals=frozenset(_REMOVALS[a] for a in requests if a in _REMOVALS),
            max_batch_rows=max_rows,
            max_batch_bytes=_whole(settings, "max_batch_bytes"),
            max_row_bytes=_whole(settings, "max_row_bytes"),
            idempotency=Idempotency.NONE
            if idempotency is None
            else idempotency.choice(Idempotency),
            match_fields=scope.match,
            requires_all_match_fields=need_all is not None and need_all.boolean(),
            is_membership=Action.ADD in requests,
            max_workers=_whole(settings, "max_workers") or 4,
            gives_ids=gives_ids,
            can_erase=Action.ERASE in requests,
            settings=tuple(sorted(scope.settings - set(may_miss))),
            optional_settings=may_miss,
            associations=ANY_ASSOCIATION,
        ),
        requests,
    )


def _whole(settings: Mapping[str, Item], name: str) -> int | None:
    found = optional(settings, name)
    return None if found is None else found.whole()


def _modes(actions: Collection[Action]) -> frozenset[Mode]:
    modes = {_WRITE_MODES[action] for action in actions if action in _WRITE_MODES}
    if Action.ADD in actions:
        modes.add(Mode.UPSERT)
    leaves = {Action.REMOVE} if Action.ADD in actions else set(_REMOVALS)
    if Mode.UPSERT in modes and leaves & set(actions):
        modes.add(Mode.MIRROR)
    return frozenset(modes)
