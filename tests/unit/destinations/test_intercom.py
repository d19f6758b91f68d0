"""How Intercom is told of contacts, companies and tags, and what its answers mean."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from demo.destination_simulator.faults import Fault, FaultKind
from demo.destination_simulator.server import Simulator, running_simulator
from reverse_etl.destinations.intercom import DESTINATION
from reverse_etl.destinations.protocol import (
    Batch,
    BatchResult,
    Opening,
    Record,
    RejectedRow,
)
from reverse_etl.errors import (
    ErrorClass,
    FatalDeliveryError,
    JobLostError,
    RetryableDeliveryError,
    SyncConfigurationError,
)
from reverse_etl.modes import Action, Op
from reverse_etl.transport import HttpOptions, RetryPolicy, Secret

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
ADA = {"external_id": "c1", "email": "ada@example.com"}


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with running_simulator(vendors=("intercom",)) as running:
        yield running
        assert running.breaches("intercom") == ()


def record(
    match: Mapping[str, str],
    fields: Mapping[str, object] | None = None,
    *,
    dest_id: str | None = None,
    op: Op = Op.CHANGE,
    associations: Mapping[str, str] | None = None,
) -> Record:
    return Record(
        op,
        "k1",
        match,
        fields or {},
        "e1",
        associations or {},
        dest_id,
    )


def send(
    where: Simulator | httpx.BaseTransport,
    action: Action,
    *records: Record,
    object_name: str = "contacts",
    settings: Mapping[str, str] | None = None,
    policy: RetryPolicy | None = None,
    sleep: Callable[[float], None] = lambda _: None,
) -> BatchResult:
    is_simulated = isinstance(where, Simulator)
    http = HttpOptions(
        policy=policy or RetryPolicy(max_attempts=2),
        transport=None if is_simulated else where,
        sleep=sleep,
        now=lambda: NOW,
        jitter=lambda: 0.0,
        allow_private_addresses=True,
    )
    opening = Opening(
        account="intercom",
        object=object_name,
        settings=settings or {},
        credentials={
            "url": Secret(
                where.url_of("intercom") if is_simulated else "https://intercom.test"
            ),
            "token": Secret(where.token_of("intercom") if is_simulated else "t"),
        },
        base_dir=Path(),
        http=http,
    )
    batch = Batch(
        "sync", object_name, settings or {}, "run", "key", action, tuple(records)
    )
    with DESTINATION.open(opening) as destination:
        return destination.send(batch)


def answering(
    *steps: httpx.Response,
) -> tuple[httpx.MockTransport, list[httpx.Request]]:
    """A network that gives these answers in order, and the requests that it got."""
    left, seen = list(steps), []

    def respond(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return left.pop(0)

    return httpx.MockTransport(respond), seen


def refusing(status: int, code: str, **more: str) -> httpx.Response:
    return httpx.Response(
        status, json={"type": "error.list", "errors": [{"code": code, **more}]}
    )


def found(*contacts: Mapping[str, object]) -> httpx.Response:
    return httpx.Response(200, json={"type": "list", "data": list(contacts)})


def contact(contact_id: str, **held: object) -> httpx.Response:
    return httpx.Response(200, json={"type": "contact", "id": contact_id, **held})


def operations(simulator: Simulator) -> Sequence[str | None]:
    return [arrival.operation for arrival in simulator.arrivals("intercom")]


# What a contact becomes


def test_a_contact_that_is_not_there_is_created_and_gives_its_id(
    simulator: Simulator,
) -> None:
    result = send(
        simulator,
        Action.UPSERT,
        record(ADA, {"name": "Ada", "custom_attributes": {"ltv": 9}}),
    )

    held = simulator.hold("intercom").collection("contacts")
    assert list(held) == [result.dest_ids[0]]
    assert held[result.dest_ids[0]] == {
        "role": "user",
        "external_id": "c1",
        "email": "ada@example.com",
        "name": "Ada",
        "custom_attributes": {"ltv": 9},
    }


def test_a_contact_found_by_search_is_updated_and_keeps_what_is_not_mapped(
    simulator: Simulator,
) -> None:
    first = send(
        simulator,
        Action.UPSERT,
        record(ADA, {"phone": "+353", "custom_attributes": {"a": 1, "b": 2}}),
    )

    second = send(
        simulator,
        Action.UPSERT,
        record(ADA, {"name": "Zoë 🌍", "custom_attributes": {"b": None}}),
    )

    (held,) = simulator.hold("intercom").collection("contacts").values()
    assert second.dest_ids == first.dest_ids
    assert (held["phone"], held["name"]) == ("+353", "Zoë 🌍")
    assert held["custom_attributes"] == {"a": 1}


def test_a_contact_of_an_earlier_answer_is_updated_without_a_search(
    simulator: Simulator,
) -> None:
    dest_id = send(simulator, Action.UPSERT, record(ADA)).dest_ids[0]
    moved = {"external_id": "c1", "email": "countess@example.com"}

    send(simulator, Action.UPSERT, record(moved, dest_id=dest_id))

    assert operations(simulator)[-1] == "update_contact"
    (held,) = simulator.hold("intercom").collection("contacts").values()
    assert held["email"] == "countess@example.com"


def test_a_contact_that_was_deleted_there_is_created_again(
    simulator: Simulator,
) -> None:
    dest_id = send(simulator, Action.UPSERT, record(ADA)).dest_ids[0]
    simulator.hold("intercom").collection("contacts").clear()

    result = send(simulator, Action.UPSERT, record(ADA, dest_id=dest_id))

    assert result.rejected == ()
    assert result.dest_ids[0] != dest_id


def test_a_contact_that_was_merged_there_is_looked_for_again(
    simulator: Simulator,
) -> None:
    dest_id = send(simulator, Action.UPSERT, record(ADA)).dest_ids[0]
    contacts = simulator.hold("intercom").collection("contacts")
    contacts["left"] = dict(contacts[dest_id])
    contacts[dest_id] = {"merged_into": "left"}

    result = send(
        simulator, Action.UPSERT, record(ADA, {"name": "Ada"}, dest_id=dest_id)
    )

    assert result.dest_ids == {0: "left"}
    assert contacts["left"]["name"] == "Ada"


def test_our_id_decides_over_the_address(simulator: Simulator) -> None:
    contacts = simulator.hold("intercom").collection("contacts")
    contacts["1"] = {"role": "user", "external_id": "c1", "email": "old@example.com"}
    contacts["2"] = {"role": "user", "email": "ada@example.com"}

    result = send(simulator, Action.UPSERT, record(ADA))

    # The address is the other contact's, so Intercom refuses to move it.
    assert result.rejected == (RejectedRow(0, ErrorClass.CONFLICT, code="conflict"),)
    assert contacts["2"] == {"role": "user", "email": "ada@example.com"}


def test_a_contact_without_our_id_is_taken_by_its_address_in_any_case(
    simulator: Simulator,
) -> None:
    contacts = simulator.hold("intercom").collection("contacts")
    contacts["1"] = {"role": "user", "email": "Ada@Example.com"}

    result = send(simulator, Action.UPSERT, record(ADA))

    assert result.dest_ids == {0: "1"}
    assert contacts["1"]["external_id"] == "c1"


def test_a_contact_with_another_id_is_not_taken_by_its_address(
    simulator: Simulator,
) -> None:
    contacts = simulator.hold("intercom").collection("contacts")
    contacts["1"] = {"role": "user", "external_id": "c9", "email": "ada@example.com"}

    result = send(simulator, Action.UPSERT, record(ADA, {"name": "Ada"}))

    assert result.rejected == (RejectedRow(0, ErrorClass.CONFLICT, code="conflict"),)
    assert contacts["1"]["external_id"] == "c9"
    assert "name" not in contacts["1"]


def test_two_contacts_with_one_address_are_nobodys_guess() -> None:
    network, seen = answering(
        found(
            {"id": "1", "external_id": None, "email": "ada@example.com"},
            {"id": "2", "external_id": None, "email": "ada@example.com"},
        )
    )

    result = send(network, Action.UPSERT, record(ADA))

    assert result.rejected == (
        RejectedRow(0, ErrorClass.CONFLICT, code="several_contacts"),
    )
    assert len(seen) == 1


def test_a_contact_that_search_does_not_show_yet_is_updated_by_the_id_in_the_refusal() -> (
    None
):
    network, seen = answering(
        found(),
        refusing(
            409,
            "conflict",
            message="A contact matching those details already exists with id=5f3b",
        ),
        contact("5f3b", external_id="c1", email="ada@example.com"),
        contact("5f3b"),
    )

    result = send(network, Action.UPSERT, record(ADA, {"name": "Ada"}))

    assert result.dest_ids == {0: "5f3b"}
    assert [(each.method, each.url.path) for each in seen] == [
        ("POST", "/contacts/search"),
        ("POST", "/contacts"),
        ("GET", "/contacts/5f3b"),
        ("PUT", "/contacts/5f3b"),
    ]


def test_an_archived_contact_comes_back_when_it_is_the_same(
    simulator: Simulator,
) -> None:
    dest_id = send(simulator, Action.UPSERT, record(ADA)).dest_ids[0]
    send(simulator, Action.ARCHIVE, record(ADA, dest_id=dest_id))

    result = send(simulator, Action.UPSERT, record(ADA, {"name": "Ada"}))

    held = simulator.hold("intercom").collection("contacts")[dest_id]
    assert result.dest_ids == {0: dest_id}
    assert (held["archived"], held["name"]) == (False, "Ada")


def test_an_archived_contact_of_somebody_else_is_archived_again(
    simulator: Simulator,
) -> None:
    contacts = simulator.hold("intercom").collection("contacts")
    contacts["1"] = {
        "role": "user",
        "external_id": "c9",
        "email": "ada@example.com",
        "archived": True,
    }

    result = send(simulator, Action.UPSERT, record(ADA))

    assert result.rejected == (RejectedRow(0, ErrorClass.CONFLICT, code="conflict"),)
    assert contacts["1"]["archived"] is True


def test_an_update_creates_nobody(simulator: Simulator) -> None:
    result = send(simulator, Action.UPDATE, record(ADA, {"name": "Ada"}))

    assert result.rejected == (RejectedRow(0, ErrorClass.NOT_FOUND, code="not_found"),)
    assert simulator.write_count("intercom") == 0


def test_an_insert_leaves_who_is_there_as_they_are(simulator: Simulator) -> None:
    first = send(simulator, Action.CREATE, record(ADA, {"name": "Ada"}))

    second = send(simulator, Action.CREATE, record(ADA, {"name": "Eve"}))

    (held,) = simulator.hold("intercom").collection("contacts").values()
    assert second == first
    assert held["name"] == "Ada"


def test_an_insert_that_search_does_not_show_yet_is_done() -> None:
    network, seen = answering(
        found(),
        refusing(409, "conflict", message="A contact already exists with id=5f3b"),
        contact("5f3b", external_id="c1"),
    )

    result = send(network, Action.CREATE, record(ADA))

    assert result == BatchResult(dest_ids={0: "5f3b"})
    assert len(seen) == 3


def test_an_insert_wakes_nobody_from_the_archive(simulator: Simulator) -> None:
    contacts = simulator.hold("intercom").collection("contacts")
    contacts["1"] = {"role": "user", **ADA, "archived": True}

    result = send(simulator, Action.CREATE, record(ADA))

    assert result.rejected == (RejectedRow(0, ErrorClass.CONFLICT, code="conflict"),)
    assert contacts["1"]["archived"] is True


def test_leads_are_looked_for_and_created_where_the_setting_says_so(
    simulator: Simulator,
) -> None:
    send(simulator, Action.UPSERT, record(ADA))

    send(
        simulator,
        Action.UPSERT,
        record({"email": "ada@example.com"}),
        settings={"role": "lead"},
    )

    held = simulator.hold("intercom").collection("contacts").values()
    assert sorted(str(each["role"]) for each in held) == ["lead", "user"]


def test_nobody_is_subscribed_again() -> None:
    network, seen = answering()

    result = send(
        network, Action.UPSERT, record(ADA, {"unsubscribed_from_emails": False})
    )

    assert result.rejected == (
        RejectedRow(
            0,
            ErrorClass.CONSENT,
            code="resubscribes",
            field="unsubscribed_from_emails",
        ),
    )
    assert seen == []


def test_clearing_leaves_the_subscription_alone() -> None:
    network, seen = answering(contact("1"))

    send(
        network,
        Action.UPDATE,
        record(ADA, {"name": None, "unsubscribed_from_emails": None}, dest_id="1"),
    )

    assert json.loads(seen[0].content) == {"name": None, **ADA}


# Removals


@pytest.mark.parametrize("dest_id", [None, "gone"])
def test_clearing_what_is_not_there_is_done(
    simulator: Simulator, dest_id: str | None
) -> None:
    contact = record(ADA, {"name": None}, op=Op.REMOVE, dest_id=dest_id)

    assert send(simulator, Action.UPDATE, contact) == BatchResult()


@pytest.mark.parametrize("dest_id", [None, "known"])
@pytest.mark.parametrize("action", [Action.DELETE, Action.ERASE])
def test_a_deleted_contact_is_gone_for_good(
    simulator: Simulator, action: Action, dest_id: str | None
) -> None:
    contacts = simulator.hold("intercom").collection("contacts")
    contacts["known"] = {"role": "user", **ADA}
    contacts["other"] = {"role": "user", "email": "grace@example.com"}

    result = send(simulator, action, record(ADA, dest_id=dest_id))

    assert result == BatchResult()
    assert list(contacts) == ["other"]


@pytest.mark.parametrize("action", [Action.ARCHIVE, Action.DELETE, Action.ERASE])
@pytest.mark.parametrize("dest_id", [None, "gone"])
def test_removing_a_contact_that_is_not_there_is_done(
    simulator: Simulator, action: Action, dest_id: str | None
) -> None:
    assert send(simulator, action, record(ADA, dest_id=dest_id)) == BatchResult()


def test_an_erasure_takes_the_leads_with_the_address_too(
    simulator: Simulator,
) -> None:
    contacts = simulator.hold("intercom").collection("contacts")
    contacts["1"] = {"role": "user", **ADA}
    contacts["2"] = {"role": "lead", "email": "ada@example.com"}
    contacts["3"] = {"role": "user", "external_id": "c9", "email": "ada@example.com"}

    send(simulator, Action.ERASE, record(ADA, dest_id="1"))

    assert list(contacts) == ["3"]


def test_an_answer_that_does_not_say_deleted_is_no_deletion() -> None:
    network, _ = answering(contact("1", deleted=False))

    with pytest.raises(FatalDeliveryError) as raised:
        send(network, Action.DELETE, record(ADA, dest_id="1"))
    assert raised.value.error_class is ErrorClass.INTERNAL


# Companies


def test_a_company_is_upserted_by_our_id(simulator: Simulator) -> None:
    acme = {"company_id": "a1"}
    first = send(
        simulator,
        Action.UPSERT,
        record(acme, {"name": "Acme"}),
        object_name="companies",
    )

    second = send(
        simulator, Action.UPSERT, record(acme, {"size": 7}), object_name="companies"
    )

    (held,) = simulator.hold("intercom").collection("companies").values()
    assert first.dest_ids == second.dest_ids
    assert held == {"company_id": "a1", "name": "Acme", "size": 7}


def test_a_company_is_updated_only_when_it_is_there(simulator: Simulator) -> None:
    companies = simulator.hold("intercom").collection("companies")
    companies["9"] = {"company_id": "a1", "name": "Acme"}

    known = send(
        simulator,
        Action.UPDATE,
        record({"company_id": "a1"}, {"name": None}),
        object_name="companies",
    )
    unknown = send(
        simulator, Action.UPDATE, record({"company_id": "a2"}), object_name="companies"
    )

    assert known.dest_ids == {0: "9"}
    assert companies == {"9": {"company_id": "a1"}}
    assert unknown.rejected == (RejectedRow(0, ErrorClass.NOT_FOUND, code="not_found"),)


def test_a_company_is_deleted_once(simulator: Simulator) -> None:
    companies = simulator.hold("intercom").collection("companies")
    companies["9"] = {"company_id": "a1"}
    acme = record({"company_id": "a1"})

    results = [
        send(simulator, Action.DELETE, acme, object_name="companies") for _ in range(2)
    ]

    assert results == [BatchResult(), BatchResult()]
    assert companies == {}


def test_a_contact_is_attached_to_its_company(simulator: Simulator) -> None:
    companies = simulator.hold("intercom").collection("companies")
    companies["9"] = {"company_id": "a1"}

    send(simulator, Action.UPSERT, record(ADA, associations={"company": "a1"}))

    (held,) = simulator.hold("intercom").collection("contacts").values()
    assert held["companies"] == ["9"]


def test_a_company_that_is_not_there_yet_is_waited_for(simulator: Simulator) -> None:
    result = send(simulator, Action.UPSERT, record(ADA, associations={"company": "a1"}))

    assert result.rejected == (
        RejectedRow(
            0,
            ErrorClass.NOT_FOUND,
            code="not_found",
            field="company",
            is_retryable=True,
        ),
    )


# Tags


def tagging(
    simulator: Simulator, action: Action, each: Record, tag_id: str = "7"
) -> BatchResult:
    return send(
        simulator,
        action,
        each,
        object_name="contact_tags",
        settings={"tag_id": tag_id},
    )


def test_a_tag_is_given_and_taken(simulator: Simulator) -> None:
    simulator.hold("intercom").collection("contacts")["1"] = {"role": "user", **ADA}
    members = simulator.hold("intercom").list_members("7")

    added = tagging(simulator, Action.ADD, record(ADA))
    while_tagged = set(members)
    removed = tagging(simulator, Action.REMOVE, record(ADA))

    assert added.dest_ids == {0: "1"}
    assert while_tagged == {"1"}
    assert removed.rejected == ()
    assert members == set()


@pytest.mark.parametrize("dest_id", [None, "gone"])
def test_a_tag_of_nobody_is_taken_already(
    simulator: Simulator, dest_id: str | None
) -> None:
    result = tagging(simulator, Action.REMOVE, record(ADA, dest_id=dest_id))

    assert result == BatchResult()


def test_nobody_is_created_to_be_tagged(simulator: Simulator) -> None:
    result = tagging(simulator, Action.ADD, record(ADA))

    assert result.rejected == (
        RejectedRow(0, ErrorClass.NOT_FOUND, code="not_found", is_retryable=True),
    )
    assert simulator.hold("intercom").collection("contacts") == {}


def test_a_tag_is_asked_for_once(simulator: Simulator) -> None:
    contacts = simulator.hold("intercom").collection("contacts")
    contacts["1"] = {"role": "user", **ADA}

    send(
        simulator,
        Action.ADD,
        *[record(ADA, dest_id="1")] * 3,
        object_name="contact_tags",
        settings={"tag_id": "7"},
    )

    assert operations(simulator).count("show_tag") == 1


def test_a_tag_that_does_not_exist_stops_the_sync(simulator: Simulator) -> None:
    with pytest.raises(FatalDeliveryError) as raised:
        tagging(simulator, Action.ADD, record(ADA), tag_id="missing")
    assert raised.value.error_class is ErrorClass.CONFIG


# Refusals, limits, lost answers


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (400, "parameter_invalid", ErrorClass.INVALID_FIELD),
        (422, "type_mismatch", ErrorClass.INVALID_FIELD),
        (409, "conflict", ErrorClass.CONFLICT),
        (400, "never_heard_of", ErrorClass.OTHER),
    ],
)
def test_a_refused_contact_keeps_the_code_and_the_field(
    status: int, code: str, expected: ErrorClass
) -> None:
    network, _ = answering(
        refusing(status, code, message="ada@example.com is bad", field="email")
    )

    result = send(network, Action.UPSERT, record(ADA, dest_id="1"))

    assert result.rejected == (RejectedRow(0, expected, code=code, field="email"),)


def test_a_refusal_says_nothing_of_the_person(simulator: Simulator) -> None:
    result = send(simulator, Action.UPSERT, record({"email": "not an address"}))

    assert "not an address" not in repr(result)
    assert result.rejected[0].field == "email"


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, json={"type": "contact"}),
        httpx.Response(200, json=["contact"]),
        httpx.Response(200, json={"id": ""}),
        httpx.Response(200, content=b"<html>"),
    ],
)
@pytest.mark.parametrize("action", [Action.CREATE, Action.UPSERT])
def test_an_answer_of_another_shape_stops_the_sync(
    answer: httpx.Response, action: Action
) -> None:
    network, _ = answering(answer)

    with pytest.raises(FatalDeliveryError) as raised:
        send(network, action, record(ADA, dest_id="1"))
    assert raised.value.error_class is ErrorClass.INTERNAL
    assert raised.value.is_in_doubt


@pytest.mark.parametrize("action", [Action.UPSERT, Action.DELETE, Action.ARCHIVE])
@pytest.mark.parametrize("dest_id", [None, "1"])
def test_a_path_that_is_not_there_is_no_missing_record(
    action: Action, dest_id: str | None
) -> None:
    network, _ = answering(httpx.Response(404, content=b"<html>"))

    with pytest.raises(FatalDeliveryError) as raised:
        send(network, action, record(ADA, dest_id=dest_id))
    assert raised.value.error_class is ErrorClass.CONFIG
    assert not raised.value.is_in_doubt


@pytest.mark.parametrize("content", [b"<html>", b'{"error": 1}', b'{"errors": []}'])
def test_a_refusal_in_other_words_keeps_its_status(content: bytes) -> None:
    network, _ = answering(httpx.Response(422, content=content))

    result = send(network, Action.UPSERT, record(ADA, dest_id="1"))

    assert result.rejected == (RejectedRow(0, ErrorClass.OTHER, code="422"),)


def test_a_lost_answer_leads_to_the_same_contact(simulator: Simulator) -> None:
    simulator.script(
        "intercom", Fault(FaultKind.DROP_AFTER, operation="create_contact")
    )

    result = send(simulator, Action.UPSERT, record(ADA, {"name": "Ada"}))

    assert list(simulator.hold("intercom").collection("contacts")) == [
        result.dest_ids[0]
    ]


def test_above_the_limit_the_slice_is_waited_for() -> None:
    reset = str(int(NOW.timestamp()) + 7)
    network, _ = answering(
        httpx.Response(429, json={"errors": []}, headers={"x-ratelimit-reset": reset}),
        contact("1"),
    )
    waits: list[float] = []

    send(network, Action.UPSERT, record(ADA, dest_id="1"), sleep=waits.append)

    assert waits == [7.0]


def test_a_version_that_intercom_does_not_know_stops_the_sync() -> None:
    network, _ = answering(refusing(400, "intercom_version_invalid"))

    with pytest.raises(FatalDeliveryError) as raised:
        send(network, Action.UPSERT, record(ADA, dest_id="1"))
    assert raised.value.error_class is ErrorClass.CONFIG


@pytest.mark.parametrize(
    ("status", "error_class"), [(401, ErrorClass.AUTH), (403, ErrorClass.PERMISSION)]
)
def test_a_token_that_may_not_stops_the_sync(
    status: int, error_class: ErrorClass
) -> None:
    network, _ = answering(refusing(status, "unauthorized"))

    with pytest.raises(FatalDeliveryError) as raised:
        send(network, Action.UPSERT, record(ADA, dest_id="1"))
    assert raised.value.error_class is error_class


def test_a_server_that_fails_is_asked_again_and_given_up() -> None:
    network, seen = answering(httpx.Response(502), httpx.Response(502))

    with pytest.raises(RetryableDeliveryError):
        send(network, Action.UPSERT, record(ADA, dest_id="1"))
    assert len(seen) == 2


def test_every_request_says_the_version_and_an_id_is_quoted_in_the_path() -> None:
    network, seen = answering(contact("a/b"))

    send(network, Action.UPSERT, record(ADA, dest_id="a/b"))

    assert seen[0].headers["intercom-version"] == "2.16"
    assert seen[0].url.raw_path == b"/contacts/a%2Fb"


def test_a_role_that_does_not_exist_is_refused_before_any_request() -> None:
    network, _ = answering()

    with pytest.raises(SyncConfigurationError, match="role"):
        send(network, Action.UPSERT, record(ADA), settings={"role": "admin"})


def test_there_are_no_jobs() -> None:
    from reverse_etl.destinations.intercom import IntercomDestination
    from reverse_etl.transport import HttpClient

    network, _ = answering()
    with HttpClient(
        "https://intercom.test", None, HttpOptions(transport=network)
    ) as client:
        batch = Batch("sync", "contacts", {}, "run", "key", Action.UPSERT, ())
        with pytest.raises(JobLostError):
            IntercomDestination(client, "contacts").poll("1", batch)
