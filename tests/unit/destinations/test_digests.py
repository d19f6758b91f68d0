"""Nothing that an ad platform takes hashed leaves in clear, whatever the mapping forgot."""

import pytest

from reverse_etl.destinations import google_data_manager, linkedin, meta, tiktok
from reverse_etl.destinations.digests import NOT_HASHED, sendable
from reverse_etl.destinations.protocol import RejectedRow
from reverse_etl.errors import ErrorClass
from tests.unit.destinations.ad_platforms import (
    ADA,
    GRACE,
    Answers,
    batch,
    opened,
    record,
    said,
)

EMAIL = "ada@example.com"
SETTINGS = {
    "audience_id": "42",
    "segment_id": "42",
    "terms_of_service": "accepted",
    "id_type": "email",
}
CREDENTIALS = {"token": "t", "customer_id": "1", "advertiser_id": "1"}
HASHED = [
    (google_data_manager.DESTINATION, "audience_members", "email"),
    (google_data_manager.DESTINATION, "audience_members", "phone_3"),
    (google_data_manager.DESTINATION, "audience_members", "first_name"),
    *(
        (meta.DESTINATION, "audience_members", name)
        for name in meta.CAPABILITIES.match_fields
        if name not in ("device_id", "external_id")
    ),
    (linkedin.DESTINATION, "audience_members", "email"),
    *(
        (tiktok.DESTINATION, "audience_members", name)
        for name in ("email", "phone", "idfa", "aaid")
    ),
    (tiktok.DESTINATION, "audience_files", "email"),
]


@pytest.mark.parametrize(
    ("kind", "object_name", "name"),
    HASHED,
    ids=[f"{kind.name}-{object_name}-{name}" for kind, object_name, name in HASHED],
)
def test_an_identifier_in_clear_stays_here(kind, object_name, name):
    answers = Answers()
    with opened(
        kind, object_name, SETTINGS, answers.options, **CREDENTIALS
    ) as destination:
        result = destination.send(batch([record("a", {name: EMAIL})]))

    assert answers.requests == []
    assert result.rejected == (
        RejectedRow(0, ErrorClass.INVALID_KEY, code=NOT_HASHED, field=name),
    )


def test_the_others_of_the_batch_go_and_keep_their_places():
    answers = Answers(said({"elements": [{"status": 422}]}))
    people = [record("a", {"email": EMAIL}), record("b", {"email": GRACE})]
    with opened(
        linkedin.DESTINATION,
        "audience_members",
        SETTINGS,
        answers.options,
        **CREDENTIALS,
    ) as destination:
        result = destination.send(batch(people))

    assert [row.position for row in result.rejected] == [0, 1]
    assert EMAIL.encode() not in answers.requests[0].content


@pytest.mark.parametrize("value", [ADA.upper(), ADA[:-1], f"{ADA}0", f" {ADA}", EMAIL])
def test_a_digest_is_sixty_four_lower_case_hex_digits(value):
    found = sendable([record("a", {"email": value})], {"email"})

    assert found.records == []


def test_identifiers_that_go_in_clear_are_let_through():
    person = record("a", {"country": "NL", "email": "", "phone": ADA})

    assert sendable([person], {"email", "phone"}).records == [person]
