"""The sizes of groups, as definitions declare them."""

import pytest

from audiences.conditions import InState, State
from audiences.definition import Definition, Holdout, Owner, Split
from audiences.experiments.declared import declared_weights


def audience(name, split) -> Definition:
    return Definition(
        name=name,
        description="Customers who are won back.",
        owner=Owner("Retention", "retention@nordvik.example"),
        purpose="email_marketing",
        entity="customer",
        condition=InState("email", State.IS_KNOWN),
        split=split,
    )


def weights(split):
    others = Split("other", (("a", 1),), Holdout(0.5, "other"))
    return declared_weights(
        [audience("other", others), audience("winback", split)], "winback"
    )


def test_groups_without_a_holdout_have_the_shares_of_their_weights():
    assert weights(Split("winback", (("letter", 1), ("coupon", 3)))) == {
        "letter": 0.25,
        "coupon": 0.75,
    }


def test_groups_share_what_the_holdout_leaves():
    split = Split("winback", (("letter", 1), ("coupon", 3)), Holdout(0.2, "all"))

    assert weights(split) == pytest.approx(
        {"letter": 0.2, "coupon": 0.6, "holdout": 0.2}
    )


def test_audience_that_is_not_split_declares_nothing():
    assert weights(None) is None


def test_audience_without_a_definition_declares_nothing():
    assert declared_weights([], "winback") is None
