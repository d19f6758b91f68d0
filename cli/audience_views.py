"""What `kenning audiences preview`, `list`, `overlap` and `diff` print. Pure: results in, text out.

Shares are written with one decimal in text, and from 0 to 1 in JSON.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from datetime import datetime

from audiences.differences import Difference
from audiences.listing import Listed
from audiences.overlap import Overlaps
from audiences.preview import Change, FunnelStep, Overlap, Preview, Reach

_NO_GROUP = "(no group)"
_SHARE_DECIMALS = 4


def preview_text(preview: Preview) -> str:
    """An audience as it would be if it were built now."""
    heading = (
        f"{preview.name} ({preview.entity}, {preview.purpose}), as of "
        f"{_minute(preview.as_of)} UTC"
    )
    members = (
        f"  {preview.member_count:,} of {preview.base_count:,} {preview.entity}s, "
        f"{_percent(preview.share_of_base)}"
    )
    size = [members]
    if set(preview.sizes) - {None}:
        size += _lines(
            [
                [group or _NO_GROUP, f"{count:,}"]
                for group, count in preview.sizes.items()
            ]
        )
    sections = [
        "\n".join([heading, *size]),
        _section("What is asked", _funnel_rows(preview.base_count, preview.funnel)),
        _section("Shared with", _overlap_rows(preview.overlaps)),
        _change_text(preview.change),
        _section(
            "May be reached",
            _reach_rows(preview.reach, preview.member_count),
            left=(0, 1),
        ),
        _examples("Members, masked", preview.examples),
    ]
    return "\n\n".join(section for section in sections if section)


def preview_json(preview: Preview) -> str:
    """The same as one JSON object: shares from 0 to 1, times in UTC."""
    content = _plain(preview)
    content["share_of_base"] = round(preview.share_of_base, _SHARE_DECIMALS)
    return _json(content)


def listing_text(audiences: Sequence[Listed]) -> str:
    """A line for each audience."""
    if not audiences:
        return "There is no audience. Write one in audiences/definitions/."
    rows = [["name", "entity", "members", "entered", "left", "day", "purpose", "owner"]]
    for each in audiences:
        recorded = each.recorded
        figures = (
            [
                f"{recorded.member_count:,}",
                _signed("+", recorded.entered_count),
                _signed("-", recorded.exited_count),
                f"{recorded.recorded_at:%Y-%m-%d}",
            ]
            if recorded
            else ["not built", "", "", ""]
        )
        about = [each.purpose or "", each.owner or "(dbt model)"]
        rows.append([each.name, each.entity, *figures, *about])
    return "\n".join(_table(rows, left=(0, 1, 5, 6, 7)))


def listing_json(audiences: Sequence[Listed]) -> str:
    """The same as one JSON object."""
    return _json({"audiences": [_plain(each) for each in audiences]})


def overlaps_text(overlaps: Sequence[Overlaps]) -> str:
    """A table for each entity: members that two audiences share, and how much of the row's."""
    if not overlaps:
        return "No audience was built. Build them with `kenning build`."
    return "\n\n".join(_overlaps_table(each) for each in overlaps)


def overlaps_json(overlaps: Sequence[Overlaps]) -> str:
    """Every pair that shares members, as one JSON object; shares are of the one named first."""
    return _json(
        {
            "entities": [
                {
                    "entity": each.entity,
                    "sizes": dict(each.sizes),
                    "pairs": [
                        {
                            "audience": name,
                            "other": other,
                            "both_count": count,
                            "share": round(each.share(name, other), _SHARE_DECIMALS),
                            "share_of_other": round(
                                each.share(other, name), _SHARE_DECIMALS
                            ),
                        }
                        for (name, other), count in sorted(each.both.items())
                    ],
                }
                for each in overlaps
            ]
        }
    )


def difference_text(difference: Difference) -> str:
    """Whom a definition adds to an audience and removes from it."""
    lines = [
        f"{difference.name}, as of {_minute(difference.as_of)} UTC",
        f"  {_sizes_text(difference)}",
        f"  {difference.added_count:,} added, {difference.removed_count:,} removed",
        f"  {_version_text(difference)}",
    ]
    sections = [
        "\n".join(lines),
        _examples("Added, masked", difference.added),
        _examples("Removed, masked", difference.removed),
    ]
    return "\n\n".join(section for section in sections if section)


def difference_json(difference: Difference) -> str:
    """The same as one JSON object."""
    return _json(_plain(difference))


def _sizes_text(difference: Difference) -> str:
    return (
        f"{difference.before_count:,} members now, {difference.after_count:,} with this "
        f"definition"
    )


