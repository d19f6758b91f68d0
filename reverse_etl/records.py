"""From a row of the plan to the record that a destination is told of. Pure.

Fields are nested, nulls are left out or sent as the mapping wants, identifiers go through
their normaliser. What cannot be said becomes an `Unsendable`, which names the field and
never its value.
"""

import math
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple, TypeAlias

import orjson

from reverse_etl.change_query import association_names, field_names, match_names
from reverse_etl.destinations.protocol import Capabilities, Record
from reverse_etl.errors import ErrorClass
from reverse_etl.modes import Action, Op
from reverse_etl.normalising import NORMALISERS
from reverse_etl.spec import FieldMapping, MatchMapping, Nulls, SyncSpec, columns_of
from warehouse.manifest import Json
from warehouse.values import Row, Value

WireValue: TypeAlias = str | int | float | bool | None
"""What a field may be on the wire: a JSON scalar."""

_Apply: TypeAlias = Callable[[str], str | None]

# Places of the columns that every plan has, in a row as `RecordReader.columns` selects it.
_ACTION, _OP, _KEY, _KEY_SHA256, _ROW_HASH, _MATCH_TEXT, _DEST_ID = range(1, 8)
_MATCHES_AT = 8


class Unsendable(NamedTuple):
    """A row that no destination can be told of: why, and the field at fault."""

    key: str
    error_class: ErrorClass
    field: str | None

    def __repr__(self) -> str:
        return f"Unsendable({self.error_class.value}, {self.field})"


class RecordReader:
    """Reads rows of one sync's plan. Made once for a run; keeps no row.

    Args:
        spec: The sync.
        capabilities: Of its destination: names the identifier when the sync gives none.

    Attributes:
        columns: Columns of the plan to select, in this order.
    """

    def __init__(self, spec: SyncSpec, capabilities: Capabilities) -> None:
        self._key_match = (
            capabilities.match_fields[0] if capabilities.match_fields else spec.key
        )
        self._matches = [_match_rule(each, spec.default_region) for each in spec.match]
        columns = field_names(spec)
        self._sync = spec.name
        mapped = [each for each in spec.mapping if columns_of(each)]
        self._fields = tuple(
            (
                each.field,
                _field_rule(each, spec.default_region),
                each.nulls is Nulls.CLEAR,
            )
            for each in mapped
        )
        self._constants: dict[str, Json] = {
            each.field: each.constant
            for each in spec.mapping
            if not columns_of(each)
            and (each.constant is not None or each.nulls is Nulls.CLEAR)
        }
        self._associations = tuple(each.name for each in spec.associations)
        self._is_nested = any("." in each.field for each in spec.mapping)
        self._cleared = _nest({each.field: None for each in spec.mapping})
        self._first_write_only = frozenset(
            each.field for each in spec.mapping if each.is_first_write_only
        )
        self.columns = (
            "seq",
            "action",
            "op",
            "key",
            "key_sha256",
            "row_hash",
            "match_text",
            "dest_id",
            *match_names(spec),
            *columns,
            *association_names(spec),
        )
        self._fields_at = _MATCHES_AT + len(spec.match)
        self._associations_at = self._fields_at + len(columns)

    def read(self, row: Row) -> Record | Unsendable:
        """One row of the plan, its values in the order of `columns`."""
        key = str(row[_KEY])
        try:
            return (
                self._removal(key, row)
                if row[_OP] == "remove"
                else self._write(key, row)
            )
        except _UnsendableError as error:
            return Unsendable(key, error.error_class, error.field)

    def _write(self, key: str, row: Row) -> Record:
        op = Op.ADD if row[_OP] == "add" else Op.CHANGE
        fields = self._values(row)
        if self._first_write_only and op is Op.CHANGE:
            for name in self._first_write_only:
                fields.pop(name, None)
        return Record(
            op,
            key,
            self._match(key, row),
            _nest(fields) if self._is_nested else fields,
            self._event_id(row),
            self._associated(row) if self._associations else {},
            _text(row[_DEST_ID]),
        )

    def _removal(self, key: str, row: Row) -> Record:
        is_clearing = row[_ACTION] == Action.UPDATE.value
        return Record(
            Op.REMOVE,
            key,
            self._held_match(key, row[_MATCH_TEXT]),
            self._cleared if is_clearing else {},
            self._event_id(row),
            {},
            _text(row[_DEST_ID]),
        )

    def _values(self, row: Row) -> dict[str, Json]:
        fields: dict[str, Json] = {}
        values = row[self._fields_at : self._associations_at]
        for (name, rule, clears), value in zip(self._fields, values, strict=True):
            if value is None:
                if clears:
                    fields[name] = None
            elif rule is not None:
                said = rule(str(value))
                if said is not None or clears:
                    fields[name] = said
            elif isinstance(value, str | int):
                # Most values are text or whole numbers, and go as they are.
                fields[name] = value
            else:
                fields[name] = _said(value, name)
        if self._constants:
            fields.update(self._constants)
        return fields

    def _event_id(self, row: Row) -> str:
        # Both are hexadecimal digits.
        return f"{self._sync}:{_text(row[_KEY_SHA256])}:{_text(row[_ROW_HASH]) or ''}"

    def _associated(self, row: Row) -> Mapping[str, str]:
        values = row[self._associations_at :]
        return {
            name: str(value)
            for name, value in zip(self._associations, values, strict=True)
            if value is not None
        }

    def _match(self, key: str, row: Row) -> Mapping[str, str]:
        if not self._matches:
            return {self._key_match: key}
        found = {}
        for (identifier, rule), value in zip(
            self._matches, row[_MATCHES_AT : self._fields_at], strict=True
        ):
            text = None if value is None else rule(str(value))
            if text:
                found[identifier] = text
        if not found:
            raise _UnsendableError(ErrorClass.INVALID_KEY, self._matches[0][0])
        return found

    def _held_match(self, key: str, match_text: Value) -> Mapping[str, str]:
        """The identifiers with which a record was sent, as the snapshot keeps them.

        Without any it was sent by its key, whatever the mapping says by now. By which
        rule one of another mapping would go, nobody knows.
        """
        if match_text is None:
            return {self._key_match: key}
        held = orjson.loads(str(match_text))
        found = {}
        for identifier, rule in self._matches:
            value = held.get(identifier)
            text = None if value is None else rule(str(value))
            if text:
                found[identifier] = text
        if not found:
            first = self._matches[0][0] if self._matches else self._key_match
            raise _UnsendableError(ErrorClass.INVALID_KEY, first)
        return found


