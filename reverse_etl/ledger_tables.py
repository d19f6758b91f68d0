"""The tables of the ledger, and how its database is opened. No rule about runs lives here.

SQLite for one machine, Postgres where several share the work. Moments are kept as text in
UTC, which sorts as it should in both.
"""

import contextlib
import sqlite3
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.pool import PoolProxiedConnection

from reverse_etl.clock import as_utc
from reverse_etl.errors import LedgerError

URL_VARIABLE = "KENNING_LEDGER_URL"
"""Environment variable with the URL of a shared ledger, such as
postgresql+psycopg://kenning@db.internal/kenning."""

Place: TypeAlias = Path | str
"""A file of this machine, or the URL of a database."""

SCHEMA_VERSION = 2
_BUSY_TIMEOUT_S = 30.0
_LOG_AHEAD_PAUSE_S = 0.02
_PREPARING = 7_364_001

METADATA = sa.MetaData()

_Text = sa.Text
_Number = sa.BigInteger

LEASES = sa.Table(
    "kenning_lease",
    METADATA,
    sa.Column("sync_name", _Text, primary_key=True),
    sa.Column("fence", _Number, nullable=False),
    sa.Column("holder", _Text, nullable=False),
    sa.Column("host", _Text, nullable=False),
    sa.Column("process_id", _Number, nullable=False),
    sa.Column("process_start", _Text, nullable=False),
    sa.Column("expires_at", _Text, nullable=False),
)

RUNS = sa.Table(
    "kenning_run",
    METADATA,
    sa.Column("run_id", _Text, primary_key=True),
    sa.Column("sync_name", _Text, nullable=False, index=True),
    sa.Column("fingerprint", _Text, nullable=False),
    sa.Column("planned_at", _Text, nullable=False),
    sa.Column("resume_at", _Text),
)

# `spans` are the sequence numbers of a batch's rows: "1-500", "7,9-11".
BATCHES = sa.Table(
    "kenning_batch",
    METADATA,
    sa.Column("run_id", _Text, primary_key=True),
    sa.Column("number", _Number, primary_key=True, autoincrement=False),
    sa.Column("action", _Text, nullable=False),
    sa.Column("state", _Text, nullable=False),
    sa.Column("spans", _Text, nullable=False),
    sa.Column("row_tries", _Number, nullable=False),
    sa.Column("give_ups", _Number, nullable=False),
    sa.Column("is_in_doubt", sa.Boolean, nullable=False),
    sa.Column("job", _Text),
    sa.Column("uncounted", _Number, nullable=False),
    sa.Column("error_class", _Text),
    sa.Column("error_code", _Text),
    sa.Column("is_retryable", sa.Boolean, nullable=False),
)

REFUSALS = sa.Table(
    "kenning_refusal",
    METADATA,
    sa.Column("run_id", _Text, primary_key=True),
    sa.Column("seq", _Number, primary_key=True, autoincrement=False),
    sa.Column("error_class", _Text, nullable=False),
    sa.Column("error_code", _Text),
    sa.Column("error_field", _Text),
    sa.Column("is_retryable", sa.Boolean, nullable=False),
)

# One row per answer: its rows and, in the same order, the destination's ids, as JSON.
DEST_IDS = sa.Table(
    "kenning_dest_id",
    METADATA,
    sa.Column("run_id", _Text, primary_key=True),
    sa.Column("number", _Number, primary_key=True, autoincrement=False),
    sa.Column("seqs", _Text, nullable=False),
    sa.Column("ids", _Text, nullable=False),
)

CONTROLS = sa.Table(
    "kenning_control",
    METADATA,
    sa.Column("sync_name", _Text, primary_key=True),
    sa.Column("control", _Text, primary_key=True),
    sa.Column("text", _Text, nullable=False),
    sa.Column("noted_at", _Text, nullable=False),
)

RATES = sa.Table(
    "kenning_rate",
    METADATA,
    sa.Column("account", _Text, primary_key=True),
    sa.Column("limit_group", _Text, primary_key=True),
    sa.Column("state", _Text, nullable=False),
)

SLOTS = sa.Table(
    "kenning_slot",
    METADATA,
    sa.Column("account", _Text, primary_key=True),
    sa.Column("limit_group", _Text, primary_key=True),
    sa.Column("token", _Text, primary_key=True),
    sa.Column("host", _Text, nullable=False),
    sa.Column("process_id", _Number, nullable=False),
    sa.Column("process_start", _Text, nullable=False),
    sa.Column("requests", _Number, nullable=False),
    sa.Column("expires_at", sa.Double, nullable=False),
)

VERSIONS = sa.Table(
    "kenning_ledger_version",
    METADATA,
    sa.Column("version", _Number, primary_key=True, autoincrement=False),
)


