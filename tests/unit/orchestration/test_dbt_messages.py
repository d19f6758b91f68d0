"""What a failed `dbt build` is told as: one message, no value of a row."""

import json

import pytest

from orchestration.dbt_assets import what_failed
from orchestration.parsing import plain_text


def results(*entries):
    return json.dumps({"results": list(entries)})


def entry(unique_id, status, message="", failures=0):
    return {
        "unique_id": unique_id,
        "status": status,
        "message": message,
        "failures": failures,
    }


def test_broken_model_is_told_with_the_engines_reason(tmp_path):
    (tmp_path / "run_results.json").write_text(
        results(
            entry(
                "model.kenning.dim_customers",
                "error",
                "Runtime Error in model dim_customers\n  Binder Error: no column mail",
            ),
            entry("model.kenning.sync_x", "skipped"),
        )
    )

    message = what_failed(tmp_path, log="")

    assert message == (
        "The build is red. 1 failed: dim_customers (Runtime Error in model "
        "dim_customers Binder Error: no column mail). 1 nodes after them were skipped, "
        "nothing was published and nothing has left. Correct the model or the data, "
        f"then run again; dbt's log is {tmp_path}/dbt.log."
    )


def test_value_that_an_engine_quotes_is_masked(tmp_path):
    (tmp_path / "run_results.json").write_text(
        results(
            entry(
                "model.kenning.stg_shop__customers",
                "error",
                "Conversion Error: Could not convert string 'ada@x.no' to INT64",
            )
        )
    )

    message = what_failed(tmp_path, log="")

    assert "ada@x.no" not in message
    assert "Conversion Error: Could not convert string … to INT…" in message


def test_red_tests_are_told_with_how_many_rows_broke_them(tmp_path):
    (tmp_path / "run_results.json").write_text(
        results(
            entry("test.kenning.unique_orders_id.ab12", "fail", "Got 3 results", 3),
            entry("test.kenning.not_null_orders_id.cd34", "pass"),
            entry("model.kenning.sync_x", "skipped"),
            entry("model.kenning.sync_y", "skipped"),
        )
    )

    message = what_failed(tmp_path, log="")

    assert message.startswith(
        "The build is red. 1 tests are red: unique_orders_id (3 rows). 2 nodes after"
    )


def test_lock_of_another_process_is_told_as_such(tmp_path):
    log = (
        "failed with exit code 2. Errors parsed from dbt logs:\n\n"
        "Runtime Error\n  IO Error: Could not set lock on file x.duckdb: (PID 7)"
    )

    message = what_failed(tmp_path, log=log)

    assert message.startswith("The warehouse is open elsewhere, so dbt")


@pytest.mark.parametrize(
    "reason",
    ["No space left on device", "Could not write file x.duckdb: File too large"],
)
def test_full_disk_is_told_as_such(tmp_path, reason):
    (tmp_path / "run_results.json").write_text(
        results(entry("model.kenning.fct_orders", "error", f"IO Error: {reason}"))
    )

    message = what_failed(tmp_path, log="")

    assert message.startswith("No room left on the disk while dbt built.")


def test_dbt_that_did_not_start_is_told_with_its_reason(tmp_path):
    log = "Errors parsed from dbt logs:\n\nCompilation Error\n  no macro 'as_off'"

    message = what_failed(tmp_path, log=log)

    assert message == (
        "dbt did not start to build: Compilation Error no macro 'as_off'. "
        "Nothing was changed."
    )


def test_dbt_output_becomes_one_line():
    output = "\x1b[0m12:00:01  Encountered an error:\n12:00:01  Parsing Error\n\n  x\n"

    assert plain_text(output) == "Encountered an error: Parsing Error x"
