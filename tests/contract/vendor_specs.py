"""Requests held against the vendors' own specifications, where those are on this machine.

The files are not part of the project. They are looked for in KENNING_VENDOR_SPECS, then in
../shared/specs beside the checkout; without them the checks are skipped. Four kinds are
read: OpenAPI 3, Swagger 2, Google's discovery documents and Meta's code generator files.

A schema that cannot be compiled is an error here: several tools let every body pass then.
"""

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import jsonschema_rs

from demo.destination_simulator.answers import Json, RefusedError
from demo.destination_simulator.vendor import Call, Upload

SPECS_VARIABLE = "KENNING_VENDOR_SPECS"
_BESIDE_THE_CHECKOUT = Path(__file__).parents[3] / "shared" / "specs"

FILES: Mapping[str, tuple[str, ...]] = {
    "braze": ("braze/contract.json",),
    "customerio": ("customerio/contract.json",),
    "google_data_manager": ("google/datamanager-v1-discovery.json",),
    "hubspot": ("hubspot/contract.json",),
    "intercom": ("intercom/intercom-2.16.json",),
    "iterable": ("iterable/iterable-api-docs.json",),
    "klaviyo": ("klaviyo/klaviyo-2026-07-15.json",),
    "linkedin": ("linkedin/contract.json",),
    "mailchimp": ("mailchimp/contract.json",),
    "marketo": ("marketo/marketo-mapi.json", "marketo/marketo-identity.json"),
    "meta": ("meta/contract.json", "meta/meta-custom-audience-specs.json"),
    "salesforce": ("salesforce/contract.json",),
    "slack": ("slack/slack-web-2021.json",),
    "tiktok": (
        "tiktok/tiktok-customer-file-audience.json",
        "tiktok/contract-streaming.json",
    ),
    "zendesk": ("zendesk/contract.json",),
}

METHODS = ("get", "post", "put", "patch", "delete")
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_JSON_TYPE = re.compile(r"application/([\w.-]+\+)?json")
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_NOT_SCHEMA = frozenset(
    {"discriminator", "example", "examples", "xml", "externalDocs", "nullable", "title"}
)
_WHO_AND_HOW = frozenset(
    {"authorization", "content-type", "accept", "token", "access-token"}
)
"""Parameters that say who asks or how; each vendor takes them in other ways too."""

_JSON_BESIDE_FORMS = frozenset({"slack/slack-web-2021.json"})
"""Written when these took forms only."""

Document = dict[str, Json]
Check = Callable[[Json], list[str]]


def specs_folder() -> Path | None:
    """Where the specifications are, if they are."""
    given = os.environ.get(SPECS_VARIABLE)
    folder = Path(given) if given else _BESIDE_THE_CHECKOUT
    return folder if folder.is_dir() else None


@dataclass(frozen=True)
class Parameter:
    """A header or a query parameter. Forms of lists are not told apart: text is text."""

    name: str
    is_required: bool
    check: Check


@dataclass(frozen=True)
class Operation:
    """One operation of a vendor, with everything that a request can break."""

    source: str
    method: str
    path: str
    pattern: re.Pattern[str]
    headers: tuple[Parameter, ...] = ()
    query: tuple[Parameter, ...] = ()
    path_parameters: tuple[Parameter, ...] = ()
    bodies: Mapping[str, Check] = field(default_factory=dict)
    is_body_required: bool = False

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    def problems(self, call: Call) -> list[str]:
        """What is wrong with a request by this specification."""
        found = pattern_groups(self.pattern, call.path)
        return [
            *_parameter_problems("path", self.path_parameters, found),
            *_parameter_problems("header", self.headers, call.headers),
            *_parameter_problems("query", self.query, call.query),
            *self._body_problems(call),
        ]

    def _body_problems(self, call: Call) -> list[str]:
        if not self.bodies:
            return ["a body, and there is none to be"] if call.body else []
        if not call.body:
            return ["no body"] if self.is_body_required else []
        check = next(
            (
                check
                for media_type, check in self.bodies.items()
                if media_type in ("*/*", call.media_type)
            ),
            None,
        )
        if check is None:
            return [f"media type {call.media_type} is none of {', '.join(self.bodies)}"]
        try:
            return check(_body(call))
        except RefusedError as error:
            return [f"body {error}"]


def operations_of(vendor: str) -> tuple[Operation, ...]:
    """Every operation of a vendor's files, the most literal paths first."""
    folder = specs_folder()
    if folder is None:
        raise FileNotFoundError(SPECS_VARIABLE)
    return _operations_of(vendor, folder)


