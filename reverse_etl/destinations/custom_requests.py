"""Requests of a project's own destination, with the names in them filled in. Pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import assert_never
from urllib.parse import quote, urlencode

from reverse_etl.destinations.custom_definition import (
    Body,
    Constant,
    Each,
    Elements,
    Parts,
    Request,
)
from reverse_etl.destinations.custom_scopes import row_scope
from reverse_etl.destinations.placeholders import Found, Lookup, Missing, Template
from reverse_etl.destinations.protocol import Record
from reverse_etl.errors import BatchRefusedError, ErrorClass

_NO_PART = frozenset({"", ".", ".."})


def render(body: Body, scope: Lookup, records: Sequence[Record]) -> Found:
    """A body with its names filled in; what has no value is left out."""
    match body:
        case Constant(value):
            return value
        case Template():
            return body.value(scope)
        case Each(entry):
            write = _writer(entry, scope)
            entries = (write(record) for record in records)
            return [entry for entry in entries if not isinstance(entry, Missing)]
        case Parts(by_name):
            parts = {
                name: render(part, scope, records) for name, part in by_name.items()
            }
            return {
                name: part
                for name, part in parts.items()
                if not isinstance(part, Missing)
            }
        case Elements(items):
            elements = (render(item, scope, records) for item in items)
            return [item for item in elements if not isinstance(item, Missing)]
        case _:
            assert_never(body)


def _writer(entry: Body, around: Lookup) -> Callable[[Record], Found]:
    """What gives one record's entry. Made once for all of them."""
    match entry:
        case Template(only_name="fields"):
            return lambda record: record.json_fields
        case Template(only_name="key"):
            return lambda record: record.key
        case Parts(by_name):
            writers = {name: _writer(part, around) for name, part in by_name.items()}
            return lambda record: {
                name: part
                for name, write in writers.items()
                if not isinstance(part := write(record), Missing)
            }
        case _:
            return lambda record: render(entry, row_scope(around, record), ())


def path_and_query(request: Request, scope: Lookup) -> str:
    """Path and query of a request.

    Raises:
        BatchRefusedError: A value of the path is missing, or would mean another path.
    """
    path = request.path.text(scope, _part_of_path)
    if isinstance(path, Missing):
        raise _cannot_say("path")
    query = {
        name: text
        for name, template in request.query.items()
        if not isinstance(text := template.text(scope), Missing)
    }
    return f"{path}?{urlencode(query)}" if query else path


def _part_of_path(value: str) -> str:
    if value in _NO_PART:
        # A path with a hole or a step up in it would mean another resource.
        raise _cannot_say("path")
    return quote(value, safe="")


def headers_of(templates: Mapping[str, Template], scope: Lookup) -> Mapping[str, str]:
    """Headers of a request; one whose value is missing is left out.

    Raises:
        BatchRefusedError: A value has no place in a header.
    """
    headers: dict[str, str] = {}
    for name, template in templates.items():
        text = template.text(scope)
        if isinstance(text, Missing):
            continue
        if not (text.isascii() and text.isprintable()):
            raise _cannot_say("header")
        headers[name] = text
    return headers


def shown_path(path: Template) -> str:
    """A path as logs and errors show it: without the values, which may be somebody's."""
    return "".join(text + ("" if name is None else "{}") for text, name in path.pieces)


def _cannot_say(where: str) -> BatchRefusedError:
    return BatchRefusedError(
        f"A {where} of the request cannot be made: a value that it needs is missing, or "
        f"has no place in a {where}. Nothing was sent.",
        error_class=ErrorClass.INVALID_KEY,
    )
