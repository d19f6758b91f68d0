"""Who is a member, worked out in pandas from a definition's own YAML: slowly, and as it is documented.

Nothing of the compiler is used: a document is a mapping as YAML gives it, a world a table of
Python values for each model. Every condition is asked of every member, row by row.
"""

import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from tests.audience_world import AS_OF, World

Document = Mapping[str, Any]
Row = Mapping[str, Any]

_ENTITIES = {
    "customer": ("dim_customers", "customer_id"),
    "account": ("dim_accounts", "account_id"),
    "household": ("dim_households", "household_id"),
}
_LINKS = [
    ("customer_accounts", "customer_id", "account_id", "is_primary"),
    ("customer_households", "customer_id", "household_id", "is_current"),
]
_RELATIONS = {
    "people": ("dim_customers", "customer_id", None),
    "accounts": ("dim_accounts", "account_id", None),
    "households": ("dim_households", "household_id", None),
    "orders": ("fct_orders", "customer_id", "ordered_at"),
    "events": ("fct_customer_events", "customer_id", "occurred_at"),
    "traits": ("customer_traits", "customer_id", None),
    "consents": ("customer_consents", "customer_id", None),
    "suppressions": ("suppressed_customers", "customer_id", None),
}
_TRAIT_COLUMNS = {
    "favourite_channel": "value_text",
    "orders_90_days": "value_number",
    "last_refunded_at": "value_time",
}
_WEEKDAYS = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
]


_COMPARED: Mapping[str, Callable[[Any, Any], bool]] = {
    "greater_than": lambda value, other: value > other,
    "at_least": lambda value, other: value >= other,
    "less_than": lambda value, other: value < other,
    "at_most": lambda value, other: value <= other,
    "before": lambda value, other: value < other,
    "after": lambda value, other: value > other,
}


class Reference:
    """The members of audiences in one world.

    Args:
        world: Every table.
        documents: Every definition, by name.
        exclusions: The entries of exclusions.yml.
    """

    def __init__(
        self,
        world: World,
        documents: Mapping[str, Document],
        exclusions: list[Document] | None = None,
    ) -> None:
        self.rows = {table: frame.to_dict("records") for table, frame in world.items()}
        self.documents = documents
        self.exclusions = exclusions or []

    def members(self, name: str) -> dict[str, str | None]:
        """Everybody who is in an audience, with the split group."""
        document = self.documents[name]
        table, key = _ENTITIES[document["entity"]]
        rows = [row for row in self.rows[table] if self._is_let_in(document, row, key)]
        rows = _sampled(rows, document.get("sample"), name, key)
        rows = _highest(rows, document.get("top"), key)
        return _split(rows, document.get("split"), name, key)

    def _is_let_in(self, document: Document, row: Row, key: str) -> bool:
        asker = _Asker(self, document, row, key)
        if not asker.holds(document["conditions"]):
            return False
        if "exclude" in document and asker.holds(document["exclude"]):
            return False
        for exclusion in self.exclusions:
            concerns = exclusion["entity"] == document["entity"]
            if "purposes" in exclusion:
                concerns = concerns and document["purpose"] in exclusion["purposes"]
            if "goals" in exclusion:
                concerns = concerns and document.get("goal") in exclusion["goals"]
            if concerns and asker.holds(exclusion["conditions"]):
                return False
        if "starts" in document and asker.instant(document["starts"]) > AS_OF:
            return False
        if "ends" in document and asker.end(document["ends"]) <= AS_OF:
            return False
        return not any(
            row[key] in self.members(ahead) for ahead in self._ahead(document)
        )

    def _ahead(self, document: Document) -> list[str]:
        own = document.get("priority")
        return [
            name
            for name, other in self.documents.items()
            if own
            and other.get("priority")
            and other["priority"]["group"] == own["group"]
            and other["priority"]["rank"] < own["rank"]
        ]


