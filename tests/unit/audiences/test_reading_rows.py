"""Conditions on related rows, events, traits and consent: how they are read, and refused."""

from datetime import datetime
from decimal import Decimal

import pytest

from audiences.conditions import (
    Aggregate,
    Ago,
    AllOf,
    Between,
    Comparator,
    Comparison,
    Condition,
    InAudience,
    InState,
    Membership,
    Not,
    RelatedRows,
    Rows,
    Sequence,
    State,
    Step,
)
from audiences.errors import DefinitionError
from audiences.reading import read_definition
from tests.audience_world import small_catalogue

CATALOGUE = small_catalogue()
HEAD = """\
name: regulars
description: Customers who come often.
owner: {name: Stores, email: stores@nordvik.example}
purpose: ads
entity: customer
time_zone: Europe/Amsterdam
conditions:
"""
SOME = {"comparator": Comparator.AT_LEAST, "operand": Decimal(1)}


def read(condition: str, entity: str = "customer") -> Condition:
    text = HEAD.replace("entity: customer", f"entity: {entity}")
    return read_definition(
        f"{text}  {condition}\n",
        file="regulars.yml",
        name="regulars",
        catalogue=CATALOGUE,
        audiences=["regulars", "winback"],
    ).definition.condition


def problem_of(condition: str, entity: str = "customer") -> str:
    with pytest.raises(DefinitionError) as raised:
        read(condition, entity)
    [problem] = raised.value.problems
    assert problem.line == 8
    return problem.message


def events(*names: str, **more: object) -> Rows:
    return Rows("events", "_or_".join(names), Membership("event_name", names), **more)


