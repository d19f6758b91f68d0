"""What `kenning profile show` prints, as text and as JSON. Pure: a profile in, text out.

For the operator at the terminal: values are printed as they are.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal

from cli.profile import Match, Profile, Record
from warehouse.values import Value


def render(profile: Profile) -> str:
    """The profile as text for a terminal."""
    known = [
        (name.replace("_", " "), _text(value))
        for name, value in profile.fields.items()
        if value is not None and name != "customer_id"
    ]
    identifiers = [
        (identifier.type, f"{identifier.value}{' (shared)' * identifier.is_shared}")
        for identifier in profile.identifiers
    ]
    return "\n\n".join(
        part
        for part in (
            f"Customer {profile.customer_id}",
            _section("Profile", known),
            _section(f"Identifiers ({len(identifiers):,})", identifiers),
            *[
                _section(title, [line(row) for row in profile.sections.get(name, ())])
                for name, (title, line) in _LINES.items()
            ],
        )
        if part
    )


def render_matches(matches: Sequence[Match]) -> str:
    """Several customers that one identifier may mean, a line each."""
    lines = [
        (
            match.customer_id,
            "  ".join(
                part
                for part in (
                    match.name,
                    match.city,
                    f"(by {', '.join(match.matched_by)})",
                )
                if part
            ),
        )
        for match in matches
    ]
    return (
        _section(f"{len(matches):,} customers have this identifier", lines)
        + "\n\nShow one of them by the customer id."
    )


def as_json(matches: Sequence[Match], profile: Profile | None) -> str:
    """The same as one JSON object.

    `matches` are the customers found, `customer` is the profile of the one, null where there are
    several. Times are UTC, in ISO 8601; amounts are numbers.
    """
    return json.dumps(
        {
            "matches": [
                {
                    "customer_id": match.customer_id,
                    "matched_by": list(match.matched_by),
                }
                for match in matches
            ],
            "customer": None if profile is None else _customer(profile),
        },
        indent=2,
        ensure_ascii=False,
        default=_plain,
    )


def _customer(profile: Profile) -> Mapping[str, object]:
    return {
        "customer_id": profile.customer_id,
        "profile": dict(profile.fields),
        "identifiers": [
            {
                "type": identifier.type,
                "value": identifier.value,
                "is_shared": identifier.is_shared,
            }
            for identifier in profile.identifiers
        ],
        **{
            name: [dict(row) for row in rows] for name, rows in profile.sections.items()
        },
    }


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime):
        return f"{value.isoformat()}Z"
    if isinstance(value, date):
        return value.isoformat()
    return str(value)


def _consent(row: Record) -> tuple[str, str]:
    since = row.get("recorded_at")
    return (
        " by ".join(_parts(row, "purpose", "channel")),
        "  ".join(
            [
                *_parts(row, "status", "legal_basis", "consent_source"),
                *([f"since {_text(since)}"] if since is not None else []),
            ]
        ),
    )


def _order(row: Record) -> tuple[str, str]:
    return _line(
        row,
        "ordered_at",
        *_parts(row, "order_id", "channel"),
        _money(row, "total_amount"),
        "cancelled" if row.get("is_cancelled") else "",
        "refunded" if row.get("is_refunded") else "",
    )


def _ticket(row: Record) -> tuple[str, str]:
    return _line(
        row,
        "created_at",
        *_parts(row, "ticket_id", "status", "subject", "sentiment_label"),
    )


def _session(row: Record) -> tuple[str, str]:
    pages = row.get("page_view_count")
    return _line(
        row,
        "started_at",
        *_parts(
            row, "channel_group", "traffic_source", "utm_campaign", "landing_page_path"
        ),
        f"{_text(pages)} pages" if pages is not None else "",
    )


def _event(row: Record) -> tuple[str, str]:
    source = row.get("source_name")
    return _line(
        row,
        "occurred_at",
        str(row["event_name"]).replace("_", " "),
        *_parts(row, "subject"),
        _money(row, "amount"),
        f"({_text(source)})" if source else "",
    )


_LINES: Mapping[str, tuple[str, Callable[[Record], tuple[str, str]]]] = {
    "consents": ("Consents", _consent),
    "orders": ("Latest orders", _order),
    "tickets": ("Latest tickets", _ticket),
    "sessions": ("Latest sessions", _session),
    "events": ("Latest events", _event),
}


def _line(row: Record, time: str, *parts: str) -> tuple[str, str]:
    return _text(row[time]), "  ".join(part for part in parts if part)


def _parts(row: Record, *names: str) -> list[str]:
    return [_text(row[name]) for name in names if row.get(name) is not None]


def _money(row: Record, name: str) -> str:
    if row.get(name) is None:
        return ""
    return f"{_text(row[name])} {_text(row.get('currency') or '')}".strip()


def _section(title: str, lines: Sequence[tuple[str, str]]) -> str:
    if not lines:
        return ""
    width = max(len(name) for name, _ in lines)
    return "\n".join(
        [title, *[f"  {name:<{width}}  {text}".rstrip() for name, text in lines]]
    )


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    if isinstance(value, date):
        return value.isoformat()
    return str(value)
