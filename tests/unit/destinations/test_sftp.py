"""What the sftp destination leaves on a server, and whom it takes for the server."""

import asyncio
import contextlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh
import pytest

from reverse_etl.destinations.protocol import Batch, Opening, Record
from reverse_etl.destinations.sftp import DESTINATION, SftpDestination
from reverse_etl.errors import ErrorClass, FatalDeliveryError, SyncConfigurationError
from reverse_etl.modes import Action, Op
from reverse_etl.transport import HttpOptions, RetryPolicy, Secret

RUN = "sftp__vips/20260630T120000-1"
NAMES = [
    "changes.csv",
    "changes.jsonl",
    "full.csv",
    "full.jsonl",
    "manifest.json",
]
HOST_KEY = asyncssh.generate_private_key("ssh-ed25519")
OTHER_KEY = asyncssh.generate_private_key("ssh-ed25519")
USER_KEY = asyncssh.generate_private_key("ssh-ed25519")


def record(op: Op, key: str, fields: Mapping[str, object]) -> Record:
    return Record(op, key, {"customer_id": key}, fields, f"event-{key}")


CHANGES = (
    record(Op.REMOVE, "z", {}),
    record(Op.ADD, "a", {"name": "Åse 🧗", "spent": 2.5}),
)


def batch(changes=CHANGES, wanted=CHANGES[1:]) -> Batch:
    return Batch(
        sync="sftp__vips",
        object="vips",
        settings={},
        run_id="20260630T120000-1",
        idempotency_key="key",
        action=Action.RUN,
        key_name="customer_id",
        field_names=("name", "spent"),
        records=iter(changes),
        wanted=None if wanted is None else lambda: iter(wanted),
    )


@dataclass
class Server:
    """A server whose folder is a folder of the test."""

    folder: Path
    port: int = 0
    renames: list[str] = field(default_factory=list)
    connections: int = 0
    on_rename: Callable[[str], None] = lambda name: None
    can_replace: bool = True

    @property
    def run(self) -> Path:
        return self.folder / "incoming" / RUN

    def names(self) -> list[str]:
        return sorted(path.name for path in self.run.glob("*"))


def _files(running: Server) -> type[asyncssh.SFTPServer]:
    class Files(asyncssh.SFTPServer):
        def __init__(self, channel: asyncssh.SSHServerChannel) -> None:
            super().__init__(channel, chroot=str(running.folder).encode())
            self._connection = channel.get_connection()

        def posix_rename(self, old: bytes, new: bytes) -> None:
            if not running.can_replace:
                raise asyncssh.SFTPOpUnsupported("no such extension")
            self._renamed(new)
            super().posix_rename(old, new)

        def rename(self, old: bytes, new: bytes) -> None:
            self._renamed(new)
            super().rename(old, new)

        def _renamed(self, new: bytes) -> None:
            name = new.decode().rpartition("/")[2]
            running.renames.append(name)
            try:
                running.on_rename(name)
            except ConnectionError:
                self._connection.abort()
                raise

    return Files


def _door(running: Server) -> type[asyncssh.SSHServer]:
    class Door(asyncssh.SSHServer):
        def connection_made(self, connection: asyncssh.SSHServerConnection) -> None:
            running.connections += 1

        def password_auth_supported(self) -> bool:
            return True

        def validate_password(self, username: str, password: str) -> bool:
            return (username, password) == ("kenning", "s3same")

        def public_key_auth_supported(self) -> bool:
            return True

        def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
            return key.public_data == USER_KEY.public_data

    return Door


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    folder = tmp_path / "server"
    folder.mkdir()
    running = Server(folder)

    async def serve() -> None:
        acceptor = await asyncssh.listen(
            "127.0.0.1",
            0,
            server_factory=_door(running),
            server_host_keys=[HOST_KEY],
            sftp_factory=_files(running),
        )
        running.port = acceptor.get_port()
        started.set()
        await stopping.wait()
        acceptor.close()
        await acceptor.wait_closed()

    started, loop = threading.Event(), asyncio.new_event_loop()
    stopping = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert started.wait(20)
    yield running
    loop.call_soon_threadsafe(stopping.set)
    thread.join(20)
    loop.close()


