"""Zendesk Support: users a hundred at a time in jobs, organizations one at a time.

`users/create_or_update_many` and its like answer with a job, whose results come with
`job_statuses/{id}`. Credentials: an API token with the address of its agent, or an OAuth
access token.
"""

import contextlib
from collections.abc import Iterator

from reverse_etl.destinations.basic_auth import basic_auth
from reverse_etl.destinations.protocol import (
    Credential,
    Destination,
    DestinationType,
    Opening,
    RateLimit,
)
from reverse_etl.destinations.zendesk_answers import read_feedback
from reverse_etl.destinations.zendesk_erasures import ERASE_GROUP
from reverse_etl.destinations.zendesk_objects import ORGANIZATIONS, USERS
from reverse_etl.destinations.zendesk_organizations import ZendeskOrganizations
from reverse_etl.destinations.zendesk_users import ZendeskUsers
from reverse_etl.transport import Auth, HttpClient, Secret, TokenAuth


def _auth(email: str, token: Secret) -> Auth:
    if not email:
        return TokenAuth(token)
    return basic_auth(f"{email}/token", token)


@contextlib.contextmanager
def _open(opening: Opening) -> Iterator[Destination]:
    with HttpClient(
        opening.plain("url"),
        _auth(opening.plain("email"), opening.credentials["token"]),
        opening.http,
        read_feedback=read_feedback,
    ) as client:
        if opening.object == "organizations":
            yield ZendeskOrganizations(client)
        else:
            yield ZendeskUsers(client)


DESTINATION = DestinationType(
    name="zendesk",
    label="Zendesk",
    objects={"users": USERS, "organizations": ORGANIZATIONS},
    credentials=(
        Credential("url", "address, like https://example.zendesk.com", is_secret=False),
        Credential("token", "API token, or OAuth access token"),
        Credential(
            "email",
            "address of the agent whose API token it is; empty for an OAuth token",
            is_secret=False,
            default="",
        ),
    ),
    open=_open,
    # What the smallest plan has; larger ones have up to 2,500 a minute.
    limits=(RateLimit(200, 60.0), RateLimit(700, 600.0, group=ERASE_GROUP)),
)
