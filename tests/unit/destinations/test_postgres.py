"""What reaches a table of a real PostgreSQL, and how often."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

import psycopg
import pytest

from reverse_etl.destinations import postgres_transaction
from reverse_etl.destinations.postgres import (
    CAPABILITIES,
    DESTINATION,
    PostgresDestination,
)
from reverse_etl.destinations.postgres_failures import no_entry_code
from reverse_etl.destinations.protocol import Batch, Opening, Record
from reverse_etl.errors import (
    BatchRefusedError,
    DeliveryError,
    ErrorClass,
    FatalDeliveryError,
    RetryableDeliveryError,
    SyncConfigurationError,
)
from reverse_etl.modes import Action, Mode, Op, Removal
from reverse_etl.transport import HttpOptions, RetryPolicy, Secret

TABLE = """
create table people (
    id text primary key,
    name text default 'nobody',
    age integer check (age < 200),
    is_vip boolean,
    seen_at timestamptz,
    spent numeric,
    tags text[],
    traits jsonb,
    raw json,
    company text
);
"""


def record(
    key: str,
    fields: Mapping[str, object] | None = None,
    *,
    match: Mapping[str, str] | None = None,
    op: Op = Op.CHANGE,
    associations: Mapping[str, str] | None = None,
) -> Record:
    return Record(
        op, key, match or {"id": key}, fields or {}, f"event-{key}", associations or {}
    )


class Table:
    """The database as its owner sees it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._connection = psycopg.connect(url, autocommit=True)
        self.execute(TABLE)

    def execute(self, statement: str) -> None:
        self._connection.execute(statement.encode())

    def rows(self, query: str = "select id, name from people order by id") -> list:
        return self._connection.execute(query.encode()).fetchall()

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def table(postgres_url: str) -> Iterator[Table]:
    created = Table(postgres_url)
    yield created
    created.close()


@contextlib.contextmanager
def opened(
    url: str,
    *,
    object_name: str = "people",
    allow_private: bool = True,
    password: str = "",
    waits: list[float] | None = None,
    resolve=lambda host, port: ["127.0.0.1"],
    **settings: str,
) -> Iterator[PostgresDestination]:
    opening = Opening(
        account="postgres",
        object=object_name,
        settings=settings,
        credentials={"url": Secret(url), "password": Secret(password)},
        base_dir=Path("unused"),
        http=HttpOptions(
            policy=RetryPolicy(max_attempts=3, timeout_s=5),
            allow_private_addresses=allow_private,
            resolve=resolve,
            sleep=(waits if waits is not None else []).append,
            jitter=lambda: 1.0,
        ),
    )
    with DESTINATION.open(opening) as destination:
        assert isinstance(destination, PostgresDestination)
        yield destination


@pytest.fixture
def destination(table: Table) -> Iterator[PostgresDestination]:
    with opened(table.url) as created:
        yield created


def batch(
    records: Sequence[Record], action: Action = Action.UPSERT, key: str = "key-1"
) -> Batch:
    return Batch(
        sync="postgres__people",
        object="people",
        settings={},
        run_id="run-1",
        idempotency_key=key,
        action=action,
        records=records,
    )


def test_records_are_created_and_updated(table, destination):
    table.execute("insert into people (id, name) values ('a', 'old')")

    result = destination.send(
        batch([record("a", {"name": "Ada"}), record("b", {"name": "Bo"})])
    )

    assert result.rejected == ()
    assert table.rows() == [("a", "Ada"), ("b", "Bo")]


def test_an_absent_field_is_left_and_null_clears(table, destination):
    table.execute(
        "insert into people (id, name, age) values ('a', 'Ada', 36), ('b', 'Bo', 40)"
    )

    destination.send(
        batch(
            [
                record("a", {"age": None}),
                record("b", {"name": "Bob"}),
                record("c", {"age": 7}),
                record("d", {"name": None}),
                record("e", {}),
            ]
        )
    )

    assert table.rows("select id, name, age from people order by id") == [
        ("a", "Ada", None),
        ("b", "Bob", 40),
        ("c", "nobody", 7),
        ("d", None, None),
        ("e", "nobody", None),
    ]


