"""Destinations that are described in YAML: what they ask, and how they read answers."""

import contextlib
import dataclasses
import json
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import httpx
import jsonschema
import pytest
import yaml

from demo.destination_simulator import Fault, FaultKind, running_simulator
from reverse_etl.destinations.custom_http import read_custom_types
from reverse_etl.destinations.protocol import (
    Batch,
    BatchResult,
    Capabilities,
    Destination,
    DestinationType,
    Idempotency,
    Opening,
    RateLimit,
    Record,
    RejectedRow,
)
from reverse_etl.destinations.registry import destination_type, load_accounts
from reverse_etl.errors import (
    BatchRefusedError,
    ErrorClass,
    FatalDeliveryError,
    QuotaExhaustedError,
    RetryableDeliveryError,
    SyncConfigurationError,
)
from reverse_etl.modes import Action, Mode, Op, Removal
from reverse_etl.transport import HttpOptions, RetryPolicy, Secret

POLICY = RetryPolicy(max_attempts=2, first_wait_s=0.0)
SCHEMA = "reverse_etl/destinations/custom_http.schema.json"

ADA = Record(
    Op.ADD,
    "c1",
    {"id": "c1", "email": "ada@example.com"},
    {"name": "Ada", "age": 36, "note": None, "address": {"city": "Tromsø"}},
    "e1",
)
BO = Record(Op.CHANGE, "c2", {"id": "c2"}, {"name": "Bo"}, "e2")


def custom(folder: Path, text: str, name: str = "crm") -> DestinationType:
    files = folder / "destinations"
    files.mkdir(exist_ok=True)
    (files / f"{name}.yml").write_text(textwrap.dedent(text))
    return read_custom_types(files)[name]


def batch(*records: Record, action: Action = Action.UPSERT, **settings: str) -> Batch:
    return Batch(
        sync="crm__people",
        object="people",
        settings=settings,
        run_id="run-1",
        idempotency_key="batch-1",
        action=action,
        records=records,
    )


class Tool:
    """An interface that answers what a test says."""

    def __init__(self, *answers: httpx.Response) -> None:
        self._answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self._answers.pop(0) if self._answers else httpx.Response(200)

    @property
    def body(self) -> object:
        return json.loads(self.requests[-1].content)


@contextlib.contextmanager
def opened(
    kind: DestinationType,
    tool: Tool | None,
    of: str = "people",
    url: str = "https://crm.example.com/api",
    **credentials: str,
) -> Iterator[Destination]:
    opening = Opening(
        account=kind.name,
        object=of,
        settings={},
        credentials={n: Secret(t) for n, t in (credentials | {"url": url}).items()},
        base_dir=Path("unused"),
        http=HttpOptions(
            policy=POLICY,
            transport=None if tool is None else httpx.MockTransport(tool),
            sleep=lambda _: None,
            allow_private_addresses=True,
        ),
    )
    with kind.open(opening) as destination:
        yield destination


def people(request: str, *, more: str = "", top: str = "") -> str:
    """A file with one object and one request for upserts."""
    return "\n".join(
        (
            top,
            "objects:",
            "  people:",
            textwrap.indent(textwrap.dedent(more), "    "),
            "    actions:",
            "      upsert:",
            textwrap.indent(textwrap.dedent(request), "        "),
        )
    )


BATCHES = "max_batch_rows: 10"
PLAIN = """
    path: /people
    body: {each: {id: "{key}"}}
"""


def sent(folder: Path, text: str, *answers: httpx.Response, records=(ADA, BO)):
    with opened(custom(folder, text), Tool(*answers)) as destination:
        return destination.send(batch(*records))


