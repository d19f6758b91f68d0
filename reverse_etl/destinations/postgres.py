"""Tables of a PostgreSQL database: records are rows, fields are columns.

A batch is one transaction. Its rows are copied into a temporary table, from there merged
into the target, and the batch's idempotency key is noted in `_retl_batch` beside it: a
batch that was applied is known again, so each is applied once. Rows that the database
refuses are found inside the transaction, and the others stay.

Credentials: url, as libpq has it; password, when the url has none. Statements are
`postgres_statements`'.
"""

import contextlib
import itertools
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

from reverse_etl.destinations.extras import extra
from reverse_etl.destinations.postgres_connection import connection_text
from reverse_etl.destinations.postgres_table import TargetTable
from reverse_etl.destinations.protocol import (
    ANY_ASSOCIATION,
    Batch,
    BatchResult,
    Capabilities,
    Credential,
    Destination,
    DestinationType,
    Idempotency,
    Opening,
    RejectedRow,
)
from reverse_etl.errors import DeliveryError, JobLostError, RetryableDeliveryError
from reverse_etl.modes import Mode, Removal
from reverse_etl.transport import Secret

if TYPE_CHECKING:
    import psycopg
from reverse_etl.destinations.backoff import wait_before_next_try
from reverse_etl.destinations.postgres_failures import failed_batch, no_entry_code
from reverse_etl.destinations.postgres_target import read_target
from reverse_etl.destinations.postgres_transaction import apply_batch

CAPABILITIES = Capabilities(
    modes=frozenset({Mode.UPSERT, Mode.INSERT, Mode.UPDATE, Mode.MIRROR, Mode.APPEND}),
    removals=frozenset({Removal.CLEAR, Removal.DELETE}),
    max_batch_rows=5_000,
    idempotency=Idempotency.HEADER,
    can_erase=True,
    optional_settings=("event_id_column", "schema"),
    associations=ANY_ASSOCIATION,
)

_DEFAULT_SCHEMA = "public"


class PostgresDestination:
    """Writes into one table.

    Args:
        opening: What it was opened with.
        connection_text: How the server is reached, as libpq has it.
    """

    capabilities = CAPABILITIES

    def __init__(self, opening: Opening, connection_text: Secret) -> None:
        self._http = opening.http
        self._connection_text = connection_text
        self._schema = opening.settings.get("schema", _DEFAULT_SCHEMA)
        self._name = opening.object
        self._event_column = opening.settings.get("event_id_column")
        self._lock = threading.Lock()
        self._idle: list[psycopg.Connection] = []
        self._target: TargetTable | None = None
        self.request_count = 0

    def send(self, batch: Batch) -> BatchResult:
        """Apply one batch in one transaction, unless it was applied before."""
        if not batch.rows:
            return BatchResult()
        may_be_applied = False
        for attempt in itertools.count(1):
            try:
                return BatchResult(self._send_once(batch))
            except DeliveryError as error:
                may_be_applied |= error.is_in_doubt
                is_last = attempt >= self._http.policy.max_attempts
                if is_last or not isinstance(error, RetryableDeliveryError):
                    error.is_in_doubt = may_be_applied
                    raise
            # The key of the batch makes it harmless when that try went through.
            wait_before_next_try(self._http, attempt)
        raise AssertionError("the last try returns or raises")

    def poll(self, job: str, batch: Batch) -> BatchResult | None:
        """There are no jobs: a transaction is there or not."""
        del job, batch
        raise JobLostError("PostgreSQL has no jobs.")

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            while self._idle:
                self._idle.pop().close()

    def _send_once(self, batch: Batch) -> tuple[RejectedRow, ...]:
        import psycopg  # noqa: PLC0415  an extra

        is_committing = False
        try:
            with self._connection() as connection:
                target = self._target_table(connection)
                with connection.transaction():
                    self._count()
                    rejected = apply_batch(
                        connection, target, batch, self._event_column
                    )
                    is_committing = True
        except psycopg.Error as error:
            raise self._failed(
                error, error.sqlstate, is_committing=is_committing
            ) from None
        return rejected

    @contextlib.contextmanager
    def _connection(self) -> "Iterator[psycopg.Connection]":
        """A connection for one batch. One that failed is not used again."""
        import psycopg  # noqa: PLC0415  an extra

        with self._lock:
            connection = self._idle.pop() if self._idle else None
        if connection is None:
            try:
                connection = psycopg.connect(
                    self._connection_text.reveal(),
                    autocommit=True,
                    # Between us and the server may be one that shares connections.
                    prepare_threshold=None,
                )
            except psycopg.OperationalError as error:
                code = error.sqlstate or no_entry_code(str(error))
                raise self._failed(error, code) from None
        try:
            yield connection
        except psycopg.OperationalError:
            connection.close()
            raise
        finally:
            if not connection.closed:
                with self._lock:
                    self._idle.append(connection)

    def _target_table(self, connection: "psycopg.Connection") -> TargetTable:
        """The table as it is when the first batch comes."""
        with self._lock:
            if self._target is None:
                self._target = read_target(connection, self._schema, self._name)
            return self._target

    def _failed(
        self, error: Exception, code: str | None, *, is_committing: bool = False
    ) -> DeliveryError:
        place = f"PostgreSQL table '{self._schema}.{self._name}'"
        name = type(error).__name__
        return failed_batch(place, name, code, is_committing=is_committing)

    def _count(self) -> None:
        with self._lock:
            self.request_count += 1


@contextlib.contextmanager
def _open(opening: Opening) -> Iterator[Destination]:
    with extra("postgres"):
        import psycopg  # noqa: F401, PLC0415  an extra
    destination = PostgresDestination(opening, connection_text(opening))
    try:
        yield destination
    finally:
        destination.close()


DESTINATION = DestinationType(
    name="postgres",
    label="PostgreSQL",
    objects={"*": CAPABILITIES},
    credentials=(
        Credential("url", "postgresql://user@host:port/database, with any setting"),
        Credential("password", "when the url has none", default=""),
    ),
    open=_open,
)