def test_values_take_the_type_of_their_column(table, destination):
    destination.send(
        batch(
            [
                record(
                    "a",
                    {
                        "name": 'say "hi", twice;\r\n\t\\N 🧗 שלום',
                        "age": 36,
                        "is_vip": True,
                        "seen_at": "2026-06-30T12:00:00Z",
                        "spent": 0.1,
                        "tags": ["a,b", None, "c}", 'd"'],
                        "traits": {"likes": ["é", 1, None, True]},
                        "raw": '{"already": "json"}',
                        "company": 7,
                    },
                ),
                record("b", {"name": True, "traits": None, "spent": "12.30", "raw": 1}),
            ]
        )
    )

    query = (
        "select name, age, is_vip, seen_at at time zone 'utc', spent::text, tags,"
        " traits, raw::text, company from people order by id"
    )
    first, second = table.rows(query)
    assert first[0] == 'say "hi", twice;\r\n\t\\N 🧗 שלום'
    assert first[1:3] == (36, True)
    assert str(first[3]) == "2026-06-30 12:00:00"
    assert first[4:] == (
        "0.1",
        ["a,b", None, "c}", 'd"'],
        {"likes": ["é", 1, None, True]},
        '{"already": "json"}',
        "7",
    )
    assert second == ("true", None, None, None, "12.30", None, None, "1", None)


@pytest.mark.parametrize("text", ["", " padded ", "NULL", "\\.", "%s", "=1+1", "x" * 9])
def test_any_text_is_kept_as_it_is(table, destination, text):
    destination.send(batch([record(f"k{text}", {"name": text})]))

    assert table.rows() == [(f"k{text}", text)]


def test_a_row_that_is_the_same_is_not_written_again(table, destination):
    fields = {"name": "Ada", "traits": {"a": 1}, "raw": {"b": 2}}
    destination.send(batch([record("a", fields)]))
    before = table.rows("select xmin::text from people")

    destination.send(batch([record("a", fields)], key="key-2"))

    assert table.rows("select xmin::text from people") == before


def test_names_that_look_like_statements_are_names(table):
    table.execute(
        'create schema "my ""own"" schema";'
        'create table "my ""own"" schema"."drop table people; --"'
        ' ("the ""key"" %s" text primary key, "select, me" text)'
    )
    with opened(
        table.url, object_name="drop table people; --", schema='my "own" schema'
    ) as destination:
        key = 'the "key" %s'
        destination.send(batch([record("a", {"select, me": "yes"}, match={key: "a"})]))
        destination.send(
            batch(
                [record("a", {"select, me": "no"}, match={key: "a"})],
                Action.UPDATE,
                "key-2",
            )
        )

    rows = table.rows('select * from "my ""own"" schema"."drop table people; --"')
    assert rows == [("a", "no")]
    assert table.rows() == []


def test_several_columns_can_be_the_key(table):
    table.execute(
        "create table memberships (person integer, list text, role text,"
        " primary key (person, list))"
    )

    def member(person: str, listed: str, role: str) -> Record:
        match = {"person": person, "list": listed}
        return record(person, {"role": role}, match=match)

    with opened(table.url, object_name="memberships") as destination:
        destination.send(batch([member("1", "a", "x"), member("1", "b", "y")]))
        destination.send(
            batch(
                [
                    member("1", "b", "z"),
                    record("2", {"role": "w"}, match={"person": "2"}),
                ],
                key="key-2",
            )
        )

    assert table.rows("select * from memberships order by list") == [
        (1, "a", "x"),
        (1, "b", "z"),
    ]


def test_a_record_that_lacks_a_part_of_its_key_is_refused(table, destination):
    result = destination.send(
        batch(
            [
                record("a", match={"id": "a", "company": "x"}),
                record("b", match={"company": "x"}),
            ],
            Action.DELETE,
        )
    )

    ((position, error_class, field),) = [
        (row.position, row.error_class, row.field) for row in result.rejected
    ]
    assert (position, error_class, field) == (1, ErrorClass.INVALID_KEY, "id")


def test_create_leaves_what_is_there_and_names_it(table, destination):
    table.execute("insert into people (id, name) values ('a', 'old')")

    result = destination.send(
        batch(
            [record("a", {"name": "new"}), record("b", {"name": "Bo"})], Action.CREATE
        )
    )

    assert [(row.position, row.error_class) for row in result.rejected] == [
        (0, ErrorClass.CONFLICT)
    ]
    assert table.rows() == [("a", "old"), ("b", "Bo")]


