"""One world of 3,000 people with all its mess, landed once for all tests that only read."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.world import WorldSpec
from tests.demo_worlds import landed, with_truth
from warehouse.connection import Warehouse


@pytest.fixture(scope="package")
def messy_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds raw.duckdb and truth.duckdb."""
    folder = tmp_path_factory.mktemp("messy_world")
    with landed(folder, WorldSpec(people=3_000, seed=11)):
        pass
    return folder


@pytest.fixture(scope="module")
def messy_world(messy_folder: Path) -> Iterator[Warehouse]:
    """The raw tables, with the truth attached as `known`."""
    with with_truth(messy_folder) as warehouse:
        yield warehouse
