"""Files in a bucket of S3, or of a store that speaks like it.

Objects <prefix>/<sync>/<run id>/<file> hold what a run changed, the manifest last: a run
without one is not whole. Large files go in parts, and no object is there before its last
part; the same run writes the same names. What is in the files: `run_files`.

Credentials: access_key, secret_key and session_token, or the chain of the AWS tools
(environment, profile, the machine's role); region; url of a store that is not AWS's.
"""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Protocol

from reverse_etl.destinations.extras import extra
from reverse_etl.destinations.file_options import FileOptions, read_options
from reverse_etl.destinations.protocol import (
    Batch,
    BatchResult,
    Credential,
    Destination,
    DestinationType,
    Opening,
)
from reverse_etl.destinations.run_files import (
    MANIFEST,
    OUTBOX,
    file_capabilities,
    written_run,
)
from reverse_etl.destinations.s3_endpoint import check_endpoint
from reverse_etl.destinations.s3_failures import failed_upload
from reverse_etl.errors import JobLostError, SyncConfigurationError

CAPABILITIES = file_capabilities(
    settings=("bucket",), optional_settings=("addressing", "prefix")
)

_PART_BYTES = 16 * 1024 * 1024
_MEDIA_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "jsonl": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
}


class _Client(Protocol):
    """What is used of boto3's client."""

    def upload_fileobj(
        self,
        file: BinaryIO,
        bucket: str,
        key: str,
        *,
        ExtraArgs: Mapping[str, object],  # noqa: N803  boto3's name
        Config: object,  # noqa: N803  boto3's name
    ) -> None:
        """Put an object, in parts when it is large, tried again part by part."""
        ...


class S3Destination:
    """Writes into one bucket.

    Args:
        client: From `boto3`.
        transfer: How objects are cut into parts.
        bucket: Its name.
        prefix: What all names begin with; may be empty.
        outbox: Folder for files that are about to go.
        options: What the sync says about its files.
    """

    capabilities = CAPABILITIES

    def __init__(
        self,
        client: _Client,
        transfer: object,
        *,
        bucket: str,
        prefix: str,
        outbox: Path,
        options: FileOptions,
    ) -> None:
        self._client = client
        self._transfer = transfer
        self._bucket = bucket
        self._prefix = prefix
        self._outbox = outbox
        self._options = options
        self.request_count = 0

    def send(self, batch: Batch) -> BatchResult:
        """Write the run's objects, the manifest last.

        Raises:
            FatalDeliveryError: They could not be written. Without a manifest nothing of
                the run counts, so it is only in doubt when the manifest was on its way.
        """
        parts = (self._prefix, batch.sync, batch.run_id)
        place = "/".join(part for part in parts if part)
        with written_run(self._outbox, batch, self._options) as files:
            for name in files.names:
                self._put(files.folder / name, f"{place}/{name}")
        return BatchResult()

    def poll(self, job: str, batch: Batch) -> BatchResult | None:
        """There are no jobs: an object is there or not."""
        del job, batch
        raise JobLostError("S3 has no jobs.")

    def _put(self, path: Path, key: str) -> None:
        from boto3.exceptions import Boto3Error  # noqa: PLC0415  an extra
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        self.request_count += 1
        media_type = _MEDIA_TYPES.get(path.suffix[1:], "application/octet-stream")
        try:
            with path.open("rb") as file:
                self._client.upload_fileobj(
                    file,
                    self._bucket,
                    key,
                    ExtraArgs={"ContentType": media_type},
                    Config=self._transfer,
                )
        except (Boto3Error, BotoCoreError, ClientError, OSError) as error:
            raise failed_upload(
                error, self._bucket, is_in_doubt=path.name == MANIFEST
            ) from None


@contextlib.contextmanager
def _open(opening: Opening) -> Iterator[Destination]:
    with extra("s3"):
        import boto3  # noqa: PLC0415  an extra
        from boto3.s3.transfer import TransferConfig  # noqa: PLC0415
        from botocore.config import Config  # noqa: PLC0415
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415
    options = read_options(opening.settings)
    addressing = opening.settings.get("addressing", "auto")
    if addressing not in ("auto", "path", "virtual"):
        raise SyncConfigurationError(
            f"settings.addressing '{addressing}' is none of auto, path, virtual."
        )
    url = opening.plain("url") or None
    policy = opening.http.policy
    secrets = {name: secret.reveal() for name, secret in opening.credentials.items()}
    try:
        client = boto3.session.Session().client(
            "s3",
            endpoint_url=url,
            region_name=secrets["region"] or None,
            aws_access_key_id=secrets["access_key"] or None,
            aws_secret_access_key=secrets["secret_key"] or None,
            aws_session_token=secrets["session_token"] or None,
            config=Config(
                connect_timeout=policy.timeout_s,
                read_timeout=policy.timeout_s,
                retries={"total_max_attempts": policy.max_attempts, "mode": "standard"},
                s3={"addressing_style": addressing},
                # Stores that only resemble S3 refuse the newer checksums.
                request_checksum_calculation="when_required"
                if url
                else "when_supported",
            ),
        )
    except (BotoCoreError, ValueError) as error:
        raise SyncConfigurationError(
            f"'s3' cannot be opened with these credentials ({type(error).__name__}). "
            "Check url, region and the keys: docs/destinations/s3.md."
        ) from None
    try:
        check_endpoint(client.meta.endpoint_url, opening.http)
        yield S3Destination(
            client,
            TransferConfig(
                multipart_threshold=_PART_BYTES,
                multipart_chunksize=_PART_BYTES,
                max_concurrency=2,
            ),
            bucket=opening.settings["bucket"],
            prefix=opening.settings.get("prefix", "").strip("/"),
            outbox=opening.base_dir / OUTBOX,
            options=options,
        )
    finally:
        client.close()


DESTINATION = DestinationType(
    name="s3",
    label="Amazon S3 and compatible stores",
    objects={"*": CAPABILITIES},
    credentials=(
        Credential(
            "url", "address of a store that is not AWS's", is_secret=False, default=""
        ),
        Credential("region", "region of the bucket", is_secret=False, default=""),
        Credential("access_key", "access key id", default=""),
        Credential("secret_key", "secret access key", default=""),
        Credential("session_token", "of keys that expire", default=""),
    ),
    open=_open,
)
