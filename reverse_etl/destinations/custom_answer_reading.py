"""How the answer to a request of a project's own destination is read, read from YAML. Pure."""

from collections.abc import Callable, Mapping
from enum import StrEnum

from reverse_etl.destinations.custom_definition import Check, Pairing, RowAnswers
from reverse_etl.destinations.custom_values import needed
from reverse_etl.destinations.placeholders import Template, parse_template
from reverse_etl.yaml_reading import Item, optional


def read_answer(
    item: Item, read_row_template: Callable[[Item], Template]
) -> tuple[Check | None, RowAnswers | None]:
    """How an answer is read: what a success says, and where single records are.

    Args:
        item: The `answer` of a request.
        read_row_template: Reads a template whose names are of one record.

    Raises:
        SyncConfigurationError: It cannot be meant as it is written.
    """
    settings = item.map(("success", "rows"))
    success, rows = optional(settings, "success"), optional(settings, "rows")
    return (
        None if success is None else _read_check(success),
        None if rows is None else _row_answers(rows, read_row_template),
    )


def _row_answers(
    item: Item, read_row_template: Callable[[Item], Template]
) -> RowAnswers:
    settings = item.map(
        (
            "list",
            "by",
            "index",
            "key",
            "equals",
            "holds",
            "failed",
            "code",
            "field",
            "id",
        )
    )
    pairing = needed(item, settings, "by").choice(Pairing)
    holds = needed(item, settings, "holds").choice(_Holds)
    failed, equals = optional(settings, "failed"), optional(settings, "equals")
    if pairing is Pairing.ORDER and holds is not _Holds.ALL:
        raise settings["by"].refusal(
            "by order, the list must have an entry for every record. Write "
            "`holds: all`, or pair by index or key."
        )
    if holds is _Holds.ALL and failed is None:
        raise item.refusal(
            "'failed' is missing: the path and the values by which a failed record is "
            "known among the others."
        )
    for way in (Pairing.INDEX, Pairing.KEY):
        if pairing is way:
            needed(item, settings, way.value)
        elif way.value in settings:
            raise settings[way.value].refusal(f"records are paired by {pairing}.")
    return RowAnswers(
        list=_path(settings, "list") or "",
        pairing=pairing,
        index=_path(settings, "index") or "",
        key=_path(settings, "key") or "",
        equals=parse_template("{key}") if equals is None else read_row_template(equals),
        are_all=holds is _Holds.ALL,
        failed=None if failed is None else _read_check(failed),
        code=_path(settings, "code"),
        field=_path(settings, "field"),
        id=_path(settings, "id"),
    )


class _Holds(StrEnum):
    """Whether a list of an answer speaks of all records or of failed ones."""

    ALL = "all"
    FAILED = "failed"


def _path(settings: Mapping[str, Item], name: str) -> str | None:
    found = optional(settings, name)
    return None if found is None else found.text()


def _read_check(item: Item) -> Check:
    settings = item.map(("path", "equals"))
    equals = needed(item, settings, "equals")
    values = equals.list() if equals.is_list else (equals,)
    return Check(
        needed(item, settings, "path").text(), tuple(value.json() for value in values)
    )