@contextlib.contextmanager
def opened(
    server: Server,
    folder: Path,
    *,
    credentials: Mapping[str, str] | None = None,
    allow_private: bool = True,
    settings: Mapping[str, str] | None = None,
    waits: list[float] | None = None,
) -> Iterator[SftpDestination]:
    given = {
        "host": "files.example.com",
        "port": str(server.port),
        "user": "kenning",
        "password": "s3same",
        "private_key": "",
        "passphrase": "",
        "fingerprint": HOST_KEY.get_fingerprint("sha256"),
        "known_hosts": "",
        **(credentials or {}),
    }
    opening = Opening(
        account="sftp",
        object="vips",
        settings={"path": "incoming", **(settings or {})},
        credentials={name: Secret(value) for name, value in given.items()},
        base_dir=folder / "data",
        http=HttpOptions(
            policy=RetryPolicy(max_attempts=3, timeout_s=10),
            allow_private_addresses=allow_private,
            resolve=lambda host, port: ["127.0.0.1"],
            sleep=(waits if waits is not None else []).append,
            jitter=lambda: 1.0,
        ),
    )
    with DESTINATION.open(opening) as destination:
        assert isinstance(destination, SftpDestination)
        yield destination


def test_a_run_is_files_under_its_name_with_the_manifest_last(server, tmp_path):
    with opened(server, tmp_path) as destination:
        destination.send(batch())

        assert destination.request_count == 5
    assert server.names() == NAMES
    assert server.renames == NAMES
    assert (server.run / "changes.csv").read_bytes().decode() == (
        "_op,customer_id,name,spent\r\nremove,z,,\r\nadd,a,Åse 🧗,2.5\r\n"
    )
    manifest = json.loads((server.run / "manifest.json").read_text())
    assert [entry["rows"] for entry in manifest["files"]] == [2, 2, 1, 1]


def test_nothing_of_a_run_stays_on_this_machine(server, tmp_path):
    with opened(server, tmp_path) as destination:
        destination.send(batch())

    assert [path for path in (tmp_path / "data").rglob("*") if path.is_file()] == []


def test_a_file_has_its_name_only_when_it_is_whole(server, tmp_path):
    seen = []
    server.on_rename = lambda name: seen.append(
        (
            (server.run / name).exists(),
            (server.run / f".unfinished-{name}").stat().st_size > 0,
        )
    )

    with opened(server, tmp_path) as destination:
        destination.send(batch())

    assert seen == [(False, True)] * 5


def test_a_large_file_arrives_as_it_was_written(server, tmp_path):
    many = [record(Op.ADD, f"k{n}", {"name": "x" * 5_000}) for n in range(1_000)]

    with opened(server, tmp_path, settings={"format": "jsonl"}) as destination:
        destination.send(batch(many, None))

    entry = json.loads((server.run / "manifest.json").read_text())["files"][0]
    assert (server.run / "changes.jsonl").stat().st_size == entry["bytes"]


@pytest.mark.parametrize("can_replace", [True, False])
def test_the_same_run_again_writes_the_same_files(server, tmp_path, can_replace):
    server.can_replace = can_replace
    with opened(server, tmp_path) as destination:
        destination.send(batch())
        before = (server.run / "full.csv").read_bytes()

        destination.send(batch())

    assert server.names() == NAMES
    assert (server.run / "full.csv").read_bytes() == before


def test_a_line_that_breaks_is_made_anew_and_goes_on(server, tmp_path):
    waits: list[float] = []

    def break_once(name: str) -> None:
        if name == "full.csv" and server.renames.count(name) == 1:
            raise ConnectionError

    server.on_rename = break_once
    with opened(server, tmp_path, waits=waits) as destination:
        destination.send(batch())

    assert server.names() == NAMES
    assert server.renames == [*NAMES[:3], *NAMES[2:]]
    assert (server.connections, waits) == (2, [1.0])


@pytest.mark.parametrize(
    ("name", "is_in_doubt"), [("full.csv", False), ("manifest.json", True)]
)
def test_a_run_is_in_doubt_only_when_its_manifest_was_on_its_way(
    server, tmp_path, name, is_in_doubt
):
    def break_always(renamed: str) -> None:
        if renamed == name:
            raise ConnectionError

    server.on_rename = break_always
    with (
        opened(server, tmp_path) as destination,
        pytest.raises(FatalDeliveryError) as caught,
    ):
        destination.send(batch())

    assert caught.value.is_in_doubt is is_in_doubt
    assert caught.value.error_class is ErrorClass.TRANSIENT
    assert "manifest.json" not in server.names()
    assert server.connections == 3


