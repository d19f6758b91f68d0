"""What `kenning audiences history` and `backdate` print."""

import json
from datetime import datetime

from audiences.history import Member, Recorded
from cli.audience_history import (
    backdated_json,
    recorded_json,
    render_backdated,
    render_recorded,
)
from orchestration.audience_backdating import Agreement, Backdated, agreement

AT = datetime(2026, 6, 30)


def member(
    name: str, *, group: str | None = None, why: str = "first run", now: str = ""
) -> Member:
    return Member(name, now or name, group, datetime(2026, 6, 1), why)


def recorded(*members: Member, version: str | None = "v1") -> Recorded:
    return Recorded("win_back", AT, datetime(2026, 6, 29, 8), version, members)


def test_recorded_audience_shows_groups_and_reasons() -> None:
    text = render_recorded(
        recorded(
            member("ada", group="treatment", why="is_b2b"),
            member("grace", group="holdout", why="is_b2b"),
            member("hedy", group="treatment"),
        )
    )

    assert text == (
        "win_back at 2026-06-30 00:00 UTC, as recorded\n"
        "\n"
        "  evaluated  2026-06-29 08:00\n"
        "  version    v1\n"
        "  members    3\n"
        "    holdout        1\n"
        "    treatment      2\n"
        "\n"
        "  Why they had entered\n"
        "          2  is_b2b\n"
        "          1  first run"
    )


def test_rare_reasons_are_added_up() -> None:
    members = [member(str(number), why=f"reason {number:02}") for number in range(12)]

    lines = render_recorded(recorded(*members)).splitlines()

    assert lines[-2:] == ["          1  reason 09", "          2  other reasons"]


def test_audience_that_was_removed_says_so() -> None:
    text = render_recorded(recorded(version=None))

    assert text.endswith("  version    removed\n  members    0")


def test_recorded_audience_is_one_object_with_every_member() -> None:
    found = json.loads(recorded_json(recorded(member("ada", now="mary"))))

    assert found["member_count"] == 1
    assert found["members"] == [
        {
            "member_id": "ada",
            "customer_id": "mary",
            "split_group": None,
            "entered_at": "2026-06-01T00:00:00",
            "entered_because": "first run",
        }
    ]


def test_backdated_audience_shows_how_it_agrees_with_what_was_recorded() -> None:
    found = Backdated(
        "win_back", AT, {"ada": "a", "grace": None}, Agreement(1, 2, 3, 4)
    )

    assert render_backdated(found) == (
        "win_back at 2026-06-30 00:00 UTC, worked out from the facts known now\n"
        "\n"
        "  members    2\n"
        "    (no group)     1\n"
        "    a              1\n"
        "\n"
        "  Recorded then\n"
        "          1  the same members\n"
        "          2  recorded, and not found in the facts known now\n"
        "          3  found in the facts known now, and not recorded\n"
        "          4  recorded, and no customers any more"
    )
    assert json.loads(backdated_json(found))["recorded"] == {
        "both_count": 1,
        "only_recorded_count": 2,
        "only_worked_out_count": 3,
        "gone_count": 4,
    }


def test_backdated_audience_that_was_not_recorded_says_so() -> None:
    found = Backdated("win_back", AT, {}, None)

    assert render_backdated(found).endswith("  Nothing was recorded then.")
    assert json.loads(backdated_json(found))["recorded"] is None


def test_members_agree_by_the_customers_they_are_now() -> None:
    merged, gone = member("hedy", now="mary"), Member("joan", None, None, AT, "")

    assert agreement(
        recorded(member("ada"), merged, member("left"), gone),
        {"ada": None, "mary": None, "late": None},
    ) == Agreement(
        both_count=2, only_recorded_count=1, only_worked_out_count=1, gone_count=1
    )


def test_members_that_are_no_customers_agree_by_their_own_ids() -> None:
    account = Member("acme", None, None, AT, "first run")

    assert agreement(recorded(account), {"acme": None}) == Agreement(1, 0, 0, 0)