def orders(**more: object) -> Rows:
    return Rows("orders", "orders", **more)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("{related: orders}", RelatedRows(orders(), Aggregate.COUNT, **SOME)),
        (
            "{related: orders, none: true}",
            Not(RelatedRows(orders(), Aggregate.COUNT, **SOME)),
        ),
        (
            "{event: [viewed, bought], exactly: 2}",
            RelatedRows(
                events("viewed", "bought"),
                Aggregate.COUNT,
                Comparator.EQUALS,
                Decimal(2),
            ),
        ),
        (
            "{event: viewed, where: {not: {column: amount, at_least: 5}}, within_hours: 6}",
            RelatedRows(
                events(
                    "viewed",
                    where=Not(Comparison("amount", Comparator.AT_LEAST, Decimal(5))),
                    during=Between("occurred_at", Ago(6), Ago(0)),
                ),
                Aggregate.COUNT,
                **SOME,
            ),
        ),
        (
            "{related: orders, between: [2026-01-01, 2026-07-01], sum: total_eur, less_than: 9}",
            RelatedRows(
                orders(
                    # Winter and summer time: a day begins at 23:00 or 22:00 UTC.
                    during=Between(
                        "ordered_at",
                        datetime(2025, 12, 31, 23),
                        datetime(2026, 7, 1, 22),
                        with_high=False,
                    )
                ),
                Aggregate.SUM,
                Comparator.LESS_THAN,
                Decimal(9),
                "total_eur",
            ),
        ),
        (
            "{related: orders, max: shipped_at, before: {days_ago: 3}, since: {event: bought}}",
            RelatedRows(
                orders(),
                Aggregate.MAX,
                Comparator.BEFORE,
                Ago(72),
                "shipped_at",
                events("bought"),
            ),
        ),
        (
            "{sequence: [{event: viewed}, {event: bought, within_days: 2}, "
            "{no_event: viewed, within_hours: 1}], within_days: 30, span_hours: 5}",
            Sequence(
                "events",
                (Step(events("viewed")), Step(events("bought"), 48)),
                Step(events("viewed"), 1),
                5,
                Between("occurred_at", Ago(720), Ago(0)),
            ),
        ),
        (
            "{trait: orders_90_days, at_least: 2}",
            RelatedRows(
                Rows(
                    "traits",
                    "trait_orders_90_days",
                    Membership("trait_name", ("orders_90_days",)),
                    Comparison("value_number", Comparator.AT_LEAST, Decimal(2)),
                ),
                Aggregate.COUNT,
                **SOME,
            ),
        ),
        (
            "{trait: favourite_channel, is_unknown: true}",
            Not(
                RelatedRows(
                    Rows(
                        "traits",
                        "trait_favourite_channel",
                        Membership("trait_name", ("favourite_channel",)),
                    ),
                    Aggregate.COUNT,
                    **SOME,
                )
            ),
        ),
        (
            "{consent: email_marketing, channel: email}",
            RelatedRows(
                Rows(
                    "consents",
                    "consent_to_email_marketing_by_email",
                    AllOf(
                        (
                            Membership("purpose", ("email_marketing",)),
                            Membership("channel", ("email",)),
                            InState("is_granted", State.IS_TRUE),
                        )
                    ),
                ),
                Aggregate.COUNT,
                **SOME,
            ),
        ),
        ("{audience: winback, split_group: a}", InAudience("winback", "a")),
    ],
)
def test_condition_is_read(condition: str, expected: Condition):
    assert read(condition) == expected


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (
            "{related: ordres}",
            "members (customer) have no related 'ordres'. Did you mean 'orders'?",
        ),
        (
            "{related: orders, event: viewed}",
            "give either event or related.",
        ),
        (
            "{related: orders, wehre: {column: channel, equals: app}}",
            "a condition on rows has no field 'wehre'. Did you mean 'where'?",
        ),
        (
            "{related: orders, where: {column: chanel, equals: app}}",
            "orders has no column 'chanel'. Did you mean 'channel'?",
        ),
        (
            "{related: orders, where: {column: channel, equals: shop}}",
            "channel is never 'shop'. Choose from: app, store, web.",
        ),
        (
            "{related: orders, where: {related: orders}}",
            "a condition cannot begin with 'related'. Choose from: column, all, any, not.",
        ),
        (
            "{related: orders, within_days: 3, within_hours: 4}",
            "this has within_days, within_hours. Give one of them.",
        ),
        (
            "{related: accounts, within_days: 3}",
            "accounts have no time. Ask of one of their columns in where.",
        ),
        (
            "{related: orders, at_least: 2, at_most: 5}",
            "this has at_least, at_most. Join two conditions with all.",
        ),
        (
            "{related: orders, at_least: 0}",
            "'0' is no number of rows. Write a whole number from 1 to 1,000,000.",
        ),
        (
            "{related: orders, less_than: 3}",
            "a count of rows does not go with less_than.",
        ),
        (
            "{related: orders, none: true, at_least: 3}",
            "none does not go with at_least.",
        ),
        (
            "{related: orders, sum: total_eur, min: total_eur, at_least: 3}",
            "this has sum, min. Give one of them.",
        ),
        (
            "{related: orders, sum: channel, at_least: 3}",
            "sum takes numbers, and channel holds text.",
        ),
        (
            "{related: orders, max: channel, at_least: 3}",
            "max takes numbers, or times, and channel holds text.",
        ),
        (
            "{related: orders, max: shipped_at, at_least: 3}",
            "max of shipped_at takes one of before, after. It has: at_least.",
        ),
        (
            "{related: orders, sum: total, at_least: 3}",
            "orders has no column 'total'. Did you mean 'total_eur'?",
        ),
        (
            "{related: accounts, since: {event: bought}}",
            "accounts have no time, so since has no meaning.",
        ),
        (
            "{event: bought, since: {related: accounts}}",
            "accounts have no time, so nothing is since them.",
        ),
        (
            "{event: []}",
            "event is an empty list. Give it at least one entry.",
        ),
        (
            "{event: [viewed, viewed]}",
            "event takes names, none empty and none twice.",
        ),
        (
            "{sequence: [{event: viewed}]}",
            "a sequence has at least two steps.",
        ),
        (
            "{sequence: [{no_event: viewed}, {event: bought}]}",
            "no_event is the last step, after an event.",
        ),
        (
            "{sequence: [{event: viewed, within_days: 1}, {event: bought}]}",
            "the first step comes after none: give within_days beside sequence.",
        ),
        (
            "{sequence: [{event: viewed}, {event: bought, within_days: 1, within_hours: 2}]}",
            "this has within_days, within_hours. Give one of them.",
        ),
        (
            "{sequence: [{event: viewed}, {evnt: bought}]}",
            "a step has an event, or as the last one a no_event.",
        ),
        (
            "{trait: order_90_days, at_least: 2}",
            "there is no trait 'order_90_days'. Did you mean 'orders_90_days'?",
        ),
        (
            "{trait: orders_90_days, contains: a}",
            "operator contains does not apply to value_number, which holds number. For "
            "number: equals, not_equals, in, not_in, greater_than, at_least, less_than, "
            "at_most, between, is_known, is_unknown.",
        ),
        (
            "{consent: email}",
            "there is no 'email'. Choose from: ads, email_marketing.",
        ),
        (
            "{consent: ads, channel: email}",
            "there is no 'email'. Choose from: online.",
        ),
        (
            "{audience: win_back}",
            "there is no audience 'win_back'. Did you mean 'winback'?",
        ),
        (
            "{column: city, contains: ''}",
            "contains takes a text that is not empty.",
        ),
        (
            "{column: order_count, at_least: 1, ignore_case: true}",
            "ignore_case goes with text and contains, ends_with, equals, in, not_equals, "
            "not_in, starts_with.",
        ),
        (
            "{column: order_count, between: [5, 1]}",
            "between goes from a higher value to a lower one.",
        ),
        (
            "{column: last_seen_at, between: [{days_ago: 1}, {days_ago: 5}]}",
            "between goes from a higher value to a lower one.",
        ),
        (
            "{column: last_seen_at, on_weekdays: [sun]}",
            "there is no 'sun'. Did you mean 'sunday'?",
        ),
        (
            "{column: last_seen_at, between_hours: [9, 9]}",
            "between_hours goes from one hour to another one.",
        ),
        (
            "{column: birth_date, before: 1990-02-30}",
            "birth_date holds days, and '1990-02-30' is none. Write 2026-06-30 or "
            "{days_ago: 30}.",
        ),
        (
            "{column: lifecycle_stage, in: [lead, laps]}",
            "lifecycle_stage is never 'laps'. Did you mean 'lapsed'?",
        ),
        (
            "{sql: select order_key from fct_orders}",
            "this SQL cannot be taken: it gives order_key, and has to give customer_id "
            "alone.",
        ),
        (
            "{sql: select customer_id from stg_orders}",
            "this SQL cannot be taken: it reads 'stg_orders', which is no public model. "
            "Name a model as docs/architecture.md lists them, such as fct_orders.",
        ),
        (
            "{sql: select customer_id from fct_orders where now() > ordered_at}",
            "this SQL cannot be taken: the function 'now' is not supported in it. For the "
            "time there are as_of() and days_ago(30).",
        ),
        (
            "{sql: select customer_id from fct_orders limit 5}",
            "this SQL cannot be taken: 'LIMIT 5' is not supported in it.",
        ),
    ],
)
def test_condition_that_means_nothing_is_refused(condition: str, message: str):
    assert problem_of(condition) == message


def test_what_belongs_to_customers_belongs_to_their_account():
    assert read("{related: orders}", "account") == read("{related: orders}")
    assert problem_of("{related: households}", "account").startswith(
        "members (account) have no related 'households'."
    )
