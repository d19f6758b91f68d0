"""What each normaliser makes of what people and systems write, on DuckDB.

The cases are the specification; every expected value is written by hand. That the other
engines' bodies parse is for test_macro_dialects.py.
"""

import csv
from collections.abc import Callable, Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from tests.contract.conftest import MacroLibrary

Evaluate = Callable[..., object]

MACROS = MacroLibrary("duckdb")


@pytest.fixture(scope="module")
def evaluate() -> Iterator[Evaluate]:
    """Evaluates an expression over one column named raw, in a session set to UTC."""
    connection = duckdb.connect()
    connection.execute("set timezone = 'UTC'")

    def run(sql: object, raw: object, data_type: str = "text") -> object:
        connection.execute(f"create or replace temp table given (raw {data_type})")
        connection.execute("insert into given values (?)", [raw])
        row = connection.execute(f"select {sql} from given").fetchone()
        assert row is not None
        return row[0]

    yield run
    connection.close()


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("ada@x.no", "ada@x.no"),
        ("  ADA@X.No ", "ada@x.no"),
        ("ada@x.no\r\n", "ada@x.no"),
        ("\u00a0ada@x.no\u200b", "ada@x.no"),
        ("Ada Lovelace <Ada@x.no>", "ada@x.no"),
        ('"Lovelace, Ada" < ada@x.no >', "ada@x.no"),
        ("<ada@x.no>", "ada@x.no"),
        ("ada.l+news@mail.x.co.uk", "ada.l+news@mail.x.co.uk"),
        ("o'neill@x.ie", "o'neill@x.ie"),
        ("ada@xn--mbel-hra.no", "ada@xn--mbel-hra.no"),
        ("ada@x.xn--p1ai", "ada@x.xn--p1ai"),
        ("", None),
        ("n/a", None),
        ("ada", None),
        ("ada@", None),
        ("@x.no", None),
        ("ada@x", None),
        ("ada@x.n", None),
        ("ada@x.n0", None),
        ("ada@x,no", None),
        ("ada@x.no,", None),
        ("ada@x.no.", None),
        ("ada@@x.no", None),
        ("ada@x@y.no", None),
        ("ada l@x.no", None),
        (".ada@x.no", None),
        ("ada.@x.no", None),
        ("ada..l@x.no", None),
        ("ada@-x.no", None),
        ("ada@x-.no", None),
        ("ada@x..no", None),
        ("ada@x.no; grace@x.no", None),
        (None, None),
    ],
)
def test_normalized_email(evaluate: Evaluate, raw: object, expected: object):
    assert evaluate(MACROS.normalized_email("raw"), raw) == expected


