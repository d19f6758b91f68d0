"""What the names in a template of a project's own destination stand for. Pure."""

from collections.abc import Sequence

from reverse_etl.destinations.placeholders import MISSING, Found, Lookup, at_name
from reverse_etl.destinations.protocol import Batch, Record
from warehouse.manifest import Json


def batch_scope(batch: Batch, records: Sequence[Record]) -> Lookup:
    """Values of the batch, and of its record when it has one."""
    values: dict[str, Json] = {
        "sync": batch.sync,
        "object": batch.object,
        "action": batch.action.value,
        "run_id": batch.run_id,
        "batch_id": batch.idempotency_key,
        "row_count": len(records),
    }

    def look_up(name: str) -> Found:
        if name in values:
            return values[name]
        first, _, rest = name.partition(".")
        if first == "settings":
            return batch.settings.get(rest, MISSING)
        return MISSING

    return row_scope(look_up, records[0]) if len(records) == 1 else look_up


def row_scope(around: Lookup, record: Record) -> Lookup:
    """Values of one record, and of what is around it."""

    def look_up(name: str) -> Found:
        first, _, rest = name.partition(".")
        match first:
            case "key":
                return record.key
            case "op":
                return record.op.value
            case "event_id":
                return record.event_id
            case "dest_id":
                return MISSING if record.dest_id is None else record.dest_id
            case "match" | "fields" | "associations":
                held: dict[str, Json] = dict(getattr(record, first))
                return at_name(held, rest) if rest else held
            case _:
                return around(name)

    return look_up
