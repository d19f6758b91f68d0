"""Landing a world: the same spec gives the same rows, and a failure leaves the world before."""

import json
from dataclasses import dataclass
from datetime import datetime

import pytest

from demo.errors import WorldError
from demo.landing import land, raw_tables
from demo.mess import Mess
from demo.world import WorldSpec
from tests.demo_worlds import Landed, fingerprints, landed, target
from warehouse.connection import open_warehouse

SPEC = WorldSpec(people=400, seed=5)
TABLES = [f'{table.db}."{table.name}"' for table in raw_tables()]
TRUTH_TABLES = [
    f'truth.truth."{name}"'
    for name in ("person", "household", "company", "order", "identifier", "world")
]
SEED_FREE_TABLES = {
    'google_ads."campaign_history"',
    'meta_ads."campaign_history"',
    'stripe."price"',
}
"""Campaigns and prices are set by hand, whatever the seed."""


class StoppedError(Exception):
    """Raised in the middle of a landing, as by a person who presses Ctrl-C."""


def prints_of(world: Landed):
    """Fingerprints of the raw tables and of the truth."""
    return (
        fingerprints(world.warehouse, TABLES),
        fingerprints(world.truth, TRUTH_TABLES),
    )


@pytest.fixture(scope="module")
def landed_prints(tmp_path_factory: pytest.TempPathFactory):
    with landed(tmp_path_factory.mktemp("landed"), SPEC) as world:
        yield (
            fingerprints(world.warehouse, TABLES),
            fingerprints(world.truth, TRUTH_TABLES),
        )


def test_land_gives_the_same_rows_with_one_thread_and_in_small_blocks(
    tmp_path, landed_prints
):
    with landed(tmp_path, SPEC, threads=1, block_people=100) as again:
        assert prints_of(again) == landed_prints


def test_land_gives_other_rows_for_another_seed(tmp_path, landed_prints):
    with landed(tmp_path, WorldSpec(people=400, seed=6)) as other:
        prints = fingerprints(other.warehouse, TABLES)

    same = {table for table in TABLES if prints[table] == landed_prints[0][table]}
    assert same == SEED_FREE_TABLES


def test_land_stopped_half_way_leaves_the_world_before_and_done_again_replaces_it(
    tmp_path, landed_prints
):
    def stop_late(doing: str, done: float) -> None:
        if doing == "writing it down":
            raise StoppedError

    with landed(tmp_path, WorldSpec(people=30, seed=9)) as opened:
        before = prints_of(opened)

        with pytest.raises(StoppedError):
            land(SPEC, opened.warehouse, opened.truth, progress=stop_late)
        stopped = prints_of(opened)
        land(SPEC, opened.warehouse, opened.truth)
        done = prints_of(opened)

    assert stopped == before
    assert done == landed_prints


@dataclass(frozen=True)
class SmallLanding:
    """A landing of 24 people into a warehouse that was not empty, and what it left."""

    told: list[tuple[str, float]]
    row_counts: dict[str, int]
    counted: dict[str, int]
    temporary: list[tuple[object, ...]]
    settings_before: list[tuple[object, ...]]
    settings_after: list[tuple[object, ...]]
    gift_cards: list[tuple[object, ...]]
    world: list[tuple[object, ...]]


