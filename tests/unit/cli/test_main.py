"""The command line as a person meets it: exit codes, messages, no traceback."""

import errno
import sqlite3

import pytest

from cli import main as command_line
from cli import profile_commands
from warehouse.connection import open_warehouse
from warehouse.target import Target


@pytest.fixture(autouse=True)
def _own_warehouse(tmp_path, monkeypatch):
    monkeypatch.setenv("KENNING_DUCKDB_PATH", str(tmp_path / "kenning.duckdb"))


def failing_with(error):
    def command(*_):
        raise error

    return command


def run_failing(monkeypatch, error, *arguments):
    monkeypatch.setattr(profile_commands, "_show", failing_with(error))
    return command_line.main([*arguments, "profile", "show", "x"])


def test_customer_is_printed(tmp_path, capsys):
    target = Target(name="t", engine="duckdb", path=tmp_path / "kenning.duckdb")
    with open_warehouse(target) as warehouse:
        warehouse.execute("create schema identity")
        warehouse.execute("create schema core")
        warehouse.execute(
            "create table identity.identity_map as select 'email' as identifier_type, "
            "'ada@x.no' as identifier_value, 'c1' as customer_id, false as is_shared"
        )
        warehouse.execute(
            "create table core.dim_customers as "
            "select 'c1' as customer_id, 'Ada' as first_name"
        )

    exit_code = command_line.main(["profile", "show", "ADA@x.no"])

    assert exit_code == 0
    assert capsys.readouterr().out == (
        "Customer c1\n\nProfile\n  first name  Ada\n\n"
        "Identifiers (1)\n  email  ada@x.no\n"
    )


def test_missing_warehouse_is_one_message_and_exit_code_1(capsys):
    exit_code = command_line.main(["profile", "show", "ada@x.no"])

    captured = capsys.readouterr()
    assert exit_code == 1
    assert captured.err.startswith("kenning: The warehouse ")
    assert captured.err.count("\n") == 1
    assert captured.out == ""


def test_unknown_target_is_exit_code_2(capsys):
    exit_code = command_line.main(["--target", "snowflak", "profile", "show", "x"])

    assert exit_code == 2
    assert "Target 'snowflak' is not in" in capsys.readouterr().err


def test_instant_that_is_none_is_exit_code_2(capsys):
    exit_code = command_line.main(["demo", "--as-of", "soon"])

    assert exit_code == 2
    assert "'soon' in --as-of is no instant" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["demo", "--people", "0"], ["sync"]])
def test_wrong_arguments_are_exit_code_2(arguments):
    with pytest.raises(SystemExit) as stopped:
        command_line.main(arguments)

    assert stopped.value.code == 2


def test_debug_shows_where_an_error_came_from(capsys):
    command_line.main(["--debug", "--target", "snowflak", "profile", "show", "x"])

    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_full_disk_is_one_message(monkeypatch, capsys):
    exit_code = run_failing(monkeypatch, OSError(errno.ENOSPC, "No space left"))

    assert exit_code == 1
    assert capsys.readouterr().err.startswith("kenning: No room left on the disk.")


def test_full_disk_below_another_error_is_found(monkeypatch, capsys):
    cause = sqlite3.OperationalError("database or disk is full")
    cause.sqlite_errorcode = sqlite3.SQLITE_FULL
    error = RuntimeError("storage")
    error.__cause__ = cause

    exit_code = run_failing(monkeypatch, error)

    assert exit_code == 1
    assert "No room left on the disk" in capsys.readouterr().err


def test_error_that_nobody_foresaw_is_not_hidden(monkeypatch):
    with pytest.raises(ZeroDivisionError):
        run_failing(monkeypatch, ZeroDivisionError())


def test_interrupt_stops_without_a_traceback(monkeypatch, capsys):
    exit_code = run_failing(monkeypatch, KeyboardInterrupt())

    assert exit_code == 130
    assert "Stopped." in capsys.readouterr().err
