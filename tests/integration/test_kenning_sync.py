"""`kenning sync` as a person meets it, on a project of five models with one sync.

Not here: what a run does (test_sync_*.py), and what each operation does (test_operations.py).
"""

import os
import re
from datetime import timedelta

import dagster as dg
import pytest

from cli.main import main
from orchestration.instance import open_instance
from orchestration.workspace import Workspace
from reverse_etl.clock import as_utc, utc_now
from reverse_etl.ledger import open_ledger
from reverse_etl.ledger_entries import LedgerRun
from tests.integration.tiny_company import change_raw, sent_keys
from warehouse.connection import open_warehouse

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

SYNC = "files__customers"
GRACE_LEAVES = "delete from activation.sync_files__customers where customer_id = '2'"


@pytest.fixture
def kenning(workspace, capsys):
    """Runs a command on the workspace: exit code, what it printed, what it complained of."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(["--project-dir", str(workspace.project_dir), "sync", *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def printed(result: tuple[int, str, str]) -> str:
    code, out, err = result
    assert code == 0, err
    return out


def seal_in(text: str) -> str:
    found = re.search(r"^  seal +([0-9a-f]{12})$", text, re.MULTILINE)
    assert found, text
    return found[1]


def rows(workspace: Workspace, query: str) -> list[tuple[object, ...]]:
    with open_warehouse(workspace.target, read_only=True) as warehouse:
        return warehouse.query(query)


def allow_removals(workspace: Workspace) -> None:
    [path] = workspace.project_dir.glob("models/activation/*.yml")
    text = path.read_text(encoding="utf-8").replace(
        "          purpose: email_marketing\n",
        "          purpose: email_marketing\n          guards: {max_remove_rate: 1.0}\n",
    )
    path.write_text(text, encoding="utf-8")


# Plans


def test_plan_shows_masked_rows_of_one_sync_and_sends_nothing(workspace, kenning):
    allow_removals(workspace)
    change_raw(
        workspace,
        GRACE_LEAVES,
        "update activation.sync_files__customers set email = 'ada@new.example'",
    )

    text = printed(kenning("plan", SYNC))

    assert "0 added, 1 changed, 1 removed" in text
    assert "samples        remove  2\n" in text
    assert "change  1  email=a•••@n•••.example" in text
    assert f"next           kenning sync apply {SYNC} --seal {seal_in(text)}" in text
    assert "ada@new" not in text
    assert sent_keys(workspace) == ["1", "2"]


def test_samples_are_left_out_when_not_asked_for(workspace, kenning):
    allow_removals(workspace)
    change_raw(workspace, GRACE_LEAVES)

    assert "samples" not in printed(kenning("plan", SYNC, "--no-samples"))
    assert "samples" not in printed(kenning("plan"))
    assert "samples" in printed(kenning("plan", "--samples"))


def test_plan_that_was_looked_at_is_sent_and_another_is_not(workspace, kenning):
    allow_removals(workspace)
    change_raw(workspace, GRACE_LEAVES)
    seal = seal_in(printed(kenning("plan", SYNC)))
    change_raw(
        workspace, "update activation.sync_files__customers set email = 'x@y.no'"
    )

    runs_before = sorted(workspace.logs_dir.glob("run-*.log"))
    drifted = kenning("apply", SYNC, "--seal", seal)
    tested = sorted(workspace.logs_dir.glob("run-*.log")) != runs_before
    sent_then = sent_keys(workspace)
    seal = seal_in(printed(kenning("plan", SYNC)))
    applied = kenning("apply", SYNC, "--seal", seal)

    assert drifted[0] == 1
    assert "is not what it was when its plan was looked at" in drifted[2]
    assert not tested
    assert sent_then == ["1", "2"]
    assert applied[0] == 0
    assert sent_keys(workspace) == ["1"]


def test_held_plan_is_approved_by_its_seal_and_then_goes(workspace, kenning):
    change_raw(workspace, GRACE_LEAVES)
    plan = printed(kenning("plan", SYNC))
    held = kenning("run", SYNC)

    approved = printed(kenning("approve", SYNC, "--seal", seal_in(plan)))
    status = printed(kenning("status", SYNC))
    run = kenning("run", SYNC)

    assert "held back      max_remove_rate: 1 would be removed" in plan
    assert held[0] == 1
    assert f"kenning sync approve {SYNC}" in held[2]
    assert f"The plan {seal_in(plan)} of {SYNC} may go: 0 added" in approved
    assert f"approved       the plan {seal_in(plan)}" in status
    assert run[0] == 0
    assert sent_keys(workspace) == ["1"]


@pytest.mark.exhaustive
def test_plan_that_was_put_away_sends_nothing_and_fails_nothing(workspace, kenning):
    change_raw(workspace, GRACE_LEAVES)

    rejected = printed(kenning("reject", SYNC))
    code, out, _ = kenning("run", SYNC)

    assert "is put away" in rejected
    assert (code, sent_keys(workspace)) == (0, ["1", "2"])
    assert "held, and a person put this plan away; 1 held back" in out
    assert "last run       rejected" in printed(kenning("status", SYNC))


def test_there_is_nothing_to_approve_when_no_guard_holds(kenning):
    code, _, err = kenning("approve", SYNC)

    assert code == 1
    assert err.startswith(f"kenning: No guard holds sync '{SYNC}'")


# Pausing


def test_paused_sync_sends_nothing_and_fails_nothing_until_it_is_resumed(
    workspace, kenning
):
    allow_removals(workspace)
    change_raw(workspace, GRACE_LEAVES)

    kenning("pause", SYNC, "--reason", "the agency is on holiday")
    code, out, _ = kenning("run", SYNC)
    paused = sent_keys(workspace)
    status = printed(kenning("status", SYNC))
    resumed = printed(kenning("resume", SYNC))
    kenning("run", SYNC)

    assert (code, paused) == (0, ["1", "2"])
    assert "paused, nothing was sent: the agency is on holiday" in out
    assert "paused         the agency is on holiday" in status
    assert resumed == f"{SYNC} runs again.\n"
    assert sent_keys(workspace) == ["1"]


def test_sync_that_is_not_paused_says_so(kenning):
    assert printed(kenning("resume", SYNC)) == f"{SYNC} was not paused.\n"


# What is held


def test_reset_asks_first_and_says_what_it_would_forget(workspace, kenning):
    asked = kenning("reset", SYNC)
    held = rows(workspace, "select count(*) from retl.sync_snapshot")
    done = printed(kenning("reset", SYNC, "--yes"))

    assert asked[0] == 2
    assert "forgets 2 rows" in asked[2]
    assert "say --yes" in asked[2]
    assert held == [(2,)]
    assert done.startswith(f"{SYNC} is reset: 2 rows are forgotten.")
    assert rows(workspace, "select count(*) from retl.sync_snapshot") == [(0,)]


def test_reset_as_sent_takes_the_model_as_it_is(workspace, kenning):
    change_raw(workspace, GRACE_LEAVES)

    done = printed(kenning("reset", SYNC, "--as-sent", "--yes"))

    assert "1 row of the model counts as sent" in done
    assert "0 added, 0 changed, 1 removed" in printed(kenning("plan", SYNC))
    assert sent_keys(workspace) == ["1", "2"]


def test_rows_are_sent_again_by_name_or_all(kenning):
    one = printed(kenning("resend", SYNC, "--rows", "1", "nobody"))
    plan = printed(kenning("plan", SYNC))
    everything = printed(kenning("resend", SYNC, "--all"))

    assert one.startswith(f"1 row of {SYNC} is sent again with the next run; 1 of the")
    assert "0 added, 1 changed, 0 removed" in plan
    assert "1 is sent again: asked for, or an answer was lost" in plan
    assert everything.startswith("2 rows")


@pytest.mark.parametrize(
    "arguments",
    [
        ("resend", SYNC),
        ("resend", SYNC, "--all", "--rows", "1"),
        ("retry", SYNC, "--in-doubt", "perhaps"),
        ("apply", SYNC),
        ("explain", SYNC),
        ("purge", "--days", "0"),
    ],
)
def test_arguments_that_say_too_little_or_too_much_are_exit_code_2(kenning, arguments):
    with pytest.raises(SystemExit) as stopped:
        kenning(*arguments)

    assert stopped.value.code == 2


def test_refused_rows_are_tried_again_and_rows_in_doubt_decided_about(
    workspace, kenning
):
    change_raw(
        workspace,
        "update retl.sync_snapshot set row_hash = null, state = 'in_doubt' where key = '1'",
        "insert into retl.sync_rejected (sync_name, key_sha256, error_class, attempt_count) "
        f"values ('{SYNC}', 'ab', 'INVALID_FIELD', 1)",
    )
    before = printed(kenning("status", SYNC))

    left = printed(kenning("retry", SYNC))
    decided = printed(kenning("retry", SYNC, "--in-doubt", "resend"))

    assert "1 row waits for a person" in before
    assert "refused        1 INVALID_FIELD" in before
    assert left == f"1 refused row of {SYNC} is tried again, with the next run.\n"
    assert "1 row in doubt is sent again" in decided


def test_what_is_held_does_not_change_under_a_run_that_is_not_over(workspace, kenning):
    with (
        open_ledger(workspace.ledger_path) as ledger,
        ledger.lease(SYNC, now=utc_now) as lease,
    ):
        ledger.begin_run(lease, LedgerRun("r1", SYNC, "f", utc_now()))

    code, _, err = kenning("resend", SYNC, "--all")

    assert code == 1
    assert f"Let `kenning sync run {SYNC}` finish it" in err


def test_commands_that_name_no_sync_tell_the_nearest(kenning):
    for verb in ("plan", "run", "pause", "status"):
        code, _, err = kenning(verb, "files_customers")

        assert code == 2
        assert f"Did you mean '{SYNC}'?" in err


# What is told


def test_row_is_explained_from_its_first_run_to_its_next(workspace, kenning):
    change_raw(
        workspace,
        "update activation.sync_files__customers set email = 'ada@new.example'",
    )

    text = printed(kenning("explain", SYNC, "1"))

    assert text.startswith(f"Row 1 of {SYNC} -> files/customers\n")
    assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC +add \(run\) +ok", text)
    assert "held as acknowledged, since" in text
    assert "next run       would send it: it is not as the destination holds it" in text
    assert "@" not in text


def test_explaining_a_row_whose_model_is_gone_keeps_its_history(workspace, kenning):
    change_raw(workspace, "drop table activation.sync_files__customers")

    text = printed(kenning("explain", SYNC, "1"))

    assert "ok  content" in text
    assert "cannot be told: " in text


def test_destinations_say_what_is_missing_and_never_a_secret(kenning, monkeypatch):
    monkeypatch.setenv("KENNING_MAILER_TOKEN", "s3cret-token")

    everything = printed(kenning("destinations"))
    one = printed(kenning("destinations", "mailer"))

    assert f"files                Files: ready; used by {SYNC}" in everything
    assert "needs KENNING_MAILER_URL" in everything
    assert "KENNING_MAILER_TOKEN  set" in one
    assert "KENNING_MAILER_URL    MISSING" in one
    assert "s3cret-token" not in everything + one


def test_account_of_the_project_is_listed_with_its_own_limits(workspace, kenning):
    (workspace.project_dir / "destinations.yml").write_text(
        "accounts:\n"
        "  newsletter:\n"
        "    type: mailer\n"
        "    url: https://mail.example\n"
        "    token: {env: NEWSLETTER_TOKEN}\n"
        "    limits: [{max_requests: 7, window_s: 1}]\n",
        encoding="utf-8",
    )

    text = printed(kenning("destinations", "newsletter"))

    assert text.startswith("newsletter: Mailer of the demo, an account of mailer\n")
    assert "destinations.yml  set" in text
    assert "NEWSLETTER_TOKEN  MISSING" in text
    assert "7 requests in 1 s" in text


def test_unknown_destination_is_refused_with_the_nearest_name(kenning):
    code, _, err = kenning("destinations", "mailr")

    assert code == 2
    assert "mailer" in err


# Retention


def test_purge_keeps_the_projects_number_of_days(workspace, kenning):
    path = workspace.project_dir / "dbt_project.yml"
    text = path.read_text(encoding="utf-8")
    path.write_text(
        text.replace('  as_of: ""\n', '  as_of: ""\n  sync_retention_days: 30\n'),
        encoding="utf-8",
    )
    long_ago = as_utc(utc_now()) - timedelta(days=31)
    change_raw(
        workspace, f"update retl.sync_runs set finished_at = timestamp '{long_ago}'"
    )

    kept = printed(kenning("purge", "--days", "32"))
    purged = printed(kenning("purge"))

    assert kept == "Nothing was past its time.\n"
    assert purged == "Forgotten: 2 outcomes.\n"


def test_every_run_that_sends_forgets_what_is_past_its_time(workspace, kenning):
    long_ago = as_utc(utc_now()) - timedelta(days=91)
    change_raw(
        workspace,
        f"update retl.sync_runs set finished_at = timestamp '{long_ago}'",
        "create table retl.plan__gone as select 'ada@x.no' as field_1",
    )

    code, out, _ = kenning("run", SYNC)

    assert code == 0
    assert "forgotten: 2 outcomes, 1 plans of runs that are over" in out
    assert rows(workspace, "select count(*) from retl.sync_outcomes") == [(0,)]


@pytest.mark.exhaustive
def test_what_is_past_its_time_is_forgotten_when_a_sync_fails_too(workspace, kenning):
    change_raw(
        workspace,
        GRACE_LEAVES,
        "create table retl.plan__gone as select 'ada@x.no' as field_1",
    )

    code, out, _ = kenning("run", SYNC)

    assert code == 1
    assert "1 plans of runs that are over" in out


@pytest.mark.exhaustive
def test_ledger_may_be_elsewhere(workspace, kenning, monkeypatch, tmp_path):
    shared = tmp_path / "shared.sqlite"
    monkeypatch.setenv("KENNING_LEDGER_URL", f"sqlite:///{shared}")

    kenning("pause", SYNC, "--reason", "elsewhere")

    assert shared.exists()
    assert "elsewhere" in printed(kenning("status", SYNC))
    del os.environ["KENNING_LEDGER_URL"]
    assert "elsewhere" not in printed(kenning("status", SYNC))


# Several at once


def add_sync(workspace: Workspace, name: str, *, columns: str = "*") -> None:
    """A second sync to files, of a model like the first one's."""
    folder = workspace.project_dir / "models" / "activation"
    text = (folder / "_activation__models.yml").read_text(encoding="utf-8")
    models, exposures = text.split("\nexposures:\n")
    for part, heading in ((models, ""), (exposures, "exposures:\n")):
        changed = heading + part.replace("files__customers", f"files__{name}").replace(
            "object: customers", f"object: {name}"
        )
        kind = "exposures" if heading else "models"
        (folder / f"_{name}__{kind}.yml").write_text(changed, encoding="utf-8")
    (folder / f"sync_files__{name}.sql").write_text(
        "select * from {{ ref('sync_files__customers') }}", encoding="utf-8"
    )
    change_raw(
        workspace,
        f"create table activation.sync_files__{name} as "
        f"select {columns} from activation.sync_files__customers",
    )


