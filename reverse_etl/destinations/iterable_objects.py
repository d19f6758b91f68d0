"""What Iterable can do with users, lists and events, as data."""

from reverse_etl.destinations.iterable_answers import EMAIL, USER_ID
from reverse_etl.destinations.protocol import Capabilities, Idempotency
from reverse_etl.modes import Mode, Removal

MAX_BYTES = 4_000_000
_MAX_ROWS = 1_000

USERS = Capabilities(
    modes=frozenset({Mode.UPSERT, Mode.MIRROR}),
    removals=frozenset({Removal.DELETE}),
    max_batch_rows=_MAX_ROWS,
    max_batch_bytes=MAX_BYTES,
    match_fields=(EMAIL, USER_ID),
    can_erase=True,
    optional_settings=("prefer_user_id",),
)
LIST_MEMBERS = Capabilities(
    modes=frozenset({Mode.MIRROR, Mode.ADD, Mode.REMOVE}),
    removals=frozenset({Removal.REMOVE}),
    max_batch_rows=_MAX_ROWS,
    max_batch_bytes=MAX_BYTES,
    match_fields=(EMAIL, USER_ID),
    is_membership=True,
    settings=("list_id",),
    optional_settings=("prefer_user_id",),
)
EVENTS = Capabilities(
    modes=frozenset({Mode.APPEND}),
    max_batch_rows=_MAX_ROWS,
    max_batch_bytes=MAX_BYTES,
    match_fields=(EMAIL, USER_ID),
    # An event with the id of one that is there replaces it.
    idempotency=Idempotency.EVENT_ID,
    settings=("event_name",),
)
OBJECTS = {"users": USERS, "list_members": LIST_MEMBERS, "events": EVENTS}
