"""Users of Iterable deleted or erased, which takes a request each."""

from collections.abc import Sequence
from urllib.parse import quote

from reverse_etl.destinations.iterable_answers import EMAIL, code_of
from reverse_etl.destinations.iterable_rows import user_key
from reverse_etl.destinations.protocol import BatchResult, Record, RejectedRow
from reverse_etl.errors import ErrorClass
from reverse_etl.transport import HttpClient

_GONE_CODES = frozenset(
    {"ForgottenUserError", "NotFound", "UnknownEmailError", "UnknownUserIdError"}
)
_INVALID_KEY_CODES = frozenset({"InvalidEmailAddressError", "InvalidUserIdError"})


def remove_users(
    client: HttpClient, records: Sequence[Record], *, is_erasure: bool
) -> BatchResult:
    """Delete or erase the users whom records are about. Who is not there is gone."""
    rejected = []
    for position, record in enumerate(records):
        name, value = user_key(record)
        quoted = quote(value, safe="")
        accepts = frozenset({400, 404, 409})
        if is_erasure:
            response = client.request(
                "POST",
                "/api/users/forget",
                body={name: value},
                group="forget",
                accepts=accepts,
            )
        else:
            response = client.request(
                "DELETE",
                f"/api/users/{quoted if name == EMAIL else f'byUserId/{quoted}'}",
                shown_path="/api/users",
                accepts=accepts,
            )
        code = code_of(response)
        if code is None or (response.status < 300 and code != "Success"):
            raise response.undocumented()
        if code != "Success" and code not in _GONE_CODES:
            error_class = (
                ErrorClass.INVALID_KEY
                if code in _INVALID_KEY_CODES
                else ErrorClass.OTHER
            )
            rejected.append(RejectedRow(position, error_class, code=code))
    return BatchResult(tuple(rejected))
