"""Requests to Marketo with a body, no larger than it takes."""

from collections.abc import Mapping

from reverse_etl.destinations.request_bodies import JSON_HEADERS, json_within
from reverse_etl.transport import HttpClient, Response
from warehouse.manifest import Json

MAX_BYTES = 1_000_000


def send(
    client: HttpClient, method: str, path: str, body: Mapping[str, Json]
) -> Response:
    """Make a request with a body.

    Raises:
        BatchRefusedError: The body is larger than Marketo takes.
    """
    content = json_within(dict(body), MAX_BYTES, "A batch for Marketo")
    return client.request(method, path, content=content, headers=JSON_HEADERS)
