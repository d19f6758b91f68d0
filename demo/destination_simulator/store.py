"""What the mailer holds, kept in a SQLite file so that it outlives the process."""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from demo.destination_simulator.answers import Answer, Record

_SCHEMA = """
create table if not exists record (
    object text not null,
    id text not null,
    properties text not null,
    primary key (object, id)
) without rowid;
create table if not exists answered (
    idempotency_key text primary key,
    request_sha256 text not null,
    status integer not null,
    body text not null
) without rowid;
"""


@dataclass(frozen=True, slots=True)
class Answered:
    """A request that was answered: the digest of what it asked, and the answer."""

    request_sha256: str
    answer: Answer


class Store:
    """Records and answered requests, in one file. One caller at a time, from any thread."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(
            path, check_same_thread=False, isolation_level=None
        )
        self._connection.execute("pragma journal_mode = wal")
        self._connection.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def records(self) -> dict[str, dict[str, Record]]:
        """Every record, by object and id."""
        held: dict[str, dict[str, Record]] = {}
        for object_name, key, text in self._connection.execute(
            "select object, id, properties from record"
        ):
            held.setdefault(object_name, {})[key] = json.loads(text)
        return held

    def answered(self) -> dict[str, Answered]:
        """Every answered request, by its idempotency key."""
        return {
            key: Answered(digest, Answer(status, json.loads(body)))
            for key, digest, status, body in self._connection.execute(
                "select idempotency_key, request_sha256, status, body from answered"
            )
        }

    def keep(
        self,
        object_name: str,
        changes: Mapping[str, Record | None],
        key: str | None,
        answered: Answered,
    ) -> None:
        """Keep what one request did, all of it or nothing. None is a deleted record."""
        with self._connection:
            self._connection.execute("begin immediate")
            self._connection.executemany(
                "insert or replace into record values (?, ?, ?)",
                (
                    (object_name, record_id, json.dumps(properties))
                    for record_id, properties in changes.items()
                    if properties is not None
                ),
            )
            self._connection.executemany(
                "delete from record where object = ? and id = ?",
                (
                    (object_name, record_id)
                    for record_id, properties in changes.items()
                    if properties is None
                ),
            )
            if key is not None:
                answer = answered.answer
                self._connection.execute(
                    "insert into answered values (?, ?, ?, ?)",
                    (
                        key,
                        answered.request_sha256,
                        answer.status,
                        json.dumps(answer.body),
                    ),
                )

    def clear(self) -> None:
        """Forget all of it."""
        with self._connection:
            self._connection.execute("delete from record")
            self._connection.execute("delete from answered")