@pytest.mark.parametrize(
    ("email", "expected"),
    [
        ("a.d.a@gmail.com", "ada@gmail.com"),
        ("ada+news@gmail.com", "ada@gmail.com"),
        ("a.da+n.e.w@googlemail.com", "ada@gmail.com"),
        ("ada+news@outlook.com", "ada@outlook.com"),
        ("a.da+news@hotmail.com", "a.da@hotmail.com"),
        ("ada+x@live.com", "ada@live.com"),
        ("ada+x@icloud.com", "ada@icloud.com"),
        ("ada+x+y@me.com", "ada@me.com"),
        ("ada+x@fastmail.com", "ada@fastmail.com"),
        ("ada+x@proton.me", "ada@proton.me"),
        ("ada+x@protonmail.com", "ada@protonmail.com"),
        ("a.da+news@x.no", "a.da+news@x.no"),
        ("ada+x@notgmail.com", "ada+x@notgmail.com"),
        ("ada@gmail.com.x.no", "ada@gmail.com.x.no"),
        ("+news@gmail.com", "+news@gmail.com"),
        ("+news@outlook.com", "+news@outlook.com"),
        (None, None),
    ],
)
def test_canonical_email(evaluate: Evaluate, email: object, expected: object):
    assert evaluate(MACROS.canonical_email("raw"), email) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("0612345678", "+31612345678"),
        ("06-12345678", "+31612345678"),
        ("06 12 34 56 78", "+31612345678"),
        ("06.12.34.56.78", "+31612345678"),
        ("(020) 123 45 67", "+31201234567"),
        ("020/1234567", "+31201234567"),
        ("06\u201112345678", "+31612345678"),
        ("06\u00a01234 5678", "+31612345678"),
        ("+31612345678", "+31612345678"),
        ("+31 (0)6 1234 5678", "+31612345678"),
        ("+31(0)612345678", "+31612345678"),
        ("+310612345678", "+31612345678"),
        ("0031 6 12345678", "+31612345678"),
        ("00 31 06 12345678", "+31612345678"),
        ("31612345678", "+31612345678"),
        ("310612345678", "+31612345678"),
        ("(+31) 6 12345678", "+31612345678"),
        ("tel: 020-1234567", "+31201234567"),
        ("020-1234567 ext. 12", "+31201234567"),
        ("020-1234567 x12", "+31201234567"),
        ("020-1234567#12", "+31201234567"),
        ("020-1234567 toestel 12", "+31201234567"),
        ("+47 912 34 567", "+4791234567"),
        ("0047 91234567", "+4791234567"),
        ("+48 600 123 456", "+48600123456"),
        ("+49 (0)30 1234567", "+49301234567"),
        ("+1 (212) 555-0100", "+12125550100"),
        ("+12345678", "+12345678"),
        ("+123456789012345", "+123456789012345"),
        ("", None),
        ("n/a", None),
        ("12345", None),
        ("+1234567", None),
        ("+1234567890123456", None),
        ("+061234567890", None),
        ("612345678", None),
        ("061234567", None),
        ("06123456789", None),
        ("+31612345", None),
        ("+31012345678", None),
        ("+4712345678", None),
        ("+479123456", None),
        ("+4860012345", None),
        ("4791234567", None),
        ("600123456", None),
        ("0000000000", None),
        ("0612345678 / 0201234567", None),
        ("06123O5678", None),
        ("0612345678 or evenings", None),
        (None, None),
    ],
)
def test_normalized_phone_with_a_dutch_default(
    evaluate: Evaluate, raw: object, expected: object
):
    assert evaluate(MACROS.normalized_phone("raw", "NL"), raw) == expected


@pytest.mark.parametrize(
    ("country", "raw", "expected"),
    [
        ("'NO'", "912 34 567", "+4791234567"),
        ("'NO'", "47123456", "+4747123456"),
        ("'NO'", "4791234567", "+4791234567"),
        ("'NO'", "0612345678", None),
        ("'PL'", "600 123 456", "+48600123456"),
        ("'PL'", "48600123456", "+48600123456"),
        ("'NL'", "0612345678", "+31612345678"),
        ("null", "0612345678", "+31612345678"),
        ("'DE'", "030 123456", None),
        ("'DE'", "0612345678", None),
        ("'DE'", "+49 30 123456", "+4930123456"),
        ("'DE'", "+31 6 12345678", "+31612345678"),
    ],
)
def test_normalized_phone_reads_a_national_number_by_the_rows_country(
    evaluate: Evaluate, country: str, raw: object, expected: object
):
    sql = MACROS.normalized_phone("raw", "NL", f"cast({country} as text)")

    assert evaluate(sql, raw) == expected


