"""The check against vendors' own specifications is alive: right passes, wrong does not.

That every request of every destination is checked is `test_destinations`' part.
"""

import json
import re

import pytest

from demo.destination_simulator.vendor import Call
from tests.contract.vendor_specs import (
    FILES,
    SPECS_VARIABLE,
    Operation,
    compiled,
    matching,
    normalised,
    operations_of,
    read_operations,
    specs_folder,
)

HAS_SPECS = specs_folder() is not None
needs_specs = pytest.mark.skipif(
    not HAS_SPECS,
    reason=f"the vendors' specifications are not on this machine ({SPECS_VARIABLE})",
)
WRITES = tuple(
    pytest.param(operation, media_type, id=f"{vendor} {operation.name} {media_type}")
    for vendor in (FILES if HAS_SPECS else ())
    for operation in operations_of(vendor)
    for media_type in operation.bodies
)
FORM = "application/x-www-form-urlencoded"

ANY_TEXT = "text/csv"
"""A body of lines has no schema; of what is in them a specification says nothing."""


def nonsense(media_type: str, *, is_list: bool) -> bytes:
    if "json" in media_type or media_type == "*/*":
        return b'["nonsense"]' if is_list else b'{"nonsense": 1}'
    return b"nonsense=1"


def call_of(
    operation: Operation, body: bytes, media_type: str = "application/json"
) -> Call:
    return Call(
        method=operation.method,
        path=re.sub(r"\{\+?\w+\}", "1", operation.path),
        params={},
        query={},
        headers={"content-type": media_type},
        body=body,
    )


@needs_specs
@pytest.mark.parametrize(("operation", "media_type"), WRITES)
def test_a_body_of_nonsense_is_rejected(operation, media_type):
    """A list where an object belongs, or an object where a list belongs: one of the two."""
    if media_type == ANY_TEXT:
        pytest.skip("any lines will do")
    sent_as = "application/json" if media_type == "*/*" else media_type
    problems = [
        [
            problem
            for problem in operation.problems(
                call_of(operation, nonsense(media_type, is_list=is_list), sent_as)
            )
            if problem.startswith("body ")
        ]
        for is_list in (True, False)
    ]

    assert any(problems)


@needs_specs
@pytest.mark.parametrize(("operation", "media_type"), WRITES)
def test_a_media_type_that_is_none_of_its_own_is_rejected(operation, media_type):
    if media_type == "*/*":
        pytest.skip("it takes any")

    problems = operation.problems(call_of(operation, b"x", "application/nonsense"))

    assert any(problem.startswith("media type") for problem in problems)


@needs_specs
@pytest.mark.parametrize("vendor", FILES)
def test_a_path_that_is_none_of_its_own_matches_nothing(vendor):
    assert matching(vendor, Call("POST", "/nonsense", {}, {}, {}, b"")) == ()


PROFILES = {
    "data": {
        "type": "profile-bulk-import-job",
        "attributes": {
            "profiles": {
                "data": [
                    {"type": "profile", "attributes": {"email": "ada@example.com"}}
                ]
            }
        },
    }
}


@needs_specs
@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda body, headers: None, None),
        (
            lambda body, headers: headers.pop("revision"),
            "header revision is missing",
        ),
        (
            lambda body, headers: body["data"].update(type="profile"),
            "body data/type",
        ),
        (
            lambda body, headers: body["data"]["attributes"]["profiles"]["data"][0][
                "attributes"
            ].update(email=1),
            "body data/attributes/profiles/data/0/attributes/email",
        ),
        (
            lambda body, headers: body["data"].pop("attributes"),
            "body data",
        ),
    ],
)
def test_a_request_is_held_against_the_whole_of_it(change, problem):
    body = json.loads(json.dumps(PROFILES))
    headers = {"content-type": "application/vnd.api+json", "revision": "2026-07-15"}
    change(body, headers)
    call = Call(
        "POST",
        "/api/profile-bulk-import-jobs",
        {},
        {},
        headers,
        json.dumps(body).encode(),
    )
    (operation,) = matching("klaviyo", call)

    problems = operation.problems(call)

    assert (problems == []) is (problem is None)
    assert problem is None or any(each.startswith(problem) for each in problems)


