"""Random definitions of audiences, as YAML gives them, and random companies for them.

Few values, so that rows and conditions meet; hostile ones, so that meeting is not all; instants
on, just before and just after the borders that conditions draw.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from tests.audience_world import AS_OF, CHANNELS

Strategy = st.SearchStrategy[Any]

TEXTS = ["Oslo", "oslo", "ÅS", "", "O'Neill", "a\\b", "'", "{{ as_of() }}", "%", "_slo"]
STAGES = ["lead", "regular", "lapsed"]
EVENTS = ["viewed", "bought", "O'Return; --"]
ZONES = ["UTC", "Europe/Amsterdam", "America/New_York"]

some_text = st.sampled_from(TEXTS)
some_part = st.sampled_from(["o", "Os", "lo", "'", "\\", "{{", "%", "ås"])
some_number = st.sampled_from(
    [Decimal(value) for value in ("-1", "0", "0.5", "2", "7")]
)
some_days = st.integers(min_value=1, max_value=3)
some_hours = st.sampled_from([1, 24, 30])
some_time = st.builds(
    lambda days, hours, seconds: (
        AS_OF + timedelta(days=days, hours=hours, seconds=seconds)
    ),
    st.integers(-4, 2),
    st.sampled_from([0, 0, 1, 6, 22]),
    st.sampled_from([0, 0, 0, -1, 1]),
)
some_day = st.integers(-4, 3).map(lambda days: AS_OF.date() + timedelta(days=days))
moments = st.one_of(
    some_days.map(lambda days: {"days_ago": days}),
    some_hours.map(lambda hours: {"hours_ago": hours}),
    st.just({"days_ago": 0}),
    st.just({"days_ahead": 1}),
)
written_times = some_day | some_time.map(lambda instant: instant.replace(second=0))
ids = [f"c{index}" for index in range(1, 6)]


def _one(key: str, values: Strategy) -> Strategy:
    return values.map(lambda value: {key: value})


def _choice(values: Strategy, most: int = 3) -> Strategy:
    return st.lists(values, min_size=1, max_size=most, unique=True)


def _state(*states: str) -> Strategy:
    return st.sampled_from(states).map(lambda state: {state: True})


def text_operations(
    values: Strategy = some_text, parts: Strategy = some_part
) -> Strategy:
    """Operators on a text."""
    plain = st.one_of(
        _one("equals", values),
        _one("not_equals", values),
        _one("in", _choice(values)),
        _one("not_in", _choice(values)),
        _one("contains", parts | _choice(parts)),
        _one("starts_with", parts),
        _one("ends_with", parts),
    )
    case = st.sampled_from([{}, {}, {"ignore_case": True}])
    cased = st.builds(lambda operation, added: operation | added, plain, case)
    return cased | _state("is_known", "is_unknown")


def number_operations(columns: list[str]) -> Strategy:
    """Operators on a number."""
    other = some_number | st.sampled_from(columns or ["?"]).map(
        lambda name: {"column": name}
    )
    operands = other if columns else some_number
    operators = [
        "equals",
        "not_equals",
        "greater_than",
        "at_least",
        "less_than",
        "at_most",
    ]
    return st.one_of(
        *(_one(operator, operands) for operator in operators),
        _one("in", _choice(some_number)),
        _one("not_in", _choice(some_number)),
        _one("between", st.lists(some_number, min_size=2, max_size=2).map(sorted)),
        _state("is_known", "is_unknown"),
    )


def time_operations(columns: list[str]) -> Strategy:
    """Operators on an instant."""
    operands = moments | written_times
    if columns:
        operands = operands | st.sampled_from(columns).map(
            lambda name: {"column": name}
        )
    return st.one_of(
        _one("before", operands),
        _one("after", operands),
        _one("within_days", some_days),
        _one("within_hours", some_hours),
        _one("within_next_days", some_days),
        _one("between", time_ranges()),
        _one("on_weekdays", _choice(st.sampled_from(["monday", "sunday", "tuesday"]))),
        _one("between_hours", st.sampled_from([[0, 6], [22, 6], [18, 24]])),
        _state("is_known", "is_unknown"),
    )


def time_ranges() -> Strategy:
    """Two ends of a time, in order."""
    days = st.tuples(some_day, st.integers(0, 2)).map(
        lambda ends: [ends[0], ends[0] + timedelta(days=ends[1])]
    )
    ago = st.lists(st.integers(0, 4), min_size=2, max_size=2, unique=True).map(
        lambda ends: [{"days_ago": max(ends)}, {"days_ago": min(ends)}]
    )
    mixed = some_day.map(lambda day: [day, {"days_ago": 0}])
    return days | ago | mixed


def day_operations() -> Strategy:
    """Operators on a day."""
    operands = some_day | some_days.map(lambda days: {"days_ago": days})
    return st.one_of(
        _one("before", operands),
        _one("after", operands),
        _one("within_days", some_days),
        _one("within_next_days", some_days),
        _one("between", st.lists(some_day, min_size=2, max_size=2).map(sorted)),
        _state("is_known", "is_unknown"),
    )


def _columns(operations: Mapping[str, Strategy]) -> Strategy:
    return st.sampled_from(sorted(operations)).flatmap(
        lambda name: operations[name].map(
            lambda operation: {"column": name} | operation
        )
    )


def _nested(leaves: Strategy, most: int) -> Strategy:
    def groups(parts: Strategy) -> Strategy:
        lists = st.lists(parts, min_size=1, max_size=3)
        return _one("all", lists) | _one("any", lists) | _one("not", parts)

    return st.recursive(leaves, groups, max_leaves=most)


flags = _state("is_true", "is_false", "is_known", "is_unknown")
profile_columns = _columns(
    {
        "city": text_operations(),
        "lifecycle_stage": _one("in", _choice(st.sampled_from(STAGES))),
        "order_count": number_operations(["revenue_eur"]),
        "revenue_eur": number_operations(["order_count"]),
        "is_b2b": flags,
        "last_seen_at": time_operations(["last_ordered_at"]),
        "last_ordered_at": time_operations([]),
        "birth_date": day_operations(),
    }
)
account_columns = _columns(
    {
        "industry": text_operations(),
        "employee_count": number_operations([]),
        "last_ordered_at": time_operations([]),
    }
)
household_columns = _columns(
    {"city": text_operations(), "person_count": number_operations([])}
)
order_columns = _columns(
    {
        "channel": _one("equals", st.sampled_from(CHANNELS))
        | _one("not_in", _choice(st.sampled_from(CHANNELS))),
        "total_eur": number_operations([]),
        "is_cancelled": flags,
        "shipped_at": time_operations(["ordered_at"]),
        "ordered_at": time_operations([]),
    }
)
event_columns = _columns(
    {"subject": text_operations(), "amount": number_operations([])}
)
event_names = st.sampled_from(EVENTS) | _choice(st.sampled_from(EVENTS), 2)
windows = st.one_of(
    st.just({}),
    _one("within_days", some_days),
    _one("within_hours", some_hours),
    _one("between", time_ranges()),
)


def _where(columns: Strategy) -> Strategy:
    return st.just({}) | _one("where", _nested(columns, 3))


def _merged(*parts: Strategy) -> Strategy:
    def merge(drawn: tuple[dict[str, Any], ...]) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        for part in drawn:
            merged |= part
        return merged

    return st.tuples(*parts).map(merge)


counts = st.one_of(
    st.just({}),
    st.just({"none": True}),
    _one("at_least", st.integers(1, 3)),
    _one("at_most", st.integers(0, 2)),
    _one("exactly", st.integers(0, 2)),
)
compared = st.sampled_from(
    ["at_least", "at_most", "exactly", "greater_than", "less_than"]
).flatmap(lambda operator: _one(operator, some_number))
instants = st.sampled_from(["before", "after"]).flatmap(
    lambda operator: _one(operator, moments | written_times)
)


def _aggregates(number: str, other: str, instant: str | None) -> Strategy:
    numeric = st.sampled_from(["sum", "min", "max", "average"]).flatmap(
        lambda aggregate: _merged(st.just({aggregate: number}), compared)
    )
    distinct = _merged(st.just({"distinct": other}), compared)
    if instant is None:
        return numeric | distinct
    extremes = st.sampled_from(["min", "max"]).flatmap(
        lambda aggregate: _merged(st.just({aggregate: instant}), instants)
    )
    return numeric | distinct | extremes


some_events = _merged(_one("event", event_names), _where(event_columns))
some_orders = _merged(st.just({"related": "orders"}), _where(order_columns))
since = st.just({}) | st.just({}) | _one("since", some_events | some_orders)
related_rows = st.one_of(
    _merged(
        some_events, windows, since, counts | _aggregates("amount", "subject", None)
    ),
    _merged(
        some_orders,
        windows,
        since,
        counts | _aggregates("total_eur", "channel", "shipped_at"),
    ),
)
limits = st.one_of(
    st.just({}), _one("within_days", some_days), _one("within_hours", some_hours)
)
spans = st.just({}) | _one("span_days", some_days) | _one("span_hours", some_hours)
steps = _merged(some_events, limits)


@st.composite
def sequences(draw: st.DrawFn) -> dict[str, Any]:
    """Events one after another."""
    listed = [draw(some_events)]
    listed += draw(st.lists(steps, min_size=0, max_size=2))
    if len(listed) == 1 or draw(st.booleans()):
        absent = draw(steps)
        listed.append(
            {("no_event" if k == "event" else k): v for k, v in absent.items()}
        )
    return {"sequence": listed} | draw(spans) | draw(windows)


traits = st.one_of(
    _merged(st.just({"trait": "favourite_channel"}), text_operations()),
    _merged(st.just({"trait": "orders_90_days"}), number_operations([])),
    _merged(st.just({"trait": "last_refunded_at"}), time_operations([])),
)
consents = st.sampled_from(
    [
        {"consent": "email_marketing"},
        {"consent": "email_marketing", "channel": "email"},
        {"consent": "ads", "channel": "online"},
    ]
)
linked = st.one_of(
    _merged(st.just({"related": "accounts"}), _where(account_columns), counts),
    _merged(st.just({"related": "households"}), _where(household_columns), counts),
    _merged(st.just({"related": "suppressions"}), counts),
)
people = _merged(st.just({"related": "people"}), _where(profile_columns), counts)

customer_leaves = st.one_of(
    profile_columns,
    related_rows,
    related_rows,
    related_rows,
    sequences(),
    sequences(),
    traits,
    consents,
    linked,
)
customer_conditions = _nested(customer_leaves, 5)
account_conditions = _nested(
    st.one_of(account_columns, related_rows, sequences(), consents, people), 4
)
household_conditions = _nested(st.one_of(household_columns, related_rows, people), 4)

splits = st.fixed_dictionaries(
    {"groups": st.sampled_from([{"a": 1}, {"a": 1, "b": 1}, {"a": 1, "b": 2, "c": 5}])},
    optional={
        "salt": st.just("shared"),
        "holdout": st.sampled_from([{"share": 0.3}, {"share": 0.5, "salt": "company"}]),
        "stratify_by": st.just("city"),
    },
)
samples = st.sampled_from(
    [{"share": 0.5}, {"count": 2}, {"share": 0.25, "salt": "other"}, {"count": 1}]
)
tops = st.fixed_dictionaries(
    {
        "by": st.sampled_from(
            ["order_count", "revenue_eur", "last_seen_at", "birth_date"]
        ),
        "count": st.integers(1, 3),
    },
    optional={
        "order": st.sampled_from(["highest", "lowest"]),
        "ties": st.sampled_from(["cut", "keep"]),
    },
)


def plain_documents(name: str, conditions: Strategy) -> Strategy:
    """Definitions with what they need alone."""
    return st.fixed_dictionaries(
        {
            "name": st.just(name),
            "description": st.just("Some of them."),
            "owner": st.just({"name": "Stores", "email": "stores@nordvik.example"}),
            "purpose": st.just("ads"),
            "entity": st.just("customer"),
            "time_zone": st.sampled_from(ZONES),
            "conditions": conditions,
        }
    )


times = st.sampled_from(
    [
        *[{}] * 10,
        {"starts": date(2026, 6, 29), "ends": date(2026, 6, 30)},
        {"starts": date(2026, 6, 30)},
        {"starts": datetime(2026, 6, 29, 20)},
        {"starts": date(2026, 7, 1)},
        {"ends": date(2026, 6, 29)},
        {"ends": datetime(2026, 6, 30)},
    ]
)


def documents(name: str, conditions: Strategy, entity: str = "customer") -> Strategy:
    """Definitions with everything that a definition can have, but for other audiences."""
    optional: dict[str, Strategy] = {
        "time_zone": st.sampled_from(ZONES),
        "exclude": conditions,
        "goal": st.sampled_from(["acquisition", "retention"]),
        "sample": samples,
    }
    if entity == "customer":
        optional |= {"split": splits, "top": tops}
    fields = st.fixed_dictionaries(
        {
            "name": st.just(name),
            "description": st.just("Some of them."),
            "owner": st.just({"name": "Stores", "email": "stores@nordvik.example"}),
            "purpose": st.sampled_from(["ads", "email_marketing"]),
            "entity": st.just(entity),
            "conditions": conditions,
        },
        optional=optional,
    )
    return _merged(fields, times)


def _rows(most: int, **columns: Strategy) -> Strategy:
    return st.lists(st.fixed_dictionaries(columns), max_size=most)


@st.composite
def worlds(draw: st.DrawFn) -> dict[str, list[dict[str, Any]]]:
    """Rows of every table of a small company."""
    some_id = st.sampled_from([*ids, *ids, None])
    unknown = st.none()
    customers = [
        {
            "customer_id": customer_id,
            "city": draw(unknown | some_text),
            "lifecycle_stage": draw(unknown | st.sampled_from(STAGES)),
            "order_count": draw(unknown | some_number),
            "revenue_eur": draw(unknown | some_number),
            "is_b2b": draw(unknown | st.booleans()),
            "last_seen_at": draw(unknown | some_time),
            "last_ordered_at": draw(unknown | some_time),
            "birth_date": draw(unknown | some_day),
        }
        for customer_id in ids[: draw(st.integers(1, 5))]
    ]
    accounts = _rows(
        1,
        account_id=st.just("a1"),
        industry=unknown | some_text,
        employee_count=unknown | some_number,
        last_ordered_at=unknown | some_time,
    )
    households = _rows(
        1,
        household_id=st.just("h1"),
        city=unknown | some_text,
        person_count=unknown | some_number,
    )
    trait_keys = st.lists(
        st.tuples(
            st.sampled_from(ids),
            st.sampled_from(
                ["favourite_channel", "orders_90_days", "last_refunded_at"]
            ),
        ),
        max_size=4,
        unique=True,
    )
    return {
        "dim_customers": customers,
        "dim_accounts": draw(accounts),
        "dim_households": draw(households),
        "customer_accounts": draw(
            st.lists(st.sampled_from(ids), max_size=3, unique=True).flatmap(
                lambda linked: st.tuples(
                    *(
                        st.fixed_dictionaries(
                            {
                                "customer_id": st.just(each),
                                "account_id": st.just("a1"),
                                "is_primary": st.booleans(),
                            }
                        )
                        for each in linked
                    )
                ).map(list)
            )
        ),
        "customer_households": [
            {
                "customer_id": each,
                "household_id": "h1",
                "is_current": draw(st.booleans()),
            }
            for each in draw(st.lists(st.sampled_from(ids), max_size=3, unique=True))
        ],
        "fct_orders": draw(
            _rows(
                6,
                customer_id=some_id,
                channel=unknown | st.sampled_from(CHANNELS),
                total_eur=unknown | some_number,
                is_cancelled=unknown | st.booleans(),
                shipped_at=unknown | some_time,
                ordered_at=unknown | some_time,
            )
        ),
        "fct_customer_events": draw(
            _rows(
                10,
                customer_id=st.sampled_from(ids[:3]),
                event_name=st.sampled_from(EVENTS),
                subject=unknown | some_text,
                amount=unknown | some_number,
                occurred_at=some_time,
            )
        ),
        "customer_traits": [
            {
                "customer_id": customer_id,
                "trait_name": trait,
                "value_text": draw(some_text) if trait == "favourite_channel" else None,
                "value_number": draw(some_number)
                if trait == "orders_90_days"
                else None,
                "value_time": draw(some_time) if trait == "last_refunded_at" else None,
            }
            for customer_id, trait in draw(trait_keys)
        ],
        "customer_consents": draw(
            _rows(
                4,
                customer_id=st.sampled_from(ids),
                purpose=st.sampled_from(["email_marketing", "ads"]),
                channel=st.sampled_from(["email", "online"]),
                is_granted=st.booleans(),
            )
        ),
        "suppressed_customers": draw(_rows(2, customer_id=st.sampled_from(ids))),
    }


crowded_events = _rows(
    9,
    customer_id=st.sampled_from(ids[:2]),
    event_name=st.sampled_from(EVENTS),
    occurred_at=st.sampled_from([0, 1, 2, 24, 25, 48]).map(
        lambda hours: AS_OF - timedelta(hours=hours)
    ),
)
"""Events that often happen at one instant, or just as far apart as limits are."""
