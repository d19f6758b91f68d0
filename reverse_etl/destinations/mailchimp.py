"""Mailchimp: contacts of one audience, over the Marketing API 3.0.

Up to 500 contacts a request are created or updated by POST /lists/{id}; clearing, archiving
and erasing take a request each. An answer of 200 may hold failed rows, and a 403 without
JSON is throttling.

The status of a contact is its consent, and belongs to the person: this module never sends
`status`, only `status_if_new`, and no status that subscribes.

Needs an API key, whose ending says where the account is.
"""

import contextlib
from collections.abc import Iterator

from reverse_etl.destinations.basic_auth import basic_auth
from reverse_etl.destinations.json_answers import in_order
from reverse_etl.destinations.mailchimp_answers import read, read_written
from reverse_etl.destinations.mailchimp_contacts import (
    SingleContacts,
    list_path,
    write_query,
)
from reverse_etl.destinations.mailchimp_rows import EMAIL, cannot_clear, member_body
from reverse_etl.destinations.protocol import (
    Batch,
    BatchResult,
    Capabilities,
    Credential,
    Destination,
    DestinationType,
    LimitKind,
    Opening,
    RateLimit,
)
from reverse_etl.errors import JobLostError, SyncConfigurationError
from reverse_etl.modes import Action, Mode, Removal
from reverse_etl.transport import HttpClient, Secret
from warehouse.manifest import Json

_CENTRE = "{dc}"
_NEW_STATUSES = ("transactional", "pending", "unsubscribed")

MEMBERS = Capabilities(
    modes=frozenset({Mode.UPSERT, Mode.INSERT, Mode.UPDATE, Mode.MIRROR, Mode.ARCHIVE}),
    removals=frozenset({Removal.CLEAR, Removal.ARCHIVE}),
    max_batch_rows=500,
    match_fields=(EMAIL,),
    requires_all_match_fields=True,
    can_erase=True,
    settings=("list_id",),
    optional_settings=("status_if_new", "skip_merge_validation"),
)


class MailchimpDestination:
    """Speaks to one audience of one account."""

    capabilities = MEMBERS

    def __init__(self, client: HttpClient) -> None:
        self._client = client
        self._singles = SingleContacts(client)

    @property
    def request_count(self) -> int:
        """Requests made, retries included."""
        return self._client.request_count

    def send(self, batch: Batch) -> BatchResult:
        """Create and update contacts together, or change each with a request of its own."""
        records = batch.rows
        if not records:
            return BatchResult()
        if batch.action in (Action.UPSERT, Action.CREATE):
            return self._write(batch)
        rejected = []
        for position, record in enumerate(records):
            row = self._singles.change(batch, position, record)
            if row is not None:
                rejected.append(row)
        return BatchResult(tuple(rejected))

    def poll(self, job: str, batch: Batch) -> BatchResult | None:
        """There are no jobs: every answer is final."""
        del job, batch
        raise JobLostError("Mailchimp has no jobs.")

    def _write(self, batch: Batch) -> BatchResult:
        status = batch.settings.get("status_if_new", _NEW_STATUSES[0])
        members: dict[int, Json] = {}
        rejected = []
        for position, record in enumerate(batch.rows):
            member, uncleared = member_body(record)
            if uncleared is None:
                members[position] = {**member, "status_if_new": status}
            else:
                rejected.append(cannot_clear(position, uncleared))
        if not members:
            return BatchResult(tuple(rejected))
        response = self._client.request(
            "POST",
            list_path(batch.settings),
            body={
                "members": list(members.values()),
                "update_existing": batch.action is Action.UPSERT,
            },
            query=write_query(batch.settings),
        )
        sent = [(position, batch.rows[position]) for position in members]
        rejected += read_written(response, sent, status)
        return BatchResult(in_order(rejected))


def _base_url(url: str, api_key: Secret) -> str:
    if _CENTRE not in url:
        return url
    centre = api_key.reveal().rpartition("-")[2]
    if not centre.isalnum() or "-" not in api_key.reveal():
        raise SyncConfigurationError(
            "KENNING_MAILCHIMP_API_KEY does not end in the account's data centre, like "
            "-us19. Copy the whole key, or give KENNING_MAILCHIMP_URL."
        )
    return url.replace(_CENTRE, centre)


@contextlib.contextmanager
def _open(opening: Opening) -> Iterator[Destination]:
    status = opening.settings.get("status_if_new", _NEW_STATUSES[0])
    if status not in _NEW_STATUSES:
        raise SyncConfigurationError(
            f"The setting status_if_new of a sync to Mailchimp is '{status}'. It may be "
            f"{', '.join(_NEW_STATUSES)}: nobody is subscribed by a sync of attributes."
        )
    api_key = opening.credentials["api_key"]
    with HttpClient(
        _base_url(opening.plain("url"), api_key),
        basic_auth("kenning", api_key),
        opening.http,
        read=read,
    ) as client:
        yield MailchimpDestination(client)


DESTINATION = DestinationType(
    name="mailchimp",
    label="Mailchimp",
    objects={"members": MEMBERS},
    credentials=(
        Credential(
            "url",
            "address of the API; {dc} is the ending of the key",
            is_secret=False,
            default=f"https://{_CENTRE}.api.mailchimp.com",
        ),
        Credential("api_key", "API key of the account"),
    ),
    open=_open,
    limits=(RateLimit(10, kind=LimitKind.CONCURRENCY),),
)
