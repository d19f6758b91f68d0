"""Intercom over its REST API 2.16: contacts, companies, and tags on contacts.

There is no bulk endpoint, so a batch is one record. A contact is found by the id of an
earlier answer or by search, and then updated; one that is not there is created. Companies
are looked up by Intercom itself. Credential: an access token of the workspace.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping

from reverse_etl.destinations.intercom_answers import (
    RowRefusedError,
    feedback_reader,
    reader,
)
from reverse_etl.destinations.intercom_companies import Companies
from reverse_etl.destinations.intercom_contacts import Contacts
from reverse_etl.destinations.intercom_objects import OBJECTS
from reverse_etl.destinations.intercom_tags import Tags
from reverse_etl.destinations.protocol import (
    Batch,
    BatchResult,
    Credential,
    Destination,
    DestinationType,
    Opening,
    RateLimit,
    Record,
    RejectedRow,
)
from reverse_etl.errors import JobLostError, SyncConfigurationError
from reverse_etl.transport import HttpClient, TokenAuth

API_VERSION = "2.16"
_ROLES = ("user", "lead")


class IntercomDestination:
    """Speaks to one workspace about one kind of object.

    Args:
        client: The connection.
        object_name: One of `OBJECTS`.
        role: Which contacts are looked for and created.
    """

    def __init__(
        self, client: HttpClient, object_name: str, *, role: str = _ROLES[0]
    ) -> None:
        self.capabilities = OBJECTS[object_name]
        self._client = client
        deliveries: Mapping[str, Callable[[Record, Batch], str | None]] = {
            "contacts": Contacts(client, role).deliver,
            "companies": Companies(client).deliver,
            "contact_tags": Tags(client, role).deliver,
        }
        self._deliver = deliveries[object_name]

    @property
    def request_count(self) -> int:
        """Requests made, retries included."""
        return self._client.request_count

    def send(self, batch: Batch) -> BatchResult:
        """Deliver each record of a batch, normally one."""
        rejected: list[RejectedRow] = []
        dest_ids: dict[int, str] = {}
        for position, record in enumerate(batch.rows):
            try:
                dest_id = self._deliver(record, batch)
            except RowRefusedError as refused:
                rejected.append(refused.at(position))
            else:
                if dest_id is not None:
                    dest_ids[position] = dest_id
        return BatchResult(tuple(rejected), dest_ids)

    def poll(self, job: str, batch: Batch) -> BatchResult | None:
        """There are no jobs: every answer is final."""
        del job, batch
        raise JobLostError("Intercom has no jobs.")


@contextlib.contextmanager
def _open(opening: Opening) -> Iterator[Destination]:
    role = opening.settings.get("role", _ROLES[0])
    if role not in _ROLES:
        raise SyncConfigurationError(
            f"The setting role of '{opening.account}' is '{role}'. Intercom has the roles "
            f"{' and '.join(_ROLES)}."
        )
    with HttpClient(
        opening.plain("url"),
        TokenAuth(opening.credentials["token"]),
        opening.http,
        headers={"intercom-version": API_VERSION},
        read=reader(opening.http.now),
        read_feedback=feedback_reader(opening.http.now),
    ) as client:
        yield IntercomDestination(client, opening.object, role=role)


DESTINATION = DestinationType(
    name="intercom",
    label="Intercom",
    objects=OBJECTS,
    credentials=(
        Credential(
            "url",
            "address of the workspace's region",
            is_secret=False,
            default="https://api.intercom.io",
        ),
        Credential("token", "access token of the workspace"),
    ),
    open=_open,
    # 10,000 a minute, which Intercom counts in slices of ten seconds.
    limits=(RateLimit(1_600, 10.0),),
)