@cache
def _operations_of(vendor: str, folder: Path) -> tuple[Operation, ...]:
    found = [
        operation
        for name in FILES[vendor]
        for operation in read_operations(
            name, json.loads((folder / name).read_text("utf-8"))
        )
    ]
    return tuple(sorted(found, key=lambda operation: operation.path.count("{")))


def matching(vendor: str, call: Call) -> tuple[Operation, ...]:
    """What the vendor's files say about a request: one operation of each file, or none."""
    found: dict[str, Operation] = {}
    for operation in operations_of(vendor):
        if operation.method == call.method and operation.pattern.fullmatch(
            urlsplit(call.path).path
        ):
            found.setdefault(operation.source, operation)
    return tuple(found.values())


def read_operations(source: str, document: Document) -> Iterator[Operation]:
    """The operations of one specification, whatever its kind."""
    if "openapi" in document:
        yield from _openapi(source, document)
    elif "swagger" in document:
        yield from _swagger(source, document)
    elif document.get("kind") == "discovery#restDescription":
        yield from _discovery(source, document)
    else:
        yield from _code_generator(source, document)


def normalised(schema: Json) -> Json:
    """A schema of OpenAPI 3.0 or Swagger 2 as one of JSON Schema 2020-12.

    `nullable` becomes a type or an alternative, whatever else stands beside it. Words that
    are no schema go. A file is text, and so is anything with a type of no JSON.
    """
    if isinstance(schema, list):
        return [normalised(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    kept: Document = {
        name: _normalised_member(name, value)
        for name, value in schema.items()
        if name not in _NOT_SCHEMA or not isinstance(value, str | bool | list | dict)
    }
    for name in ("exclusiveMinimum", "exclusiveMaximum"):
        if isinstance(kept.get(name), bool):
            del kept[name]
    if isinstance(kept.get("required"), bool):
        del kept["required"]
    if isinstance(kept.get("items"), list):
        kept["prefixItems"] = kept.pop("items")
    if kept.get("type") in ("file", "any"):
        del kept["type"]
    if schema.get("nullable") is True:
        return _with_null(kept)
    return kept


def _normalised_member(name: str, value: Json) -> Json:
    if name in ("properties", "patternProperties", "$defs", "definitions"):
        # What is named "example" or "title" in here is a property and no annotation.
        return (
            {key: normalised(inner) for key, inner in value.items()}
            if isinstance(value, dict)
            else value
        )
    if name in ("enum", "const", "default", "required"):
        return value
    return normalised(value)


def _with_null(schema: Document) -> Json:
    kind = schema.get("type")
    if kind is None or "$ref" in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    kinds = kind if isinstance(kind, list) else [kind]
    nullable: Document = {**schema, "type": [*kinds, "null"]}
    if isinstance(schema.get("enum"), list) and None not in schema["enum"]:
        nullable["enum"] = [*schema["enum"], None]
    return nullable


def compiled(schema: Json, shared: Document) -> Check:
    """A check against a schema; `shared` is what its references lead into."""
    whole = {"$schema": _DIALECT, **shared, **_object(schema)}
    validator = jsonschema_rs.Draft202012Validator(whole)

    def check(value: Json) -> list[str]:
        return [
            f"body {'/'.join(map(str, error.instance_path))}: {error.message}"
            for error in validator.iter_errors(value)
        ]

    return check


def pattern_groups(pattern: re.Pattern[str], path: str) -> Mapping[str, str]:
    found = pattern.fullmatch(path)
    names = {} if found is None else found.groupdict()
    return {name: unquote(value) for name, value in names.items()}


def _openapi(source: str, document: Document) -> Iterator[Operation]:
    servers = _list(document.get("servers"))
    prefix = urlsplit(str(_object(servers[0])["url"])).path if servers else ""
    shared: Document = (
        {"components": _components(_object(document["components"]))}
        if ("components" in document)
        else {}
    )
    for path, item, method, described in _paths(document):
        parameters = [
            _resolved(parameter, document)
            for parameter in (
                *_list(item.get("parameters")),
                *_list(described.get("parameters")),
            )
        ]
        body = _resolved(described.get("requestBody", {}), document)
        yield Operation(
            source=source,
            method=method.upper(),
            path=prefix.rstrip("/") + path,
            pattern=_path_pattern(prefix.rstrip("/") + path),
            headers=_parameters(parameters, "header", shared),
            query=_parameters(parameters, "query", shared),
            path_parameters=_parameters(parameters, "path", shared),
            bodies={
                media_type.partition(";")[0].lower(): compiled(
                    normalised(_object(content).get("schema", {})), shared
                )
                for media_type, content in _object(body.get("content", {})).items()
            },
            is_body_required=body.get("required") is True,
        )


def _components(components: Document) -> Document:
    return {
        "schemas": {
            name: normalised(schema)
            for name, schema in _object(components.get("schemas", {})).items()
        }
    }


def _swagger(source: str, document: Document) -> Iterator[Operation]:
    prefix = str(document.get("basePath", "")).rstrip("/")
    shared: Document = {
        "definitions": {
            name: normalised(schema)
            for name, schema in _object(document.get("definitions", {})).items()
        }
    }
    for path, item, method, described in _paths(document):
        parameters = [
            _resolved(parameter, document)
            for parameter in (
                *_list(item.get("parameters")),
                *_list(described.get("parameters")),
            )
        ]
        consumes = [
            str(each)
            for each in _list(described.get("consumes") or document.get("consumes"))
        ]
        yield Operation(
            source=source,
            method=method.upper(),
            path=prefix + path,
            pattern=_path_pattern(prefix + path),
            headers=_parameters(parameters, "header", shared),
            query=_parameters(parameters, "query", shared),
            path_parameters=_parameters(parameters, "path", shared),
            bodies=_swagger_bodies(
                parameters,
                consumes,
                shared,
                takes_json=source in _JSON_BESIDE_FORMS,
            ),
            is_body_required=any(
                parameter["in"] in ("body", "formData")
                and parameter.get("required") is True
                for parameter in parameters
            ),
        )


def _swagger_bodies(
    parameters: Sequence[Document],
    consumes: Sequence[str],
    shared: Document,
    *,
    takes_json: bool,
) -> Mapping[str, Check]:
    for parameter in parameters:
        if parameter["in"] == "body":
            check = compiled(normalised(parameter.get("schema", {})), shared)
            media_types = [each for each in consumes if each not in _FORMS]
            return dict.fromkeys(media_types or ["application/json"], check)
    form = [parameter for parameter in parameters if parameter["in"] == "formData"]
    if not form:
        return {}
    schema: Json = {
        "type": "object",
        # A form has texts only; which text a number may be is not looked at.
        "properties": {str(parameter["name"]): {} for parameter in form},
        "required": [
            str(parameter["name"]) for parameter in form if parameter.get("required")
        ],
        "additionalProperties": False,
    }
    media_types = [each for each in consumes if each in _FORMS]
    media_types = [*(media_types or _FORMS), *["application/json"] * takes_json]
    return dict.fromkeys(media_types, compiled(schema, shared))


def _discovery(source: str, document: Document) -> Iterator[Operation]:
    shared: Document = {
        "$defs": {
            name: _discovery_schema(schema)
            for name, schema in _object(document["schemas"]).items()
        }
    }
    for method in _discovery_methods(document):
        path = "/" + str(method.get("flatPath", method["path"]))
        request = _object(method.get("request", {})).get("$ref")
        parameters: list[Document] = [
            {
                "name": name,
                "in": _object(parameter)["location"],
                "required": _object(parameter).get("required", False),
                "schema": {},
            }
            for name, parameter in _object(method.get("parameters", {})).items()
        ]
        yield Operation(
            source=source,
            method=str(method["httpMethod"]),
            path=path,
            pattern=_path_pattern(path),
            query=_parameters(parameters, "query", shared),
            bodies={}
            if request is None
            else {"application/json": compiled({"$ref": f"#/$defs/{request}"}, shared)},
            is_body_required=request is not None,
        )


def _discovery_methods(node: Document) -> Iterator[Document]:
    yield from map(_object, _object(node.get("methods", {})).values())
    for resource in _object(node.get("resources", {})).values():
        yield from _discovery_methods(_object(resource))


def _discovery_schema(schema: Json) -> Json:
    """References are names there, and an unknown property is refused."""
    if isinstance(schema, list):
        return [_discovery_schema(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {
        name: _discovery_schema(value)
        if name != "properties"
        else {key: _discovery_schema(inner) for key, inner in _object(value).items()}
        for name, value in schema.items()
        if name
        not in ("id", "description", "readOnly", "deprecated", "enumDescriptions")
        and name not in ("format", "annotations", "enumDeprecated")
    }
    if isinstance(kept.get("$ref"), str):
        kept["$ref"] = f"#/$defs/{kept['$ref']}"
    if kept.get("type") == "any":
        del kept["type"]
    if "properties" in kept and "additionalProperties" not in kept:
        kept["additionalProperties"] = False
    return kept


def _code_generator(source: str, document: Document) -> Iterator[Operation]:
    """Meta's: only edges of the audience, whose parameters are named and no more."""
    for api in map(_object, _list(_object(document["CustomAudience"])["apis"])):
        if "endpoint" not in api:
            continue
        path = f"/{{version}}/{{audience_id}}/{api['endpoint']}"
        parameters = [_object(each) for each in _list(api.get("params"))]
        schema: Json = {
            "type": "object",
            "properties": {str(each["name"]): {} for each in parameters},
            "required": [str(each["name"]) for each in parameters if each["required"]],
            "additionalProperties": False,
        }
        check = compiled(schema, {})
        yield Operation(
            source=source,
            method=str(api["method"]),
            path=path,
            pattern=_path_pattern(path),
            bodies={} if api["method"] == "GET" else {"*/*": check},
        )


def _paths(document: Document) -> Iterator[tuple[str, Document, str, Document]]:
    for path, item in _object(document["paths"]).items():
        for method in METHODS:
            if method in _object(item):
                yield path, _object(item), method, _object(_object(item)[method])


def _parameters(
    described: Sequence[Document], place: str, shared: Document
) -> tuple[Parameter, ...]:
    found = []
    for parameter in described:
        name = str(parameter["name"])
        if parameter["in"] != place or name.lower() in _WHO_AND_HOW:
            continue
        # Swagger 2 has the schema's words in the parameter itself.
        schema = parameter.get("schema", _swagger_schema(parameter))
        found.append(
            Parameter(
                name.lower() if place == "header" else name,
                is_required=parameter.get("required") is True or place == "path",
                check=compiled(_textual(normalised(schema), shared), shared),
            )
        )
    return tuple(found)


def _swagger_schema(parameter: Document) -> Json:
    return {
        name: value
        for name, value in parameter.items()
        if name in ("enum", "pattern", "minLength", "maxLength", "type")
    }


def _textual(schema: Json, shared: Document) -> Json:
    """What of a parameter's schema can be said of its text."""
    found = _object(schema)
    if "$ref" in found:
        target: Json = shared
        for part in str(found["$ref"]).removeprefix("#/").split("/"):
            target = _object(target)[part]
        found = _object(target)
    kind = found.get("type")
    if kind == "integer":
        return {"pattern": "^-?[0-9]+$"}
    if kind == "boolean":
        return {"enum": ["true", "false"]}
    if kind != "string":
        return {}
    return {
        name: value
        for name, value in found.items()
        if name in ("enum", "pattern", "minLength", "maxLength", "const")
    }


def _parameter_problems(
    place: str, parameters: Sequence[Parameter], given: Mapping[str, str]
) -> list[str]:
    problems = []
    for parameter in parameters:
        if parameter.name not in given:
            if parameter.is_required:
                problems.append(f"{place} {parameter.name} is missing")
        elif parameter.check(given[parameter.name]):
            problems.append(f"{place} {parameter.name} is wrong")
    if place == "query":
        known = {parameter.name for parameter in parameters}
        problems += [
            f"query {name} is not known" for name in given if name not in known
        ]
    return problems


def _body(call: Call) -> Json:
    if _JSON_TYPE.fullmatch(call.media_type):
        return call.json()
    if call.media_type == "multipart/form-data":
        return {
            name: part.filename if isinstance(part, Upload) else part
            for name, part in call.multipart().items()
        }
    if call.media_type == "application/x-www-form-urlencoded":
        return dict(call.form())
    return call.body.decode(errors="replace")


def _path_pattern(path: str) -> re.Pattern[str]:
    pieces = re.split(r"\{\+?(\w+)\}", path)
    return re.compile(
        "".join(
            f"(?P<{piece}>[^/]+)" if number % 2 else re.escape(piece)
            for number, piece in enumerate(pieces)
        )
    )


def _resolved(described: Json, document: Document) -> Document:
    found = _object(described)
    if "$ref" not in found:
        return found
    target: Json = document
    for part in str(found["$ref"]).removeprefix("#/").split("/"):
        target = _object(target)[part]
    return _object(target)


def _object(value: Json) -> Document:
    assert isinstance(value, dict), value
    return value


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []
