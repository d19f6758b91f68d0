"""An empty warehouse with the demo's SQL macros, and no world in it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from demo.mess import (
    PLACEHOLDER_DEVICE_ID,
    PLACEHOLDER_EMAILS,
    PLACEHOLDER_USER_IDS,
    Mess,
)
from demo.scripts import script, set_variables
from tests.demo_worlds import target
from warehouse.connection import Warehouse, open_warehouse


@pytest.fixture(scope="package")
def macros(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """Random and spelling macros, seed 7, all mess."""
    path: Path = tmp_path_factory.mktemp("macros") / "macros.duckdb"
    with open_warehouse(target(path)) as warehouse:
        set_variables(
            warehouse,
            {
                "seed": 7,
                "people": 1_000,
                "placeholder_emails": list(PLACEHOLDER_EMAILS),
                "placeholder_user_ids": list(PLACEHOLDER_USER_IDS),
                "placeholder_device_id": PLACEHOLDER_DEVICE_ID,
            }
            | {f"mess_{name}": share for name, share in Mess.all().shares().items()},
        )
        for name in ("random.sql", "spelling.sql", "world/kinship.sql"):
            warehouse.execute(script(name))
        yield warehouse


@pytest.fixture(scope="package")
def value_of(macros: Warehouse) -> Callable[[str], object]:
    """The value of one SQL expression."""

    def evaluate(expression: str) -> object:
        [(value,)] = macros.query(f"select {expression}")
        return value

    return evaluate
