"""What the files destination leaves behind."""

import csv
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import duckdb
import pytest

from reverse_etl.destinations.column_types import ColumnTypes
from reverse_etl.destinations.file_formats import csv_line
from reverse_etl.destinations.file_options import FileOptions, Format, read_options
from reverse_etl.destinations.files import DESTINATION, FilesDestination
from reverse_etl.destinations.protocol import Batch, Opening, Record
from reverse_etl.errors import FatalDeliveryError, SyncConfigurationError
from reverse_etl.modes import Action, Op
from reverse_etl.transport import HttpOptions
from warehouse.manifest import Json
from warehouse.parquet import ColumnType


def record(op: Op, key: str, fields: Mapping[str, Json]) -> Record:
    return Record(op, key, {"customer_id": key}, fields, f"event-{key}")


CHANGES = (
    record(Op.REMOVE, "z", {}),
    record(Op.CHANGE, "b", {"name": 'B "the bear", Ås', "is_vip": True}),
    record(Op.ADD, "c", {"name": None, "is_vip": False}),
    record(Op.ADD, "d", {"name": "", "is_vip": None}),
)
WANTED = (
    record(Op.ADD, "a", {"name": "line\nbreak", "is_vip": False}),
    *CHANGES[1:],
)


def batch(changes=CHANGES, wanted=WANTED, field_names=("name", "is_vip")) -> Batch:
    return Batch(
        sync="files__vips",
        object="vips",
        settings={},
        run_id="20260630T120000-1",
        idempotency_key="key",
        action=Action.RUN,
        key_name="customer_id",
        field_names=field_names,
        records=iter(changes),
        wanted=None if wanted is None else lambda: iter(wanted),
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "outbox" / "files__vips" / "20260630T120000-1"


@pytest.fixture
def destination(tmp_path: Path) -> FilesDestination:
    return FilesDestination(tmp_path / "outbox")


def with_options(tmp_path: Path, **options: object) -> FilesDestination:
    return FilesDestination(tmp_path / "outbox", FileOptions(**options))


def rows_of(path: Path) -> list[tuple[object, ...]]:
    return duckdb.connect().read_parquet(str(path)).fetchall()


def test_send_writes_changes_with_their_operation(destination, folder):
    destination.send(batch())

    assert (folder / "changes.csv").read_bytes().decode() == (
        "_op,customer_id,name,is_vip\r\n"
        "remove,z,,\r\n"
        'change,b,"B ""the bear"", Ås",true\r\n'
        "add,c,,false\r\n"
        'add,d,"",\r\n'
    )
    assert (folder / "changes.jsonl").read_text(encoding="utf-8").splitlines() == [
        '{"_op": "remove", "customer_id": "z"}',
        '{"_op": "change", "customer_id": "b", "name": "B \\"the bear\\", Ås", '
        '"is_vip": true}',
        '{"_op": "add", "customer_id": "c", "name": null, "is_vip": false}',
        '{"_op": "add", "customer_id": "d", "name": "", "is_vip": null}',
    ]


def test_only_owner_and_group_may_read_what_was_written(tmp_path, folder):
    destination = with_options(tmp_path, formats=(Format.CSV, Format.PARQUET))

    destination.send(batch())

    allowed = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert {name for name in allowed if not name.startswith(".")} == {
        "changes.csv",
        "changes.parquet",
        "full.csv",
        "full.parquet",
        "manifest.json",
    }
    assert all(mode & ~0o640 == 0 for mode in allowed.values())
    assert folder.stat().st_mode & 0o777 & ~0o750 == 0


def test_send_writes_everything_that_should_be_held(destination, folder):
    destination.send(batch())

    with (folder / "full.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows == [
        ["customer_id", "name", "is_vip"],
        ["a", "line\nbreak", "false"],
        ["b", 'B "the bear", Ås', "true"],
        ["c", "", "false"],
        ["d", "", ""],
    ]


def test_send_without_wanted_rows_writes_changes_only(destination, folder):
    destination.send(batch(wanted=None))

    assert sorted(entry.name for entry in folder.iterdir()) == [
        "changes.csv",
        "changes.jsonl",
        "manifest.json",
    ]


def test_parquet_has_types_nulls_and_the_operation(tmp_path, folder):
    destination = with_options(tmp_path, formats=(Format.PARQUET,))

    destination.send(batch())

    assert sorted(entry.name for entry in folder.iterdir()) == [
        "changes.parquet",
        "full.parquet",
        "manifest.json",
    ]
    assert rows_of(folder / "changes.parquet") == [
        ("remove", "z", None, None),
        ("change", "b", 'B "the bear", Ås', True),
        ("add", "c", None, False),
        ("add", "d", "", None),
    ]
    assert rows_of(folder / "full.parquet")[0] == ("a", "line\nbreak", False)


def test_changes_and_everything_have_the_same_types_in_one_run(tmp_path, folder):
    destination = with_options(tmp_path, formats=(Format.PARQUET,))
    changes = [record(Op.ADD, "a", {"spent": 3})]
    wanted = [*changes, record(Op.ADD, "b", {"spent": 2.5})]

    destination.send(batch(changes, wanted, ("spent",)))

    assert rows_of(folder / "changes.parquet") == [("add", "a", 3.0)]
    found = duckdb.connect().read_parquet(str(folder / "changes.parquet")).types
    assert [str(kind) for kind in found] == ["VARCHAR", "VARCHAR", "DOUBLE"]


def test_a_type_that_the_sync_says_is_kept_even_where_nothing_is(tmp_path, folder):
    destination = with_options(
        tmp_path,
        formats=(Format.PARQUET,),
        types={"born_on": ColumnType.DATE, "spent": ColumnType.NUMBER},
    )
    changes = [record(Op.ADD, "a", {"born_on": "2001-02-03", "spent": None})]

    destination.send(batch(changes, None, ("born_on", "spent")))

    found = duckdb.connect().read_parquet(str(folder / "changes.parquet")).types
    assert [str(kind) for kind in found][2:] == ["DATE", "DOUBLE"]


@pytest.mark.parametrize(
    ("types", "problem"),
    [
        ({"spent": ColumnType.INTEGER}, "'spent' is integer, and some .* number"),
        ({"spend": ColumnType.NUMBER}, "names 'spend', which is no field"),
        ({"name": ColumnType.DATE}, r"changes\.parquet could not be written"),
    ],
)
def test_a_type_that_cannot_be_stops_the_run_and_leaves_nothing(
    tmp_path, folder, types, problem
):
    destination = with_options(tmp_path, formats=(Format.PARQUET,), types=types)
    changes = [record(Op.ADD, "a", {"spent": 2.5, "name": "Ada"})]

    with pytest.raises(FatalDeliveryError, match=problem) as caught:
        destination.send(batch(changes, None, ("spent", "name")))

    assert list(folder.parent.glob("*")) == []
    assert not caught.value.is_in_doubt
    assert "Ada" not in str(caught.value)


def test_nested_fields_are_columns_with_dots_and_objects_in_json(tmp_path, folder):
    destination = with_options(tmp_path, formats=tuple(Format))
    changes = [
        record(Op.ADD, "a", {"address": {"city": "Ås", "zip": None}}),
        record(Op.ADD, "b", {}),
    ]

    destination.send(batch(changes, None, ("address.city", "address.zip")))

    assert (folder / "changes.csv").read_text("utf-8").splitlines() == [
        "_op,customer_id,address.city,address.zip",
        "add,a,Ås,",
        "add,b,,",
    ]
    assert (folder / "changes.jsonl").read_text("utf-8").splitlines()[0] == (
        '{"_op": "add", "customer_id": "a", "address": {"city": "Ås", "zip": null}}'
    )
    assert rows_of(folder / "changes.parquet") == [
        ("add", "a", "Ås", None),
        ("add", "b", None, None),
    ]


def test_the_key_is_one_column_even_when_it_is_mapped_too(destination, folder):
    changes = [
        record(Op.REMOVE, "z", {}),
        record(Op.ADD, "a", {"customer_id": "a", "name": "Ada"}),
    ]

    destination.send(batch(changes, None, ("customer_id", "name")))

    assert (folder / "changes.csv").read_text("utf-8").splitlines() == [
        "_op,customer_id,name",
        "remove,z,",
        "add,a,Ada",
    ]


def test_the_manifest_tells_rows_bytes_digest_and_columns_of_each_file(
    destination, folder
):
    destination.send(batch())

    manifest = json.loads((folder / "manifest.json").read_text())
    assert [(entry["name"], entry["rows"]) for entry in manifest["files"]] == [
        ("changes.csv", 4),
        ("changes.jsonl", 4),
        ("full.csv", 4),
        ("full.jsonl", 4),
    ]
    content = (folder / "full.jsonl").read_bytes()
    assert manifest["files"][3]["bytes"] == len(content)
    assert manifest["files"][3]["sha256"] == hashlib.sha256(content).hexdigest()
    assert manifest["files"][0]["columns"] == [
        {"name": "_op", "type": "text"},
        {"name": "customer_id", "type": "text"},
        {"name": "name", "type": "text"},
        {"name": "is_vip", "type": "boolean"},
    ]
    assert manifest["key"] == "customer_id"


def test_the_manifest_is_right_about_parquet_too(tmp_path, folder):
    with_options(tmp_path, formats=(Format.PARQUET,)).send(batch())

    manifest = json.loads((folder / "manifest.json").read_text())
    content = (folder / "full.parquet").read_bytes()
    entry = manifest["files"][1]
    assert (entry["name"], entry["bytes"]) == ("full.parquet", len(content))
    assert entry["sha256"] == hashlib.sha256(content).hexdigest()


def test_the_folder_gets_its_name_when_all_of_it_is_written(destination, folder):
    seen: list[tuple[bool, int]] = []

    def watching() -> Iterator[Record]:
        (unfinished,) = folder.parent.iterdir()
        seen.append((folder.exists(), unfinished.stat().st_ino))
        yield from CHANGES

    destination.send(batch(changes=watching()))

    assert seen == [(False, folder.stat().st_ino)]


def test_a_run_that_breaks_off_leaves_no_folder(destination, folder):
    def breaking() -> Iterator[Record]:
        yield CHANGES[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        destination.send(batch(changes=breaking()))

    assert list(folder.parent.iterdir()) == []


def test_what_an_earlier_killed_run_left_is_cleared(destination, folder):
    leftover = folder.parent / ".unfinished-20260629T120000-1"
    leftover.mkdir(parents=True)
    (leftover / "changes.csv").write_text("half")

    destination.send(batch())

    assert [entry.name for entry in folder.parent.iterdir()] == ["20260630T120000-1"]


def test_a_folder_that_cannot_be_written_says_so_and_is_not_in_doubt(tmp_path):
    (tmp_path / "outbox").write_text("a file, not a folder")

    with pytest.raises(FatalDeliveryError) as caught:
        FilesDestination(tmp_path / "outbox").send(batch())

    assert not caught.value.is_in_doubt
    assert "Check the folder's rights" in str(caught.value)


def test_a_name_that_is_taken_says_so(destination, folder):
    destination.send(batch())

    with pytest.raises(FatalDeliveryError, match="could not get its name"):
        destination.send(batch())

    assert [entry.name for entry in folder.parent.iterdir()] == ["20260630T120000-1"]


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ([None, ""], ',""\r\n'),
        ([True, 1, 1.5], "true,1,1.5\r\n"),
        (["a,b", 'c"d', "e\r\nf"], '"a,b","c""d","e\r\nf"\r\n'),
        (["+4791234567", "=1+1"], "+4791234567,=1+1\r\n"),
        ([["a", 1], {"b": None}], '"[""a"", 1]","{""b"": null}"\r\n'),
    ],
)
def test_csv_line_quotes_what_needs_it_and_tells_null_from_empty(values, line):
    assert csv_line(values) == line


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+1+1", "'+1+1"),
        ("-1-cmd", "'-1-cmd"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", '"\'\r=1"'),
        ('=HYPERLINK("x")', '"\'=HYPERLINK(""x"")"'),
        (-5, "-5"),
        (-0.5, "-0.5"),
        (-1e-07, "-1e-07"),
        ("-5", "-5"),
        ("+4791234567", "+4791234567"),
        ("a=1", "a=1"),
        ("'=1", "'=1"),
        (None, ""),
    ],
)
def test_a_text_that_a_spreadsheet_would_run_is_guarded(value, cell):
    assert csv_line([value], guard_formulas=True) == f"{cell}\r\n"