class LedgerDatabase:
    """An open database. Its transactions may be used from several threads.

    Args:
        engine: Of `open_database`.
        place: What people know it by; holds no password.
    """

    def __init__(self, engine: sa.Engine, place: str) -> None:
        self._engine = engine
        self.place = place

    @contextlib.contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction, on the disk when it ends; none other writes meanwhile in SQLite.

        Raises:
            LedgerError: The database cannot be used. Nothing of it was written.
        """
        try:
            with self._engine.begin() as connection:
                yield connection
        except sa.exc.SQLAlchemyError as error:
            raise unusable(self.place, error) from None

    @contextlib.contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A transaction that keeps nobody else from writing."""
        try:
            with self._engine.connect().execution_options(
                kenning_reads=True
            ) as connection:
                yield connection
        except sa.exc.SQLAlchemyError as error:
            raise unusable(self.place, error) from None

    def upsert(self, table: sa.Table) -> sa.Executable:
        """A statement that writes rows of a table, over those of the same key."""
        insert = self._insert(table)
        keys = [column.name for column in table.primary_key]
        return insert.on_conflict_do_update(
            index_elements=keys,
            set_={
                column.name: insert.excluded[column.name]
                for column in table.columns
                if column.name not in keys
            },
        )

    def insert_missing(self, table: sa.Table) -> sa.Executable:
        """A statement that writes a row of a table unless one of its key is there."""
        return self._insert(table).on_conflict_do_nothing(
            index_elements=[column.name for column in table.primary_key]
        )

    def _insert(self, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
        if self._engine.dialect.name == "sqlite":
            return sqlite.insert(table)
        return postgresql.insert(table)

    def without_waiting_for_the_disk(self) -> "LedgerDatabase":
        """The same database, for what may be lost with the power: rate windows."""
        if self._engine.dialect.name != "sqlite":
            return self
        return LedgerDatabase(_sqlite_engine(self._engine.url, "normal"), self.place)

    def seconds_behind(self) -> float:
        """How far this machine's clock is behind that of the database that is shared."""
        if self._engine.dialect.name == "sqlite":
            return 0.0
        query = sa.select(sa.extract("epoch", sa.func.clock_timestamp()))
        with self.reading() as connection:
            return float(connection.execute(query).scalar_one()) - time.time()

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()


def ledger_place(environ: Mapping[str, str], path: Path) -> Place:
    """Where the ledger is: the URL of the environment, or else this file."""
    return environ.get(URL_VARIABLE) or path


@contextlib.contextmanager
def open_database(place: Place) -> Iterator[LedgerDatabase]:
    """Open a ledger's database, making file and tables that are not there.

    Raises:
        LedgerError: It cannot be made or read, or a newer version wrote it.
    """
    engine, name = _engine(place)
    database = LedgerDatabase(engine, name)
    try:
        _prepare(database)
        yield database
    finally:
        database.close()


def unusable(place: str, error: Exception) -> LedgerError:
    """The error to raise instead of the driver's, without statement and values."""
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    reason = " ".join(str(cause).split("\n", maxsplit=1)[0].split())
    return LedgerError(
        f"The ledger {place} cannot be used ({reason.rstrip('.')}). Check its rights and "
        "the disk's space. If it is damaged, move it away: what was sent and not yet "
        "recorded in the warehouse then counts as in doubt."
    )


def moment_text(moment: datetime) -> str:
    """A moment as the ledger keeps it."""
    return as_utc(moment).isoformat(sep=" ", timespec="milliseconds")


def text_moment(text: str) -> datetime:
    """The moment in UTC, without a zone, that `moment_text` wrote."""
    return datetime.fromisoformat(text)


def _engine(place: Place) -> tuple[sa.Engine, str]:
    if isinstance(place, Path):
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unusable(str(place), error) from None
        url = sa.URL.create("sqlite+pysqlite", database=str(place))
        return _sqlite_engine(url, "full"), str(place)
    try:
        url = sa.make_url(place)
        if url.get_backend_name() == "sqlite":
            return _sqlite_engine(url, "full"), str(url.database)
        engine = sa.create_engine(
            url,
            hide_parameters=True,
            pool_pre_ping=True,
            isolation_level="READ COMMITTED",
        )
    except (sa.exc.ArgumentError, ImportError) as error:
        # The URL holds a password, and the parser's message may quote it.
        raise LedgerError(
            f"{URL_VARIABLE} is not the URL of a ledger ({type(error).__name__}). Give it "
            "like postgresql+psycopg://user@host/database, and install the driver with "
            "pip install 'kenning[postgres]'."
        ) from None
    return engine, url.render_as_string(hide_password=True)


def _sqlite_engine(url: sa.URL, synchronous: str) -> sa.Engine:
    engine = sa.create_engine(
        url, connect_args={"timeout": _BUSY_TIMEOUT_S}, hide_parameters=True
    )

    def connected(connection: Any, _: PoolProxiedConnection) -> None:  # noqa: ANN401
        # The driver would begin transactions by itself, and too late.
        connection.isolation_level = None
        _log_ahead(connection)
        connection.execute(f"pragma synchronous = {synchronous}")

    def begun(connection: sa.Connection) -> None:
        reads = connection.get_execution_options().get("kenning_reads", False)
        connection.exec_driver_sql("begin" if reads else "begin immediate")

    sa.event.listen(engine, "connect", connected)
    sa.event.listen(engine, "begin", begun)
    return engine


def _log_ahead(connection: Any) -> None:  # noqa: ANN401  the driver's own
    """Let a file keep a write-ahead log.

    SQLite does not wait for others while it changes this, as it does for all else: of
    several that come first at once, all but one are told that the file is locked.
    """
    deadline = time.monotonic() + _BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("pragma journal_mode = wal")
        except sqlite3.OperationalError as error:
            is_busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not is_busy or time.monotonic() >= deadline:
                raise
            time.sleep(_LOG_AHEAD_PAUSE_S)
        else:
            return


def _prepare(database: LedgerDatabase) -> None:
    with database.writing() as connection:
        if connection.dialect.name == "postgresql":
            # Two processes may come first at once, and tables are not made twice.
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_PREPARING)))
        METADATA.create_all(connection)
        version = connection.execute(
            sa.select(sa.func.max(VERSIONS.c.version))
        ).scalar()
        if version is None:
            connection.execute(sa.insert(VERSIONS).values(version=SCHEMA_VERSION))
        elif version > SCHEMA_VERSION:
            raise LedgerError(
                f"{database.place} was written by a newer Kenning (ledger version "
                f"{version}, this one knows {SCHEMA_VERSION}). Update Kenning."
            )
