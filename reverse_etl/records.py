"""From a row of the plan to the record that a destination is told of. Pure.

Fields are nested, nulls are left out or sent as the mapping wants, identifiers go through
their normaliser. What cannot be said becomes an `Unsendable`, which names the field and
never its value.
"""

import functools
import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple, cast

import orjson
from sqlglot import exp

from reverse_etl.content_hash import sha256_text
from reverse_etl.destinations.protocol import Capabilities, Record
from reverse_etl.errors import ErrorClass
from reverse_etl.fields_json import SUPPORTED_DIALECTS, JsonField, fields_json
from reverse_etl.modes import Action, Op
from reverse_etl.spec import Nulls, SyncSpec, columns_of
from reverse_etl.wire_columns import association_names, field_names, match_names
from reverse_etl.wire_values import (
    LEAST_INTEGER,
    MOST_INTEGER,
    UnsendableError,
    field_rule,
    match_rule,
    nested_fields,
    said_value,
)
from warehouse.manifest import Json
from warehouse.values import Row, Value

# Places of the columns that every plan has, in a row as `RecordReader.columns` selects it.
_ACTION, _OP, _KEY, _KEY_SHA256, _ROW_HASH, _MATCH_TEXT, _DEST_ID = range(1, 8)


_MATCHES_AT = 8
_OP_OF_ADDED = {True: Op.ADD, False: Op.CHANGE}


_NO_ASSOCIATIONS: Mapping[str, str] = {}


class Unsendable(NamedTuple):
    """A row that no destination can be told of: why, and the field at fault."""

    key: str
    error_class: ErrorClass
    field: str | None

    def __repr__(self) -> str:
        return f"Unsendable({self.error_class.value}, {self.field})"


class PlannedRecord(Record):
    """A record whose fields came as JSON, and are read when somebody asks for them."""

    @functools.cached_property
    def fields(self) -> Mapping[str, Json]:
        """See `Record`."""
        found: dict[str, Json] = orjson.loads(self[3])  # type: ignore[arg-type]
        return found

    @property
    def json_fields(self) -> Json:
        """See `Record`: the text as it came."""
        return cast("Json", orjson.Fragment(self[3]))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Record) and tuple(self._read()) == tuple(
            other._read() if isinstance(other, PlannedRecord) else other
        )

    __hash__ = None  # type: ignore[assignment]

    def _replace(self, **changes: object) -> Record:  # type: ignore[override]
        return self._read()._replace(**changes)  # type: ignore[arg-type]

    def _read(self) -> Record:
        return Record(*self[:3], self.fields, *self[4:])


