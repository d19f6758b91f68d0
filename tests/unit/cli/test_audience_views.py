"""What `kenning audiences preview`, `list`, `overlap` and `diff` print."""

import json
from dataclasses import replace
from datetime import datetime

from audiences.differences import Difference
from audiences.listing import Listed, Recorded
from audiences.overlap import Overlaps
from audiences.preview import Change, FunnelStep, Overlap, Preview, Reach
from cli.audience_views import (
    difference_json,
    difference_text,
    listing_json,
    listing_text,
    overlaps_json,
    overlaps_text,
    preview_json,
    preview_text,
)

SEEN = Preview(
    name="buyers",
    entity="customer",
    purpose="email_marketing",
    as_of=datetime(2026, 6, 30),
    version="abc",
    base_count=4_000,
    member_count=1_000,
    sizes={"a": 750, "b": 250},
    funnel=(
        FunnelStep("order_count_at_least_1", 2_500, 1_500, 1_500),
        FunnelStep("left out: is_b2b_is_true", 500, 1_000, None),
    ),
    examples=({"customer_id": "c_1", "email": "a•••@x•••.nl"},),
    overlaps=(Overlap("lookers", 200, 50, 0.05, 0.25),),
    change=Change(datetime(2026, 6, 29), 990, 15, 5, is_same_definition=True),
    reach=(
        Reach("email_marketing", "email", 400, 300, is_own_purpose=True),
        Reach("ads", "online", 100, None, is_own_purpose=False),
    ),
)
PREVIEW = """\
buyers (customer, email_marketing), as of 2026-06-30 00:00 UTC
  1,000 of 4,000 customers, 25.0 %
  a  750
  b  250

What is asked
                            removed   left  holds for
  everybody                          4,000
  order_count_at_least_1     -2,500  1,500      1,500
  left out: is_b2b_is_true     -500  1,000

Shared with
           members  in both  of this one  of that one
  lookers      200       50        5.0 %       25.0 %

Since 2026-06-29 00:00 UTC
  990 then, 15 entered, 5 left

May be reached
                           consent  with address
  email_marketing  email       400           300  30.0 % (its purpose)
  ads              online      100                              10.0 %

Members, masked
  customer_id  email
  c_1          a•••@x•••.nl"""

DIFFERENCE = Difference(
    name="buyers",
    as_of=datetime(2026, 6, 30),
    version="new",
    built_version="old",
    built_at=datetime(2026, 6, 29, 12),
    before_count=10,
    after_count=9,
    added_count=1,
    removed_count=2,
    added=({"customer_id": "c_1"},),
    removed=(),
)


def test_preview_reads_from_the_size_to_the_members():
    assert preview_text(SEEN) == PREVIEW


def test_preview_without_a_yesterday_a_change_or_members_says_what_is_missing():
    text = preview_text(
        replace(SEEN, change=None, examples=(), reach=None, overlaps=(), sizes={})
    )

    assert "Since the day before\n  Nothing was recorded then." in text
    assert "masked" not in text
    assert "reached" not in text


def test_preview_says_when_another_definition_held():
    change = Change(datetime(2026, 6, 29), 1, 2, 3, is_same_definition=False)

    assert "Another definition held then." in preview_text(replace(SEEN, change=change))


def test_preview_of_nobody_divides_by_nothing():
    text = preview_text(replace(SEEN, member_count=0, base_count=0))

    assert "0 of 0 customers, 0.0 %" in text


def test_preview_as_json_has_shares_and_groups():
    content = json.loads(preview_json(SEEN))

    assert content["share_of_base"] == 0.25
    assert content["split_groups"] == {"a": 750, "b": 250}
    assert content["as_of"] == "2026-06-30T00:00:00Z"
    assert content["funnel"][0]["left_count"] == 1_500


def test_groups_of_an_audience_without_any_are_none():
    content = json.loads(preview_json(replace(SEEN, sizes={None: 1_000})))

    assert content["split_groups"] == {}


def test_list_has_a_line_for_each_audience_built_or_not():
    recorded = Recorded(datetime(2026, 6, 30), 1_000, 15, 5)
    audiences = (
        Listed("buyers", "customer", "Stores", "ads", recorded),
        Listed("plain", "account", None, None, None),
    )

    assert listing_text(audiences) == (
        "name    entity      members  entered  left  day         purpose  owner\n"
        "buyers  customer      1,000      +15    -5  2026-06-30  ads      Stores\n"
        "plain   account   not built                                      (dbt model)"
    )
    assert json.loads(listing_json(audiences))["audiences"][1]["recorded"] is None


def test_list_of_nothing_says_where_to_begin():
    assert listing_text(()) == (
        "There is no audience. Write one in audiences/definitions/."
    )


def test_overlap_is_a_table_of_counts_and_shares_of_the_row():
    overlaps = (Overlaps("customer", {"a": 4, "b": 2}, {("a", "b"): 1}),)

    assert overlaps_text(overlaps) == (
        "customers            1            2\n"
        "1 a        4 (100.0 %)   1 (25.0 %)\n"
        "2 b         1 (50.0 %)  2 (100.0 %)"
    )
    [entity] = json.loads(overlaps_json(overlaps))["entities"]
    assert entity["pairs"] == [
        {
            "audience": "a",
            "other": "b",
            "both_count": 1,
            "share": 0.25,
            "share_of_other": 0.5,
        }
    ]


def test_overlap_of_nothing_says_how_to_build():
    assert "kenning build" in overlaps_text(())


def test_difference_says_what_changes_and_by_which_versions():
    assert difference_text(DIFFERENCE) == (
        "buyers, as of 2026-06-30 00:00 UTC\n"
        "  10 members now, 9 with this definition\n"
        "  1 added, 2 removed\n"
        "  Version new; members were built at 2026-06-29 12:00 by old\n"
        "\n"
        "Added, masked\n"
        "  customer_id\n"
        "  c_1"
    )
    assert json.loads(difference_json(DIFFERENCE))["built_at"] == "2026-06-29T12:00:00Z"


def test_difference_of_the_same_definition_says_so():
    same = replace(DIFFERENCE, version="old", added_count=0, removed_count=0)

    assert "The definition is the one that was built at" in difference_text(same)


def test_difference_of_a_new_audience_says_so():
    assert "It has no members yet." in difference_text(
        replace(DIFFERENCE, built_at=None, built_version=None)
    )