def test_what_the_server_refuses_is_not_tried_again(server, tmp_path):
    def refuse(name: str) -> None:
        raise asyncssh.SFTPPermissionDenied("ada@example.com may not")

    server.on_rename = refuse
    with (
        opened(server, tmp_path) as destination,
        pytest.raises(FatalDeliveryError, match="may not write there") as caught,
    ):
        destination.send(batch())

    assert caught.value.error_class is ErrorClass.PERMISSION
    assert not caught.value.is_in_doubt
    assert "ada" not in str(caught.value)
    assert server.connections == 1


def test_a_key_opens_the_door_too(server, tmp_path):
    key = USER_KEY.export_private_key("pkcs8-pem", "open").decode().strip()

    with opened(
        server,
        tmp_path,
        credentials={"password": "", "private_key": key, "passphrase": "open"},
    ) as destination:
        destination.send(batch())

    assert server.names() == NAMES


def known_hosts(host: str, port: int, key: asyncssh.SSHKey) -> str:
    return f"[{host}]:{port} {key.export_public_key().decode().strip()}"


def test_the_server_is_known_by_lines_of_known_hosts(server, tmp_path):
    lines = known_hosts("files.example.com", server.port, HOST_KEY)

    with opened(
        server, tmp_path, credentials={"fingerprint": "", "known_hosts": lines}
    ) as destination:
        destination.send(batch())

    assert server.names() == NAMES


@pytest.mark.parametrize("by", ["fingerprint", "known_hosts", "another host"])
def test_nothing_is_sent_to_a_server_with_another_key(server, tmp_path, by):
    if by == "fingerprint":
        given = {"fingerprint": OTHER_KEY.get_fingerprint("sha256")}
    else:
        host = "files.example.com" if by == "known_hosts" else "other.example.com"
        key = OTHER_KEY if by == "known_hosts" else HOST_KEY
        given = {
            "fingerprint": "",
            "known_hosts": known_hosts(host, server.port, key),
        }
    with (
        opened(server, tmp_path, credentials=given) as destination,
        pytest.raises(FatalDeliveryError, match="somebody else answered") as caught,
    ):
        destination.send(batch())

    assert caught.value.error_class is ErrorClass.CONFIG
    assert not caught.value.is_in_doubt
    assert server.names() == []


def test_one_of_several_fingerprints_is_enough(server, tmp_path):
    both = ", ".join(key.get_fingerprint("sha256") for key in (OTHER_KEY, HOST_KEY))

    with opened(server, tmp_path, credentials={"fingerprint": both}) as destination:
        destination.send(batch())

    assert server.names() == NAMES


def test_a_wrong_password_is_told_and_not_repeated(server, tmp_path):
    with (
        opened(server, tmp_path, credentials={"password": "guess"}) as destination,
        pytest.raises(FatalDeliveryError, match="does not know the user") as caught,
    ):
        destination.send(batch())

    assert caught.value.error_class is ErrorClass.AUTH
    assert "guess" not in str(caught.value)
    assert server.connections == 1


def test_an_inner_address_is_not_asked_unless_it_is_meant(server, tmp_path):
    with (
        opened(server, tmp_path, allow_private=False) as destination,
        pytest.raises(FatalDeliveryError, match="leads to this machine") as caught,
    ):
        destination.send(batch())

    assert caught.value.error_class is ErrorClass.CONFIG
    assert server.connections == 0


def test_a_server_that_does_not_answer_is_tried_again_and_given_up(tmp_path):
    waits: list[float] = []

    with (
        opened(Server(tmp_path, port=1), tmp_path, waits=waits) as destination,
        pytest.raises(FatalDeliveryError, match="ConnectionRefusedError") as caught,
    ):
        destination.send(batch())

    assert not caught.value.is_in_doubt
    assert waits == [1.0, 2.0]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"fingerprint": ""}, "fingerprint or known_hosts"),
        ({"known_hosts": "a b c"}, "one of them"),
        ({"fingerprint": "MD5:aa:bb"}, "SHA256"),
        ({"password": ""}, "password or private_key"),
        ({"private_key": "no key"}, "private_key of 'sftp' cannot be read"),
        ({"port": "0"}, "port"),
        ({"port": "ssh"}, "port"),
    ],
)
def test_an_account_that_lacks_something_is_refused(tmp_path, given, problem):
    with (
        pytest.raises(SyncConfigurationError, match=problem),
        opened(Server(tmp_path, port=22), tmp_path, credentials=given),
    ):
        pass
