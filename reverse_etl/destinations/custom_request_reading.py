"""One request of a project's own destination, read: its templates, and their names. Pure."""

from collections.abc import Mapping

from reverse_etl.destinations.custom_answer_reading import read_answer
from reverse_etl.destinations.custom_definition import (
    LEAVING,
    Body,
    Constant,
    Each,
    Elements,
    Method,
    NotFound,
    Parts,
    Request,
)
from reverse_etl.destinations.custom_values import header_name, needed, read_statuses
from reverse_etl.destinations.placeholders import Template, parse_template
from reverse_etl.modes import Action
from reverse_etl.yaml_reading import Item, optional

_BATCH_NAMES = (
    "sync",
    "object",
    "action",
    "run_id",
    "batch_id",
    "row_count",
)
_ROW_NAMES = ("key", "op", "event_id", "dest_id", "match", "fields", "associations")
_NESTED_NAMES = ("match", "fields", "associations")
_EACH = "each"


class RequestReader:
    """Reads requests of one object, and notes the settings that they mention.

    Args:
        match: Identifiers of its records; empty for any.
        is_one_row: Whether a request is about one record.
    """

    def __init__(self, match: tuple[str, ...], *, is_one_row: bool) -> None:
        self.match = match
        self.settings: set[str] = set()
        self._is_one_row = is_one_row

    def request(self, action: Action, item: Item) -> Request:
        """Read the request of one action."""
        settings = item.map(
            (
                "method",
                "path",
                "headers",
                "query",
                "body",
                "accepts",
                "on_404",
                "answer",
            )
        )
        method = optional(settings, "method")
        path = needed(item, settings, "path")
        body = optional(settings, "body")
        if body is None and not self._is_one_row:
            raise item.refusal(
                "'body' is missing, and with it the records. Without one, set "
                "max_batch_rows: 1 and name the record in 'path'."
            )
        read_path = self.template(path, in_row=self._is_one_row)
        if not path.text().startswith("/"):
            raise path.refusal("a path begins with a slash.")
        read_body = None if body is None else self.body(body, in_row=self._is_one_row)
        if body is not None and not self._is_one_row and not _has_each(read_body):
            raise body.refusal(
                "the records are nowhere in it. Put `each:` with one record's template "
                "where the list of records goes, or set max_batch_rows: 1."
            )
        accepts = optional(settings, "accepts")
        answer = optional(settings, "answer")
        success, rows = (
            (None, None) if answer is None else read_answer(answer, self._row_template)
        )
        return Request(
            method=Method.POST if method is None else method.choice(Method),
            path=read_path,
            headers=self._named(settings, "headers"),
            query=self._named(settings, "query"),
            body=read_body,
            accepts=frozenset() if accepts is None else read_statuses(accepts),
            not_found=self._not_found(action, settings, read_path),
            success=success,
            rows=rows,
        )

    def _named(self, settings: Mapping[str, Item], name: str) -> Mapping[str, Template]:
        found = optional(settings, name)
        if found is None:
            return {}
        return {
            header_name(each, inner) if name == "headers" else inner: self.template(
                each, in_row=self._is_one_row
            )
            for inner, each in found.map().items()
        }

    def _not_found(
        self, action: Action, settings: Mapping[str, Item], path: Template
    ) -> NotFound:
        found = optional(settings, "on_404")
        if found is not None:
            return found.choice(NotFound)
        names_row = any(name.partition(".")[0] in _ROW_NAMES for name in path.names)
        if not names_row:
            return NotFound.STOP
        return NotFound.DONE if action in LEAVING else NotFound.REJECTED

    def template(self, item: Item, *, in_row: bool) -> Template:
        """Read a text with names in it, which may be of one record where `in_row`."""
        value = item.json()
        if isinstance(value, bool | list | dict) or value is None:
            raise item.refusal("this is text, perhaps with {names} in it.")
        try:
            template = parse_template(str(value))
        except ValueError as error:
            raise item.refusal(str(error)) from None
        for name in template.names:
            self._check_name(item, name, in_row=in_row)
        return template

    def _row_template(self, item: Item) -> Template:
        return self.template(item, in_row=True)

    def body(self, item: Item, *, in_row: bool) -> Body:
        """Read a body, or a part of one."""
        if item.is_map:
            parts = item.map()
            if tuple(parts) == (_EACH,):
                if in_row and not self._is_one_row:
                    raise item.refusal("an `each` has no place inside another one.")
                return Each(self.body(parts[_EACH], in_row=True))
            return Parts(
                {name: self.body(part, in_row=in_row) for name, part in parts.items()}
            )
        if item.is_list:
            return Elements(
                tuple(self.body(part, in_row=in_row) for part in item.list())
            )
        value = item.json()
        if isinstance(value, str):
            return self.template(item, in_row=in_row)
        return Constant(value)

    def _check_name(self, item: Item, name: str, *, in_row: bool) -> None:
        first, _, rest = name.partition(".")
        if first == "settings" and rest:
            self.settings.add(rest)
            return
        if name in _BATCH_NAMES:
            return
        is_row_name = name in _ROW_NAMES or (first in _NESTED_NAMES and rest != "")
        if is_row_name and not in_row:
            raise item.refusal(
                f"{{{name}}} is of one record, and a batch has several. Use it inside "
                "`each`, or set max_batch_rows: 1."
            )
        if not is_row_name:
            known = (*_BATCH_NAMES, "settings.NAME", *_ROW_NAMES, "fields.NAME")
            raise item.refusal(f"there is no {{{name}}}. Known: {', '.join(known)}.")
        if first == "match" and rest and self.match and rest not in self.match:
            raise item.refusal(
                f"'{rest}' is not among the identifiers under 'match': "
                f"{', '.join(self.match)}."
            )


def _has_each(body: Body | None) -> bool:
    match body:
        case Each():
            return True
        case Parts(by_name):
            return any(_has_each(part) for part in by_name.values())
        case Elements(items):
            return any(_has_each(part) for part in items)
    return False
