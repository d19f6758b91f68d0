"""Link rules: which are the same, which contradict, and how they are named."""

from datetime import date

import pytest

from identity.identifiers import Identifier
from identity.rules import (
    LINK,
    NEVER_LINK,
    LinkRule,
    contradicted,
    next_rule_id,
    same_rule,
)

A, B, C, D = (Identifier("email", f"{name}@x.example") for name in "abcd")


def rule(rule_id, action, left, right):
    return LinkRule(rule_id, action, left, right, "why", "ada", None, is_seeded=False)


@pytest.mark.parametrize(
    ("taken", "expected"),
    [
        ([], "r-20261124-0001"),
        (["r-20261124-0007", "r-20261123-0009"], "r-20261124-0008"),
        (["support-4711", "r-20261124-old"], "r-20261124-0001"),
    ],
)
def test_rule_id_counts_on_within_the_day(taken, expected):
    rules = [rule(rule_id, LINK, A, B) for rule_id in taken]

    assert next_rule_id(rules, date(2026, 11, 24)) == expected


def test_same_pair_the_other_way_round_is_the_same_rule():
    known = rule("r1", LINK, A, B)

    assert same_rule([known], rule("new", LINK, B, A)) == known
    assert same_rule([known], rule("new", NEVER_LINK, B, A)) is None


def test_opposite_rule_on_the_same_pair_contradicts():
    known = rule("r1", LINK, A, B)

    assert contradicted([known], rule("new", NEVER_LINK, B, A)) == (known,)


def test_chain_of_links_contradicts_a_parting_of_its_ends():
    links = (rule("r1", LINK, A, B), rule("r2", LINK, B, C))

    assert contradicted(links, rule("new", NEVER_LINK, C, A)) == links


def test_link_that_would_close_a_chain_contradicts_the_parting():
    rules = (rule("r1", NEVER_LINK, A, C), rule("r2", LINK, A, B))

    assert contradicted(rules, rule("new", LINK, C, B)) == rules


def test_rules_on_others_are_left_in_peace():
    rules = [rule("r1", NEVER_LINK, A, B), rule("r2", LINK, C, D)]

    assert contradicted(rules, rule("new", NEVER_LINK, A, D)) == ()
    assert contradicted(rules, rule("new", LINK, A, D)) == ()


def test_contradiction_that_was_there_before_is_not_blamed_on_a_new_rule():
    rules = [rule("r1", NEVER_LINK, A, B), rule("r2", LINK, A, B)]

    assert contradicted(rules, rule("new", LINK, C, D)) == ()
