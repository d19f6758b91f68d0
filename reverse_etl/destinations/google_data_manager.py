"""Customer Match audiences of Google Ads and Display & Video 360, through the Data Manager API.

People enter with `audienceMembers:ingest` and leave with `audienceMembers:remove`. A request
is either refused as a whole, or taken on as a job; how the job went is counted by reason,
and told by row only where Google gives the rows' places. Credentials: a service account or a
token with the scope datamanager, and the number of the account that has the audience.
"""

import contextlib
from collections.abc import Iterator, Mapping

from reverse_etl.destinations.google_data_manager_account import account_of, auth_of
from reverse_etl.destinations.google_data_manager_answers import (
    error_reader,
    read_status,
)
from reverse_etl.destinations.google_data_manager_members import (
    ADDRESS,
    CONSENT,
    EMAILS,
    PHONES,
    consent_of,
    read_members,
)
from reverse_etl.destinations.json_answers import json_object, text
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
    Settings,
)
from reverse_etl.errors import JobLostError, SyncConfigurationError
from reverse_etl.modes import Action, Mode, Removal
from reverse_etl.transport import HttpClient
from warehouse.manifest import Json

_CONTACTS, _DEVICES = "audience_members", "audience_devices"
_READS = "reads"


def _capabilities(*match_fields: str) -> Capabilities:
    return Capabilities(
        modes=frozenset({Mode.MIRROR, Mode.ADD, Mode.REMOVE}),
        removals=frozenset({Removal.REMOVE}),
        max_batch_rows=10_000,
        match_fields=match_fields,
        is_membership=True,
        is_async=True,
        # A person who leaves and comes back must do so in this order.
        max_workers=1,
        names_failed_rows=False,
        can_erase=True,
        settings=("audience_id", "terms_of_service"),
        optional_settings=("account_type", *CONSENT.values()),
    )


OBJECTS = {
    _CONTACTS: _capabilities(*EMAILS, *PHONES, *ADDRESS.values()),
    _DEVICES: _capabilities("device_id"),
}


class GoogleDataManagerDestination:
    """Speaks to one audience of one account.

    Args:
        client: The connection.
        object_name: See `OBJECTS`.
        account: Which account has the audience, as the API writes it.
        settings: The sync's settings.
    """

    def __init__(
        self,
        client: HttpClient,
        object_name: str,
        account: Mapping[str, Json],
        settings: Settings,
    ) -> None:
        self.capabilities = OBJECTS[object_name]
        self._client = client
        self._common: dict[str, Json] = {
            "destinations": [
                {**account, "productDestinationId": settings["audience_id"]}
            ],
            "encoding": "HEX",
        }
        self._terms: dict[str, Json] = {
            "termsOfService": {
                "customerMatchTermsOfServiceStatus": settings[
                    "terms_of_service"
                ].upper()
            }
        }
        consent, _ = consent_of(settings)
        if consent:
            self._terms["consent"] = consent

    @property
    def request_count(self) -> int:
        """Requests made, retries included."""
        return self._client.request_count

    def send(self, batch: Batch) -> BatchResult:
        """Have the people of one batch enter or leave the audience; gives a job."""
        found = read_members(batch.rows)
        if not found.members:
            return BatchResult(found.rejected)
        is_entering = batch.action in (Action.ADD, Action.UPSERT)
        verb = "ingest" if is_entering else "remove"
        response = self._client.request(
            "POST",
            f"/v1/audienceMembers:{verb}",
            body={
                **self._common,
                **(self._terms if is_entering else {}),
                "audienceMembers": found.members,
            },
        )
        job = text(json_object(response).get("requestId"))
        if job is None:
            raise response.undocumented()
        return BatchResult(found.rejected, job=job)

    def poll(self, job: str, batch: Batch) -> BatchResult | None:
        """What became of a request that was taken on."""
        response = self._client.request(
            "GET",
            "/v1/requestStatus:retrieve",
            query={"requestId": job},
            group=_READS,
            accepts=frozenset({404}),
        )
        if response.status == 404:
            raise JobLostError(
                "Google does not know a request that it had taken on.", is_in_doubt=True
            )
        return read_status(response, read_members(batch.rows))


def _check_settings(settings: Settings) -> None:
    if settings.get("terms_of_service", "").lower() != "accepted":
        raise SyncConfigurationError(
            "Google takes Customer Match data only from those who accepted its terms. "
            "Read them, then write `terms_of_service: accepted` into the sync's settings."
        )
    _, unclear = consent_of(settings)
    if unclear is not None:
        raise SyncConfigurationError(
            f"The setting '{unclear}' says neither granted nor denied. Give one of them, "
            "or leave it out and map the consent of each person."
        )


@contextlib.contextmanager
def _open(opening: Opening) -> Iterator[Destination]:
    _check_settings(opening.settings)
    with HttpClient(
        opening.plain("url"),
        auth_of(opening),
        opening.http,
        read=error_reader(opening.http.now),
    ) as client:
        yield GoogleDataManagerDestination(
            client, opening.object, account_of(opening), opening.settings
        )


DESTINATION = DestinationType(
    name="google_data_manager",
    label="Google Customer Match",
    objects=OBJECTS,
    credentials=(
        Credential(
            "url",
            "address of the API",
            is_secret=False,
            default="https://datamanager.googleapis.com",
        ),
        Credential(
            "service_account",
            "JSON of a service account's key, its content",
            default="",
        ),
        Credential(
            "token", "OAuth token, where there is no service account", default=""
        ),
        Credential(
            "token_url",
            "where the service account gets tokens, if not where its key says",
            is_secret=False,
            default="",
        ),
        Credential("customer_id", "account that has the audience", is_secret=False),
        Credential(
            "login_customer_id",
            "manager account that the token belongs to",
            is_secret=False,
            default="",
        ),
    ),
    open=_open,
    limits=(
        RateLimit(300, 60),
        RateLimit(100_000, 86_400, kind=LimitKind.DAILY),
        RateLimit(300, 60, group=_READS),
        RateLimit(100_000, 86_400, group=_READS, kind=LimitKind.DAILY),
    ),
)
