"""Every simulated tool: its contract fits its operations, and its checks are alive."""

import json
import re
from urllib.parse import urlencode

import pytest

from demo.destination_simulator.answers import RefusedError
from demo.destination_simulator.contracts import FOLDER, read_contract
from demo.destination_simulator.vendor import Call, Hold, Route, Vendor
from demo.destination_simulator.vendors import VENDOR_NAMES, load_vendors

VENDORS = load_vendors()
ROUTES = [
    pytest.param(vendor, route, id=f"{name}-{route.operation}")
    for name, vendor in VENDORS.items()
    for route in vendor.routes
]
WRITES = [param for param in ROUTES if param.values[1].canary is not None]

READS_BY_POST = {
    ("hubspot", "read"),
    ("intercom", "search_contacts"),
    ("salesforce", "token"),
}
"""Operations that need another method than GET, and change nothing."""


def wrong_call(vendor: Vendor, route: Route) -> Call:
    """The route's canary, in the media type that the operation takes."""
    canary = route.canary
    assert canary is not None
    described = json.loads((FOLDER / f"{vendor.name}.json").read_text("utf-8"))
    operation = described["operations"].get(route.operation, {})
    media_type = operation.get("media_type", "application/json")
    path, _, query = (canary.path or re.sub(r"\{\w+\}", "1", route.path)).partition("?")
    pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(route.path))
    found = re.fullmatch(pattern, path)
    assert found is not None, f"{path} is no path of {route.path}"
    if canary.body is None:
        content = b""
    elif media_type == "application/x-www-form-urlencoded":
        assert isinstance(canary.body, dict)
        content = urlencode(canary.body).encode()
    elif "json" in media_type:
        content = json.dumps(canary.body).encode()
    else:
        content = str(canary.body).encode()
    return Call(
        method=route.method,
        path=path,
        params=found.groupdict(),
        query=dict(pair.split("=") for pair in query.split("&") if pair),
        headers={"content-type": media_type, **canary.headers},
        body=content,
    )


@pytest.mark.parametrize("name", VENDOR_NAMES)
def test_every_tool_is_there_under_its_name(name):
    assert VENDORS[name].name == name


@pytest.mark.parametrize(("vendor", "route"), ROUTES)
def test_every_operation_that_writes_has_a_wrong_request(vendor, route):
    is_write = route.method != "GET" and (
        (vendor.name, route.operation) not in READS_BY_POST
    )

    assert (route.canary is not None) is is_write


@pytest.mark.parametrize(("vendor", "route"), WRITES)
def test_the_wrong_request_is_refused_for_what_is_wrong_with_it(vendor, route):
    """Headers that the canary does not give are no reason, so that bodies are looked at."""
    call = wrong_call(vendor, route)
    contract = read_contract(FOLDER / f"{vendor.name}.json")
    given = {name.lower() for name in route.canary.headers}
    has_only_headers = not call.body and not route.canary.headers

    _, problems = contract.check(route.operation, call)
    reasons = [
        problem
        for problem in problems
        if not problem.startswith("header ")
        or problem.split()[1] in given
        or has_only_headers
    ]

    assert reasons or is_refused(vendor, route, call)


def is_refused(vendor: Vendor, route: Route, call: Call) -> bool:
    hold = vendor.make_hold(lambda: 0.0, None)
    before = json.dumps(hold.state())
    try:
        status = route.handle(hold, call).status
    except RefusedError as refused:
        status = refused.answer.status
    return status >= 400 and json.dumps(hold.state()) == before


@pytest.mark.parametrize("vendor", VENDORS.values(), ids=VENDORS)
def test_its_contract_knows_every_write_and_nothing_else(vendor):
    contract = read_contract(FOLDER / f"{vendor.name}.json")
    operations = {route.operation for route in vendor.routes}
    writes = {route.operation for route in vendor.routes if route.canary is not None}

    assert writes <= contract.operations <= operations


@pytest.mark.parametrize("vendor", VENDORS.values(), ids=VENDORS)
def test_its_operations_have_names_and_paths_of_their_own(vendor):
    operations = [route.operation for route in vendor.routes]
    paths = [(route.method, route.path) for route in vendor.routes]

    assert len(set(operations)) == len(operations)
    assert len(set(paths)) == len(paths)


@pytest.mark.parametrize("vendor", VENDORS.values(), ids=VENDORS)
def test_nobody_is_let_in_without_a_token(vendor):
    route = next(route for route in vendor.routes if route.canary is not None)
    nobody = Call(route.method, re.sub(r"\{\w+\}", "1", route.path), {}, {}, {}, b"")

    is_let_in = vendor.is_authorised(nobody, vendor.token)

    # A tool that answers 200 whatever happens says it in the body.
    assert not is_let_in or says_no(vendor, route, nobody)
    assert vendor.unauthorised.status >= 400 or vendor.unauthorised.body


def says_no(vendor: Vendor, route: Route, call: Call) -> bool:
    hold = vendor.make_hold(lambda: 0.0, None)
    body = route.handle(hold, call).body
    assert isinstance(body, dict)
    return body["success"] is False and not any(hold.state().values())


@pytest.mark.parametrize("vendor", VENDORS.values(), ids=VENDORS)
def test_its_environment_leads_to_it_and_gives_its_token(vendor):
    environ = vendor.environ("http://127.0.0.1:1/here", "secret")

    assert all(name.startswith(f"KENNING_{vendor.name.upper()}_") for name in environ)
    assert any(
        value.startswith("http://127.0.0.1:1/here") for value in environ.values()
    )
    assert any("secret" in value for value in environ.values())


@pytest.mark.parametrize("vendor", VENDORS.values(), ids=VENDORS)
def test_a_throttled_request_is_refused(vendor):
    answer = vendor.throttled(3.0)

    assert answer.status >= 400 or answer.body


def test_a_hold_forgets_what_it_holds():
    hold = Hold(lambda: 0.0)
    hold.collection("a")["1"] = {}
    hold.list_members("l").add("1")
    hold.events.append({})
    hold.jobs["1"] = {}
    hold.files["f"] = b""
    hold.erased.add("1")

    hold.clear()

    assert not any(hold.state().values())
