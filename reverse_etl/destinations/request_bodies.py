"""Bodies of requests as JSON, refused before they are sent where a tool takes no more."""

from reverse_etl.errors import BatchRefusedError
from reverse_etl.transport import json_bytes
from warehouse.manifest import Json

JSON_HEADERS = {"content-type": "application/json"}
"""For content that is JSON already."""


def too_large(what: str, most: str) -> BatchRefusedError:
    """The error for a batch that is not sent, so that its halves are tried.

    Args:
        what: What it would have been, with the number of its rows: "A batch of 3 users".
        most: What is taken at most, with its unit.
    """
    return BatchRefusedError(
        f"{what} is larger than {most}. Nothing of it was sent.", is_too_large=True
    )


def json_within(body: Json, most_bytes: int, what: str) -> bytes:
    """A body as JSON, of no more than so many bytes.

    Raises:
        BatchRefusedError: It is larger; see `too_large` for `what`.
    """
    content = json_bytes(body)
    if len(content) > most_bytes:
        raise too_large(what, f"{most_bytes:,} bytes")
    return content