def send_to_mailer(workspace: Workspace, file: str) -> None:
    """Let the sync that a file describes go to a destination that needs credentials."""
    path = workspace.project_dir / "models" / "activation" / file
    text = re.sub("object: .*", "object: contacts", path.read_text(encoding="utf-8"))
    there = "destination: mailer\n          on_remove: delete"
    path.write_text(text.replace("destination: files", there), encoding="utf-8")


def test_several_syncs_are_sent_beside_each_other(workspace, kenning):
    allow_removals(workspace)
    for name in ("people", "readers"):
        add_sync(workspace, name)
    change_raw(workspace, GRACE_LEAVES)

    out = printed(kenning("run", "--at-once", "3"))

    assert "files__customers: 1 removed" in out
    assert "files__people: 2 added" in out
    assert "files__readers: 2 added" in out
    assert sent_keys(workspace) == ["1"]
    with open_instance(workspace) as instance:
        event = instance.get_latest_materialization_event(
            dg.AssetKey(["files", "people"])
        )
    assert event.asset_materialization.metadata["added"].value == 2


@pytest.mark.parametrize("at_once", ["1", "2"])
def test_of_several_syncs_one_without_credentials_fails_alone(
    workspace, kenning, monkeypatch, at_once
):
    monkeypatch.delenv("KENNING_MAILER_TOKEN", raising=False)
    add_sync(workspace, "people")
    send_to_mailer(workspace, "_people__exposures.yml")
    add_sync(workspace, "readers")

    code, out, err = kenning("run", "--at-once", at_once)

    assert code == 2
    assert "files__readers: 2 added" in out
    assert "KENNING_MAILER_TOKEN" in err
    assert "files__people" in err