def test_update_creates_nothing_and_names_what_is_not_there(table, destination):
    table.execute("insert into people (id, name) values ('a', 'old')")

    result = destination.send(
        batch(
            [
                record("a", {"name": "new"}),
                record("b", {"name": "Bo"}),
                record("c", {"name": None}, op=Op.REMOVE),
            ],
            Action.UPDATE,
        )
    )

    assert [(row.position, row.error_class) for row in result.rejected] == [
        (1, ErrorClass.NOT_FOUND)
    ]
    assert table.rows() == [("a", "new")]


@pytest.mark.parametrize("action", [Action.DELETE, Action.ERASE])
def test_removal_deletes_what_is_named_and_nothing_else(table, destination, action):
    table.execute("insert into people (id) values ('a'), ('b')")

    result = destination.send(batch([record("a"), record("gone")], action))

    assert result.rejected == ()
    assert table.rows() == [("b", "nobody")]


def test_append_adds_a_row_each_time(table):
    table.execute("create table events (id text, name text)")
    with opened(table.url, object_name="events") as destination:
        for key in ("key-1", "key-2"):
            destination.send(batch([record("a", {"name": "x"})], Action.APPEND, key))

    assert table.rows("select * from events") == [("a", "x"), ("a", "x")]


def test_append_adds_an_event_once_where_its_id_has_a_column(table):
    table.execute("create table events (id text, name text, event text unique)")
    with opened(
        table.url, object_name="events", event_id_column="event"
    ) as destination:
        for key in ("key-1", "key-2"):
            destination.send(batch([record("a", {"name": "x"})], Action.APPEND, key))

    assert table.rows("select * from events") == [("a", "x", "event-a")]


def test_associations_are_columns_too(table, destination):
    destination.send(batch([record("a", associations={"company": "c1"})]))

    assert table.rows("select id, company from people") == [("a", "c1")]


def test_a_batch_of_the_same_key_is_applied_once(table):
    table.execute("create table events (id text, age integer)")
    events = [record("a", {"age": 1}), record("b", {"age": "old"})]
    with opened(table.url, object_name="events") as destination:
        first = destination.send(batch(events, Action.APPEND))
    with opened(table.url, object_name="events") as destination:
        second = destination.send(batch(events, Action.APPEND))

    assert table.rows("select * from events") == [("a", 1)]
    assert second == first
    assert len(first.rejected) == 1


def test_a_batch_of_the_same_key_at_the_same_time_is_applied_once(table):
    table.execute("create table events (id text)")
    many = [record(f"k{n}") for n in range(500)]
    with opened(table.url, object_name="events") as destination:
        destination.send(batch([record("first")], Action.APPEND, "key-0"))
        with ThreadPoolExecutor(4) as pool:
            list(
                pool.map(
                    lambda _: destination.send(batch(many, Action.APPEND)), range(4)
                )
            )

    assert table.rows("select count(*), count(distinct id) from events") == [(501, 501)]


def test_a_key_that_stands_for_other_rows_stops_the_sync(table, destination):
    destination.send(batch([record("a"), record("b")]))

    with pytest.raises(FatalDeliveryError, match="other rows"):
        destination.send(batch([record("a")]))


class Line:
    """A line to the server that goes dead when commits go over it, as often as it should.

    Attributes:
        losses: How many commits it still loses.
        is_late: Whether a commit still arrives, so that only its answer is lost.
    """

    def __init__(self, url: str) -> None:
        login, _, place = url.partition("@")
        server, _, name = place.partition("/")
        self._server = ("127.0.0.1", int(server.partition(":")[2]))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"{login}@127.0.0.1:{self._listener.getsockname()[1]}/{name}"
        self.losses = 0
        self.is_late = False

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        # A thread that waits in accept wakes when the socket is shut down.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._server)
                for target, ends in (
                    (self._requests, (client, server)),
                    (self._answers, (server, client)),
                ):
                    threading.Thread(target=target, args=ends, daemon=True).start()

    def _requests(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65_536):
                if b"COMMIT" in data and self.losses:
                    self.losses -= 1
                    if self.is_late:
                        client.shutdown(socket.SHUT_RDWR)
                        server.sendall(data)
                        time.sleep(0.2)
                    break
                server.sendall(data)
        for end in (client, server):
            with contextlib.suppress(OSError):
                # The other thread waits for the server, and closing does not wake it.
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _answers(self, server: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65_536):
                client.sendall(data)
        client.close()