class _Asker:
    """Asks conditions of one member."""

    def __init__(
        self, reference: Reference, document: Document, row: Row, key: str
    ) -> None:
        self._reference = reference
        self._rows = reference.rows
        self._zone = ZoneInfo(document.get("time_zone", "UTC"))
        self._row = row
        self._key = key

    def holds(self, condition: Document) -> bool:
        """Whether a condition is true of the member."""
        if "column" in condition:
            return self.of_row(condition, self._row)
        if "event" in condition or "related" in condition:
            return self._rows_hold(condition)
        if "sequence" in condition:
            return self._sequence_holds(condition)
        if "trait" in condition:
            return self._trait_holds(condition)
        if "consent" in condition:
            return self._consent_holds(condition)
        if "audience" in condition:
            groups = self._reference.members(condition["audience"])
            wanted = condition.get("split_group")
            member = self._row[self._key]
            return member in groups and (wanted is None or groups[member] == wanted)
        return _grouped(condition, self.holds)

    def of_row(self, condition: Document, row: Row) -> bool:
        """Whether a condition on columns is true of one row."""
        if "column" not in condition:
            return _grouped(condition, lambda part: self.of_row(part, row))
        return self._operation_holds(row[condition["column"]], condition, row)

    def _operation_holds(self, value: Any, condition: Document, row: Row) -> bool:
        ignores_case = condition.get("ignore_case", False)
        [(operator, operand)] = [
            (key, each)
            for key, each in condition.items()
            if key not in {"column", "trait", "ignore_case"}
        ]
        if operator.startswith("is_"):
            return {
                "is_known": value is not None,
                "is_unknown": value is None,
                "is_true": value is True,
                "is_false": value is False,
            }[operator]
        if operator in {"equals", "not_equals", "in", "not_in"}:
            others = operand if isinstance(operand, list) else [operand]
            others = [self._operand(other, value, row) for other in others]
            is_one = any(_equal(value, other, ignores_case) for other in others)
            if operator.startswith("not_"):
                # To these, unknown is a value of its own.
                return not is_one and not (value is None and None in others)
            return is_one
        return value is not None and self._known_holds(
            value, operator, operand, row, ignores_case
        )

    def _known_holds(
        self, value: Any, operator: str, operand: Any, row: Row, ignores_case: bool
    ) -> bool:
        if operator in {"contains", "starts_with", "ends_with"}:
            texts = operand if isinstance(operand, list) else [operand]
            return any(_has(value, operator, text, ignores_case) for text in texts)
        if operator in {"on_weekdays", "between_hours"}:
            return self._clock_holds(value, operator, operand)
        if operator in {"between", "within_days", "within_hours", "within_next_days"}:
            return self._lies_within(value, operator, operand)
        other = self._operand(operand, value, row)
        return other is not None and _COMPARED[operator](value, other)

    def _clock_holds(self, value: datetime, operator: str, operand: list[Any]) -> bool:
        local = value.replace(tzinfo=UTC).astimezone(self._zone)
        if operator == "on_weekdays":
            return _WEEKDAYS[local.weekday()] in operand
        start, end = operand
        if start < end:
            return start <= local.hour < end
        return local.hour >= start or local.hour < end

    def _lies_within(self, value: Any, operator: str, operand: Any) -> bool:
        is_day = type(value) is date
        now: Any = AS_OF.date() if is_day else AS_OF
        if operator == "within_days":
            return bool(now - timedelta(days=operand) <= value <= now)
        if operator == "within_hours":
            return bool(now - timedelta(hours=operand) <= value <= now)
        if operator == "within_next_days":
            return bool(now <= value <= now + timedelta(days=operand))
        low, high = operand
        if isinstance(value, Decimal):
            return bool(low <= value <= high)
        after_low = self._moment(low, is_day) <= value
        if not is_day and type(high) is date:
            return after_low and value < self.end(high)
        return bool(after_low and value <= self._moment(high, is_day))

    def _operand(self, operand: Any, value: Any, row: Row) -> Any:
        if isinstance(operand, dict) and "column" in operand:
            return row[operand["column"]]
        if isinstance(value, datetime | date) or isinstance(operand, dict | date):
            return self._moment(operand, type(value) is date)
        return operand

    def _moment(self, written: Any, is_day: bool) -> Any:
        """An instant or a day, as written or in relation to now."""
        if not isinstance(written, dict):
            return written if is_day else self.instant(written)
        [(unit, count)] = written.items()
        shift = {
            "days_ago": -timedelta(days=count),
            "hours_ago": -timedelta(hours=count),
            "days_ahead": timedelta(days=count),
        }[unit]
        instant = AS_OF + shift
        return instant.date() if is_day else instant

    def instant(self, written: Any) -> datetime:
        """A day's beginning, or a wall-clock time, in the definition's time zone, as UTC."""
        if type(written) is date:
            written = datetime.combine(written, time())
        local = written.replace(tzinfo=self._zone)
        return local.astimezone(UTC).replace(tzinfo=None)

    def end(self, written: Any) -> datetime:
        """The instant after a day, or the wall-clock time that is written."""
        if type(written) is date:
            return self.instant(written + timedelta(days=1))
        return self.instant(written)

    # Rows

    def _own_rows(self, relation: str) -> list[dict[str, Any]]:
        """The member's rows, by link where they belong to something else, up to now."""
        table, key, time_column = _RELATIONS[relation]
        rows = self._rows[table]
        if key == self._key:
            own = [row for row in rows if row[key] == self._row[self._key]]
        else:
            own = [
                row
                for row in rows
                for linked in self._linked(key)
                if row[key] is not None and row[key] == linked
            ]
        if time_column is None:
            return own
        return [
            row
            for row in own
            if row[time_column] is not None and row[time_column] <= AS_OF
        ]

    def _linked(self, key: str) -> list[Any]:
        for table, first, second, flag in _LINKS:
            if {first, second} == {key, self._key}:
                return [
                    link[key]
                    for link in self._rows[table]
                    if link[self._key] == self._row[self._key] and link[flag] is True
                ]
        raise AssertionError(key)

    def _asked_rows(
        self, condition: Document
    ) -> tuple[list[dict[str, Any]], str | None]:
        relation = condition.get("related", "events")
        time_column = _RELATIONS[relation][2]
        rows = self._own_rows(relation)
        if "event" in condition:
            names = condition["event"]
            names = names if isinstance(names, list) else [names]
            rows = [row for row in rows if row["event_name"] in names]
        if "where" in condition:
            rows = [row for row in rows if self.of_row(condition["where"], row)]
        for window in ("within_days", "within_hours", "between"):
            if window in condition:
                rows = [
                    row
                    for row in rows
                    if self._lies_within(row[time_column], window, condition[window])
                ]
        return rows, time_column

    def _rows_hold(self, condition: Document) -> bool:
        rows, time_column = self._asked_rows(condition)
        if "since" in condition:
            others, other_time = self._asked_rows(condition["since"])
            if others:
                last = max(other[other_time] for other in others)
                rows = [row for row in rows if row[time_column] > last]
        if condition.get("none"):
            return not rows
        for aggregate in ("sum", "min", "max", "average", "distinct"):
            if aggregate in condition:
                column = pd.Series(
                    [row[condition[aggregate]] for row in rows], dtype=object
                ).dropna()
                return self._compares(_aggregated(aggregate, column), condition)
        if not {"at_least", "at_most", "exactly"} & condition.keys():
            return bool(rows)
        return self._compares(Decimal(len(rows)), condition)

    def _compares(self, value: Any, condition: Document) -> bool:
        if value is None:
            return False
        if "at_least" in condition:
            return bool(value >= condition["at_least"])
        if "at_most" in condition:
            return bool(value <= condition["at_most"])
        if "exactly" in condition:
            return bool(value == condition["exactly"])
        if "greater_than" in condition:
            return bool(value > condition["greater_than"])
        if "less_than" in condition:
            return bool(value < condition["less_than"])
        if "before" in condition:
            return bool(value < self._moment(condition["before"], type(value) is date))
        return bool(value > self._moment(condition["after"], type(value) is date))

    def _sequence_holds(self, condition: Document) -> bool:
        """Every way to choose a row for each step is tried."""
        steps = list(condition["sequence"])
        absent = steps.pop() if "no_event" in steps[-1] else None
        chosen: list[list[datetime]] = [[]]
        for step in steps:
            rows, _ = self._asked_rows(
                {k: v for k, v in step.items() if "within" not in k}
            )
            times = [
                row["occurred_at"]
                for row in rows
                if all(
                    self._lies_within(row["occurred_at"], window, condition[window])
                    for window in ("within_days", "within_hours", "between")
                    if window in condition
                )
            ]
            limit = _limit(step, "within_days", "within_hours")
            chosen = [
                [*way, instant]
                for way in chosen
                for instant in times
                if not way or way[-1] < instant <= way[-1] + limit
            ]
        span = _limit(condition, "span_days", "span_hours")
        chosen = [way for way in chosen if way[-1] - way[0] <= span]
        if absent is None:
            return bool(chosen)
        asked = {"event" if k == "no_event" else k: v for k, v in absent.items()}
        others, _ = self._asked_rows(
            {k: v for k, v in asked.items() if "within" not in k}
        )
        limit = _limit(absent, "within_days", "within_hours")
        is_limited = "within_days" in absent or "within_hours" in absent
        return any(
            not any(
                way[-1] < other["occurred_at"] <= way[-1] + limit for other in others
            )
            and (not is_limited or way[-1] + limit <= AS_OF)
            for way in chosen
        )

    def _trait_holds(self, condition: Document) -> bool:
        column = _TRAIT_COLUMNS[condition["trait"]]
        values = [
            row[column]
            for row in self._own_rows("traits")
            if row["trait_name"] == condition["trait"]
        ]
        value = values[0] if values else None
        return self._operation_holds(value, condition, {})

    def _consent_holds(self, condition: Document) -> bool:
        return any(
            row["is_granted"] is True
            and row["purpose"] == condition["consent"]
            and row["channel"] == condition.get("channel", row["channel"])
            for row in self._own_rows("consents")
        )


