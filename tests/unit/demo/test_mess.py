"""Which messy facts a world has, and what a wrong share or name says."""

import json

import pytest

from demo.errors import WorldError
from demo.mess import Mess


def test_mess_all_has_a_share_of_every_fact():
    assert len(Mess.names()) == 17
    assert all(share > 0 for share in Mess.all().shares().values())


def test_mess_none_has_no_share_of_any_fact():
    assert set(Mess.none().shares().values()) == {0.0}


def test_mess_only_keeps_the_named_facts_in_their_realistic_share():
    mess = Mess.only("late_messages", "till_typos")

    assert {name: share for name, share in mess.shares().items() if share} == {
        "till_typos": 0.04,
        "late_messages": 0.02,
    }


def test_mess_without_drops_the_named_facts_and_keeps_the_others():
    mess = Mess.without("store_tablets")

    assert [name for name, share in mess.shares().items() if not share] == [
        "store_tablets"
    ]
    assert mess.family_devices == Mess.all().family_devices


@pytest.mark.parametrize("make", [Mess.only, Mess.without])
def test_mess_of_an_unknown_name_lists_the_known_ones(make):
    with pytest.raises(
        WorldError, match=r"no messy fact 'typos'\. Choose from: family_devices, "
    ):
        make("late_messages", "typos")


def test_mess_refuses_a_share_above_one():
    with pytest.raises(
        WorldError, match=r"Mess\.late_messages is 1\.5, but a share from 0 to 1\.0"
    ):
        Mess(late_messages=1.5)


def test_mess_refuses_a_share_below_zero():
    with pytest.raises(WorldError, match=r"Mess\.cookie_resets is -0\.1"):
        Mess(cookie_resets=-0.1)


def test_mess_refuses_a_share_above_what_one_draw_leaves_for_it():
    with pytest.raises(
        WorldError, match=r"Mess\.placeholders is 0\.2, but a share from 0 to 0\.1"
    ):
        Mess(placeholders=0.2)


def test_mess_as_json_names_every_share():
    shares = json.loads(Mess.only("text_noise").as_json())

    assert len(shares) == 17
    assert shares["text_noise"] == 0.06
    assert shares["soft_deletes"] == 0.0