def body_of(folder: Path, body: str, *records: Record, **settings: str) -> object:
    tool = Tool()
    text = people(f"path: /people\nbody: {body}", more=BATCHES)
    with opened(custom(folder, text), tool) as destination:
        destination.send(batch(*(records or (ADA, BO)), **settings))
    return tool.body


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('{each: "{match.id}"}', ["c1", "c2"]),
        ('{ids: {each: "{key}"}, n: 1}', {"ids": ["c1", "c2"], "n": 1}),
        (
            '[{list: {each: {id: "{key}", age: "{fields.age}"}}}]',
            [{"list": [{"id": "c1", "age": 36}, {"id": "c2"}]}],
        ),
        (
            '{each: {note: "{fields.note}", say: "{op} {fields.name}"}}',
            [{"note": None, "say": "add Ada"}, {"say": "change Bo"}],
        ),
        (
            '{each: {to: "{match}", all: "{fields}"}}',
            [
                {
                    "to": {"id": "c1", "email": "ada@example.com"},
                    "all": {
                        "name": "Ada",
                        "age": 36,
                        "note": None,
                        "address": {"city": "Tromsø"},
                    },
                },
                {"to": {"id": "c2"}, "all": {"name": "Bo"}},
            ],
        ),
        (
            '{each: {city: "{fields.address.city}", e: "{event_id}"}}',
            [{"city": "Tromsø", "e": "e1"}, {"e": "e2"}],
        ),
        (
            '{each: ["{fields.age}", "{key}", null, true]}',
            [[36, "c1", None, True], ["c2", None, True]],
        ),
        (
            '{run: "{run_id}/{batch_id}", of: "{sync} {object} {action}", '
            'n: "{row_count}", rows: {each: "{key}"}}',
            {
                "run": "run-1/batch-1",
                "of": "crm__people people upsert",
                "n": 2,
                "rows": ["c1", "c2"],
            },
        ),
        (
            '{"{{x}}": "{{key}}", rows: {each: "{key}"}}',
            {"{{x}}": "{key}", "rows": ["c1", "c2"]},
        ),
    ],
)
def test_a_body_is_filled_in_from_records_and_batch(tmp_path, body, expected):
    assert body_of(tmp_path, body) == expected


def test_a_setting_of_the_sync_may_be_anywhere(tmp_path):
    text = people(
        """
        path: /lists/{settings.list_id}/people
        query: {source: "{settings.source}"}
        body: {list: "{settings.list_id}", rows: {each: "{key}"}}
        """,
        more="max_batch_rows: 10\noptional_settings: [source]",
    )
    kind, tool = custom(tmp_path, text), Tool()

    with opened(kind, tool) as destination:
        destination.send(batch(ADA, list_id="a/b?c"))
        destination.send(batch(ADA, list_id="7", source="x y"))

    assert kind.objects["people"].settings == ("list_id",)
    assert kind.objects["people"].optional_settings == ("source",)
    assert [str(request.url) for request in tool.requests] == [
        "https://crm.example.com/api/lists/a%2Fb%3Fc/people",
        "https://crm.example.com/api/lists/7/people?source=x+y",
    ]


def test_one_record_may_be_named_by_the_path(tmp_path):
    text = people(
        """
        method: PUT
        path: /people/{match.email}
        headers: {x-event: "{event_id}", x-gone: "{dest_id}"}
        body: "{fields}"
        """
    )
    tool = Tool()

    with opened(custom(tmp_path, text), tool) as destination:
        destination.send(batch(ADA))

    request = tool.requests[0]
    assert request.method == "PUT"
    assert str(request.url) == "https://crm.example.com/api/people/ada%40example.com"
    assert request.headers["x-event"] == "e1"
    assert "x-gone" not in request.headers


@pytest.mark.parametrize("value", ["..", "", "."])
@pytest.mark.parametrize("path", ["/people/{match.id}", "/people/{match.id}/notes"])
def test_a_value_does_not_lead_to_another_place(tmp_path, path, value):
    text = people(f'path: {path}\nbody: "{{fields}}"')
    tool = Tool()

    with (
        opened(custom(tmp_path, text), tool) as destination,
        pytest.raises(BatchRefusedError, match="path of the request"),
    ):
        destination.send(batch(ADA._replace(match={"id": value})))

    assert tool.requests == []