def _grouped(condition: Document, holds: Any) -> bool:
    [(group, parts)] = condition.items()
    if group == "all":
        return all(holds(part) for part in parts)
    if group == "any":
        return any(holds(part) for part in parts)
    return not holds(parts)


def _equal(value: Any, other: Any, ignores_case: bool) -> bool:
    if ignores_case and value is not None and other is not None:
        return bool(value.lower() == other.lower())
    return value is not None and bool(value == other)


def _has(value: str, operator: str, text: str, ignores_case: bool) -> bool:
    if ignores_case:
        value, text = value.lower(), text.lower()
    if operator == "contains":
        return text in value
    return value.startswith(text) if operator == "starts_with" else value.endswith(text)


def _aggregated(aggregate: str, column: pd.Series) -> Any:
    if aggregate == "distinct":
        return Decimal(column.nunique())
    if aggregate == "sum":
        return sum(column, Decimal(0))
    if column.empty:
        return None
    if aggregate == "average":
        return sum(column, Decimal(0)) / len(column)
    return column.min() if aggregate == "min" else column.max()


def _limit(condition: Document, days: str, hours: str) -> timedelta:
    if days in condition:
        return timedelta(days=condition[days])
    return (
        timedelta(hours=condition[hours])
        if hours in condition
        else timedelta(days=9999)
    )


