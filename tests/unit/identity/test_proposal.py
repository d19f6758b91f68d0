"""Proposed rules: what may stand in the file, and the variables that come of it."""

import pytest

from identity.errors import ProposalError
from identity.identifiers import Identifier
from identity.proposal import (
    BlockedRow,
    RuleRow,
    parse_proposal,
    proposed_variables,
)

VARIABLES = {
    "identifier_types": [
        {"type": "user_id", "unique": True},
        {"type": "email", "limit": 20, "max_linked": {"user_id": 2}},
    ],
    "identity_hygiene": {"shared_by": 10, "block": False},
}


def types_of(text):
    return proposed_variables(parse_proposal(text, where="f"), VARIABLES)[
        "identifier_types"
    ]


def test_entry_patches_the_type_of_its_name():
    assert types_of("identifier_types: [{type: email, limit: 3}]") == [
        {"type": "user_id", "unique": True},
        {"type": "email", "limit": 3, "max_linked": {"user_id": 2}},
    ]


def test_null_takes_a_setting_away():
    assert types_of("identifier_types: [{type: user_id, unique: null}]")[0] == {
        "type": "user_id"
    }


def test_new_type_is_the_weakest():
    names = [
        each["type"]
        for each in types_of("identifier_types: [{type: ip, merges: false}]")
    ]

    assert names == ["user_id", "email", "ip"]


def test_entries_that_name_every_type_are_in_the_new_order():
    text = "identifier_types: [{type: email}, {type: ip}, {type: user_id}]"

    assert [each["type"] for each in types_of(text)] == ["email", "ip", "user_id"]


def test_hygiene_is_patched():
    proposal = parse_proposal("hygiene: {block: true}", where="f")

    assert proposed_variables(proposal, VARIABLES) == {
        "identity_hygiene": {"shared_by": 10, "block": True}
    }


def test_rows_are_read():
    proposal = parse_proposal(
        """
blocked:
  - {identifier_type: email, match: like, value: "info@%", reason: role}
link_rules:
  - {action: never_link, left: "email:ada@x.example", right: "phone:+31611111111"}
""",
        where="f",
    )

    assert proposal.blocked == (BlockedRow("email", "like", "info@%", "role"),)
    assert proposal.link_rules == (
        RuleRow(
            "never_link",
            Identifier("email", "ada@x.example"),
            Identifier("phone", "+31611111111"),
            "proposed",
        ),
    )
    assert proposed_variables(proposal, VARIABLES) == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "proposes nothing"),
        ("a: [", "line 1 is not valid YAML"),
        ("identifier_type: []", "Did you mean 'identifier_types'"),
        ("identifier_types: {type: email}", "identifier_types is no list"),
        ("identifier_types: [{limit: 3}]", "entry 1 has no type"),
        ("blocked: [{value: 5}]", "value is missing or no text"),
        ("blocked: [{value: x, match: regex}]", "match 'regex'"),
        ("blocked: [{val: x}]", "Did you mean 'value'"),
        ("link_rules: [{action: join, left: 'a:b', right: 'a:c'}]", "action 'join'"),
        ("link_rules: [{action: link, left: ada, right: 'a:c'}]", "left names no type"),
        ("hygiene: 3", "hygiene is no map"),
    ],
)
def test_wrong_file_is_told_with_the_place(text, said):
    with pytest.raises(ProposalError, match=r"^rules\.yml") as caught:
        parse_proposal(text, where="rules.yml")

    assert said in str(caught.value)
    assert caught.value.exit_code == 2
