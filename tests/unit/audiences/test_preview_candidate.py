"""Which audience is meant by a name or a file, and how it would be compiled."""

import shutil
from pathlib import Path

import pytest

from audiences.errors import DefinitionError, UnknownAudienceError
from audiences.preview_candidate import find_candidate
from tests.audience_company import ROOT


@pytest.fixture
def changed(tmp_path: Path) -> Path:
    """A file with a definition of the project, to be changed."""
    name = "lapsed_high_value.yml"
    return Path(shutil.copy(ROOT / "audiences/definitions" / name, tmp_path / name))


def test_audience_of_the_project_is_what_is_compiled_there():
    found = find_candidate(ROOT, "lapsed_high_value")

    compiled = ROOT / "models/audiences/audience_lapsed_high_value.sql"
    assert found.audience.sql == compiled.read_text("utf-8")
    assert set(found.columns.values()) == set(found.audience.conditions)


def test_columns_are_marked_by_the_contract_of_the_profile():
    found = find_candidate(ROOT, "lapsed_high_value")

    assert {"customer_id", "order_count"} <= found.public_columns
    assert not {"email", "phone", "first_name", "last_name", "birth_date"} & (
        found.public_columns
    )


def test_file_stands_in_for_the_audience_of_its_name(changed: Path):
    changed.write_text(changed.read_text("utf-8").replace("at_least: 2", "at_least: 3"))

    found = find_candidate(ROOT, str(changed))

    assert "order_count_at_least_3" in found.columns.values()
    assert "order_count_at_least_2" not in found.columns.values()
    assert (
        found.audience.version
        != find_candidate(ROOT, "lapsed_high_value").audience.version
    )


def test_what_is_wrong_in_a_file_is_told_with_its_line(changed: Path):
    changed.write_text(
        changed.read_text("utf-8").replace("order_count", "orders_count")
    )

    with pytest.raises(
        DefinitionError, match=r"lapsed_high_value.yml:\d+: .*order_count"
    ):
        find_candidate(ROOT, str(changed))


def test_file_that_asks_of_itself_is_refused(changed: Path):
    text = changed.read_text("utf-8")
    changed.write_text(text + "exclude: {audience: lapsed_high_value}\n")

    with pytest.raises(DefinitionError, match="reads itself"):
        find_candidate(ROOT, str(changed))


def test_mistyped_name_gets_the_nearest():
    with pytest.raises(UnknownAudienceError, match="Did you mean 'cart_abandoners'"):
        find_candidate(ROOT, "cart_abandonners")


def test_file_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(UnknownAudienceError, match=r"none\.yml cannot be read"):
        find_candidate(ROOT, str(tmp_path / "none.yml"))
