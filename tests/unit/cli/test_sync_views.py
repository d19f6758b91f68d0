"""How a sync stands, a row's story, and destinations, as a person reads them."""

from dataclasses import replace
from datetime import datetime

from cli.sync_views import (
    render_destination,
    render_destinations,
    render_status,
    render_story,
)
from orchestration.sync_operations import (
    DestinationView,
    RowStory,
    UnusableDestination,
)
from reverse_etl.accounts import CredentialState
from reverse_etl.destinations.protocol import LimitKind, RateLimit
from reverse_etl.destinations.registry import DESTINATIONS
from reverse_etl.history import (
    LastRun,
    RowEvent,
    RowHistory,
    RowRefusal,
    SyncStatus,
)
from reverse_etl.row_outlook import RowOutlook
from tests.sync_world import SPEC

AT = datetime(2026, 6, 30, 12)
RUN = LastRun("r9", "succeeded", None, AT, AT, 53, 1, None)
STATUS = SyncStatus("mailer__people", last_run=RUN, held=53)
EVENTS = (
    RowEvent("r1", AT, "upsert", "add", "rejected", "aa" * 16, "INVALID_FIELD", "bad", "email"),
    RowEvent("r2", AT, "delete", "remove", "ok", None, None, None, None),
)  # fmt: skip
HISTORY = RowHistory("mailer__people", "ab" * 32, EVENTS)
STORY = RowStory(SPEC, "p-7", HISTORY, RowOutlook("add", is_in_model=True))
TOKEN = CredentialState("token", "bearer token", True, "KENNING_MAILER_TOKEN", False)
URL = CredentialState("url", "address", False, "KENNING_MAILER_URL", True)
VIEW = DestinationView(
    "mailer", DESTINATIONS["mailer"], (RateLimit(10, 1.0),), (URL, TOKEN), ("mailer__people",)
)  # fmt: skip


def test_status_of_a_quiet_sync_is_three_lines():
    assert render_status(SPEC, STATUS) == (
        "mailer__people -> mailer/contacts\n"
        "  last run       succeeded at 2026-06-30 12:00 UTC, 53 rows planned, 1 request (r9)\n"
        "  holds          53 rows by our record"
    )


def test_status_before_the_first_run():
    text = render_status(SPEC, SyncStatus("mailer__people"))

    assert "  last run       none\n" in text


def test_status_tells_everything_that_waits_for_somebody():
    busy = replace(
        STATUS,
        last_run=replace(RUN, status="held", message="Too much.", resume_at=AT),
        unknown=2,
        in_doubt=1,
        refused={"INVALID_FIELD": 4, "CONFLICT": 1},
        dead=3,
        paused="audit",
        approved="aaa",
        rejected="bbb",
        has_unfinished_run=True,
    )

    text = render_status(SPEC, busy)

    for told in (
        "audit. `kenning sync resume mailer__people`",
        "held at 2026-06-30 12:00 UTC",
        "Too much.",
        "goes on after 2026-06-30 12:00 UTC",
        "the next one goes on with it",
        "2 of them are sent again",
        "1 row waits for a person",
        "4 INVALID_FIELD, 1 CONFLICT",
        "3 of them 5 times or for 7 days",
        "the plan aaa, for the next run",
        "put away       the plan bbb",
    ):
        assert told in text


def test_story_tells_what_happened_oldest_first_and_what_comes():
    text = render_story(STORY)

    assert text.startswith("Row p-7 of mailer__people -> mailer/contacts\n")
    assert text.index("rejected: INVALID_FIELD bad at email") < text.index(
        "remove (delete)"
    )
    assert "content aaaaaaaa  run r1" in text
    assert "  at destination not held, by our record\n" in text
    assert text.endswith(
        "  next run       would send it: the destination does not hold it"
    )


def test_story_of_a_refused_row_says_when_it_is_tried_again():
    refusal = RowRefusal("CONFLICT", "locked", "email", 2, AT, AT, AT)
    story = replace(STORY, history=replace(HISTORY, refusal=refusal))
    lasting = replace(
        STORY, history=replace(HISTORY, refusal=replace(refusal, next_retry_at=None))
    )

    assert (
        "CONFLICT locked at email, 2 times since 2026-06-30 12:00 UTC; "
        "tried again after 2026-06-30 12:00 UTC"
    ) in render_story(story)
    assert "tried again when it changes" in render_story(lasting)


def test_story_of_a_held_row_names_its_id_there():
    history = replace(
        HISTORY, state="acked", row_hash="cd" * 16, dest_id="9001", acknowledged_at=AT
    )
    text = render_story(replace(STORY, history=history))

    assert (
        "held as acknowledged, since 2026-06-30 12:00 UTC, content cdcdcdcd, as 9001"
        in text
    )


def test_story_says_what_keeps_the_row_from_going():
    outlook = RowOutlook(
        "change", is_held_back=True, is_paused=True, has_unfinished_run=True
    )
    text = render_story(replace(STORY, outlook=outlook))

    assert "a guard holds the run" in text
    assert "the sync is paused" in text
    assert "first settles a run" in text


def test_story_of_a_faulty_row_names_the_field():
    text = render_story(replace(STORY, outlook=RowOutlook("faulty", fault="seen")))

    assert "its value for seen cannot go" in text


def test_story_whose_model_is_not_there_says_why_and_keeps_the_history():
    text = render_story(replace(STORY, outlook=None, no_outlook="Build it first."))

    assert "cannot be told: Build it first." in text
    assert "INVALID_FIELD" in text


def test_every_destination_is_a_line_that_says_what_is_missing():
    text = render_destinations(
        [VIEW, UnusableDestination("sftp", "It needs a package.")]
    )

    assert text == (
        "mailer  Mailer of the demo: needs KENNING_MAILER_TOKEN; used by mailer__people\n"
        "sftp    cannot be used: It needs a package."
    )


def test_destination_tells_credentials_limits_and_what_it_does():
    daily = RateLimit(1_000, 86_400.0, kind=LimitKind.DAILY)
    text = render_destination(replace(VIEW, name="tool", limits=(*VIEW.limits, daily)))

    assert text.startswith("tool: Mailer of the demo, an account of mailer\n")
    assert "KENNING_MAILER_URL    set  (address)" in text
    assert "KENNING_MAILER_TOKEN  MISSING  (bearer token)" in text
    assert "10 requests in 1 s\n" in text
    assert "1,000 requests a day\n" in text
    assert "modes        mirror, upsert\n" in text
    assert "is the same as once" in text
