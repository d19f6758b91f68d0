"""What Mailchimp's answers mean: contacts that it refused, and why. Pure.

The reasons are sentences, of which only the fixed part is looked for.
"""

from collections.abc import Mapping, Sequence

from reverse_etl.destinations.json_answers import (
    first_object,
    json_object,
    text,
)
from reverse_etl.destinations.mailchimp_rows import EMAIL, folded
from reverse_etl.destinations.protocol import Record, RejectedRow
from reverse_etl.errors import ErrorClass, FatalDeliveryError
from reverse_etl.transport import Reading, Response, Throttled
from warehouse.manifest import Json

ARCHIVED = "archived"

# Error titles and the fixed part of its sentences, in the order in which they are looked for.
_ERROR_CLASSES: Sequence[tuple[str, str, ErrorClass]] = (
    ("compliance state", "compliance_state", ErrorClass.SUPPRESSED),
    ("permanently deleted", "permanently_deleted", ErrorClass.SUPPRESSED),
    ("forgotten email", "permanently_deleted", ErrorClass.SUPPRESSED),
    ("already a list member", "member_exists", ErrorClass.CONFLICT),
    ("member exists", "member_exists", ErrorClass.CONFLICT),
    ("duplicate", "duplicate", ErrorClass.CONFLICT),
    ("fake or invalid", "invalid_email", ErrorClass.INVALID_KEY),
    ("valid email", "invalid_email", ErrorClass.INVALID_KEY),
    ("merge field", "invalid_merge_field", ErrorClass.INVALID_FIELD),
)
_CODES = {
    "ERROR_CONTACT_EXISTS": ErrorClass.CONFLICT,
    "ERROR_GENERIC": ErrorClass.OTHER,
}


def read_written(
    response: Response, sent: Sequence[tuple[int, Record]], status: str
) -> list[RejectedRow]:
    """Rows that were refused of those that were sent together.

    Args:
        response: The answer.
        sent: Records with their places in the batch.
        status: What contacts that are new should be.

    Raises:
        FatalDeliveryError: It does not account for every row, or new contacts have
            another status.
    """
    body = json_object(response)
    created, updated, errors = (
        body.get(name) for name in ("new_members", "updated_members", "errors")
    )
    if (
        not isinstance(created, list)
        or not isinstance(updated, list)
        or not isinstance(errors, list)
        or len(created) + len(updated) + len(errors) != len(sent)
    ):
        raise response.undocumented()
    for member in created:
        if not isinstance(member, dict) or member.get("status") != status:
            raise FatalDeliveryError(
                "Mailchimp gave new contacts another status than the sync asks for. The "
                "sync stopped, because a status is a consent. Check the audience's "
                "settings, and the contacts that were added last.",
                is_in_doubt=True,
                error_class=ErrorClass.CONFIG,
            )
    positions: dict[str, list[int]] = {}
    for position, record in sent:
        positions.setdefault(folded(record.match[EMAIL]), []).append(position)
    rejected = []
    for error in errors:
        position = _taken(error, positions, response)
        rejected.append(rejected_row(position, error, ("error", "field_message")))
    for member in updated:
        # Writing to an archived contact does not bring it back into the audience.
        if isinstance(member, dict) and member.get("status") == ARCHIVED:
            position = _taken(member, positions, response)
            rejected.append(RejectedRow(position, ErrorClass.SUPPRESSED, ARCHIVED))
    return rejected


def _taken(
    element: Json, positions: Mapping[str, list[int]], response: Response
) -> int:
    """The place of the row that an element of an answer is about, by its address.

    Of an address that is there twice the first one counts, so that the last is refused.
    """
    email = element.get(EMAIL) if isinstance(element, dict) else None
    left = positions.get(folded(email))
    if not left:
        raise response.undocumented()
    return left.pop()


def rejected_row(position: int, error: Json, texts: Sequence[str]) -> RejectedRow:
    """A refused row, from an error with sentences under the names in `texts`.

    Mailchimp tells the reason in sentences, which may quote the address: they are looked
    at, and not kept.
    """
    error = error if isinstance(error, dict) else {}
    said = " ".join(str(error.get(name) or "") for name in texts).lower()
    code = error.get("error_code")
    field = error.get("field")
    error_class = _CODES.get(str(code), ErrorClass.OTHER)
    shown = str(code) if code in _CODES else None
    for phrase, name, known in _ERROR_CLASSES:
        if phrase in said:
            error_class, shown = known, name
            break
    if error_class is ErrorClass.OTHER and (field or error.get("errors")):
        error_class = ErrorClass.INVALID_FIELD
    return RejectedRow(
        position,
        error_class,
        shown or _shown_code(code),
        text(field) or _first_field(error),
    )


def _shown_code(code: Json) -> str | None:
    is_code = isinstance(code, str) and code.replace("_", "").isalnum()
    return code if is_code and isinstance(code, str) else None


def _first_field(error: dict[str, Json]) -> str | None:
    return text((first_object(error.get("errors")) or {}).get("field"))


def read(response: Response) -> Reading | None:
    """What an answer means: above its limit, a page comes instead of a problem."""
    if response.status == 403 and not response.content.lstrip().startswith(b"{"):
        return Throttled()
    return None