def test_a_record_that_the_path_cannot_name_is_not_sent(tmp_path):
    tool = Tool()
    text = people("path: /people/{match.email}", more="idempotency: keyed")

    with (
        opened(custom(tmp_path, text), tool) as destination,
        pytest.raises(BatchRefusedError, match="path of the request"),
    ):
        destination.send(batch(BO))

    assert tool.requests == []


def test_a_value_does_not_make_another_header(tmp_path):
    text = people('path: /people\nheaders: {x-name: "{fields.name}"}\nbody: "{fields}"')

    with (
        opened(custom(tmp_path, text), Tool()) as destination,
        pytest.raises(BatchRefusedError, match="header of the request"),
    ):
        destination.send(batch(ADA._replace(fields={"name": "Ada\r\nx-admin: 1"})))


def test_no_error_shows_an_id_out_of_the_path(tmp_path):
    text = people('path: /people/{match.id}/notes\nbody: "{fields}"')

    with (
        opened(custom(tmp_path, text), Tool(httpx.Response(403))) as destination,
        pytest.raises(FatalDeliveryError) as caught,
    ):
        destination.send(batch(ADA._replace(match={"id": "ada"})))

    assert "https://crm.example.com/people/…/notes " in str(caught.value)


@pytest.mark.parametrize(
    ("auth", "credentials", "header"),
    [
        ("{kind: bearer}", {"token": "t1"}, ("authorization", "Bearer t1")),
        (
            "{kind: header, name: X-Api-Key}",
            {"token": "t1"},
            ("x-api-key", "t1"),
        ),
        (
            "{kind: header, name: Authorization, prefix: 'Key '}",
            {"token": "t1"},
            ("authorization", "Key t1"),
        ),
        (
            "{kind: basic}",
            {"user": "u", "password": "p"},
            ("authorization", "Basic dTpw"),
        ),
    ],
)
def test_who_we_are_goes_with_every_request(tmp_path, auth, credentials, header):
    kind = custom(tmp_path, people(PLAIN, more=BATCHES, top=f"auth: {auth}"))
    tool = Tool()

    with opened(kind, tool, **credentials) as destination:
        destination.send(batch(ADA))

    assert tool.requests[0].headers[header[0]] == header[1]
    assert [each.name for each in kind.credentials] == ["url", *credentials]
    assert all(each.is_secret for each in kind.credentials[1:])


def test_a_body_may_be_signed(tmp_path):
    kind = custom(
        tmp_path, people(PLAIN, more=BATCHES, top="auth: {kind: hmac, name: x-signed}")
    )
    tool = Tool()

    with opened(kind, tool, secret="s") as destination:
        destination.send(batch(ADA))

    assert re.fullmatch(r"t=\d+,v1=[0-9a-f]{64}", tool.requests[0].headers["x-signed"])


def test_a_token_may_be_fetched_first_and_again_when_it_is_refused(tmp_path):
    auth = (
        "auth: {kind: oauth_client_credentials, "
        "token_url: 'https://login.example.com/token', scope: write}"
    )
    kind = custom(tmp_path, people(PLAIN, more=BATCHES, top=auth))
    tool = Tool(
        httpx.Response(200, json={"access_token": "t1"}),
        httpx.Response(401),
        httpx.Response(200, json={"access_token": "t2"}),
        httpx.Response(200),
    )

    with opened(kind, tool, client_id="i", client_secret="s") as destination:
        destination.send(batch(ADA))

    assert tool.requests[0].url.host == "login.example.com"
    assert tool.requests[3].headers["authorization"] == "Bearer t2"


ROWS = """
    path: /people
    body: {each: "{key}"}
    accepts: [409]
    answer:
      %s
      rows:
"""


def rows_request(rows: str, success: str = "") -> str:
    return people(
        textwrap.dedent(ROWS % success)
        + textwrap.indent(textwrap.dedent(rows), "    "),
        more=BATCHES,
        top="errors: {classes: {bad: INVALID_FIELD}, retryable: [locked]}",
    )