class RecordReader:
    """Reads rows of one sync's plan. Made once for a run; keeps no row.

    Args:
        spec: The sync.
        capabilities: Of its destination: names the identifier when the sync gives none.

    Attributes:
        columns: Columns of the plan to select, in this order.
        sync: Name of the sync.
        key_match: Identifier of a record when the sync gives none.
    """

    def __init__(self, spec: SyncSpec, capabilities: Capabilities) -> None:
        self.key_match = (
            capabilities.match_fields[0] if capabilities.match_fields else spec.key
        )
        self._matches = [match_rule(each, spec.default_region) for each in spec.match]
        columns = field_names(spec)
        self.sync = spec.name
        mapped = [each for each in spec.mapping if columns_of(each)]
        self._fields = tuple(
            (
                each.field,
                field_rule(each, spec.default_region),
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
        self._cleared = nested_fields({each.field: None for each in spec.mapping})
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

    def json_reader(
        self, types: Mapping[str, str], dialect: str
    ) -> "JsonReader | None":
        """A quicker reader of the same rows; None where there is none.

        Args:
            types: Type by column of the plan, as the engine names it.
            dialect: The engine's.
        """
        is_plain = not (
            self._is_nested
            or self._first_write_only
            or any(rule for _, rule, _ in self._fields)
        )
        if dialect not in SUPPORTED_DIALECTS or not is_plain:
            return None
        columns = self.columns[self._fields_at : self._associations_at]
        text = fields_json(
            [
                JsonField(name, column, clears)
                for (name, _, clears), column in zip(self._fields, columns, strict=True)
            ],
            self._constants,
            types,
        )
        if text is None:
            return None
        matches = self.columns[_MATCHES_AT : self._fields_at]
        associations = self.columns[self._associations_at :]
        return JsonReader(self, text, matches, associations, dialect)

    def read(self, row: Row) -> Record | Unsendable:
        """One row of the plan, its values in the order of `columns`."""
        key = str(row[_KEY])
        try:
            return (
                self._removal(key, row)
                if row[_OP] == "remove"
                else self._write(key, row)
            )
        except UnsendableError as error:
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
            self.match(key, row[_MATCHES_AT : self._fields_at]),
            nested_fields(fields) if self._is_nested else fields,
            self._event_id(row),
            self.associated(row[self._associations_at :]) if self._associations else {},
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
            elif isinstance(value, str) or (
                isinstance(value, int) and LEAST_INTEGER <= value <= MOST_INTEGER
            ):
                # Most values are text or whole numbers, and go as they are.
                fields[name] = value
            else:
                fields[name] = said_value(value, name)
        if self._constants:
            fields.update(self._constants)
        return fields

    def _event_id(self, row: Row) -> str:
        # Both are hexadecimal digits.
        return f"{self.sync}:{_text(row[_KEY_SHA256])}:{_text(row[_ROW_HASH]) or ''}"

    def associated(self, values: Row) -> Mapping[str, str]:
        """Identifiers of other records, from the columns that hold them."""
        return {
            name: str(value)
            for name, value in zip(self._associations, values, strict=True)
            if value is not None
        }

    def match(self, key: str, values: Row) -> Mapping[str, str]:
        """The identifiers of a record that is written, from the columns that hold them."""
        if not self._matches:
            return {self.key_match: key}
        found = {}
        for (identifier, rule), value in zip(self._matches, values, strict=True):
            text = None if value is None else rule(str(value))
            if text:
                found[identifier] = text
        if not found:
            raise UnsendableError(ErrorClass.INVALID_KEY, self._matches[0][0])
        return found

    def _held_match(self, key: str, match_text: Value) -> Mapping[str, str]:
        """The identifiers with which a record was sent, as the snapshot keeps them.

        Without any it was sent by its key, whatever the mapping says by now. By which
        rule one of another mapping would go, nobody knows.
        """
        if match_text is None:
            return {self.key_match: key}
        held = orjson.loads(str(match_text))
        found = {}
        for identifier, rule in self._matches:
            value = held.get(identifier)
            text = None if value is None else rule(str(value))
            if text:
                found[identifier] = text
        if not found:
            first = self._matches[0][0] if self._matches else self.key_match
            raise UnsendableError(ErrorClass.INVALID_KEY, first)
        return found


class JsonReader:
    """Reads rows that are written, with their fields as JSON, for a `RecordReader`.

    Attributes:
        columns: What to select of the plan, in this order. The second is null for a row
            that this cannot read.
    """

    def __init__(
        self,
        reader: RecordReader,
        fields: exp.Expr,
        matches: Sequence[str],
        associations: Sequence[str],
        dialect: str,
    ) -> None:
        self._reader = reader
        self._match_count = len(matches)
        self._has_more = bool(matches or associations)
        is_removal = exp.column("op").eq("remove")
        self.columns: tuple[str | exp.Expr, ...] = (
            "seq",
            exp.Case(ifs=[exp.If(this=is_removal, true=exp.null())], default=fields),
            exp.column("op").eq("add"),
            "key",
            _event_id(reader.sync, dialect),
            "dest_id",
            *matches,
            *associations,
        )

    def read(self, rows: Sequence[Row]) -> Sequence[Record | Unsendable] | None:
        """The records of these rows; None when one of them has to be read by value."""
        _, texts, is_added, keys, event_ids, dest_ids, *_ = zip(*rows, strict=True)
        if None in texts:
            return None
        if self._has_more:
            return [self._read_one(row) for row in rows]
        # Built column by column: a call for each row would take longer than all the rest.
        name = self._reader.key_match
        columns = (
            map(_OP_OF_ADDED.__getitem__, is_added),
            keys,
            [{name: key} for key in keys],
            texts,
            event_ids,
            itertools.repeat(_NO_ASSOCIATIONS),
            dest_ids,
        )
        made = functools.partial(tuple.__new__, PlannedRecord)
        return list(map(made, zip(*columns, strict=False)))

    def _read_one(self, row: Row) -> Record | Unsendable:
        _, fields, is_added, key, event_id, dest_id, *others = row
        try:
            match = self._reader.match(str(key), tuple(others[: self._match_count]))
        except UnsendableError as error:
            return Unsendable(str(key), error.error_class, error.field)
        associations = self._reader.associated(tuple(others[self._match_count :]))
        op = Op.ADD if is_added else Op.CHANGE
        values = (op, key, match, fields, event_id, associations, dest_id)
        return tuple.__new__(PlannedRecord, values)


def _event_id(sync: str, dialect: str) -> exp.Expr:
    parts = (
        exp.Literal.string(f"{sync}:"),
        sha256_text(exp.column("key"), dialect=dialect),
        exp.Literal.string(":"),
        exp.Coalesce(this=exp.column("row_hash"), expressions=[exp.Literal.string("")]),
    )
    return functools.reduce(
        lambda left, right: exp.DPipe(this=left, expression=right), parts
    )


def record_reader(spec: SyncSpec, capabilities: Capabilities) -> RecordReader:
    """The reader of a sync's plans."""
    return RecordReader(spec, capabilities)


def _text(value: Value) -> str | None:
    return None if value is None else str(value)