def test_formulas_are_guarded_by_default_in_csv_alone(destination, folder):
    changes = [record(Op.ADD, "=key", {"name": "=1+1"})]

    destination.send(batch(changes, None, ("name",)))

    assert (folder / "changes.csv").read_text().splitlines()[1] == "add,'=key,'=1+1"
    assert '"customer_id": "=key", "name": "=1+1"' in (
        folder / "changes.jsonl"
    ).read_text("utf-8")


def test_a_text_for_null_is_told_from_the_same_text():
    assert csv_line([None, "\\N", ""], null_text="\\N") == '\\N,"\\N",""\r\n'


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([None, None], ColumnType.TEXT),
        (["a", None], ColumnType.TEXT),
        ([1, None, 2], ColumnType.INTEGER),
        ([1, 2.5], ColumnType.NUMBER),
        ([True, None], ColumnType.BOOLEAN),
        ([True, 1], ColumnType.TEXT),
        ([1, "1"], ColumnType.TEXT),
        ([2**63], ColumnType.TEXT),
        ([["a"], {"b": 1}], ColumnType.JSON),
        ([["a"], "b"], ColumnType.TEXT),
    ],
)
def test_the_type_of_a_column_fits_every_value(values, kind):
    types = ColumnTypes(["x"])
    for value in values:
        types.see([value])

    assert types.found() == {"x": kind}


