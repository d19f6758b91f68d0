"""Which audiences there are."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from audiences.listing import Recorded, read_listing
from tests.audience_company import ROOT, company
from warehouse.connection import Warehouse


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with company(tmp_path) as opened:
        yield opened


def test_definitions_are_listed_with_the_last_day_that_was_recorded(
    warehouse: Warehouse,
):
    warehouse.execute(
        "update audiences.audience_sizes set audience_name = 'cart_abandoners'"
    )

    listed = {each.name: each for each in read_listing(warehouse, ROOT)}

    assert listed["cart_abandoners"].recorded == Recorded(
        datetime(2026, 6, 30), 7, 1, 3
    )
    assert listed["cart_abandoners"].owner == "Lifecycle marketing"
    assert listed["lapsed_high_value"].recorded is None