@pytest.mark.parametrize(
    ("default_country", "raw", "expected"),
    [
        ("DE", "030 123456", "+4930123456"),
        ("GB", "020 7946 0000", "+442079460000"),
        ("US", "(212) 555-0100", "+12125550100"),
        ("ES", "612 34 56 78", "+34612345678"),
        ("IT", "06 698 12345", "+390669812345"),
        ("DE", "+31 6 12345678", "+31612345678"),
        ("DE", "12", None),
    ],
)
def test_normalized_phone_with_a_default_country_without_an_exact_plan(
    evaluate: Evaluate, default_country: str, raw: object, expected: object
):
    assert evaluate(MACROS.normalized_phone("raw", default_country), raw) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("Ada", "Ada"),
        ("  Ada   King \t Lovelace ", "Ada King Lovelace"),
        ("\u00a0Ada\u00a0", "Ada"),
        ("Zo\u0065\u0308", "Zo\u00eb"),
        ("\u0141ukasz \u00d8deg\u00e5rd", "\u0141ukasz \u00d8deg\u00e5rd"),
        ("van der BERG", "van der BERG"),
        ("J.", "J."),
        ("O'Brien-Smith", "O'Brien-Smith"),
        ("\u674e", "\u674e"),
        ("\u0639\u0644\u064a", "\u0639\u0644\u064a"),
        ("7-Eleven", "7-Eleven"),
        ("", None),
        (" ", None),
        ("-", None),
        ("???", None),
        ("0000", None),
        ("n.", "n."),
        (None, None),
    ],
)
def test_normalized_name(evaluate: Evaluate, raw: object, expected: object):
    assert evaluate(MACROS.normalized_name("raw"), raw) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("NL", "NL"),
        (" nl ", "NL"),
        ("NLD", "NL"),
        ("Netherlands", "NL"),
        ("THE NETHERLANDS", "NL"),
        ("Nederland", "NL"),
        ("Norge", "NO"),
        ("Noreg", "NO"),
        ("Polska", "PL"),
        ("\u00d6sterreich", "AT"),
        ("U.S.A.", "US"),
        ("UK", "GB"),
        ("C\u00f4te d'Ivoire", "CI"),
        ("NA", "NA"),
        ("XX", None),
        ("Atlantis", None),
        ("", None),
        (None, None),
    ],
)
def test_normalized_country_code(evaluate: Evaluate, raw: object, expected: object):
    assert evaluate(MACROS.normalized_country_code("raw"), raw) == expected


