"""The demo's report as text, and what changed since the report before.

Pure: numbers in, text out.
"""

from collections.abc import Mapping, Sequence

from orchestration.demo_report import DemoReport, SyncLine

_LABEL_WIDTH = 30


def render_report(
    report: DemoReport, previous: DemoReport | None, next_steps: Sequence[str]
) -> str:
    """The whole report.

    Args:
        report: This run.
        previous: The run before on the same warehouse, if there was one.
        next_steps: Where to look next, a line each.
    """
    sections = [
        f"Nordvik: {report.people:,} people, seed {report.seed}, as of {report.as_of}",
        _section(
            f"Raw tables: {sum(report.landed.values()):,} rows",
            [(source, f"{count:>12,}") for source, count in report.landed.items()],
        ),
        _section("Identity", _identity_lines(report)),
        _section(
            "Audiences",
            [(name, f"{size:>12,}") for name, size in report.audiences.items()],
        ),
        _section("Sent", _sync_lines(report.syncs)),
        _section(
            "Checks",
            [
                ("passed", f"{report.checks_passed:>12,}"),
                ("failed", f"{report.checks_failed:>12,}"),
                ("warned", f"{report.checks_warned:>12,}"),
            ],
        ),
        _section(
            "Seconds",
            [(stage, f"{value:>12.1f}") for stage, value in report.seconds.items()],
        ),
        "\n".join(["Since the run before", *_change_lines(report, previous)])
        if previous and _is_same_world(report, previous)
        else "",
        "\n".join(["Next", *[f"  {line}" for line in next_steps]]),
    ]
    return "\n\n".join(section for section in sections if section)


def _is_same_world(report: DemoReport, previous: DemoReport) -> bool:
    return _world(report) == _world(previous)


def _world(report: DemoReport) -> tuple[int, int, str]:
    return report.people, report.seed, report.as_of


def _identity_lines(report: DemoReport) -> list[tuple[str, str]]:
    return [
        ("identifiers", f"{report.identifiers:>12,}"),
        ("customers", f"{report.customers:>12,}"),
        ("people behind them, in truth", f"{report.scored_people:>12,}"),
        ("customers made of these", f"{report.scored_customers:>12,}"),
        ("pairwise precision", f"{report.precision:>12.4f}"),
        ("pairwise recall", f"{report.recall:>12.4f}"),
        ("raw values not readable", f"{report.unreadable_values:>12,}"),
    ]


def _sync_lines(syncs: Mapping[str, SyncLine]) -> list[tuple[str, str]]:
    return [
        (
            name,
            (
                f"{line.added:,} added, {line.changed:,} changed, {line.removed:,} removed, "
                f"{line.unchanged:,} left alone"
                f"{f', {line.rejected:,} rejected' if line.rejected else ''}; "
                f"{line.destination} holds {line.held_at_destination:,}"
            ),
        )
        for name, line in syncs.items()
    ]


def _change_lines(report: DemoReport, previous: DemoReport) -> list[str]:
    changes = [
        f"  {name:<{_LABEL_WIDTH}}{after - before:>+12,}"
        for name, before, after in _compared(report, previous)
        if after != before
    ]
    sent_count = sum(line.sent for line in report.syncs.values())
    unchanged_count = sum(line.unchanged for line in report.syncs.values())
    rows = (
        "1 row left because it"
        if sent_count == 1
        else f"{sent_count:,} rows left because they"
    )
    same = "  The raw tables, the customers and the audiences are the same."
    return [
        *(changes or [same]),
        f"  {rows} changed; {unchanged_count:,} that did not were left alone.",
    ]


def _compared(report: DemoReport, previous: DemoReport) -> list[tuple[str, int, int]]:
    """Name, count then, count now."""
    return [
        *_paired("raw rows", previous.landed, report.landed),
        ("identifiers", previous.identifiers, report.identifiers),
        ("customers", previous.customers, report.customers),
        *_paired("members", previous.audiences, report.audiences),
    ]


def _paired(
    what: str, before: Mapping[str, int], after: Mapping[str, int]
) -> list[tuple[str, int, int]]:
    names = dict.fromkeys([*after, *before])
    return [
        (f"{what}, {name}", before.get(name, 0), after.get(name, 0)) for name in names
    ]


def _section(title: str, lines: Sequence[tuple[str, str]]) -> str:
    if not lines:
        return ""
    return "\n".join(
        [title, *[f"  {name:<{_LABEL_WIDTH}}{text}" for name, text in lines]]
    )
