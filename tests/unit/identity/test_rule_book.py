"""Link rules written, found again, refused and lifted."""

from datetime import datetime

import pytest

from identity.errors import (
    CustomerNotFoundError,
    RuleConflictError,
    UnknownRuleError,
)
from identity.rule_book import decide, lift, read_rules
from identity.rules import LINK, NEVER_LINK

NOW = datetime(2026, 11, 24, 10, 30)


def write(graph, action, left, right):
    return decide(
        graph, action, left, right, reason="called us", author="grace", now=NOW
    )


def seed(graph, action, left, right):
    graph.execute(
        "insert into reference.link_rules values "
        f"('s1', '{action}', 'email', '{left}', 'email', '{right}', 'twins', 'ada', null)"
    )


def test_rule_is_written_with_who_why_and_when(graph):
    decision = write(graph, NEVER_LINK, "ADA@x.example", "phone:+31 6 11111111")

    assert decision.is_new
    assert decision.is_one_customer
    assert graph.query("select * from identity.identity_link_rules") == [
        (
            "r-20261124-0001",
            "never_link",
            "email",
            "ada@x.example",
            "phone",
            "+31611111111",
            "called us",
            "grace",
            NOW,
        )
    ]


def test_second_rule_of_the_day_has_the_next_number(graph):
    write(graph, LINK, "ada@x.example", "u2")

    second = write(graph, NEVER_LINK, "info@x.example", "u2")

    assert second.rule.rule_id == "r-20261124-0002"


def test_same_rule_twice_is_one_rule(graph):
    first = write(graph, LINK, "ada@x.example", "u2")

    again = write(graph, LINK, "u2", "ada@x.example")

    assert not again.is_new
    assert again.rule.rule_id == first.rule.rule_id
    assert len(read_rules(graph)) == 1


def test_rule_against_another_is_refused_with_the_ids_of_both(graph):
    write(graph, LINK, "ada@x.example", "u2")

    with pytest.raises(RuleConflictError) as caught:
        write(graph, NEVER_LINK, "ada@x.example", "u2")

    assert "'r-20261124-0002'" in str(caught.value)
    assert "'r-20261124-0001'" in str(caught.value)
    assert "ada@" not in str(caught.value)
    assert len(read_rules(graph)) == 1


def test_rule_against_one_of_the_file_is_refused(graph):
    seed(graph, NEVER_LINK, "ada@x.example", "grace@x.example")

    with pytest.raises(RuleConflictError, match="'s1'"):
        write(graph, LINK, "ada@x.example", "email:grace@x.example")


def test_identifier_with_itself_is_refused(graph):
    with pytest.raises(RuleConflictError, match="one and the same email"):
        write(graph, NEVER_LINK, "ada@x.example", "email:ada@x.example")


def test_unknown_identifier_writes_nothing(graph):
    with pytest.raises(CustomerNotFoundError):
        write(graph, LINK, "ada@x.example", "nobody@x.example")

    assert read_rules(graph) == ()


def test_rules_of_the_file_and_of_commands_are_listed_together(graph):
    seed(graph, NEVER_LINK, "ada@x.example", "grace@x.example")
    write(graph, LINK, "u1", "k1")

    assert [(rule.rule_id, rule.is_seeded) for rule in read_rules(graph)] == [
        ("s1", True),
        ("r-20261124-0001", False),
    ]


def test_lifted_rule_is_gone(graph):
    write(graph, LINK, "ada@x.example", "u2")

    lifted = lift(graph, "r-20261124-0001")

    assert lifted.action == LINK
    assert read_rules(graph) == ()


def test_rule_of_the_file_is_lifted_in_the_file(graph):
    seed(graph, LINK, "ada@x.example", "grace@x.example")

    with pytest.raises(UnknownRuleError, match=r"seeds/link_rules\.csv"):
        lift(graph, "s1")


def test_unknown_rule_is_told_with_the_known_ones(graph):
    write(graph, LINK, "ada@x.example", "u2")

    with pytest.raises(UnknownRuleError, match=r"Known: r-20261124-0001"):
        lift(graph, "r-1")
