"""What Intercom can do with contacts, companies and tags, as data."""

from reverse_etl.destinations.protocol import Capabilities
from reverse_etl.modes import Mode, Removal

EXTERNAL_ID = "external_id"
EMAIL = "email"
COMPANY_ID = "company_id"
_MAX_WORKERS = 8

CONTACTS = Capabilities(
    modes=frozenset({Mode.UPSERT, Mode.INSERT, Mode.UPDATE, Mode.MIRROR, Mode.ARCHIVE}),
    removals=frozenset({Removal.CLEAR, Removal.ARCHIVE, Removal.DELETE}),
    match_fields=(EXTERNAL_ID, EMAIL),
    max_workers=_MAX_WORKERS,
    gives_ids=True,
    can_erase=True,
    optional_settings=("role",),
    associations=("company",),
)
COMPANIES = Capabilities(
    modes=frozenset({Mode.UPSERT, Mode.UPDATE, Mode.MIRROR}),
    removals=frozenset({Removal.DELETE}),
    match_fields=(COMPANY_ID,),
    max_workers=_MAX_WORKERS,
    gives_ids=True,
)
CONTACT_TAGS = Capabilities(
    modes=frozenset({Mode.MIRROR, Mode.ADD, Mode.REMOVE}),
    removals=frozenset({Removal.REMOVE}),
    match_fields=(EXTERNAL_ID, EMAIL),
    is_membership=True,
    max_workers=_MAX_WORKERS,
    gives_ids=True,
    settings=("tag_id",),
    optional_settings=("role",),
)
OBJECTS = {
    "contacts": CONTACTS,
    "companies": COMPANIES,
    "contact_tags": CONTACT_TAGS,
}