def record_reader(spec: SyncSpec, capabilities: Capabilities) -> RecordReader:
    """The reader of a sync's plans."""
    return RecordReader(spec, capabilities)


def wire_value(value: Value) -> WireValue:
    """A value as JSON can say it.

    Times become ISO 8601 in UTC ("2026-06-30T12:00:00Z"), dates "2026-06-30". A decimal
    becomes a number, or its text when a 64-bit float cannot hold all its digits.

    Raises:
        ValueError: A float is not finite, or the type has no JSON form.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, Decimal) and value.is_finite():
        as_float = float(value)
        return as_float if Decimal(repr(as_float)) == value else format(value, "f")
    if isinstance(value, datetime):
        return f"{value.isoformat()}Z"
    if isinstance(value, date):
        return value.isoformat()
    raise ValueError(type(value).__name__)


class _UnsendableError(Exception):
    """A row that cannot go; caught where rows are read."""

    def __init__(self, error_class: ErrorClass, field: str | None) -> None:
        super().__init__(error_class.value)
        self.error_class = error_class
        self.field = field


def _field_rule(mapped: FieldMapping, region: str | None) -> _Apply | None:
    if mapped.normaliser is None:
        return None
    return _normalise(mapped.normaliser, mapped.is_hashed, region)


def _said(value: Value, field: str) -> WireValue:
    try:
        return wire_value(value)
    except ValueError:
        raise _UnsendableError(ErrorClass.INVALID_FIELD, field) from None


def _text(value: Value) -> str | None:
    return None if value is None else str(value)


def _match_rule(each: MatchMapping, region: str | None) -> tuple[str, _Apply]:
    if each.normaliser is None:
        return each.identifier, str
    return each.identifier, _normalise(each.normaliser, each.is_hashed, region)


def _normalise(name: str, is_hashed: bool, region: str | None) -> _Apply:  # noqa: FBT001
    normaliser = NORMALISERS[name]
    if is_hashed:
        normaliser = normaliser.for_hashed()
    apply = normaliser.apply
    return lambda value: apply(value, region)


def _nest(fields: Mapping[str, Json]) -> dict[str, Json]:
    """Fields with dots in their names as objects inside objects."""
    nested: dict[str, Json] = {}
    for name, value in fields.items():
        *parents, last = name.split(".")
        place = nested
        for parent in parents:
            inner = place.setdefault(parent, {})
            assert isinstance(inner, dict)  # noqa: S101  spec_reading refuses the rest
            place = inner
        place[last] = value
    return nested