BY_ORDER = rows_request(
    """
    list: data.results
    by: order
    holds: all
    failed: {path: ok, equals: false}
    code: why.code
    field: why.field
    id: id
    """
)
BY_INDEX = rows_request(
    "{list: errors, by: index, index: at, holds: failed, code: code}"
)
BY_KEY = rows_request(
    "{list: errors, by: key, key: email, equals: '{match.id}', holds: failed, code: code}",
    "success: {path: status, equals: [done, partial]}",
)
REJECTED_BO = BatchResult((RejectedRow(1, "INVALID_FIELD", "bad"),))


@pytest.mark.parametrize(
    ("text", "answer", "result"),
    [
        (
            BY_ORDER,
            {
                "data": {
                    "results": [
                        {"ok": True, "id": 17},
                        {"ok": False, "why": {"code": "bad", "field": "name"}},
                    ]
                }
            },
            BatchResult((RejectedRow(1, "INVALID_FIELD", "bad", "name"),), {0: "17"}),
        ),
        (BY_INDEX, {"errors": []}, BatchResult()),
        (BY_INDEX, {"errors": [{"at": 1, "code": "bad"}]}, REJECTED_BO),
        (BY_INDEX, {"errors": [{"at": "1", "code": "bad"}]}, REJECTED_BO),
        (
            BY_INDEX,
            {"errors": [{"at": 0, "code": "locked"}, {"at": 1, "code": "What? ada@x"}]},
            BatchResult(
                (
                    RejectedRow(0, "OTHER", "locked", is_retryable=True),
                    RejectedRow(1, "OTHER"),
                )
            ),
        ),
        (BY_KEY, {"status": "done"}, BatchResult()),
        (BY_KEY, {"status": "done", "errors": None}, BatchResult()),
        (
            BY_KEY,
            {"status": "partial", "errors": [{"email": "c2", "code": "bad"}]},
            REJECTED_BO,
        ),
    ],
)
def test_rows_are_told_apart_as_the_file_says(tmp_path, text, answer, result):
    assert sent(tmp_path, text, httpx.Response(200, json=answer)) == result
    assert sent(tmp_path, text, httpx.Response(409, json=answer)) == result


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (BY_ORDER, {"data": {"results": [{"ok": True}]}}),
        (BY_ORDER, {"data": {}}),
        (BY_ORDER, []),
        (BY_INDEX, {}),
        (BY_INDEX, {"errors": {}}),
        (BY_INDEX, {"errors": [{"at": 2}]}),
        (BY_INDEX, {"errors": [{"at": -1}]}),
        (BY_INDEX, {"errors": [{"at": True}]}),
        (BY_INDEX, {"errors": [{}]}),
        (BY_INDEX, {"errors": [{"at": 1}, {"at": 1}]}),
        (BY_KEY, {"status": "done", "errors": [{"email": "c9"}]}),
        (BY_KEY, {"status": "done", "errors": ["c2"]}),
    ],
)
def test_an_answer_that_leaves_a_row_open_is_in_doubt(tmp_path, text, answer):
    with pytest.raises(FatalDeliveryError) as caught:
        sent(tmp_path, text, httpx.Response(200, json=answer))

    assert caught.value.is_in_doubt


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, html="<html>log in</html>"),
        httpx.Response(200, text="{", headers={"content-type": "application/json"}),
    ],
)
def test_a_page_is_no_success(tmp_path, answer):
    with pytest.raises(FatalDeliveryError):
        sent(tmp_path, people(PLAIN, more=BATCHES), answer)


@pytest.mark.parametrize("answer", [{"ok": 1}, {"ok": "true"}, {"ok": 1.0}])
def test_a_value_of_another_type_is_another_value(tmp_path, answer):
    text = people(
        "{path: /x, body: {each: '{key}'}, answer: {success: {path: ok, equals: true}}}",
        more=BATCHES,
    )

    with pytest.raises(BatchRefusedError):
        sent(tmp_path, text, httpx.Response(200, json=answer))


