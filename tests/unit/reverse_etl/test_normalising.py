"""Every normaliser against cases whose results were written by hand, and what joins them."""

import hashlib
import json
import re
import sys
from pathlib import Path

import pytest

from reverse_etl.errors import SyncConfigurationError
from reverse_etl.normalising import NORMALISERS, Normaliser, phones

GOLDEN = Path(__file__).parents[2] / "golden" / "normalisers"
PLATFORMS = ("google", "linkedin", "meta", "neutral", "tiktok")
EMPTY = hashlib.sha256(b"").hexdigest()
PEOPLE_SEE_NOTHING = ["", " ", "\t\n", "\u00a0", "\u200b", "\ufeff"]


def cases(platform: str) -> list[dict]:
    return json.loads((GOLDEN / f"{platform}.json").read_text("utf-8"))


def result(case: dict) -> str | None:
    normaliser = NORMALISERS[case["normaliser"]]
    if case.get("hashed"):
        normaliser = normaliser.for_hashed()
    return normaliser.apply(case["value"], case.get("region"))


@pytest.mark.parametrize("platform", PLATFORMS)
def test_what_is_sent_is_what_was_written_by_hand(platform):
    wrong = [
        (case["normaliser"], case["value"], case.get("region"), case["normalised"])
        for case in cases(platform)
        if result(case) != case["sent"]
    ]

    assert wrong == []


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_digests_of_the_cases_are_those_of_their_text(platform):
    wrong = [
        case
        for case in cases(platform)
        if case["normalised"] is not None
        and NORMALISERS[case["normaliser"]].is_hashing
        and not case.get("hashed")
        and case["sent"] != hashlib.sha256(case["normalised"].encode()).hexdigest()
    ]

    assert wrong == []


def test_every_normaliser_has_cases_that_are_sent_and_cases_that_are_left_out():
    every = [case for platform in PLATFORMS for case in cases(platform)]
    sent = {case["normaliser"] for case in every if case["sent"] is not None}
    left_out = {case["normaliser"] for case in every if case["sent"] is None}

    assert sent == left_out == set(NORMALISERS)


@pytest.mark.parametrize("name", NORMALISERS)
@pytest.mark.parametrize("value", PEOPLE_SEE_NOTHING)
def test_a_value_that_nobody_can_see_is_left_out(name, value):
    assert NORMALISERS[name].apply(value, "NL") is None


def test_no_case_has_the_digest_of_nothing():
    every = [case for platform in PLATFORMS for case in cases(platform)]

    assert EMPTY not in {case["sent"] for case in every}


@pytest.mark.parametrize(
    "name",
    [name for name, one in NORMALISERS.items() if one.is_hashing and name != "sha256"],
)
def test_a_digest_in_a_column_that_does_not_say_so_is_left_out(name):
    digest = hashlib.sha256(b"ada@example.com").hexdigest()

    assert NORMALISERS[name].apply(digest, "NL") is None
    assert NORMALISERS[name].apply(f" {digest.upper()} ", "NL") is None
    assert NORMALISERS[name].for_hashed().apply(digest.upper(), "NL") == digest


def test_an_identifier_that_goes_in_clear_cannot_be_hashed_already():
    with pytest.raises(SyncConfigurationError, match=r"'google\.country'.*in clear"):
        NORMALISERS["google.country"].for_hashed()


def test_fingerprints_tell_normalisers_versions_and_hashed_columns_apart():
    email = NORMALISERS["meta.email"]
    newer = Normaliser("meta.email", 2, email.apply, is_hashing=True)

    fingerprints = [one.fingerprint for one in NORMALISERS.values()]

    assert len(set(fingerprints)) == len(NORMALISERS)
    assert email.fingerprint == "meta.email@1"
    assert (
        len({email.fingerprint, newer.fingerprint, email.for_hashed().fingerprint}) == 3
    )


@pytest.mark.parametrize("name", NORMALISERS)
def test_names_are_plain(name):
    assert re.fullmatch(r"(?:(?:google|meta|tiktok|linkedin)\.)?[a-z0-9_]+", name)
    assert NORMALISERS[name].name == name


def test_an_unknown_region_is_said_and_not_taken_for_a_wrong_number():
    with pytest.raises(SyncConfigurationError, match="'Holland' is no region"):
        NORMALISERS["meta.phone"].apply("0612345678", "Holland")


def test_a_missing_package_is_named_with_the_extra_that_has_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "phonenumbers", None)
    phones._phonenumbers.cache_clear()
    try:
        with pytest.raises(SyncConfigurationError, match=r"'kenning\[ads\]'"):
            NORMALISERS["tiktok.phone"].apply("+31612345678", None)
    finally:
        monkeypatch.undo()
        phones._phonenumbers.cache_clear()


def test_platforms_disagree_on_the_same_person():
    value = " Ada.Lovelace+News@GMail.com "

    google = NORMALISERS["google.email"].apply(value, None)
    meta = NORMALISERS["meta.email"].apply(value, None)

    assert google == hashlib.sha256(b"adalovelace@gmail.com").hexdigest()
    assert meta == hashlib.sha256(b"ada.lovelace+news@gmail.com").hexdigest()
