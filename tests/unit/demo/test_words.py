"""The lists that names, addresses and articles are made of."""

from datetime import datetime

import pytest

from demo.scripts import script, set_variables


@pytest.fixture(scope="module")
def words(macros):
    set_variables(
        macros,
        {
            "as_of": datetime(2026, 6, 30),
            "started_at": datetime(2023, 7, 1),
        },
    )
    for name in ("world/words.sql", "world/catalogue.sql", "world/campaigns.sql"):
        macros.execute(script(name))
    return macros


def test_each_country_has_32_names_per_gender_and_64_family_names(words):
    given = words.query(
        "select distinct count(*) from given_name group by country_code, gender"
    )
    family = words.query(
        "select distinct count(*) from family_name group by country_code"
    )

    assert (given, family) == ([(32,)], [(64,)])


def test_no_two_pairs_of_names_spell_the_same_mailbox(words):
    [(spellings, different)] = words.query(
        """
        select count(*), count(distinct spelling)
        from (
            select unnest([
                in_ascii(given_name) || in_ascii(family_name), in_ascii(family_name) || in_ascii(given_name)
            ]) as spelling
            from given_name inner join family_name on given_name.country_code = family_name.country_code
        )
        """
    )

    assert spellings == 3 * 64 * 64 * 2
    assert different == spellings


def test_the_catalogue_holds_200_articles_of_different_names_and_rising_prices(words):
    [row] = words.query(
        """
        select
            count(*), count(distinct name), count(distinct handle), count(distinct sku),
            bool_and(minor_eur >= previous_eur and minor_nok >= previous_nok and minor_pln >= previous_pln)
        from (
            select
                *,
                lag(minor_eur, 1, 0) over (order by price_rank) as previous_eur,
                lag(minor_nok, 1, 0) over (order by price_rank) as previous_nok,
                lag(minor_pln, 1, 0) over (order by price_rank) as previous_pln
            from product
        )
        """
    )

    assert row == (200, 200, 200, 200, True)


def test_forty_stores_stand_in_three_countries(words):
    counts = words.query(
        "select country_code, count(*) from store group by country_code order by country_code"
    )

    assert counts == [("NL", 20), ("NO", 12), ("PL", 8)]


def test_every_campaign_has_a_name_and_an_id_of_its_own(words):
    [row] = words.query(
        "select count(*), count(distinct name), count(distinct campaign_id) from ad_campaign"
    )

    assert row == (21, 21, 21)