@pytest.mark.parametrize("is_late", [True, False])
def test_a_lost_answer_to_a_commit_does_nothing_twice(table, is_late):
    table.execute("create table events (id text)")
    waits: list[float] = []
    with (
        Line(table.url) as line,
        opened(line.url, object_name="events", waits=waits) as destination,
    ):
        destination.send(batch([record("first")], Action.APPEND, "key-0"))
        line.losses, line.is_late = 1, is_late

        result = destination.send(batch([record("a")], Action.APPEND))

    assert (line.losses, waits) == (0, [1.0])
    assert result.rejected == ()
    assert table.rows("select * from events") == [("first",), ("a",)]


def test_a_commit_whose_answer_stays_lost_is_in_doubt(table):
    with Line(table.url) as line, opened(line.url) as destination:
        destination.send(batch([record("first")], key="key-0"))
        line.losses = 3

        with pytest.raises(RetryableDeliveryError) as caught:
            destination.send(batch([record("a")]))

    assert caught.value.is_in_doubt


def test_a_lock_of_somebody_else_is_not_waited_for_without_end(table, monkeypatch):
    monkeypatch.setattr(postgres_transaction, "LOCK_TIMEOUT", "50ms")
    table.execute("insert into people (id) values ('a')")
    other = psycopg.connect(table.url)
    other.execute("update people set name = 'held'")

    with (
        opened(table.url) as destination,
        pytest.raises(RetryableDeliveryError, match="55P03") as caught,
    ):
        destination.send(batch([record("a", {"name": "x"})]))

    other.close()
    assert not caught.value.is_in_doubt


def test_rows_that_the_table_refuses_are_named_and_the_others_stay(table, destination):
    records = [record(f"k{n:03}", {"age": n, "name": "x"}) for n in range(100)]
    records[17] = record("k017", {"age": "old", "name": "x"})
    records[63] = record("k063", {"age": 300, "name": "x"})
    records[99] = record("k099", {"age": 1, "name": "nul \x00"})

    result = destination.send(batch(records))

    assert [
        (row.position, row.error_class, row.code, row.field) for row in result.rejected
    ] == [
        (17, ErrorClass.INVALID_FIELD, "22P02", "age"),
        (63, ErrorClass.INVALID_FIELD, "23514", None),
        (99, ErrorClass.INVALID_FIELD, "22021", "name"),
    ]
    assert table.rows("select count(*) from people") == [(97,)]


def test_what_stands_in_a_rows_way_is_told(table):
    table.execute(
        "create table companies (id text primary key);"
        "create table staff (id integer primary key, email text unique not null,"
        " company text references companies);"
        "insert into staff (id, email) values (1, 'taken@example.com')"
    )
    with opened(table.url, object_name="staff") as destination:
        result = destination.send(
            batch(
                [
                    record("2", {"email": "taken@example.com"}),
                    record("3", {"email": None}),
                    record("4", {"email": "d@example.com", "company": "c1"}),
                    record("five", {"email": "e@example.com"}),
                    record("6", {"email": "f@example.com"}),
                ]
            )
        )

    assert [
        (row.position, row.error_class, row.field, row.is_retryable)
        for row in result.rejected
    ] == [
        (0, ErrorClass.CONFLICT, None, False),
        (1, ErrorClass.INVALID_FIELD, "email", False),
        (2, ErrorClass.NOT_FOUND, None, True),
        (3, ErrorClass.INVALID_KEY, "id", False),
    ]
    assert table.rows("select id from staff order by id") == [(1,), (6,)]


def test_two_records_of_one_row_are_written_in_order(table, destination):
    result = destination.send(
        batch(
            [
                record("1", {"name": "first"}, match={"id": "a"}),
                record("2", {"name": "second"}, match={"id": "a"}),
            ]
        )
    )

    assert result.rejected == ()
    assert table.rows() == [("a", "second")]


def test_what_is_refused_at_the_end_refuses_the_batch(table, destination):
    table.execute(
        "create table companies (id text primary key);"
        "alter table people add foreign key (company) references companies"
        " deferrable initially deferred"
    )

    with pytest.raises(BatchRefusedError) as caught:
        destination.send(batch([record("a"), record("b", {"company": "c1"})]))

    assert caught.value.error_class is ErrorClass.NOT_FOUND
    assert caught.value.code == "23503"
    assert table.rows() == []
    assert table.rows("select * from _retl_batch") == []


