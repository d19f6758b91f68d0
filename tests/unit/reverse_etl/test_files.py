"""What the files destination leaves behind."""

import csv
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from reverse_etl.destinations.files import FilesDestination, csv_line
from reverse_etl.destinations.protocol import Batch
from reverse_etl.errors import FatalDeliveryError
from reverse_etl.payload import Change
from reverse_etl.plan import BatchKind, Op

CHANGES = (
    Change(Op.REMOVE, "z", {}),
    Change(Op.CHANGE, "b", {"name": 'B "the bear", Ås', "is_vip": True}),
    Change(Op.ADD, "c", {"name": None, "is_vip": False}),
    Change(Op.ADD, "d", {"name": "", "is_vip": None}),
)
WANTED = (Change(Op.ADD, "a", {"name": "line\nbreak", "is_vip": False}), *CHANGES[1:])


def batch(changes=CHANGES, wanted=WANTED) -> Batch:
    return Batch(
        sync="files__vips",
        object="vips",
        run_id="20260630T120000-1",
        idempotency_key="key",
        key_name="customer_id",
        field_names=("name", "is_vip"),
        kind=BatchKind.ALL,
        row_count=4,
        changes=iter(changes),
        wanted=None if wanted is None else lambda: iter(wanted),
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "outbox" / "files__vips" / "20260630T120000-1"


@pytest.fixture
def destination(tmp_path: Path) -> FilesDestination:
    return FilesDestination(tmp_path / "outbox")


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


def test_the_manifest_tells_rows_bytes_and_digest_of_each_file(destination, folder):
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
    assert manifest["key"] == "customer_id"


def test_the_folder_gets_its_name_when_all_of_it_is_written(destination, folder):
    seen: list[tuple[bool, int]] = []

    def watching() -> Iterator[Change]:
        (unfinished,) = folder.parent.iterdir()
        seen.append((folder.exists(), unfinished.stat().st_ino))
        yield from CHANGES

    destination.send(batch(changes=watching()))

    assert seen == [(False, folder.stat().st_ino)]


def test_a_run_that_breaks_off_leaves_no_folder(destination, folder):
    def breaking() -> Iterator[Change]:
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


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ([None, ""], ',""\r\n'),
        ([True, 1, 1.5], "true,1,1.5\r\n"),
        (["a,b", 'c"d', "e\r\nf"], '"a,b","c""d","e\r\nf"\r\n'),
        (["+4791234567", "=1+1"], "+4791234567,=1+1\r\n"),
    ],
)
def test_csv_line_quotes_what_needs_it_and_tells_null_from_empty(values, line):
    assert csv_line(values) == line
