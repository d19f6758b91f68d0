"""What the s3 destination leaves in a bucket, on a server of S3's interface."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import boto3
import duckdb
import pytest
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer

from reverse_etl.destinations import s3
from reverse_etl.destinations.protocol import Batch, Opening, Record
from reverse_etl.destinations.s3 import DESTINATION, S3Destination
from reverse_etl.errors import ErrorClass, FatalDeliveryError, SyncConfigurationError
from reverse_etl.modes import Action, Op
from reverse_etl.transport import HttpOptions, RetryPolicy, Secret

RUN = "s3__vips/20260630T120000-1"


def record(op: Op, key: str, fields: Mapping[str, object]) -> Record:
    return Record(op, key, {"customer_id": key}, fields, f"event-{key}")


CHANGES = (
    record(Op.REMOVE, "z", {}),
    record(Op.ADD, "a", {"name": "Åse 🧗", "spent": 2.5}),
)


def batch(changes=CHANGES, wanted=CHANGES[1:]) -> Batch:
    return Batch(
        sync="s3__vips",
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


class Bucket:
    """A bucket as its owner sees it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.client = boto3.client(
            "s3",
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id="owner",
            aws_secret_access_key="secret",
        )
        self.client.create_bucket(Bucket="lake")

    def names(self) -> list[str]:
        found = self.client.list_objects_v2(Bucket="lake")
        return [entry["Key"] for entry in found.get("Contents", [])]

    def read(self, key: str) -> bytes:
        return self.client.get_object(Bucket="lake", Key=key)["Body"].read()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    started = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    started.start()
    host, port = started.get_host_and_port()
    yield f"http://{host}:{port}"
    started.stop()


@pytest.fixture
def bucket(server: str) -> Iterator[Bucket]:
    created = Bucket(server)
    yield created
    for key in created.names():
        created.client.delete_object(Bucket="lake", Key=key)
    created.client.delete_bucket(Bucket="lake")
    created.client.close()


@contextlib.contextmanager
def opened(
    url: str,
    folder: Path,
    *,
    allow_private: bool = True,
    credentials: Mapping[str, str] | None = None,
    **settings: str,
) -> Iterator[S3Destination]:
    given = {
        "url": url,
        "region": "us-east-1",
        "access_key": "key",
        "secret_key": "secret",
        "session_token": "",
        **(credentials or {}),
    }
    opening = Opening(
        account="s3",
        object="vips",
        settings={"bucket": "lake", **settings},
        credentials={name: Secret(value) for name, value in given.items()},
        base_dir=folder,
        http=HttpOptions(
            policy=RetryPolicy(max_attempts=1, timeout_s=5),
            allow_private_addresses=allow_private,
        ),
    )
    with DESTINATION.open(opening) as destination:
        assert isinstance(destination, S3Destination)
        yield destination


def test_a_run_is_objects_under_its_name_with_the_manifest_last(bucket, tmp_path):
    with opened(bucket.url, tmp_path, prefix="/kenning/") as destination:
        puts: list[str] = []
        destination._client.meta.events.register(
            "before-call.s3.PutObject",
            lambda params, **_: puts.append(params["url_path"].rpartition("/")[2]),
        )
        destination.send(batch())

        assert destination.request_count == 5
    assert bucket.names() == [
        f"kenning/{RUN}/{name}"
        for name in (
            "changes.csv",
            "changes.jsonl",
            "full.csv",
            "full.jsonl",
            "manifest.json",
        )
    ]
    assert puts[-1] == "manifest.json"
    assert bucket.read(f"kenning/{RUN}/changes.csv").decode() == (
        "_op,customer_id,name,spent\r\nremove,z,,\r\nadd,a,Åse 🧗,2.5\r\n"
    )
    manifest = json.loads(bucket.read(f"kenning/{RUN}/manifest.json"))
    assert [entry["rows"] for entry in manifest["files"]] == [2, 2, 1, 1]
    head = bucket.client.head_object(Bucket="lake", Key=f"kenning/{RUN}/full.csv")
    assert head["ContentType"] == "text/csv; charset=utf-8"


def test_nothing_of_a_run_stays_on_this_machine(bucket, tmp_path):
    with opened(bucket.url, tmp_path) as destination:
        destination.send(batch())

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_parquet_arrives_as_it_was_written(bucket, tmp_path):
    with opened(bucket.url, tmp_path, format="parquet") as destination:
        destination.send(batch(wanted=None))

    assert bucket.names() == [f"{RUN}/changes.parquet", f"{RUN}/manifest.json"]
    path = tmp_path / "read.parquet"
    path.write_bytes(bucket.read(f"{RUN}/changes.parquet"))
    assert duckdb.connect().read_parquet(str(path)).fetchall() == [
        ("remove", "z", None, None),
        ("add", "a", "Åse 🧗", 2.5),
    ]


def test_the_same_run_again_writes_the_same_objects(bucket, tmp_path):
    with opened(bucket.url, tmp_path) as destination:
        destination.send(batch())
        before = {key: bucket.read(key) for key in bucket.names()}

        destination.send(batch())

    assert {key: bucket.read(key) for key in bucket.names()} == before


LARGE = tuple(record(Op.ADD, f"k{n}", {"name": "x" * 60_000}) for n in range(200))