def test_when_no_sync_has_its_credentials_nothing_is_tested(
    workspace, kenning, monkeypatch
):
    monkeypatch.delenv("KENNING_MAILER_TOKEN", raising=False)
    send_to_mailer(workspace, "_activation__models.yml")
    runs_before = sorted(workspace.logs_dir.glob("run-*.log"))

    code, _, err = kenning("run")

    assert code == 2
    assert "KENNING_MAILER_TOKEN" in err
    assert sorted(workspace.logs_dir.glob("run-*.log")) == runs_before


@pytest.mark.exhaustive
def test_of_several_syncs_only_those_go_whose_checks_are_green(workspace, kenning):
    add_sync(workspace, "people", columns="* replace ('x' as email)")
    add_sync(workspace, "readers")
    change_raw(workspace, "alter table activation.sync_files__people drop column email")

    code, out, err = kenning("run", "--at-once", "2")

    assert code == 1
    assert "files__readers: 2 added" in out
    assert "fit_to_leave of activation/sync_files__people" in err
    assert "Not executed: files__people." in err
    assert not (workspace.data_dir / "outbox" / "files__people").exists()


@pytest.mark.exhaustive
def test_sync_whose_model_is_not_built_says_so_and_how_to_build_it(workspace, kenning):
    add_sync(workspace, "people")
    change_raw(workspace, "drop table activation.sync_files__people")

    code, _, err = kenning("run", "files__people")

    assert code == 1
    assert "activation.sync_files__people, which is not in the warehouse" in err
    assert "`dbt build --select +sync_files__people`" in err


@pytest.mark.exhaustive
def test_two_syncs_send_one_model(workspace, kenning):
    allow_removals(workspace)
    add_sync(workspace, "people")
    exposures = (
        workspace.project_dir / "models" / "activation" / "_people__exposures.yml"
    )
    text = exposures.read_text(encoding="utf-8")
    exposures.write_text(
        text.replace("sync_files__people", "sync_files__customers"), encoding="utf-8"
    )
    change_raw(workspace, GRACE_LEAVES)

    out = printed(kenning("run"))

    assert "files__customers: 1 removed" in out
    assert "files__people: 1 added" in out


@pytest.mark.exhaustive
def test_of_several_syncs_one_that_is_held_fails_alone(workspace, kenning):
    add_sync(workspace, "people")
    change_raw(workspace, GRACE_LEAVES)

    code, out, err = kenning("run", "--at-once", "2")

    assert code == 1
    assert "files__people: 2 added" in out
    assert "Sync 'files__customers' was held: " in err
