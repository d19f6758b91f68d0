"""What the tool holds, in a SQLite file: records by object and id, and answers by key."""

import json
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

from demo.destination_simulator.answers import Answer, Record, RefusedError

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


class Store:
    """Records and answered requests, in one file. Every method is safe among threads."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(
            path, check_same_thread=False, isolation_level=None
        )
        self._connection.execute("pragma journal_mode = wal")
        self._connection.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def page(self, object_name: str, *, after: str, limit: int) -> list[Record]:
        """Records whose id sorts after `after`, in id order."""
        with self._lock:
            rows = self._connection.execute(
                "select id, properties from record where object = ? and id > ? "
                "order by id limit ?",
                (object_name, after, limit),
            ).fetchall()
        return [{"id": key, "properties": json.loads(text)} for key, text in rows]

    def once(
        self, key: str | None, request_sha256: str, work: Callable[[], Answer]
    ) -> Answer:
        """Do the work, or give the answer that this key was given before."""
        with self._lock:
            known = self._connection.execute(
                "select request_sha256, status, body from answered "
                "where idempotency_key = ?",
                (key,),
            ).fetchone()
            if known is not None:
                if known[0] != request_sha256:
                    raise RefusedError(409, "idempotency_key_reused")
                return Answer(known[1], json.loads(known[2]))
            self._connection.execute("begin immediate")
            try:
                answer = work()
                if key is not None:
                    self._connection.execute(
                        "insert into answered values (?, ?, ?, ?)",
                        (key, request_sha256, answer.status, json.dumps(answer.body)),
                    )
            except BaseException:
                self._connection.execute("rollback")
                raise
            self._connection.execute("commit")
            return answer

    def upsert(self, object_name: str, key: str, properties: Record) -> bool:
        """Write one record inside `once`. Returns whether it is new.

        Properties are merged; null clears one.
        """
        row = self._connection.execute(
            "select properties from record where object = ? and id = ?",
            (object_name, key),
        ).fetchone()
        merged: Record = json.loads(row[0]) if row else {}
        merged.update(properties)
        kept = {name: value for name, value in merged.items() if value is not None}
        self._connection.execute(
            "insert or replace into record values (?, ?, ?)",
            (object_name, key, json.dumps(kept)),
        )
        return row is None

    def delete(self, object_name: str, key: str) -> bool:
        """Delete one record inside `once`. Returns whether it was there."""
        deleted = self._connection.execute(
            "delete from record where object = ? and id = ?", (object_name, key)
        )
        return deleted.rowcount == 1
