"""What a contract file says of requests, and what it may not be."""

import json

import pytest

from demo.destination_simulator import contracts
from demo.destination_simulator.contracts import ContractError, read_contract
from demo.destination_simulator.vendor import Call

DESCRIBED = {
    "$defs": {"row": {"type": "object", "required": ["id"]}},
    "operations": {
        "put": {
            "headers": {"X-Version": "^2"},
            "media_type": "application/json",
            "query": {
                "type": "object",
                "required": ["key"],
                "properties": {"key": {"pattern": "^k"}},
            },
            "body": {
                "type": "object",
                "required": ["rows"],
                "properties": {
                    "rows": {
                        "type": "array",
                        "maxItems": 2,
                        "items": {"$ref": "#/$defs/row"},
                    }
                },
            },
            "status": 422,
        },
        "post": {
            "media_type": "application/x-www-form-urlencoded",
            "json_fields": ["payload"],
            "body": {
                "type": "object",
                "required": ["payload"],
                "properties": {"payload": {"type": "array"}},
            },
        },
        "upload": {
            "media_type": "multipart/form-data",
            "body": {
                "type": "object",
                "required": ["file"],
                "properties": {"file": {"pattern": "csv$"}},
            },
        },
        "lines": {
            "media_type": "text/csv",
            "body": {"type": "string", "pattern": "^id"},
        },
    },
}
JSON = {"content-type": "application/json; charset=utf-8", "x-version": "2.1"}
FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture(params=["quick", "slow"])
def contract(request, tmp_path, monkeypatch):
    monkeypatch.setattr(contracts, "_HAS_QUICK_CHECKS", request.param == "quick")
    path = tmp_path / "tool.json"
    path.write_text(json.dumps(DESCRIBED))
    return read_contract(path)


def call(body=b"", headers=JSON, query=None) -> Call:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Call(
        "POST", "/", {}, {"key": "k1"} if query is None else query, headers, content
    )


def test_a_right_request_has_no_problems(contract):
    assert contract.check("put", call({"rows": [{"id": 1}]})) == (422, [])


def test_an_operation_that_it_does_not_know_may_do_anything(contract):
    assert contract.check("get", call(b"x")) == (400, [])


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        (
            call({"rows": []}, {"content-type": "application/json"}),
            "header x-version is missing",
        ),
        (call({"rows": []}, {**JSON, "x-version": "1"}), "header x-version is wrong"),
        (
            call({"rows": []}, {**JSON, "content-type": "text/plain"}),
            "media type is not application/json",
        ),
        (call({"rows": []}, query={"key": "a"}), "query $.key: pattern"),
        (call({"rows": [{}] * 3}), "body $.rows: maxItems"),
        (call({"rows": ["somebody"]}), "body $.rows[0]: type"),
        (call(b"{"), "body not_json"),
        (call(b""), "body not_json"),
    ],
)
def test_each_wrong_is_named_by_its_place_and_without_its_value(
    contract, wrong, problem
):
    status, problems = contract.check("put", wrong)

    assert status == 422
    assert problem in problems


def test_both_checkers_name_what_is_missing(contract):
    _, problems = contract.check("put", call({"rows": [{}]}))

    (problem,) = problems
    assert problem.startswith("body $.rows[0]: ")
    assert "is a required property" in problem


@pytest.mark.parametrize(
    ("body", "is_right"),
    [(b"payload=%5B1%5D", True), (b"payload=%7B%7D", False), (b"other=1", False)],
)
def test_a_form_is_an_object_with_json_in_it(contract, body, is_right):
    _, problems = contract.check("post", call(body, FORM))

    assert (problems == []) is is_right


def test_a_form_field_that_is_no_json_is_named(contract):
    _, problems = contract.check("post", call(b"payload=x", FORM))

    assert problems == ["body field payload is not JSON"]


@pytest.mark.parametrize(("name", "is_right"), [("a.csv", True), ("a.txt", False)])
def test_an_upload_is_an_object_with_its_files_names(contract, name, is_right):
    body = (
        '--x\r\ncontent-disposition: form-data; name="file"; '
        f'filename="{name}"\r\n\r\nid\r\n--x--\r\n'
    ).encode()

    _, problems = contract.check(
        "upload", call(body, {"content-type": "multipart/form-data; boundary=x"})
    )

    assert (problems == []) is is_right


@pytest.mark.parametrize(("body", "is_right"), [(b"id,name", True), (b"name", False)])
def test_other_bodies_are_one_text(contract, body, is_right):
    _, problems = contract.check("lines", call(body, {"content-type": "text/csv"}))

    assert (problems == []) is is_right


@pytest.mark.parametrize(
    "text",
    [
        "[",
        "[]",
        "{}",
        '{"operations": {"a": {"bdy": {}}}}',
        '{"operations": {"a": {"body": []}}}',
        '{"operations": {"a": {"body": {"type": "nonsense"}}}}',
        '{"operations": {"a": {"body": {"pattern": "("}}}}',
        '{"operations": {"a": {"headers": []}}}',
        '{"operations": {"a": {"status": "often"}}}',
    ],
)
def test_what_is_no_contract_is_refused_with_its_place(tmp_path, text):
    path = tmp_path / "tool.json"
    path.write_text(text)

    with pytest.raises(ContractError, match=r"tool\.json"):
        read_contract(path)


def test_a_missing_contract_is_named(tmp_path):
    with pytest.raises(ContractError, match="There is no"):
        read_contract(tmp_path / "none.json")