@pytest.mark.parametrize("answer", [{"status": "failed"}, {}, {"status": None}])
def test_a_success_that_says_otherwise_is_a_refused_batch(tmp_path, answer):
    with pytest.raises(BatchRefusedError):
        sent(tmp_path, BY_KEY, httpx.Response(200, json=answer))


ERRORS = """
errors:
  code: error.code
  throttled: {statuses: [420], codes: [slow_down]}
  quota: {codes: [daily], wait_s: 60}
  retried: {codes: [oops]}
  refused: {statuses: [418], codes: [bad_batch]}
  auth: {codes: [expired]}
  classes: {bad_batch: INVALID_FIELD}
"""


def said(code: str, status: int = 200) -> httpx.Response:
    return httpx.Response(status, json={"error": {"code": code}})


@pytest.mark.parametrize(
    ("answer", "error", "error_class"),
    [
        (said("daily"), QuotaExhaustedError, ErrorClass.QUOTA),
        (said("daily", 403), QuotaExhaustedError, ErrorClass.QUOTA),
        (said("expired", 403), FatalDeliveryError, ErrorClass.AUTH),
        (said("bad_batch"), BatchRefusedError, ErrorClass.INVALID_FIELD),
        (httpx.Response(418), BatchRefusedError, ErrorClass.OTHER),
        (httpx.Response(403), FatalDeliveryError, ErrorClass.PERMISSION),
    ],
)
def test_errors_are_known_by_status_or_code(tmp_path, answer, error, error_class):
    with pytest.raises(error) as caught:
        sent(tmp_path, people(PLAIN, more=BATCHES, top=ERRORS), answer)

    assert caught.value.error_class is error_class


@pytest.mark.parametrize("answer", [said("slow_down"), httpx.Response(420)])
def test_a_throttle_is_waited_out(tmp_path, answer):
    text = people(PLAIN, more=BATCHES, top=ERRORS)

    assert sent(tmp_path, text, answer, httpx.Response(200)) == BatchResult()


@pytest.mark.parametrize(
    ("idempotency", "requests"),
    [("none", 1), ("keyed", 2), ("event_id", 2), ("header", 2)],
)
def test_what_may_not_be_repeated_is_not(tmp_path, idempotency, requests):
    more = f"max_batch_rows: 10\nidempotency: {idempotency}"
    kind, tool = custom(tmp_path, people(PLAIN, more=more)), Tool(httpx.Response(500))

    with (
        opened(kind, tool) as destination,
        contextlib.suppress(RetryableDeliveryError),
    ):
        destination.send(batch(ADA))

    assert len(tool.requests) == requests
    assert ("idempotency-key" in tool.requests[0].headers) is (idempotency == "header")


def test_nothing_is_repeated_unless_the_file_says_that_it_may_be(tmp_path):
    kind = custom(tmp_path, people(PLAIN, more=BATCHES))

    assert kind.objects["people"].idempotency is Idempotency.NONE


@pytest.mark.parametrize(
    ("action", "on_404", "outcome"),
    [
        ("delete", "", BatchResult()),
        ("remove", "", BatchResult()),
        ("erase", "", BatchResult()),
        ("update", "", BatchResult((RejectedRow(0, "NOT_FOUND", "404"),))),
        ("update", "on_404: done", BatchResult()),
    ],
)
def test_a_record_that_is_not_there_is_what_the_action_makes_of_it(
    tmp_path, action, on_404, outcome
):
    text = f"""
        objects:
          people:
            actions:
              {action}:
                path: /people/{{key}}
                {on_404}
    """
    with opened(custom(tmp_path, text), Tool(httpx.Response(404))) as destination:
        assert destination.send(batch(ADA, action=Action(action))) == outcome


def test_a_path_that_is_not_there_stops_the_run(tmp_path):
    with pytest.raises(FatalDeliveryError):
        sent(tmp_path, people(PLAIN, more=BATCHES), httpx.Response(404))