@pytest.mark.parametrize(
    ("schema", "right", "wrong"),
    [
        ({"type": "string", "nullable": True}, ["a", None], [1]),
        ({"nullable": True, "oneOf": [{"type": "string"}]}, ["a", None], [1]),
        ({"nullable": True, "$ref": "#/$defs/n"}, [1, None], ["a"]),
        ({"type": "string", "enum": ["a"], "nullable": True}, ["a", None], ["b", 1]),
        ({"type": "number", "minimum": 1, "exclusiveMinimum": True}, [1, 2], [0]),
        (
            {"type": "object", "properties": {"title": {"type": "string"}}},
            [{"title": "a"}],
            [{"title": 1}],
        ),
        (
            {"type": "string", "discriminator": {"propertyName": "a"}, "example": 1},
            ["a"],
            [1],
        ),
        ({"type": "file"}, ["a", 1], []),
        (
            {"type": "array", "items": [{"type": "string"}, {"type": "number"}]},
            [["a", 1]],
            [[1]],
        ),
    ],
)
def test_older_dialects_mean_the_same_once_normalised(schema, right, wrong):
    check = compiled(normalised(schema), {"$defs": {"n": {"type": "number"}}})

    assert [check(value) for value in right] == [[]] * len(right)
    assert all(check(value) for value in wrong)


def operations(document: dict) -> dict[str, Operation]:
    return {
        operation.name: operation for operation in read_operations("file", document)
    }


def test_openapi_is_read_with_its_prefix_parameters_and_references():
    found = operations(
        {
            "openapi": "3.0.1",
            "servers": [{"url": "https://api.example.com/v1/"}],
            "paths": {
                "/things/{id}": {
                    "parameters": [
                        {
                            "name": "id",
                            "in": "path",
                            "required": True,
                            "schema": {"type": "integer"},
                        }
                    ],
                    "put": {
                        "parameters": [
                            {"$ref": "#/components/parameters/version"},
                            {
                                "name": "dry",
                                "in": "query",
                                "schema": {"type": "boolean"},
                            },
                        ],
                        "requestBody": {
                            "required": True,
                            "content": {
                                "application/json": {
                                    "schema": {"$ref": "#/components/schemas/thing"}
                                }
                            },
                        },
                    },
                }
            },
            "components": {
                "parameters": {
                    "version": {
                        "name": "X-Version",
                        "in": "header",
                        "required": True,
                        "schema": {"type": "string", "enum": ["2"]},
                    }
                },
                "schemas": {"thing": {"type": "object", "required": ["a"]}},
            },
        }
    )["PUT /v1/things/{id}"]
    json_type = {"content-type": "application/json"}

    def problems(path="/v1/things/1", query=(), headers=("2",), body=b'{"a": 1}'):
        return found.problems(
            Call(
                "PUT",
                path,
                {},
                dict(query),
                {**json_type, **dict(zip(["x-version"], headers, strict=False))},
                body,
            )
        )

    assert problems() == []
    assert problems(query=[("dry", "true")]) == []
    assert problems(path="/v1/things/a") == ["path id is wrong"]
    assert problems(query=[("dry", "maybe")]) == ["query dry is wrong"]
    assert problems(query=[("wet", "1")]) == ["query wet is not known"]
    assert problems(headers=()) == ["header x-version is missing"]
    assert problems(headers=("1",)) == ["header x-version is wrong"]
    assert problems(body=b"") == ["no body"]
    assert problems(body=b"{") == ["body not_json"]
    assert problems(body=b"{}") == ['body : "a" is a required property']


def test_swagger_is_read_with_bodies_and_forms():
    found = operations(
        {
            "swagger": "2.0",
            "basePath": "/api",
            "consumes": ["application/json"],
            "paths": {
                "/a": {
                    "post": {
                        "parameters": [
                            {
                                "name": "any",
                                "in": "body",
                                "required": True,
                                "schema": {"$ref": "#/definitions/thing"},
                            }
                        ]
                    }
                },
                "/f": {
                    "post": {
                        "consumes": [FORM],
                        "parameters": [
                            {
                                "name": "x",
                                "in": "formData",
                                "required": True,
                                "type": "string",
                            }
                        ],
                    }
                },
            },
            "definitions": {"thing": {"type": "object", "required": ["a"]}},
        }
    )
    body, form = found["POST /api/a"], found["POST /api/f"]

    assert body.problems(call_of(body, b'{"a": 1}')) == []
    assert body.problems(call_of(body, b"{}")) != []
    assert form.problems(call_of(form, b"x=1", FORM)) == []
    assert form.problems(call_of(form, b"y=1", FORM)) != []
    assert form.problems(call_of(form, b"x=1", "application/json")) != []


def test_discovery_is_read_and_refuses_unknown_properties():
    found = operations(
        {
            "kind": "discovery#restDescription",
            "resources": {
                "things": {
                    "methods": {
                        "put": {
                            "httpMethod": "POST",
                            "path": "v1/things:put",
                            "request": {"$ref": "Thing"},
                        }
                    }
                }
            },
            "schemas": {
                "Thing": {
                    "id": "Thing",
                    "type": "object",
                    "properties": {"inner": {"$ref": "Thing"}, "any": {"type": "any"}},
                }
            },
        }
    )["POST /v1/things:put"]

    assert found.problems(call_of(found, b'{"inner": {"any": 1}}')) == []
    assert found.problems(call_of(found, b'{"inner": {"other": 1}}')) != []
