"""What a request must look like: the project's own contract of each tool, as JSON Schema.

A contract is a file under `contracts/`: for each operation the headers (patterns), the
media type, the query and the body that it takes. A contract says what the tool refuses as
a whole; what it refuses of one row, the tool says itself.

    {"operations": {"upsert": {
        "headers": {"authorization": "^Bearer .+"},
        "media_type": "application/json",
        "query": {"type": "object", "required": ["revision"]},
        "body": {"type": "object", "required": ["inputs"]},
        "json_fields": ["payload"],
        "status": 400
    }}}

A form's body is checked as an object of texts; those of `json_fields` are read as JSON
first. Any other body that is not JSON is checked as one text. `status` is what a breach is
answered with. Under "$defs" beside "operations" is what several schemas share, as
{"$ref": "#/$defs/name"}.
"""

import importlib
import importlib.util
import itertools
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import jsonschema  # type: ignore[import-untyped,unused-ignore]  # stubs are optional

from demo.destination_simulator.answers import Json, RefusedError
from demo.destination_simulator.vendor import Call, Upload

_HAS_QUICK_CHECKS = importlib.util.find_spec("jsonschema_rs") is not None
"""Only the tests need its speed, so it need not be installed."""

Check: TypeAlias = Callable[[Json], Sequence[str]]
"""Problems of one value, by place; none when it is as it should be."""

FOLDER = Path(__file__).parent / "contracts"

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_MAX_PROBLEMS = 5
_FORM = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data"
_JSON_TYPE = re.compile(r"application/([\w.-]+\+)?json")
_SETTINGS = frozenset(
    {"headers", "media_type", "query", "body", "json_fields", "status"}
)


class ContractError(Exception):
    """A contract file is not one. The message names the file and the operation."""


@dataclass(frozen=True, slots=True)
class OperationContract:
    """What one operation takes. None where anything goes."""

    headers: Mapping[str, re.Pattern[str]]
    media_type: str | None
    query: Check | None
    body: Check | None
    json_fields: tuple[str, ...]
    status: int

    def problems(self, call: Call) -> list[str]:
        """What is wrong with a request; at most a few of its faults, none when all is well."""
        found = [
            f"header {name} is {'missing' if name not in call.headers else 'wrong'}"
            for name, pattern in self.headers.items()
            if not pattern.search(call.headers.get(name, ""))
        ]
        if self.media_type is not None and call.media_type != self.media_type:
            found.append(f"media type is not {self.media_type}")
            return found
        if self.query is not None:
            found += [f"query {problem}" for problem in self.query(dict(call.query))]
        if self.body is not None:
            try:
                body = _readable_body(call, self.json_fields)
            except RefusedError as refused:
                return [*found, f"body {refused}"]
            found += [f"body {problem}" for problem in self.body(body)]
        return found[:_MAX_PROBLEMS]


class Contract:
    """The contract of one tool."""

    def __init__(self, operations: Mapping[str, OperationContract]) -> None:
        self._operations = operations

    @property
    def operations(self) -> frozenset[str]:
        """Operations that it has something to say about."""
        return frozenset(self._operations)

    def check(self, operation: str, call: Call) -> tuple[int, list[str]]:
        """Status and problems of a request; no problems when it may go on."""
        found = self._operations.get(operation)
        return (400, []) if found is None else (found.status, found.problems(call))


def read_contract(path: Path) -> Contract:
    """Read a contract file.

    Raises:
        ContractError: It is not there, or not a contract.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        operations = content["operations"]
        shared = content.get("$defs", {})
        return Contract(
            {
                name: _operation(f"{path.name}, {name}", described, shared)
                for name, described in operations.items()
            }
        )
    except FileNotFoundError:
        raise ContractError(f"There is no {path}.") from None
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ContractError(f"{path} is no contract: {error!r}") from error


def _operation(
    place: str, described: Mapping[str, Json], shared: Json
) -> OperationContract:
    unknown = sorted(set(described) - _SETTINGS)
    if unknown:
        raise ContractError(f"{place}: a contract has no '{unknown[0]}'")
    headers = described.get("headers", {})
    json_fields = described.get("json_fields", [])
    if not isinstance(headers, dict) or not isinstance(json_fields, list):
        raise ContractError(f"{place}: headers are an object, json_fields a list")
    media_type = described.get("media_type")
    return OperationContract(
        headers={
            name.lower(): re.compile(str(pattern)) for name, pattern in headers.items()
        },
        media_type=None if media_type is None else str(media_type).lower(),
        query=_check(described.get("query"), shared, place),
        body=_check(described.get("body"), shared, place),
        json_fields=tuple(str(name) for name in json_fields),
        status=int(str(described.get("status", 400))),
    )


def _check(schema: Json, shared: Json, place: str) -> Check | None:
    if schema is None:
        return None
    if not isinstance(schema, dict):
        raise ContractError(f"{place}: a schema is an object")
    whole: Json = {"$schema": _DIALECT, "$defs": shared, **schema}
    try:
        return compile_schema(whole)
    except (jsonschema.SchemaError, ValueError) as error:
        raise ContractError(f"{place}: {error}") from error


def compile_schema(schema: Json) -> Check:
    """A check of values against a JSON Schema of 2020-12.

    jsonschema-rs does it where it is installed, since it is a hundred times faster; both
    say the same.
    """
    jsonschema.Draft202012Validator.check_schema(schema)
    return _quick_check(schema) if _HAS_QUICK_CHECKS else _slow_check(schema)


def _quick_check(schema: Json) -> Check:
    jsonschema_rs = importlib.import_module("jsonschema_rs")
    validator = jsonschema_rs.Draft202012Validator(schema)

    def check(value: Json) -> list[str]:
        if validator.is_valid(value):
            return []
        return [
            _problem(error.instance_path, error.kind.name, error.message)
            for error in itertools.islice(validator.iter_errors(value), _MAX_PROBLEMS)
        ]

    return check


def _slow_check(schema: Json) -> Check:
    validator = jsonschema.Draft202012Validator(schema)

    def check(value: Json) -> list[str]:
        return [
            _problem(error.absolute_path, error.validator, error.message)
            for error in itertools.islice(validator.iter_errors(value), _MAX_PROBLEMS)
        ]

    return check


def _problem(path: Iterable[str | int], rule: str, message: str) -> str:
    """Where it is and which rule it breaks. Never the value, which may be somebody's."""
    rule = message if rule == "required" else rule
    place = "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}" for part in path
    )
    return f"${place}: {rule}"


def _readable_body(call: Call, json_fields: Sequence[str]) -> Json:
    if _JSON_TYPE.fullmatch(call.media_type):
        return call.json()
    if call.media_type == _MULTIPART:
        fields: dict[str, Json] = {
            name: part.filename if isinstance(part, Upload) else part
            for name, part in call.multipart().items()
        }
    elif call.media_type == _FORM:
        fields = dict(call.form())
    else:
        return call.body.decode(errors="replace")
    for name in json_fields:
        text = fields.get(name)
        if isinstance(text, str):
            try:
                fields[name] = json.loads(text)
            except ValueError:
                raise RefusedError(400, f"field {name} is not JSON") from None
    return fields