@pytest.mark.parametrize(
    ("more", "records"),
    [
        ("max_batch_rows: 1", (ADA, BO)),
        ("max_batch_rows: 9\nmax_batch_bytes: 20", (ADA, BO)),
        ("max_batch_rows: 9\nmax_row_bytes: 20", (ADA,)),
    ],
)
def test_what_is_too_large_is_not_sent(tmp_path, more, records):
    tool = Tool()

    with (
        opened(custom(tmp_path, people(PLAIN, more=more)), tool) as destination,
        pytest.raises(BatchRefusedError) as caught,
    ):
        destination.send(batch(*records))

    assert caught.value.is_too_large
    assert tool.requests == []


def test_an_empty_batch_is_not_sent(tmp_path):
    tool = Tool()

    with opened(custom(tmp_path, people(PLAIN, more=BATCHES)), tool) as destination:
        assert destination.send(batch()) == BatchResult()

    assert tool.requests == []


@pytest.mark.parametrize(
    ("actions", "modes", "removals", "is_list"),
    [
        ({"upsert"}, {Mode.UPSERT}, set(), False),
        (
            {"upsert", "delete"},
            {Mode.UPSERT, Mode.MIRROR},
            {Removal.DELETE},
            False,
        ),
        (
            {"upsert", "update"},
            {Mode.UPSERT, Mode.UPDATE, Mode.MIRROR},
            {Removal.CLEAR},
            False,
        ),
        (
            {"add", "remove"},
            {Mode.ADD, Mode.REMOVE, Mode.UPSERT, Mode.MIRROR},
            {Removal.REMOVE},
            True,
        ),
        ({"add"}, {Mode.ADD, Mode.UPSERT}, set(), True),
        ({"append"}, {Mode.APPEND}, set(), False),
        ({"create", "archive"}, {Mode.INSERT, Mode.ARCHIVE}, {Removal.ARCHIVE}, False),
    ],
)
def test_what_a_sync_may_ask_for_follows_from_the_actions(
    tmp_path, actions, modes, removals, is_list
):
    text = "objects:\n  people:\n    actions:\n" + "".join(
        f"      {action}: {{path: '/x/{{key}}'}}\n" for action in sorted(actions)
    )

    found: Capabilities = custom(tmp_path, text).objects["people"]

    assert (found.modes, found.removals) == (modes, removals)
    assert found.is_membership is is_list


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "crm.yml is empty"),
        ("label: CRM", "line 1: 'objects' is missing"),
        ("objects: {}", "there is no object in it"),
        ("object: {}", "Did you mean 'objects'"),
        ("objects: {people: {}}", "objects.people: 'actions' is missing"),
        (
            "objects: {people: {actions: {upser: {path: /x}}}}",
            "no setting 'upser' here. Did you mean 'upsert'",
        ),
        (
            "objects: {people: {actions: {run: {path: /x}}}}",
            "no setting 'run' here",
        ),
        (people("body: x"), "upsert: 'path' is missing"),
        (people("path: people"), "a path begins with a slash"),
        (
            people("path: /x", more=BATCHES),
            "'body' is missing, and with it the records",
        ),
        (
            people("{path: /x, body: {a: 1}}", more=BATCHES),
            "the records are nowhere in",
        ),
        (
            people(
                "{path: /x, body: {id: '{match.id}', rows: {each: '{key}'}}}",
                more=BATCHES,
            ),
            r"upsert.body.id: \{match.id\} is of one record, and a batch has several",
        ),
        (people("path: '/x/{key}'\nbody: {each: x}", more=BATCHES), "is of one record"),
        (people("path: '/x/{keys}'"), r"there is no \{keys\}. Known: sync"),
        (people("path: '/x/{fields.}'"), "is not a name in braces"),
        (people("path: '/x/{key'"), "is not a name in braces"),
        (people("path: '/x/{settings}'"), r"there is no \{settings\}"),
        (
            people("path: '/x/{match.mail}'", more="match: [email]"),
            "'mail' is not among the identifiers under 'match': email",
        ),
        (
            people("{path: /x, method: GET}"),
            "'GET' is none of POST, PUT, PATCH, DELETE",
        ),
        (people("{path: /x, accepts: [20]}"), "from 200 to 599"),
        (people("{path: /x, on_404: ignore}"), "none of done, rejected, stop"),
        (
            people("path: /x", more="idempotency: yes"),
            "idempotency: this is text",
        ),
        (people("path: /x", more="max_batch_rows: 0"), "a whole number from 1"),
        (
            people("{path: /x, body: {each: {each: x}}}", more=BATCHES),
            "has no place inside another one",
        ),
        (
            people("path: /x", top="auth: {kind: token}"),
            "'token' is none of none, bearer",
        ),
        (people("path: /x", top="auth: {kind: bearer, name: x}"), "has no 'name'"),
        (people("path: /x", top="auth: {kind: header}"), "'name' is missing"),
        (
            people("path: /x", top="auth: {kind: bearer, token: abc}"),
            "there is no setting 'token' here",
        ),
        (
            people("path: /x", top="headers: {Authorization: Bearer abc}"),
            "'Authorization' is not set here",
        ),
        (people("path: /x", top='headers: {x: "a\\nb"}'), "printable ASCII"),
        (
            people("path: /x", top="errors: {throttled: {codes: [a]}}"),
            "'errors.code' does not say where",
        ),
        (
            people("path: /x", top="errors: {classes: {a: BAD}}"),
            "'BAD' is none of INVALID_KEY",
        ),
        (
            people("{path: /x, answer: {rows: {by: order, holds: failed}}}"),
            "must have an entry for every record",
        ),
        (
            people("{path: /x, answer: {rows: {by: order, holds: all}}}"),
            "'failed' is missing",
        ),
        (
            people("{path: /x, answer: {rows: {by: key, holds: failed}}}"),
            "'key' is missing",
        ),
        (
            people(
                "{path: /x, answer: {rows: {by: index, index: a, key: b, holds: failed}}}"
            ),
            "records are paired by index",
        ),
        (people("{path: /x, answer: {success: {path: a}}}"), "'equals' is missing"),
        (
            "objects: {x: {actions: {add: {path: /x}, upsert: {path: /x}}}}",
            "Describe two objects",
        ),
        (
            people("path: /x", top="limits: [{max_requests: 0, window_s: 1}]"),
            "a whole number from 1",
        ),
    ],
)
def test_a_file_that_cannot_be_meant_so_is_refused_with_its_place(
    tmp_path, text, message
):
    with pytest.raises(SyncConfigurationError, match=message) as caught:
        custom(tmp_path, text)

    assert str(caught.value).startswith("destinations/crm.yml")


@pytest.mark.parametrize("name", ["Crm", "my-crm", "x" * 41])
def test_a_file_is_named_like_a_destination(tmp_path, name):
    with pytest.raises(SyncConfigurationError, match="is no name"):
        custom(tmp_path, people(PLAIN, more=BATCHES), name)


def test_a_file_does_not_take_the_name_of_a_destination(tmp_path):
    custom(tmp_path, people(PLAIN, more=BATCHES), "webhook")

    with pytest.raises(SyncConfigurationError, match="a destination of its own"):
        load_accounts(tmp_path)


def test_a_project_has_its_own_kinds_and_accounts_of_them(tmp_path):
    top = "label: Our CRM\nlimits: [{max_requests: 5, window_s: 1}]"
    custom(tmp_path, people(PLAIN, more=BATCHES, top=top))
    (tmp_path / "destinations.yml").write_text(
        "accounts: {crm_eu: {type: crm, url: 'https://eu.example.com'}}"
    )

    accounts = load_accounts(tmp_path)

    assert destination_type("crm", accounts).label == "Our CRM"
    assert destination_type("crm_eu", accounts).limits == (RateLimit(5, 1.0),)


def test_an_action_that_the_file_does_not_have_is_refused(tmp_path):
    with (
        opened(custom(tmp_path, people(PLAIN, more=BATCHES)), Tool()) as destination,
        pytest.raises(SyncConfigurationError, match="no request for 'erase'"),
    ):
        destination.send(batch(ADA, action=Action.ERASE))


