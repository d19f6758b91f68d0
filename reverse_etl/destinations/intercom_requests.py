"""One request to Intercom about one record: refused, gone, or the wrong address."""

from collections.abc import Mapping
from urllib.parse import quote

from reverse_etl.destinations.intercom_answers import GONE, first_error
from reverse_etl.errors import ErrorClass, FatalDeliveryError
from reverse_etl.transport import HttpClient, Response
from warehouse.manifest import Json

# Statuses that say something about the one record of a request.
_OF_THE_RECORD = frozenset({400, 409, 422})


def ask(
    client: HttpClient,
    method: str,
    path: str,
    body: Json = None,
    *,
    query: Mapping[str, str] | None = None,
    may_be_gone: bool = True,
) -> Response:
    """Make one request about one record.

    Raises:
        FatalDeliveryError: The path does not exist, rather than the record.
    """
    response = client.request(
        method,
        path,
        body=body,
        query=query,
        accepts=_OF_THE_RECORD | GONE if may_be_gone else _OF_THE_RECORD,
    )
    if response.status in GONE and first_error(response) is None:
        raise FatalDeliveryError(
            f"{response.place} answered {response.status}, and not as Intercom does "
            "for a record that is not there. Check the URL.",
            error_class=ErrorClass.CONFIG,
        )
    return response


def path_of(collection: str, record_id: str) -> str:
    """The path of one record."""
    return f"/{collection}/{quote(record_id, safe='')}"
