"""What Zendesk can do with users and with organizations, as data."""

from reverse_etl.destinations.protocol import Capabilities
from reverse_etl.modes import Mode, Removal

EXTERNAL_ID = "external_id"
EMAIL = "email"

_MODES = frozenset({Mode.UPSERT, Mode.INSERT, Mode.UPDATE, Mode.MIRROR})
_REMOVALS = frozenset({Removal.CLEAR, Removal.DELETE})

USERS = Capabilities(
    modes=_MODES,
    removals=_REMOVALS,
    max_batch_rows=100,
    match_fields=(EXTERNAL_ID, EMAIL),
    is_async=True,
    gives_ids=True,
    can_erase=True,
)
ORGANIZATIONS = Capabilities(
    modes=_MODES,
    removals=_REMOVALS,
    match_fields=(EXTERNAL_ID,),
    gives_ids=True,
)
