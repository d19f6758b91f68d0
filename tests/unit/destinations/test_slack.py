"""Slack: what is posted, and what its codes mean."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from demo.destination_simulator import Fault, FaultKind, running_simulator
from reverse_etl.destinations.protocol import (
    Batch,
    BatchResult,
    Idempotency,
    Opening,
    Record,
    RejectedRow,
)
from reverse_etl.destinations.slack import DESTINATION, SlackDestination
from reverse_etl.errors import (
    DeliveryError,
    ErrorClass,
    FatalDeliveryError,
    RetryableDeliveryError,
    SyncConfigurationError,
)
from reverse_etl.modes import Action, Op
from reverse_etl.transport import HttpOptions, RetryPolicy, Secret

POLICY = RetryPolicy(max_attempts=2, first_wait_s=0.0)
DIGEST = {"channel": "#growth"}


def row(op: Op, key: str, **fields: object) -> Record:
    return Record(op, key, {"customer_id": key}, fields, f"event of {key}")


ADA = row(Op.ADD, "c1", text="Ada bought <Gold> & more", name="Ada", plan="gold")


def batch(*records: Record, of: str = "messages") -> Batch:
    return Batch(
        sync="slack__upgrades",
        object=of,
        settings={},
        run_id="run-1",
        idempotency_key="batch-1",
        action=Action.APPEND if of == "messages" else Action.RUN,
        records=iter(records) if of == "digest" else records,
    )


class Workspace:
    """Slack, answering what a test says."""

    def __init__(self, *answers: httpx.Response) -> None:
        self._answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self._answers.pop(0) if self._answers else posted()

    @property
    def bodies(self) -> list[dict[str, object]]:
        return [json.loads(request.content) for request in self.requests]


def posted() -> httpx.Response:
    return httpx.Response(200, json={"ok": True, "channel": "C1", "ts": "1.2"})


def refused(code: str) -> httpx.Response:
    return httpx.Response(200, json={"ok": False, "error": code})


@contextlib.contextmanager
def opened(
    transport: Workspace | None,
    of: str = "messages",
    settings: dict[str, str] | None = None,
    url: str = "https://slack.com/api",
    token: str = "xoxb-1",
    **options: object,
) -> Iterator[SlackDestination]:
    opening = Opening(
        account="slack",
        object=of,
        settings=settings or {"channel": "#growth"},
        credentials={"token": Secret(token), "url": Secret(url)},
        base_dir=Path("unused"),
        http=HttpOptions(
            policy=POLICY,
            transport=None if transport is None else httpx.MockTransport(transport),
            sleep=lambda _: None,
            **options,
        ),
    )
    with DESTINATION.open(opening) as destination:
        assert isinstance(destination, SlackDestination)
        yield destination


def digest_of(*records: Record, **settings: str) -> str:
    workspace = Workspace()
    with opened(workspace, "digest", DIGEST | settings) as destination:
        assert destination.send(batch(*records, of="digest")) == BatchResult()
    return str(workspace.bodies[0]["text"])


def sent(record: Record, *answers: httpx.Response, **settings: str) -> BatchResult:
    with opened(
        Workspace(*answers), settings={"channel": "#growth"} | settings
    ) as destination:
        return destination.send(batch(record))


def failure(*answers: httpx.Response) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        sent(ADA, *answers)
    return caught.value


def test_a_message_is_posted_with_the_token():
    workspace = Workspace()

    with opened(workspace) as destination:
        assert destination.send(batch(ADA)) == BatchResult()

    request = workspace.requests[0]
    assert str(request.url) == "https://slack.com/api/chat.postMessage"
    assert request.headers["authorization"] == "Bearer xoxb-1"
    assert request.headers["content-type"] == "application/json; charset=utf-8"
    assert workspace.bodies[0] == {
        "channel": "#growth",
        "text": "Ada bought &lt;Gold&gt; &amp; more",
        "unfurl_links": False,
        "unfurl_media": False,
    }


def test_a_template_makes_the_text_and_its_own_links_stay():
    workspace = Workspace()
    text = "<https://crm.example.com/{key}|{name}> is on {plan}, {missing}!"
    record = ADA._replace(fields={"name": "<!channel> Ada", "plan": "gold"})

    with opened(workspace, settings={"channel": "C1", "text": text}) as destination:
        destination.send(batch(record))

    assert workspace.bodies[0]["text"] == (
        "<https://crm.example.com/c1|&lt;!channel&gt; Ada> is on gold, !"
    )


def test_a_row_may_name_its_own_channel_and_thread():
    workspace = Workspace()
    record = row(Op.ADD, "c1", text="Hi", channel="U042", thread_ts="1.2")

    with opened(workspace) as destination:
        destination.send(batch(record))

    body = workspace.bodies[0]
    assert (body["channel"], body["thread_ts"]) == ("U042", "1.2")


@pytest.mark.parametrize(
    ("record", "settings", "rejected"),
    [
        (
            row(Op.ADD, "c1", name="Ada"),
            {},
            RejectedRow(0, "INVALID_FIELD", "no_text", "text"),
        ),
        (
            row(Op.ADD, "c1", text=" "),
            {},
            RejectedRow(0, "INVALID_FIELD", "no_text", "text"),
        ),
        (
            row(Op.ADD, "c1", text="x" * 40_001),
            {},
            RejectedRow(0, "TOO_LARGE", "msg_too_long", "text"),
        ),
    ],
)
def test_a_message_that_cannot_go_is_not_sent(record, settings, rejected):
    workspace = Workspace()

    with opened(workspace) as destination:
        assert destination.send(batch(record)) == BatchResult((rejected,))

    assert workspace.requests == []


def test_a_row_without_any_channel_is_refused():
    workspace = Workspace()

    with opened(workspace, settings={"text": "{name}"}) as destination:
        result = destination.send(batch(ADA))

    assert result.rejected[0].field == "channel"
    assert workspace.requests == []


@pytest.mark.parametrize(
    ("code", "error_class"),
    [
        ("msg_too_long", "TOO_LARGE"),
        ("no_text", "INVALID_FIELD"),
        ("thread_not_found", "NOT_FOUND"),
        ("something_new", "OTHER"),
    ],
)
def test_a_message_may_be_refused_for_itself(code, error_class):
    assert sent(ADA, refused(code)) == BatchResult((RejectedRow(0, error_class, code),))


@pytest.mark.parametrize("code", ["channel_not_found", "not_in_channel", "is_archived"])
def test_a_channel_of_the_settings_that_is_not_there_stops_the_run(code):
    error = failure(refused(code))

    assert isinstance(error, FatalDeliveryError)
    assert (error.error_class, error.code) == (ErrorClass.CONFIG, code)
    assert code in str(error)


def test_a_channel_of_a_row_that_is_not_there_is_the_rows_fault():
    record = row(Op.ADD, "c1", text="Hi", channel="#gone")

    assert sent(record, refused("channel_not_found")).rejected == (
        RejectedRow(0, "NOT_FOUND", "channel_not_found"),
    )


@pytest.mark.parametrize(
    ("code", "error_class"),
    [
        ("invalid_auth", ErrorClass.AUTH),
        ("token_revoked", ErrorClass.AUTH),
        ("missing_scope", ErrorClass.PERMISSION),
    ],
)
def test_who_the_app_is_and_what_it_may_do_stops_the_run(code, error_class):
    error = failure(refused(code))

    assert isinstance(error, FatalDeliveryError)
    assert error.error_class is error_class


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(429, headers={"retry-after": "30"}, json={"ok": False}),
        refused("ratelimited"),
        refused("message_limit_exceeded"),
        refused("service_unavailable"),
    ],
)
def test_an_answer_that_says_that_nothing_was_done_is_tried_again(answer):
    workspace = Workspace(answer, posted())

    with opened(workspace) as destination:
        assert destination.send(batch(ADA)) == BatchResult()

    assert len(workspace.requests) == 2


@pytest.mark.parametrize(
    "answer", [httpx.Response(500), refused("internal_error"), refused("fatal_error")]
)
def test_a_message_that_may_stand_there_is_not_posted_again(answer):
    workspace = Workspace(answer)

    with (
        opened(workspace) as destination,
        pytest.raises(RetryableDeliveryError) as caught,
    ):
        destination.send(batch(ADA))

    assert caught.value.is_in_doubt
    assert len(workspace.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, html="<html>log in</html>"),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={}),
        httpx.Response(200, json={"ok": True}),
        httpx.Response(200, json={"ok": "true", "ts": "1.2"}),
        httpx.Response(200, json={"ok": False}),
        httpx.Response(200, text="{broken"),
    ],
)
def test_an_answer_that_slack_does_not_have_is_in_doubt(answer):
    error = failure(answer)

    assert isinstance(error, FatalDeliveryError)
    assert error.is_in_doubt


def test_a_digest_counts_what_happened_and_shows_rows():
    text = digest_of(
        row(Op.REMOVE, "c0"),
        row(Op.CHANGE, "c2", text="Bo is back"),
        row(Op.ADD, "c1", text="Ada <is> new"),
    )

    assert text == (
        "*slack__upgrades*: 1 new, 1 changed, 1 left\n• Bo is back\n• Ada &lt;is&gt; new"
    )


def test_a_digest_has_its_own_words():
    text = digest_of(
        ADA,
        row(Op.ADD, "c2", name="Bo", plan="silver"),
        text="{added} of {total} upgrades today :tada:",
        row="{name}: {plan}",
    )

    assert text == "2 of 2 upgrades today :tada:\n• Ada: gold\n• Bo: silver"


def test_a_long_run_makes_a_short_digest():
    records = [row(Op.ADD, f"c{n}", text=f"row {n} " + "x" * 600) for n in range(1000)]

    text = digest_of(*records, max_rows="3")

    assert text.startswith("*slack__upgrades*: 1000 new, ")
    assert text.endswith("\n… and 997 more")
    assert text.count("•") == 3
    assert len(digest_of(*records, max_rows="50")) < 4_000


def test_a_digest_without_lines_is_its_first_line():
    assert digest_of(ADA, max_rows="0") == (
        "*slack__upgrades*: 1 new, 0 changed, 0 left"
    )


def test_a_run_without_changes_posts_nothing():
    workspace = Workspace()

    with opened(workspace, "digest", DIGEST) as destination:
        assert destination.send(batch(of="digest")) == BatchResult()

    assert workspace.requests == []


def test_a_digest_that_is_refused_stops_the_run():
    with (
        opened(Workspace(refused("msg_too_long")), "digest", DIGEST) as destination,
        pytest.raises(FatalDeliveryError, match="msg_too_long"),
    ):
        destination.send(batch(ADA, of="digest"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_rows": "many"}, "from 0 to 50"),
        ({"max_rows": "51"}, "from 0 to 50"),
        ({"text": "{added"}, "settings.text of slack"),
        ({"row": "{__class__.x!r}"}, "settings.row of slack"),
        ({"text": "{first_name} joined"}, "Fields of rows go into settings.row"),
    ],
)
def test_a_setting_that_cannot_be_meant_so_is_refused(settings, message):
    with (
        pytest.raises(SyncConfigurationError, match=message),
        opened(Workspace(), "digest", DIGEST | settings),
    ):
        pass


def test_no_error_shows_what_a_message_says():
    for answers in ([refused("invalid_auth")], [httpx.Response(500)]):
        assert "Ada" not in str(failure(*answers))


def test_a_message_cannot_be_known_again():
    assert {each.idempotency for each in DESTINATION.objects.values()} == {
        Idempotency.NONE
    }


@contextlib.contextmanager
def simulated(of: str = "messages", **changes: str):
    with running_simulator(vendors=["slack"]) as simulator:
        environ = simulator.environ_of("slack")
        with opened(
            None,
            of,
            url=environ["KENNING_SLACK_URL"],
            token=changes.get("token", environ["KENNING_SLACK_TOKEN"]),
            allow_private_addresses=True,
        ) as destination:
            yield simulator, destination


def test_the_simulated_workspace_takes_messages_and_digests():
    with simulated() as (simulator, destination):
        destination.send(batch(ADA))
        assert simulator.breaches("slack") == ()
        assert [each["text"] for each in simulator.hold("slack").events] == [
            "Ada bought &lt;Gold&gt; &amp; more"
        ]
    with simulated("digest") as (simulator, destination):
        destination.send(batch(ADA, of="digest"))
        assert simulator.breaches("slack") == ()
        assert len(simulator.hold("slack").events) == 1


def test_the_simulated_workspace_refuses_as_slack_does():
    gone = row(Op.ADD, "c1", text="Hi", channel="#missing")

    with simulated() as (_, destination):
        assert destination.send(batch(gone)).rejected[0].code == "channel_not_found"
    with (
        simulated(token="xoxb-wrong") as (_, destination),
        pytest.raises(FatalDeliveryError, match="token is missing"),
    ):
        destination.send(batch(ADA))


def test_a_lost_answer_leaves_one_message_in_doubt():
    with simulated() as (simulator, destination):
        simulator.script("slack", Fault(FaultKind.DROP_AFTER))

        with pytest.raises(RetryableDeliveryError) as caught:
            destination.send(batch(ADA))

        assert len(simulator.hold("slack").events) == 1
    assert caught.value.is_in_doubt
