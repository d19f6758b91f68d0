"""The graph of two customers, in a warehouse of its own for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.identity_tables import TABLES
from warehouse.connection import Warehouse, open_warehouse
from warehouse.target import Target


@pytest.fixture
def target(tmp_path: Path) -> Target:
    target = Target(name="test", engine="duckdb", path=tmp_path / "kenning.duckdb")
    with open_warehouse(target) as warehouse:
        warehouse.execute(TABLES)
    return target


@pytest.fixture
def graph(target: Target) -> Iterator[Warehouse]:
    with open_warehouse(target) as warehouse:
        yield warehouse