def test_normalized_country_code_default_body_agrees_with_duckdbs(evaluate: Evaluate):
    sql = MACROS.default__normalized_country_code("raw")

    assert evaluate(sql, "Nederland") == "NL"
    assert evaluate(sql, "zwe") == "ZW"
    assert evaluate(sql, "C\u00f4te d'Ivoire") == "CI"
    assert evaluate(sql, "Atlantis") is None
    assert evaluate(sql, None) is None


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("NV1234567897", "NV1234567897"),
        ("nv1234567897", "NV1234567897"),
        (" NV 123-456-789.7 ", "NV1234567897"),
        ("NV0000000018", "NV0000000018"),
        ("NV1234567890", None),
        ("NV2134567897", None),
        ("NV1234567887", None),
        ("1234567897", None),
        ("NX1234567897", None),
        ("NV123456789", None),
        ("NV12345678977", None),
        ("", None),
        (None, None),
    ],
)
def test_normalized_loyalty_id(evaluate: Evaluate, raw: object, expected: object):
    assert evaluate(MACROS.normalized_loyalty_id("raw"), raw) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [("eur", "EUR"), (" NOK ", "NOK"), ("\u20ac", None), ("euro", None), (None, None)],
)
def test_currency_code(evaluate: Evaluate, raw: object, expected: object):
    assert evaluate(MACROS.currency_code("raw"), raw) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("https://www.Example.com/about?x=1#y", "example.com"),
        ("http://shop.example.co.uk:8080", "shop.example.co.uk"),
        (" www.example.com ", "example.com"),
        ("example.com", "example.com"),
        ("localhost", None),
        ("n/a", None),
        ("", None),
        (None, None),
    ],
)
def test_web_domain(evaluate: Evaluate, raw: object, expected: object):
    assert evaluate(MACROS.web_domain("raw"), raw) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (date(1990, 12, 10), date(1990, 12, 10)),
        (date(1900, 1, 2), date(1900, 1, 2)),
        (date(2026, 6, 30), date(2026, 6, 30)),
        (date(1900, 1, 1), None),
        (date(2026, 7, 1), None),
        (None, None),
    ],
)
def test_plausible_date(evaluate: Evaluate, raw: object, expected: object):
    sql = MACROS.plausible_date("raw", "1900-01-02", "null")

    assert evaluate(sql, raw, "date") == expected


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [
        (1999, "EUR", Decimal("19.99")),
        (1999, "eur", Decimal("19.99")),
        (1999, "JPY", Decimal("1999.00")),
        (1999, "krw", Decimal("1999.00")),
        (12340, "KWD", Decimal("12.34")),
        (1999, "ISK", Decimal("19.99")),
        (-500, "EUR", Decimal("-5.00")),
        (None, "EUR", None),
    ],
)
def test_minor_units(
    evaluate: Evaluate, amount: object, currency: str, expected: object
):
    sql = MACROS.minor_units("raw", f"'{currency}'")

    assert evaluate(sql, amount, "bigint") == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (datetime(2026, 3, 1, 12), datetime(2026, 3, 1, 12)),
        ("2026-03-01T12:00:00Z", datetime(2026, 3, 1, 12)),
        ("2026-03-01 12:00:00+02:00", datetime(2026, 3, 1, 10)),
        ("2026-03-01 12:00:00", datetime(2026, 3, 1, 12)),
        (None, None),
    ],
)
def test_utc_timestamp(evaluate: Evaluate, raw: object, expected: object):
    assert evaluate(MACROS.utc_timestamp("raw"), raw) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://x.no/?gclid=Cj0-a_B", "Cj0-a_B"),
        ("https://x.no/?a=1&gclid=Cj0&b=2#gclid=no", "Cj0"),
        ("https://x.no/?notgclid=1", None),
        ("https://x.no/?gclid=", None),
        ("https://x.no/gclid=1", None),
        (None, None),
    ],
)
def test_url_parameter(evaluate: Evaluate, url: object, expected: object):
    assert evaluate(MACROS.url_parameter("raw", "gclid"), url) == expected


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ('{"shop": {"user_id": "77"}}', "77"),
        ('{"shop": {"user_id": 77}}', "77"),
        ('{"shop": {}}', None),
        ("no json", None),
        ("", None),
        (None, None),
    ],
)
def test_json_text(evaluate: Evaluate, document: object, expected: object):
    assert evaluate(MACROS.json_text("raw", "shop.user_id"), document) == expected


@pytest.mark.parametrize(
    ("raw", "normalized", "expected"),
    [
        ("ada", "null", "email"),
        ("ada@x.no", "'ada@x.no'", None),
        (" ", "null", None),
        (None, "null", None),
    ],
)
def test_rejected_columns_names_what_was_given_and_could_not_be_read(
    evaluate: Evaluate, raw: object, normalized: str, expected: object
):
    sql = MACROS.rejected_columns({"email": "raw"})

    marks = (
        f"(select {sql} from (select {normalized} as normalized_email) as normalized)"
    )
    assert evaluate(marks, raw) == expected


def test_rejected_columns_lists_several_with_a_blank_between(evaluate: Evaluate):
    sql = MACROS.rejected_columns({"email": "raw", "phone": "raw", "city": "null"})

    nulls = (
        "null as normalized_email, null as normalized_phone, null as normalized_city"
    )
    marks = f"(select {sql} from (select {nulls}) as normalized)"
    assert evaluate(marks, "n/a") == "email phone"


def test_country_seed_says_the_same_as_the_macro(project_root: Path):
    with (project_root / "seeds/country_codes.csv").open(encoding="utf-8") as file:
        header, *rows = csv.reader(file)

    macro_rows = [
        [code, alpha3, prefix, names[0], "|".join(names[1:])]
        for code, alpha3, prefix, names in MACROS.countries()  # type: ignore[attr-defined]
    ]
    assert header == [
        "country_code",
        "alpha3_code",
        "dialling_prefix",
        "country_name",
        "other_names",
    ]
    assert macro_rows == rows
