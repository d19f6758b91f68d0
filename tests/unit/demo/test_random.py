"""Draws depend on seed, key and stream alone, and look like chance."""

import pytest

from demo.scripts import set_variables


def test_mixed_is_two_rounds_of_multiply_and_fold(value_of):
    # Worked out in another language, from the md5 of 'country' (its last 8 bytes, little-endian).
    assert value_of("mixed(1, 'country')::varchar") == "1446107681390600722"


def test_uniform_is_the_top_of_mixed(value_of):
    # 1446107681390600722 / 2^64, to 53 bits.
    assert value_of("uniform(1, 'country')") == pytest.approx(0.07839365449, abs=1e-11)


def test_uniform_differs_by_seed(macros, value_of):
    of_seed_7 = value_of("uniform(1, 'country')")

    set_variables(macros, {"seed": 8})
    of_seed_8 = value_of("uniform(1, 'country')")
    set_variables(macros, {"seed": 7})

    assert of_seed_7 != of_seed_8


def test_uniform_fills_its_range_evenly(value_of):
    [share] = {
        value_of(
            "max(abs(n - 1000.0)) from (select count(*) as n from range(100000) as r(i) "
            "group by floor(uniform(i, 'evenness') * 100))"
        )
    }

    assert share < 150


@pytest.mark.parametrize(
    "pair",
    [
        ("uniform(i, 'one')", "uniform(i, 'two')"),
        ("uniform(i, 'one')", "uniform(i + 1, 'one')"),
        ("uniform(i * 16, 'one')", "uniform(i * 16 + 1, 'one')"),
    ],
)
def test_uniform_draws_do_not_hang_together(value_of, pair):
    correlation = value_of(f"corr({pair[0]}, {pair[1]}) from range(100000) as r(i)")

    assert abs(correlation) < 0.012


def test_exponential_has_mean_one(value_of):
    assert value_of(
        "avg(exponential(i, 'wait')) from range(100000) as r(i)"
    ) == pytest.approx(1, abs=0.02)


def test_gamma_has_its_shape_as_mean_and_variance(value_of):
    moments = value_of(
        "[avg(gamma_3(i, 'g')), var_pop(gamma_3(i, 'g'))] from range(100000) as r(i)"
    )

    assert moments == pytest.approx([3, 3], abs=0.1)


def test_opaque_ids_never_meet(value_of):
    assert (
        value_of("count(distinct opaque(i)) from range(1000000) as r(i)") == 1_000_000
    )


def test_whole_draws_reach_both_ends(value_of):
    assert value_of(
        "list_sort(list(distinct whole(i, 'dice', 1, 6))) from range(1000) as r(i)"
    ) == [1, 2, 3, 4, 5, 6]
