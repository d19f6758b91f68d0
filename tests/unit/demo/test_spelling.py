"""How the demo writes values down: what the source holds, and what staging makes of it."""

import pytest

ADA = "ada.berg@gmail.com"


def typed(value_of, call: str):
    entry = value_of(call)
    return entry["raw"], entry["normal"], entry["mess"]


@pytest.mark.parametrize(
    ("fate", "expected"),
    [
        (0.9, (ADA, ADA, None)),
        (0.001, ("test@test.com", "test@test.com", "placeholders")),
        (0.1000000015, ("ada.berg", None, "invalid_values")),
        (0.1000000035, ("n/a", None, "invalid_values")),
        (0.2000000015, ("adaberg+nordvik@gmail.com",) * 2 + ("email_variants",)),
        (0.2000000005, ("a.daberg@gmail.com",) * 2 + ("email_variants",)),
        (0.4000000005, ("ADA.BERG@GMAIL.COM", ADA, None)),
        (0.4000000015, ("  ada.berg@gmail.com ", ADA, None)),
        (0.4000000035, ("Ada Berg <ada.berg@gmail.com>", ADA, None)),
    ],
)
def test_typed_email_shows_the_mishap_that_its_fate_says(value_of, fate, expected):
    assert typed(value_of, f"typed_email('{ADA}', 'Ada Berg', {fate:.12f})") == expected


def test_typed_email_of_a_provider_without_variants_is_left_as_it_is(value_of):
    found = typed(value_of, "typed_email('ada@wp.pl', 'Ada Berg', 0.2000000015)")

    assert found == ("ada@wp.pl", "ada@wp.pl", None)


def test_typed_email_of_nobody_is_nothing(value_of):
    assert typed(value_of, "typed_email(null, 'Ada Berg', 0.001)") == (None, None, None)


@pytest.mark.parametrize(
    ("fate", "slip"),
    [
        (0.6000000005, "ad.berg@gmail.com"),
        (0.6000000015, "adaa.berg@gmail.com"),
        (0.6000000025, "ad.aberg@gmail.com"),
        (0.6000000035, "ada.berg@gail.com"),
    ],
)
def test_email_typed_at_the_till_has_one_slip_and_reads_as_typed(value_of, fate, slip):
    found = typed(
        value_of, f"email_typed_at_the_till('{ADA}', 'Ada Berg', {fate:.12f})"
    )

    assert found == (slip, slip, "till_typos")


@pytest.mark.parametrize(
    ("nine_digits", "digit"),
    [("798273987", 7), ("401288888", 1), ("000000000", 0), ("123456789", 7)],
)
def test_check_digit_makes_the_luhn_sum_a_multiple_of_ten(value_of, nine_digits, digit):
    assert value_of(f"check_digit('{nine_digits}')") == digit


@pytest.mark.parametrize(
    ("card", "place", "expected"),
    [
        ("NV1234567897", 4, "NV1324567897"),
        ("NV1122334455", 3, "NV1222334455"),
        ("NV1909334455", 4, "NV1009334455"),
    ],
)
def test_mistyped_card_is_one_that_the_check_digit_refuses(
    value_of, card, place, expected
):
    assert value_of(f"mistyped_card('{card}', {place})") == expected


@pytest.mark.parametrize(
    ("phone", "fate", "shows_country", "expected"),
    [
        ("+31612345678", 0.9, "true", ("+31612345678", "+31612345678", None)),
        ("+31612345678", 0.0010000005, "true", ("0000000000", None, "placeholders")),
        (
            "+31612345678",
            0.0010000015,
            "true",
            ("+31600000000", "+31600000000", "placeholders"),
        ),
        ("+31612345678", 0.1000000035, "true", ("+31612", None, "invalid_values")),
        (
            "+31612345678",
            0.2000000015,
            "false",
            ("+31 (0)6 12 34 5678", "+31612345678", None),
        ),
        ("+4791234567", 0.2000000026, "true", ("912 34 567", "+4791234567", None)),
        ("+4791234567", 0.2000000026, "false", ("0047 91234567", "+4791234567", None)),
    ],
)
def test_typed_phone_is_written_as_its_fate_says(
    value_of, phone, fate, shows_country, expected
):
    found = typed(value_of, f"typed_phone('{phone}', {fate:.12f}, {shows_country})")

    assert found == expected


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("Łukasz", "lukasz"),
        ("Øyvind", "oyvind"),
        ("van der Meer", "vandermeer"),
        ("Sæther-Åsheim", "saetherasheim"),
        ("Daniëls", "daniels"),
    ],
)
def test_in_ascii_keeps_letters_only(value_of, name, letters):
    assert value_of(f"in_ascii('{name}')") == letters


@pytest.mark.parametrize(
    ("email", "canonical"),
    [
        ("a.d.a+shop@gmail.com", "ada@gmail.com"),
        ("ada.berg+x@outlook.com", "ada.berg@outlook.com"),
        ("ada+x@wp.pl", "ada+x@wp.pl"),
    ],
)
def test_canonical_email_is_where_the_mail_arrives(value_of, email, canonical):
    assert value_of(f"canonical_email('{email}')") == canonical
