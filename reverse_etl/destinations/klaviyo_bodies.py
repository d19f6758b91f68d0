"""What Klaviyo is told: profiles to import, people to forget. Pure."""

from reverse_etl.destinations.mapping_refusals import writes_consent
from reverse_etl.destinations.protocol import Record
from reverse_etl.destinations.request_bodies import too_large
from reverse_etl.transport import json_bytes
from warehouse.manifest import Json

MEDIA_TYPE = "application/vnd.api+json"
MAX_BYTES = 5_000_000
MAX_PROFILE_BYTES = 100_000


def profile(record: Record, profile_id: str | None) -> Json:
    """One person, found by the identifiers, or by Klaviyo's id where it is given.

    Raises:
        FatalDeliveryError: The mapping writes a consent.
    """
    properties = record.fields.get("properties")
    consent = "subscriptions" if "subscriptions" in record.fields else None
    if isinstance(properties, dict) and "$consent" in properties:
        consent = "properties.$consent"
    if consent is not None:
        raise writes_consent(consent, "a consent")
    person: dict[str, Json] = {
        "type": "profile",
        "attributes": {**record.fields, **record.match},
    }
    return person if profile_id is None else {**person, "id": profile_id}


def import_content(profiles: list[Json]) -> bytes:
    """The body that starts an import.

    Raises:
        BatchRefusedError: It is larger than Klaviyo takes, or one profile is.
    """
    content = json_bytes(
        {
            "data": {
                "type": "profile-bulk-import-job",
                "attributes": {"profiles": {"data": profiles}},
            }
        }
    )
    if len(content) > MAX_BYTES or any(
        len(json_bytes(each)) > MAX_PROFILE_BYTES for each in profiles
    ):
        raise too_large(
            f"An import of {len(profiles):,} profiles to Klaviyo",
            f"{MAX_BYTES:,} bytes, or one of them is larger than {MAX_PROFILE_BYTES:,}",
        )
    return content


def deletion(person: dict[str, Json]) -> Json:
    """The body that asks to forget a person, given as a profile says who it is."""
    return {
        "data": {
            "type": "data-privacy-deletion-job",
            "attributes": {"profile": {"data": {"type": "profile", **person}}},
        }
    }