def test_a_batch_that_is_refused_can_be_sent_in_halves(table, destination):
    destination.send(batch([record("a")], key="half-1"))
    destination.send(batch([record("b")], key="half-2"))

    query = "select batch_key, sync_name, run_id, row_count from _retl_batch order by 1"
    assert table.rows(query) == [
        ("half-1", "postgres__people", "run-1", 1),
        ("half-2", "postgres__people", "run-1", 1),
    ]


def test_batches_that_nobody_sends_any_more_are_forgotten(table, destination):
    destination.send(batch([record("a")]))
    table.execute("update _retl_batch set applied_at = now() - interval '31 days'")

    with opened(table.url) as later:
        later.send(batch([record("b")], key="key-2"))

    assert table.rows("select batch_key from _retl_batch") == [("key-2",)]


@pytest.mark.parametrize(
    ("change", "problem", "error_class"),
    [
        ("drop table people", "no table 'public.people'", ErrorClass.CONFIG),
        ("alter table people drop column name", "no column 'name'", ErrorClass.CONFIG),
        (
            "alter table people drop constraint people_pkey",
            "no unique index",
            ErrorClass.CONFIG,
        ),
        (
            "alter table people drop column name;"
            "alter table people add name text generated always as (id) stored",
            "generated by the database",
            ErrorClass.CONFIG,
        ),
    ],
)
def test_a_table_that_does_not_fit_stops_the_sync(
    table, destination, change, problem, error_class
):
    table.execute(change)

    with pytest.raises(FatalDeliveryError, match=problem) as caught:
        destination.send(batch([record("a", {"name": "Ada"})]))

    assert caught.value.error_class is error_class
    assert not caught.value.is_in_doubt
    assert "Ada" not in str(caught.value)


def test_a_user_without_rights_is_told_which_there_should_be(table):
    table.execute("drop role if exists reader; create role reader login password 'r'")
    url = table.url.partition("@")[2]

    with (
        opened(f"postgresql://reader:r@{url}") as destination,
        pytest.raises(FatalDeliveryError, match="lacks a right") as caught,
    ):
        destination.send(batch([record("a")]))

    assert caught.value.error_class is ErrorClass.PERMISSION


@pytest.mark.parametrize(
    ("user", "database", "error_class"),
    [
        ("kenning:guess", None, ErrorClass.AUTH),
        ("stranger:x", None, ErrorClass.AUTH),
        (None, "elsewhere", ErrorClass.CONFIG),
    ],
)
def test_a_door_that_stays_shut_is_not_knocked_on_again(
    table, user, database, error_class
):
    login, _, place = table.url.removeprefix("postgresql://").partition("@")
    server, _, name = place.partition("/")
    waits: list[float] = []

    with (
        opened(
            f"postgresql://{user or login}@{server}/{database or name}", waits=waits
        ) as destination,
        pytest.raises(FatalDeliveryError) as caught,
    ):
        destination.send(batch([record("a")]))

    assert caught.value.error_class is error_class
    assert waits == []


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ('FATAL:  password authentication failed for user "u"', "28P01"),
        ("fe_sendauth: no password supplied", "28P01"),
        ('FATAL:  no pg_hba.conf entry for host "10.0.0.1"', "28000"),
        ("SSL error: certificate verify failed", "28000"),
        ("server does not support SSL, but SSL was required", "28000"),
        ('FATAL:  database "d" does not exist', "3D000"),
        ("FATAL:  the database system is starting up", None),
        ("FATAL:  sorry, too many clients already", None),
        ("SSL SYSCALL error: Connection reset by peer", None),
        ("Connection refused", None),
    ],
)
def test_only_what_stays_so_counts_as_a_shut_door(said, code):
    assert no_entry_code(said) == code


def test_syncs_that_come_first_at_the_same_time_do_not_disturb_each_other(table):
    def send(number: int) -> None:
        with opened(table.url) as destination:
            destination.send(batch([record(f"{number}")], key=f"key-{number}"))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(send, range(6)))

    assert table.rows("select count(*) from people") == [(6,)]


def test_the_password_can_be_given_apart(table):
    login, _, place = table.url.removeprefix("postgresql://").partition("@")
    user, _, password = login.partition(":")

    with opened(f"postgresql://{user}@{place}", password=password) as destination:
        destination.send(batch([record("a")]))

    assert table.rows() == [("a", "nobody")]


def test_a_server_that_is_away_is_tried_again_and_given_up():
    waits: list[float] = []

    with (
        opened("postgresql://u:p@127.0.0.1:1/d", waits=waits) as destination,
        pytest.raises(RetryableDeliveryError) as caught,
    ):
        destination.send(batch([record("a")]))

    assert waits == [1.0, 2.0]
    assert not caught.value.is_in_doubt


