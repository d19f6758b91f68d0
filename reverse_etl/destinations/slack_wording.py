"""What a sync's settings say about the wording of messages to Slack."""

from dataclasses import dataclass

from reverse_etl.destinations.placeholders import Template, parse_template
from reverse_etl.destinations.protocol import Settings
from reverse_etl.errors import SyncConfigurationError

DIGEST = "digest"
_MOST_ROWS = 50
_DEFAULT_ROWS = 20


@dataclass(frozen=True, slots=True)
class Wording:
    """What messages say, read from a sync's settings.

    Attributes:
        channel: Id or name of the channel; None where each row names its own.
        text: The message, or a digest's first line; None takes the field `text`.
        row: A digest's line for each row; None takes the field `text`.
        max_rows: Most lines of a digest.
    """

    channel: str | None
    text: Template | None
    row: Template | None
    max_rows: int


def read_wording(object_name: str, settings: Settings) -> Wording:
    """The wording that a sync's settings ask for.

    Raises:
        SyncConfigurationError: They cannot be meant so.
    """
    rows = settings.get("max_rows", str(_DEFAULT_ROWS))
    if not (rows.isascii() and rows.isdecimal() and int(rows) <= _MOST_ROWS):
        raise SyncConfigurationError(
            f"settings.max_rows of slack is a number from 0 to {_MOST_ROWS}."
        )
    text = _template(settings, "text")
    if object_name == DIGEST and text is not None:
        known = ("sync", "added", "changed", "removed", "total")
        unknown = [name for name in text.names if name not in known]
        if unknown:
            raise SyncConfigurationError(
                f"settings.text of a slack digest has {{{unknown[0]}}}. It is about the "
                f"whole run: {', '.join(known)}. Fields of rows go into settings.row."
            )
    return Wording(
        channel=settings.get("channel"),
        text=text,
        row=_template(settings, "row"),
        max_rows=int(rows),
    )


def _template(settings: Settings, name: str) -> Template | None:
    if name not in settings:
        return None
    try:
        return parse_template(settings[name])
    except ValueError as error:
        raise SyncConfigurationError(f"settings.{name} of slack: {error}") from None