@pytest.fixture(scope="module")
def small_landing(tmp_path_factory: pytest.TempPathFactory) -> SmallLanding:
    settings = (
        "select current_setting('memory_limit'), current_setting('threads'), "
        "current_setting('preserve_insertion_order'), current_schema()"
    )
    folder = tmp_path_factory.mktemp("small")
    told: list[tuple[str, float]] = []
    with (
        open_warehouse(target(folder / "raw.duckdb", memory_limit="3GB")) as warehouse,
        open_warehouse(target(folder / "truth.duckdb")) as truth,
    ):
        warehouse.execute("create schema shopify")
        warehouse.execute("create table shopify.gift_card as select 7 as id")
        settings_before = warehouse.query(settings) + truth.query(settings)

        row_counts = land(
            WorldSpec(people=24, seed=8, mess=Mess.only("late_messages")),
            warehouse,
            truth,
            progress=lambda doing, done: told.append((doing, done)),
            block_people=12,
        )

        return SmallLanding(
            told=told,
            row_counts=row_counts,
            counted={
                table: int(rows)
                for table, (rows, _) in fingerprints(warehouse, TABLES).items()
            },
            temporary=warehouse.query(
                "select table_name from information_schema.tables where table_catalog = 'temp'"
            ),
            settings_before=settings_before,
            settings_after=warehouse.query(settings) + truth.query(settings),
            gift_cards=warehouse.query("select id from shopify.gift_card"),
            world=truth.query(
                "select seed, people, as_of, version, mess from truth.truth.world"
            ),
        )


def test_land_gives_back_the_engine_settings_that_it_changed(small_landing):
    assert small_landing.settings_after == small_landing.settings_before


def test_land_leaves_tables_of_others_alone(small_landing):
    assert small_landing.gift_cards == [(7,)]


def test_land_leaves_no_temporary_table_behind(small_landing):
    assert small_landing.temporary == []


def test_land_returns_the_row_count_of_every_table(small_landing):
    counted = {
        name.replace('"', ""): rows for name, rows in small_landing.counted.items()
    }

    assert len(counted) == 42
    assert small_landing.row_counts == counted


def test_land_tells_what_it_does_and_how_far_it_is(small_landing):
    done = [share for _, share in small_landing.told]

    assert [doing for doing, _ in small_landing.told] == [
        "the company: stores, articles, campaigns",
        "people 1 to 12 of 24: their lives",
        "people 1 to 12 of 24: orders, cards and mails",
        "people 1 to 12 of 24: web and app",
        "people 13 to 24 of 24: their lives",
        "people 13 to 24 of 24: orders, cards and mails",
        "people 13 to 24 of 24: web and app",
        "advertising costs and the truth",
        "writing it down",
        "landed",
    ]
    assert done == sorted(done)
    assert (done[0], done[-1]) == (0, 1)


def test_land_writes_down_which_world_it_was(small_landing):
    [(seed, people, as_of, version, mess)] = small_landing.world

    assert (seed, people, as_of, version) == (8, 24, datetime(2026, 6, 30), "1")
    assert json.loads(str(mess))["late_messages"] == 0.02
    assert sum(json.loads(str(mess)).values()) == 0.02


def test_land_of_one_person_ends_on_the_day_that_was_asked_for(tmp_path):
    spec = WorldSpec(people=1, seed=2, as_of=datetime(2025, 3, 1, 6))

    with landed(tmp_path, spec) as world:
        people = world.truth.query("select person_id from truth.truth.person")
        [(first, last)] = world.warehouse.query(
            "select min(timestamp), max(received_at) from segment.pages"
        )

    assert people == [(1,)]
    assert datetime(2022, 3, 2, 6) <= first <= last <= datetime(2025, 3, 1, 6)


def test_land_grows_with_the_number_of_people(landed_prints, messy_world):
    larger = fingerprints(messy_world, TABLES)

    growth = {
        table: int(larger[table][0]) / int(landed_prints[0][table][0])
        for table in (
            'segment."pages"',
            'segment."tracks"',
            'shopify."order"',
            'klaviyo."event"',
            'loyalty."member"',
        )
    }
    assert min(growth.values()) > 7.5 * 0.7
    assert max(growth.values()) < 7.5 * 1.4


def test_land_refuses_to_put_the_truth_into_the_warehouse(tmp_path):
    with open_warehouse(target(tmp_path / "raw.duckdb")) as warehouse:
        with pytest.raises(WorldError, match="must not lie in the warehouse"):
            land(WorldSpec(people=12), warehouse, warehouse)

        assert warehouse.tables() == frozenset()