def test_a_connection_that_died_is_replaced(table, destination):
    destination.send(batch([record("a")]))
    table.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where application_name = 'kenning'"
    )

    destination.send(batch([record("b")], key="key-2"))

    assert [key for key, _ in table.rows()] == ["a", "b"]


def test_batches_of_several_threads_are_all_applied(table, destination):
    def send(number: int) -> None:
        records = [record(f"{number}-{n}", {"name": "x"}) for n in range(50)]
        destination.send(batch(records, key=f"key-{number}"))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(send, range(12)))

    assert table.rows("select count(*) from people") == [(600,)]
    assert destination.request_count == 12


def test_no_value_of_a_row_is_in_an_error(table, destination):
    table.execute(
        "create function no() returns trigger language plpgsql as $$"
        "begin raise exception using errcode = '57014', message = new.name; end $$;"
        "create trigger no before insert on people for each row execute function no()"
    )

    with pytest.raises(DeliveryError) as caught:
        destination.send(batch([record("a", {"name": "ada@example.com"})]))

    assert "ada" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_nothing_is_sent_for_no_records(destination):
    assert destination.send(batch([])).rejected == ()
    assert destination.request_count == 0


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("postgresql://u@127.0.0.1/d", "leads to this machine itself"),
        ("postgresql://u@10.1.2.3/d", "leads to a private network"),
        ("host=/var/run/postgresql user=u dbname=d", "leads to this machine itself"),
        ("postgresql://u@169.254.169.254/d", "never asked"),
        ("postgresql://u@/d", "lacks host"),
        ("postgresql://h/d", "lacks user"),
        ("postgresql://u@h/d?hostaddr=10.1.2.3", "'hostaddr', which is not taken"),
        ("service=prod", "'service', which is not taken"),
        ("mysql://u@h/d", "not one of PostgreSQL"),
        ("postgresql://u:s3same@93.184.216.34/d?sslmode=require", "sslmode require"),
    ],
)
def test_an_address_that_may_not_be_asked_is_refused(url, problem):
    with (
        pytest.raises(SyncConfigurationError, match=problem) as caught,
        opened(url, allow_private=False, resolve=lambda host, port: [host]),
    ):
        pass

    assert "s3same" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "address", "expected"),
    [
        ("postgresql://u@h/d", "93.184.216.34", ("verify-full", "system")),
        ("postgresql://u@h/d", "10.1.2.3", ("verify-full", "system")),
        ("postgresql://u@h/d", "127.0.0.1", (None, None)),
        ("postgresql://u@h/d?sslmode=require", "10.1.2.3", ("require", None)),
        (
            "postgresql://u@h/d?sslrootcert=/ca.pem",
            "93.184.216.34",
            ("verify-full", "/ca.pem"),
        ),
    ],
)
def test_the_certificate_is_verified_unless_the_network_is_ones_own(
    url, address, expected
):
    with opened(url, resolve=lambda host, port: [address]) as destination:
        found = psycopg.conninfo.conninfo_to_dict(destination._connection_text.reveal())

    assert (found.get("sslmode"), found.get("sslrootcert")) == expected
    assert (found["host"], found["hostaddr"]) == ("h", address)


def test_every_address_of_every_server_is_one_to_connect_to():
    addresses = {"one": ["10.0.0.1", "10.0.0.2"], "two": ["10.0.0.3"]}

    with opened(
        "postgresql://u@one:1,two:2/d", resolve=lambda host, port: addresses[host]
    ) as destination:
        found = psycopg.conninfo.conninfo_to_dict(destination._connection_text.reveal())

    assert found["host"] == "one,one,two"
    assert found["hostaddr"] == "10.0.0.1,10.0.0.2,10.0.0.3"
    assert found["port"] == "1,1,2"


def test_what_it_can_do_is_what_the_page_says():
    assert CAPABILITIES.modes == {
        Mode.UPSERT,
        Mode.INSERT,
        Mode.UPDATE,
        Mode.MIRROR,
        Mode.APPEND,
    }
    assert CAPABILITIES.removals == {Removal.CLEAR, Removal.DELETE}
    assert json.dumps(sorted(CAPABILITIES.optional_settings)) == (
        '["event_id_column", "schema"]'
    )
