"""Single values in the YAML of a project's own destination. Pure."""

import re
from collections.abc import Mapping

from reverse_etl.yaml_reading import Item, optional

_HEADER_NAME = re.compile(r"[A-Za-z0-9-]{1,64}")
_OWN_HEADERS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "authorization"}
)


def needed(item: Item, settings: Mapping[str, Item], name: str) -> Item:
    """A setting that must be there, of the item that should have it."""
    found = optional(settings, name)
    if found is None:
        raise item.refusal(f"'{name}' is missing.")
    return found


def header_name(item: Item, name: str, *, is_auth: bool = False) -> str:
    """The name of a header that is not made with each request anyway."""
    if not _HEADER_NAME.fullmatch(name):
        raise item.refusal(f"'{name}' is not the name of a header.")
    lower = name.lower()
    if lower in _OWN_HEADERS and not (is_auth and lower == "authorization"):
        raise item.refusal(
            f"the header '{name}' is not set here. Say who we are under 'auth'; the rest "
            "of these headers is made with each request."
        )
    return lower


def read_statuses(item: Item) -> frozenset[int]:
    """A list of HTTP statuses."""
    return frozenset(each.whole(least=200, most=599) for each in item.list())
