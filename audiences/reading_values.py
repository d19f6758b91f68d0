"""Values of a definition: numbers, texts, instants and days, each as its column needs it.

A day or a wall-clock time means what it means in the definition's time zone; past here
everything is UTC.
"""

import contextlib
import re
from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo, available_timezones

import yaml

from audiences.conditions import Ago, Between, ColumnOperand, Literal, Operand
from audiences.contracts import Column, Columns, ColumnType
from audiences.literals import HOURS_A_DAY
from audiences.nodes import NUMBER, Nodes, listed, shown, suggested

MAX_DAYS = 36_500
MAX_HOURS = MAX_DAYS * HOURS_A_DAY

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,9})?\Z")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_MOMENTS = {"days_ago": HOURS_A_DAY, "hours_ago": 1, "days_ahead": -HOURS_A_DAY}
_TEMPORAL = (ColumnType.TIMESTAMP, ColumnType.DATE)


class Values:
    """Reads values of one file.

    Args:
        nodes: The file.
        time_zone: What days and wall-clock times are meant in, an IANA name.
    """

    def __init__(self, nodes: Nodes, time_zone: str) -> None:
        self._nodes = nodes
        self.time_zone = time_zone

    def operand(
        self, node: yaml.Node, name: str, column: Column, columns: Columns
    ) -> Operand:
        """A value, an instant in relation to as_of, or another column of the same kind."""
        if not isinstance(node, yaml.MappingNode):
            return self.literal(node, name, column)
        entries = self._nodes.mapping(node, "an operand")
        if "column" in entries and len(entries) == 1:
            return self._other_column(entries["column"], name, column, columns)
        return self._moment(node, name, column, ("column",))

    def bound(self, node: yaml.Node, name: str, column: Column) -> Literal | Ago:
        """A value, or an instant in relation to as_of."""
        if not isinstance(node, yaml.MappingNode):
            return self.literal(node, name, column)
        return self._moment(node, name, column, ())

    def between(self, node: yaml.Node, name: str, column: Column) -> Between:
        """A list of two values, both included; a day at the end of a time, to its end."""
        ends = self._nodes.items(node, "between")
        if len(ends) != 2:
            self._nodes.fail(node, "between takes a list of two values, as [1, 5].")
        low, high = (self.bound(end, name, column) for end in ends)
        with_high = True
        if isinstance(high, datetime) and _is_day(ends[1]):
            high, with_high = self._local(self._day(ends[1]) + timedelta(days=1)), False
        if self._is_reversed(low, high):
            self._nodes.fail(node, "between goes from a higher value to a lower one.")
        return Between(name, low, high, with_high)

    def literal(self, node: yaml.Node, name: str, column: Column) -> Literal:
        """A value as a column of its kind holds it."""
        match column.type:
            case ColumnType.NUMBER:
                return self.number(node, name)
            case ColumnType.TIMESTAMP:
                return self.instant(node, name)
            case ColumnType.DATE:
                return self._date(node, name)
        text = self._nodes.text(node)
        if column.values is not None and text not in column.values:
            self._nodes.fail(node, f"{name} is never {suggested(text, column.values)}")
        return text

    def number(self, node: yaml.Node, name: str) -> Decimal:
        """A number, exactly as written."""
        kind, text = self._nodes.scalar(node)
        if kind != NUMBER or not _NUMBER.match(text):
            self._nodes.fail(
                node,
                f"{name} holds numbers, and {shown(text)} is none. Write digits "
                f"without quotes, with a point before decimals: 300 or 299.95.",
            )
        return Decimal(text)

    def instant(self, node: yaml.Node, name: str) -> datetime:
        """An instant, UTC. Without a zone it is a wall-clock time of the definition's zone."""
        _, text = self._nodes.scalar(node)
        try:
            instant = datetime.fromisoformat(text)
            if instant.tzinfo is None:
                return self._local(instant)
            return instant.astimezone(UTC).replace(tzinfo=None)
        except (ValueError, OverflowError):
            self._nodes.fail(
                node,
                f"{name} holds timestamps, and {shown(text)} is none. Write 2026-06-30, "
                f"2026-06-30T12:00:00 ({self.time_zone}) or {{days_ago: 30}}.",
            )

    def day_end(self, node: yaml.Node, name: str) -> datetime:
        """The instant after which a time is over: the end of a day, or the instant written."""
        instant = self.instant(node, name)
        if not _is_day(node):
            return instant
        return self._local(self._day(node) + timedelta(days=1))

    def days(self, node: yaml.Node, least: int = 1) -> int:
        """A number of days, as hours."""
        days = self._nodes.whole_number(node, "number of days", least, MAX_DAYS)
        return days * HOURS_A_DAY

    def hours(self, node: yaml.Node, least: int = 1) -> int:
        """A number of hours."""
        return self._nodes.whole_number(node, "number of hours", least, MAX_HOURS)

    def zone(self, node: yaml.Node) -> str:
        """The name of a time zone."""
        name = self._nodes.text(node)
        if name not in available_timezones():
            close = suggested(name, _well_known(name))
            self._nodes.fail(node, f"there is no time zone {close}")
        return name

    def _moment(
        self, node: yaml.Node, name: str, column: Column, others: Collection[str]
    ) -> Ago:
        kinds = [*others]
        if column.type is ColumnType.TIMESTAMP:
            kinds = [*_MOMENTS, *others]
        elif column.type is ColumnType.DATE:
            kinds = ["days_ago", "days_ahead", *others]
        entries = self._nodes.mapping(node, "an operand")
        if len(entries) != 1 or not entries.keys() <= set(kinds):
            choices = f", or one of {listed(kinds)} in braces" if kinds else ""
            self._nodes.fail(
                node,
                f"an operand for {name} is a value{choices}. "
                f"Found: {listed(entries) or 'nothing'}.",
            )
        [(kind, value)] = entries.items()
        if kind == "hours_ago":
            return Ago(self.hours(value, least=0))
        sign = 1 if kind == "days_ago" else -1
        return Ago(
            sign * self.days(value, least=0), is_date=column.type is ColumnType.DATE
        )

    def _other_column(
        self, node: yaml.Node, name: str, column: Column, columns: Columns
    ) -> ColumnOperand:
        other = self._nodes.text(node)
        if other not in columns:
            self._nodes.fail(node, f"there is no column {suggested(other, columns)}")
        if columns[other].type is not column.type:
            self._nodes.fail(
                node,
                f"{name} holds {column.type} and {other} holds {columns[other].type}. "
                f"Compare columns of one type.",
            )
        return ColumnOperand(other)

    def _date(self, node: yaml.Node, name: str) -> date:
        _, text = self._nodes.scalar(node)
        with contextlib.suppress(ValueError):
            return date.fromisoformat(text if _DAY.match(text) else "")
        return self._nodes.fail(
            node,
            f"{name} holds days, and {shown(text)} is none. "
            f"Write 2026-06-30 or {{days_ago: 30}}.",
        )

    def _day(self, node: yaml.Node) -> datetime:
        return datetime.fromisoformat(self._nodes.scalar(node)[1])

    def _local(self, wall_clock: datetime) -> datetime:
        local = wall_clock.replace(tzinfo=ZoneInfo(self.time_zone))
        return local.astimezone(UTC).replace(tzinfo=None)

    def _is_reversed(self, low: Literal | Ago, high: Literal | Ago) -> bool:
        match low, high:
            case Ago(first), Ago(last):
                return first < last
            case Decimal(), Decimal():
                return low > high
            case datetime(), datetime():
                return low > high
            case date(), date():
                return low > high
        return False


def _is_day(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and bool(_DAY.match(node.value))


def _well_known(name: str) -> list[str]:
    """Time zones of the same region, or a few where it gives none."""
    region = name.lower().partition("/")[0]
    zones = sorted(zone for zone in available_timezones() if "/" in zone)
    near = [zone for zone in zones if zone.lower().startswith(f"{region}/")]
    return near[:200] or ["Europe/Amsterdam", "America/New_York", "UTC"]