def test_a_large_file_goes_in_parts(bucket, tmp_path, monkeypatch):
    monkeypatch.setattr(s3, "_PART_BYTES", 5 * 1024 * 1024)

    with opened(bucket.url, tmp_path, format="jsonl") as destination:
        destination.send(batch(LARGE, None))

    head = bucket.client.head_object(Bucket="lake", Key=f"{RUN}/changes.jsonl")
    assert head["ETag"].strip('"').endswith("-3")
    assert bucket.read(f"{RUN}/changes.jsonl").count(b"\n") == 200


def test_a_file_that_breaks_off_is_not_there_and_neither_is_the_manifest(
    bucket, tmp_path, monkeypatch
):
    monkeypatch.setattr(s3, "_PART_BYTES", 5 * 1024 * 1024)

    def break_off(params, **_):
        if params["query_string"]["partNumber"] == 2:
            raise ConnectionResetError("the line went dead")

    with opened(bucket.url, tmp_path, format="jsonl") as destination:
        destination._client.meta.events.register("before-call.s3.UploadPart", break_off)
        with pytest.raises(FatalDeliveryError) as caught:
            destination.send(batch(LARGE, None))

    assert bucket.names() == []
    uploads = bucket.client.list_multipart_uploads(Bucket="lake")
    assert uploads.get("Uploads", []) == []
    assert not caught.value.is_in_doubt
    assert caught.value.error_class is ErrorClass.TRANSIENT


def test_a_manifest_whose_answer_is_lost_is_in_doubt(bucket, tmp_path):
    def lose(params, **_):
        if params["url_path"].endswith("manifest.json"):
            raise ConnectionResetError("the line went dead")

    with opened(bucket.url, tmp_path) as destination:
        destination._client.meta.events.register("before-call.s3.PutObject", lose)
        with pytest.raises(FatalDeliveryError) as caught:
            destination.send(batch())

    assert caught.value.is_in_doubt


@pytest.mark.parametrize(("status", "is_in_doubt"), [(403, False), (500, True)])
def test_a_manifest_that_is_refused_is_not_there(bucket, tmp_path, status, is_in_doubt):
    def refuse(params, **_):
        if params["url_path"].endswith("manifest.json"):
            raise ClientError(
                {
                    "Error": {"Code": "Whatever"},
                    "ResponseMetadata": {"HTTPStatusCode": status},
                },
                "PutObject",
            )

    with opened(bucket.url, tmp_path) as destination:
        destination._client.meta.events.register("before-call.s3.PutObject", refuse)
        with pytest.raises(FatalDeliveryError) as caught:
            destination.send(batch())

    assert caught.value.is_in_doubt is is_in_doubt


def test_a_bucket_that_is_not_there_is_a_matter_of_configuration(bucket, tmp_path):
    with (
        opened(bucket.url, tmp_path, bucket="lakes") as destination,
        pytest.raises(FatalDeliveryError, match=r"lakes.*NoSuchBucket") as caught,
    ):
        destination.send(batch())

    assert caught.value.error_class is ErrorClass.CONFIG
    assert not caught.value.is_in_doubt


@pytest.mark.parametrize(
    ("status", "code", "error_class"),
    [
        (403, "AccessDenied", ErrorClass.PERMISSION),
        (403, "InvalidAccessKeyId", ErrorClass.AUTH),
        (403, "SignatureDoesNotMatch", ErrorClass.AUTH),
        (503, "SlowDown", ErrorClass.THROTTLED),
        (500, "InternalError", ErrorClass.TRANSIENT),
    ],
)
def test_a_refusal_is_told_by_its_code(tmp_path, status, code, error_class):
    answer = (
        f"<Error><Code>{code}</Code><Message>for ada@example.com</Message></Error>"
    ).encode()
    with (
        answering(status, answer) as url,
        opened(url, tmp_path) as destination,
        pytest.raises(FatalDeliveryError, match=code) as caught,
    ):
        destination.send(batch())

    assert caught.value.error_class is error_class
    assert "ada" not in str(caught.value)


def test_keys_that_are_nowhere_are_missed(tmp_path, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    nothing = {"access_key": "", "secret_key": ""}

    with (
        opened("http://127.0.0.1:9", tmp_path, credentials=nothing) as destination,
        pytest.raises(FatalDeliveryError, match="NoCredentialsError") as caught,
    ):
        destination.send(batch())

    assert caught.value.error_class is ErrorClass.AUTH


def test_keys_come_from_the_environment_when_the_account_has_none(
    bucket, tmp_path, monkeypatch
):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    nothing = {"access_key": "", "secret_key": ""}

    with opened(bucket.url, tmp_path, credentials=nothing) as destination:
        destination.send(batch())

    assert len(bucket.names()) == 5


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://127.0.0.1:9", "leads to this machine itself"),
        ("https://10.1.2.3", "leads to a private network"),
        ("https://169.254.169.254", "never asked"),
        ("http://storage.example.com", "plain http"),
        ("ftp://storage.example.com", "not an http"),
    ],
)
def test_an_address_that_may_not_be_asked_is_refused(tmp_path, url, problem):
    with (
        pytest.raises(SyncConfigurationError, match=problem),
        opened(url, tmp_path, allow_private=False),
    ):
        pass


@pytest.mark.parametrize(
    ("setting", "value"), [("addressing", "magic"), ("format", "xlsx")]
)
def test_a_setting_that_cannot_be_meant_is_refused(tmp_path, setting, value):
    with (
        pytest.raises(SyncConfigurationError, match=f"{setting} '{value}'"),
        opened("http://127.0.0.1:9", tmp_path, **{setting: value}),
    ):
        pass


@contextlib.contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    """A server that gives the same answer to everything."""
    import threading
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(status)
            self.send_header("content-type", "application/xml")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