def test_numbers_too_large_for_the_file_are_its_text(tmp_path, folder):
    destination = with_options(tmp_path, formats=(Format.PARQUET,))

    destination.send(batch([record(Op.ADD, "a", {"n": 2**70})], None, ("n",)))

    assert rows_of(folder / "changes.parquet") == [("add", "a", str(2**70))]


def test_settings_say_how_files_are_written():
    assert read_options({}) == FileOptions()
    assert read_options(
        {
            "format": "parquet, csv",
            "guard_formulas": "false",
            "null_text": "\\N",
            "types": "spent: number, born_on: date",
        }
    ) == FileOptions(
        formats=(Format.CSV, Format.PARQUET),
        guard_formulas=False,
        null_text="\\N",
        types={"spent": ColumnType.NUMBER, "born_on": ColumnType.DATE},
    )


@pytest.mark.parametrize(
    ("setting", "value", "problem"),
    [
        ("format", "xlsx", "csv, jsonl, parquet"),
        ("format", "csv,csv", "csv, jsonl, parquet"),
        ("format", "", "csv, jsonl, parquet"),
        ("guard_formulas", "no", "neither true nor false"),
        ("null_text", "a,b", "null_text"),
        ("types", "spent", "field: type"),
        ("types", "spent: decimal", "Types: text"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused(setting, value, problem, tmp_path):
    opening = Opening("files", "vips", {setting: value}, {}, tmp_path, HttpOptions())

    with (
        pytest.raises(SyncConfigurationError, match=problem),
        DESTINATION.open(opening),
    ):
        pass