def page_example(project_root: Path) -> str:
    page = (project_root / "docs/destinations/custom-http.md").read_text("utf-8")
    found = re.search(r"```yaml\n(# yaml-language-server.*?)```", page, re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture
def schema(project_root: Path) -> jsonschema.Draft202012Validator:
    content = json.loads((project_root / SCHEMA).read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(content)
    return jsonschema.Draft202012Validator(content)


def test_the_schema_for_editors_accepts_what_is_accepted(schema, project_root):
    for text in (
        page_example(project_root),
        BY_ORDER,
        BY_INDEX,
        BY_KEY,
        people(PLAIN, more=BATCHES, top=ERRORS),
    ):
        assert list(schema.iter_errors(yaml.safe_load(text))) == []


@pytest.mark.parametrize(
    "text",
    [
        "label: CRM",
        "objects: {}",
        "objects: {people: {actions: {upser: {path: /x}}}}",
        people("path: people"),
        people("{path: /x, method: GET}"),
        people("{path: /x, on_404: ignore}"),
        people("path: /x", more="max_batch_rows: 0"),
        people("path: /x", more="max_rows: 5"),
        people("path: /x", top="auth: {kind: token}"),
        people("path: /x", top="errors: {classes: {a: BAD}}"),
        people("path: /x", top="limits: [{max_requests: 0}]"),
        people("{path: /x, answer: {rows: {by: order}}}"),
        people("{path: /x, answer: {success: {path: a}}}"),
    ],
)
def test_the_schema_for_editors_refuses_what_is_refused(tmp_path, schema, text):
    assert list(schema.iter_errors(yaml.safe_load(text))) != []
    with pytest.raises(SyncConfigurationError):
        custom(tmp_path, text)


@contextlib.contextmanager
def simulated(folder: Path, project_root: Path):
    """The page's example is the interface of the demo's mailer, described in YAML."""
    with running_simulator(vendors=["mailer"]) as simulator:
        environ = simulator.environ_of("mailer")
        with opened(
            custom(folder, page_example(project_root)),
            None,
            "contacts",
            url=environ["KENNING_MAILER_URL"],
            token=environ["KENNING_MAILER_TOKEN"],
        ) as destination:
            yield simulator, destination


def contact(key: str, **fields: object) -> Record:
    return Record(Op.ADD, key, {"id": key}, fields, f"event of {key}")


def test_the_pages_example_works_with_a_tool_of_that_interface(tmp_path, project_root):
    ada, bo = contact("c1", email="ada@example.com"), contact("c2", email="no address")

    with simulated(tmp_path, project_root) as (simulator, destination):
        written = destination.send(batch(ada, bo))
        deleted = destination.send(
            dataclasses.replace(
                batch(ada, action=Action.DELETE), idempotency_key="batch-2"
            )
        )

        assert simulator.breaches("mailer") == ()
        assert simulator.hold("mailer").records == {"contacts": {}}
    assert written == BatchResult(
        (RejectedRow(1, "INVALID_FIELD", "invalid_property", "email"),)
    )
    assert deleted == BatchResult()


@pytest.mark.parametrize(
    "kind", [FaultKind.GARBAGE, FaultKind.SHORT, FaultKind.LOGIN_PAGE]
)
def test_a_strange_answer_to_the_pages_example_is_no_success(
    tmp_path, project_root, kind
):
    with simulated(tmp_path, project_root) as (simulator, destination):
        simulator.script("mailer", Fault(kind))

        with pytest.raises(FatalDeliveryError):
            destination.send(batch(contact("c1"), contact("c2")))


def test_a_lost_answer_to_the_pages_example_does_nothing_twice(tmp_path, project_root):
    with simulated(tmp_path, project_root) as (simulator, destination):
        simulator.script(
            "mailer",
            Fault(FaultKind.DROP_AFTER),
            Fault(FaultKind.THROTTLE),
        )

        result = destination.send(batch(contact("c1", email="ada@example.com")))

        assert result == BatchResult()
        assert simulator.write_count("mailer") == 3
