"""What messages to Slack say: one for a row, or a digest of a whole run. Pure.

Values are shown as they are: nobody's name can link, or call somebody.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from reverse_etl.destinations.placeholders import (
    Found,
    Lookup,
    Missing,
    Template,
    as_text,
    at_name,
    parse_template,
)
from reverse_etl.destinations.protocol import Record
from reverse_etl.destinations.slack_wording import Wording
from reverse_etl.modes import Op
from warehouse.manifest import Json

MAX_DIGEST_TEXT = 3_500
"""A digest ends before Slack folds it."""

_MAX_LINE = 400
_DEFAULT_TEXT = "*{sync}*: {added} new, {changed} changed, {removed} left"


def digest(sync: str, records: Iterable[Record], wording: Wording) -> str | None:
    """What one run changed, in a few lines; None when it changed nothing.

    Reads the records once, and keeps no more of them than it shows.
    """
    counts: Counter[Op] = Counter()
    lines: list[str] = []
    shown = 0
    length = 0
    for record in records:
        counts[record.op] += 1
        if record.op is Op.REMOVE or shown >= wording.max_rows:
            continue
        line = _filled(wording.row, record)[:_MAX_LINE]
        if line.strip() and length + len(line) <= MAX_DIGEST_TEXT:
            lines.append(f"• {line}")
            shown += 1
            length += len(line)
    if not counts:
        return None
    head = (wording.text or parse_template(_DEFAULT_TEXT)).text(
        _count_scope(sync, counts), escaped
    )
    left_out = counts[Op.ADD] + counts[Op.CHANGE] - shown
    if lines and left_out:
        lines.append(f"… and {left_out:,} more")
    return "\n".join(["" if isinstance(head, Missing) else head, *lines])


def message_text(record: Record, wording: Wording) -> str:
    """The message of one row."""
    return _filled(wording.text, record)


def escaped(value: str) -> str:
    """A value that Slack shows as it is: it can neither link nor call anybody."""
    return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _filled(template: Template | None, record: Record) -> str:
    if template is None:
        return escaped(as_text(record.fields.get("text")))
    text = template.text(_field_scope(record), escaped)
    return "" if isinstance(text, Missing) else text


def _field_scope(record: Record) -> Lookup:
    def look_up(name: str) -> Found:
        if name == "key":
            return record.key
        found = at_name(record.fields, name)
        # A field that is not known leaves a gap, and not the whole message out.
        return None if isinstance(found, Missing) else found

    return look_up


def _count_scope(sync: str, counts: Mapping[Op, int]) -> Lookup:
    values: Mapping[str, Json] = {
        "sync": sync,
        "added": counts[Op.ADD],
        "changed": counts[Op.CHANGE],
        "removed": counts[Op.REMOVE],
        "total": sum(counts.values()),
    }
    return values.get