# Selection


def drawn(what: str, salt: str, text: str) -> int:
    """The number drawn for a text: the first 24 bits of a digest."""
    return int(hashlib.md5(f"{what} {salt} {text}".encode()).hexdigest()[:6], 16)


def _sampled(
    rows: list[Row], sample: Document | None, name: str, key: str
) -> list[Row]:
    if sample is None:
        return rows
    salt = sample.get("salt", name)
    if "share" in sample:
        border = round(float(sample["share"]) * 2**24)
        return [row for row in rows if drawn("sample", salt, row[key]) < border]
    in_order = sorted(rows, key=lambda row: (drawn("sample", salt, row[key]), row[key]))
    return in_order[: sample["count"]]


def _highest(rows: list[Row], top: Document | None, key: str) -> list[Row]:
    if top is None:
        return rows
    known = [row for row in rows if row[top["by"]] is not None]
    unknown = sorted(
        (row for row in rows if row[top["by"]] is None), key=lambda row: row[key]
    )
    known = sorted(known, key=lambda row: row[key])
    known = sorted(
        known, key=lambda row: row[top["by"]], reverse=top.get("order") != "lowest"
    )
    in_order = [*known, *unknown]
    kept = in_order[: top["count"]]
    if top.get("ties") == "keep" and kept:
        last = kept[-1][top["by"]]
        kept += [row for row in in_order[top["count"] :] if row[top["by"]] == last]
    return kept


def _split(
    rows: list[Row], split: Document | None, name: str, key: str
) -> dict[str, str | None]:
    if split is None:
        return {row[key]: None for row in rows}
    salt = split.get("salt", name)
    groups: dict[str, str | None] = {}
    held = split.get("holdout")
    if held:
        border = round(float(held["share"]) * 2**24)
        for row in rows:
            if drawn("holdout", held.get("salt", salt), row[key]) < border:
                groups[row[key]] = "holdout"
    rest = [row for row in rows if row[key] not in groups]
    weights = split["groups"]
    if "stratify_by" not in split:
        for row in rest:
            place = Decimal(drawn("group", salt, row[key])) / 2**24
            groups[row[key]] = _group_at(place, weights)
        return groups
    strata = {row[split["stratify_by"]] for row in rest}
    for stratum in strata:
        inside = [row for row in rest if row[split["stratify_by"]] == stratum]
        inside.sort(key=lambda row: (drawn("group", salt, row[key]), row[key]))
        text = "" if stratum is None else str(stratum)
        start = Decimal(drawn("stratum", salt, text)) / 2**24
        for index, row in enumerate(inside):
            groups[row[key]] = _group_at((index + start) / len(inside), weights)
    return groups


def _group_at(place: Decimal, weights: Mapping[str, int]) -> str:
    total, reached = sum(weights.values()), 0
    for name, weight in weights.items():
        reached += weight
        if place * total < reached:
            return name
    raise AssertionError(place)