def _version_text(difference: Difference) -> str:
    if difference.built_at is None:
        return "It has no members yet."
    built = f"built at {_minute(difference.built_at)}"
    if difference.version == difference.built_version:
        return (
            f"The definition is the one that was {built}: the audience itself changed"
            if difference.added_count or difference.removed_count
            else f"The definition is the one that was {built}"
        )
    return f"Version {difference.version}; members were {built} by {difference.built_version}"


def _funnel_rows(base: int, funnel: Sequence[FunnelStep]) -> list[list[str]]:
    rows = [["", "removed", "left", "holds for"], ["everybody", "", f"{base:,}", ""]]
    rows += [
        [
            step.label,
            _signed("-", step.removed_count),
            f"{step.left_count:,}",
            "" if step.alone_count is None else f"{step.alone_count:,}",
        ]
        for step in funnel
    ]
    return rows


def _overlap_rows(overlaps: Sequence[Overlap]) -> list[list[str]]:
    if not overlaps:
        return []
    rows = [["", "members", "in both", "of this one", "of that one"]]
    rows += [
        [
            each.name,
            f"{each.member_count:,}",
            f"{each.both_count:,}",
            _percent(each.share_of_this),
            _percent(each.share_of_other),
        ]
        for each in overlaps
    ]
    return rows


def _change_text(change: Change | None) -> str:
    if change is None:
        return "Since the day before\n  Nothing was recorded then."
    text = (
        f"Since {_minute(change.since)} UTC\n"
        f"  {change.member_count:,} then, {change.entered_count:,} entered, "
        f"{change.exited_count:,} left"
    )
    if change.is_same_definition:
        return text
    return f"{text}\n  Another definition held then."


def _reach_rows(reach: Sequence[Reach] | None, members: int) -> list[list[str]]:
    if not reach:
        return []
    rows = [["", "", "consent", "with address", ""]]
    rows += [
        [
            each.purpose,
            each.channel,
            f"{each.consented_count:,}",
            "" if each.addressed_count is None else f"{each.addressed_count:,}",
            _percent(_reached(each) / members if members else 0)
            + (" (its purpose)" if each.is_own_purpose else ""),
        ]
        for each in reach
    ]
    return rows


def _reached(reach: Reach) -> int:
    if reach.addressed_count is None:
        return reach.consented_count
    return reach.addressed_count


def _examples(heading: str, examples: Sequence[Mapping[str, str]]) -> str:
    if not examples:
        return ""
    columns = list(examples[0])
    rows = [columns, *[[each[column] for column in columns] for each in examples]]
    return _section(heading, rows, left=range(len(columns)))


def _overlaps_table(overlaps: Overlaps) -> str:
    names = list(overlaps.sizes)
    rows = [[f"{overlaps.entity}s", *(str(place + 1) for place in range(len(names)))]]
    for place, name in enumerate(names):
        rows.append(
            [
                f"{place + 1} {name}",
                *(
                    f"{overlaps.both_count(name, other):,} "
                    f"({_percent(overlaps.share(name, other))})"
                    for other in names
                ),
            ]
        )
    return "\n".join(_table(rows))


def _section(
    heading: str, rows: Sequence[Sequence[str]], *, left: Sequence[int] = (0,)
) -> str:
    if not rows:
        return ""
    return "\n".join([heading, *_lines(rows, left=left)])


def _lines(rows: Sequence[Sequence[str]], *, left: Sequence[int] = (0,)) -> list[str]:
    return [f"  {line}" for line in _table(rows, left=left)]


def _table(rows: Sequence[Sequence[str]], *, left: Sequence[int] = (0,)) -> list[str]:
    """Rows as lines; the columns of `left` flush left, the others right."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if place in left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _signed(sign: str, count: int) -> str:
    return f"{sign}{count:,}" if count else "0"


def _percent(share: float) -> str:
    return f"{share * 100:.1f} %"


def _minute(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M}"


def _plain(result: Preview | Listed | Difference) -> dict[str, object]:
    return dataclasses.asdict(result)


def _json(content: Mapping[str, object]) -> str:
    return json.dumps(
        _named_groups(content), indent=2, ensure_ascii=False, default=_text
    )


def _named_groups(content: Mapping[str, object]) -> Mapping[str, object]:
    """Sizes by group as JSON has them: only where there are groups."""
    sizes = content.get("sizes")
    if not isinstance(sizes, dict):
        return content
    groups = {(name or _NO_GROUP): count for name, count in sizes.items()}
    return {
        **{key: value for key, value in content.items() if key != "sizes"},
        "split_groups": {} if set(sizes) <= {None} else groups,
    }


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value.isoformat()}Z"
    return str(value)
