"""Objects in S3: ranged reads, atomic writes, and errors that name the object."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from .errors import InputNotReadable, StorageRefused, StorageUnavailable
from .meter import Meter
from .reads import COPIES, REFUSALS, Reader, Wanted

if TYPE_CHECKING:
    from types import TracebackType

    from mypy_boto3_s3.client import S3Client

Request = TypeVar("Request")
Response = TypeVar("Response")

# An upload is one PUT below this size and a multipart upload above it; S3 wants parts of 5 MiB or more.
UPLOAD_PART_BYTES = 5 << 20
SMALL_BYTES = 4 << 10  # about what an object has that is looked for
WRITERS = 4  # that can upload at the same time; a task has one or two
# One request takes 67 s at worst, with the SDK's pauses of up to 1, 2 and 4 s between attempts. Nothing is
# read for 97 s then, with those SECONDS_WITHOUT_A_BYTE and one more silence: the least WorkerTimeout is 120.
CONNECT_SECONDS, SILENT_SECONDS, ATTEMPTS = 5, 10, 4
# The tags that the job bucket's lifecycle rules expire: in days, and in three months.
INTERMEDIATE, RECORD = "marla=intermediate", "marla=record"


class Range(NamedTuple):
    """Bytes of an object, and how long the whole object is."""

    data: bytes
    size: int


class Description(NamedTuple):
    """What is known of an object without reading it: its bytes, and its user metadata."""

    size: int
    metadata: dict[str, str]


class ObjectStore:
    """The few things that workers ask of S3.

    Attributes:
        meter: told when objects are written; what else it counts depends on the client.
    """

    def __init__(self, client: S3Client, meter: Meter | None = None) -> None:
        self.meter = meter or Meter()
        self._client = client
        self._reader = Reader(client)
        self._uploads = ThreadPoolExecutor(WRITERS, thread_name_prefix="upload")

    def read(self, bucket: str, key: str, start: int, stop: int, etag: str = "") -> Range:
        """Return bytes `[start, stop)` of one version of an object, or fewer where it ends earlier.

        Raises InputNotReadable if it is gone, may not be read, or has no byte at `start`, InputChanged if it
        has another ETag than the one given, and StorageUnavailable if S3 did not answer in spite of retries,
        or the object was overwritten while it was read without an ETag.
        """
        wanted = Wanted(bucket, key, f"bytes={start}-{stop - 1}", stop - start, etag)
        return Range(*self._reader.read(wanted))

    def read_tail(self, bucket: str, key: str, count: int, etag: str = "") -> Range:
        """Return the last `count` bytes of an object, or all of it where it is shorter."""
        return Range(*self._reader.read(Wanted(bucket, key, f"bytes=-{count}", count, etag)))

    def find(self, bucket: str, key: str) -> bytes | None:
        """Return the whole of a small object, or None where there is none.

        An object that may not be read counts as absent: S3 answers so for one that is not there, too, to
        those who may not list its bucket. Raises StorageUnavailable if S3 did not answer.
        """
        try:
            return self._reader.read(Wanted(bucket, key, "", SMALL_BYTES))[0]
        except InputNotReadable:
            return None

    def write(
        self, bucket: str, key: str, *, tag: str = "", metadata: dict[str, str] | None = None
    ) -> ObjectWriter:
        """Return a writer whose object appears whole when it is closed, or not at all.

        Args:
            tag: when it expires, INTERMEDIATE or RECORD; never, if there is none.
        """
        return ObjectWriter(self._client, self._uploads, bucket, key, tag, metadata or {}, self.meter)

    def describe(self, bucket: str, key: str) -> Description:
        """Return the size and the user metadata of an object."""
        with _answered(bucket, key):
            head = self._client.head_object(Bucket=bucket, Key=key)
        return Description(head["ContentLength"], head["Metadata"])

    def copy(self, bucket: str, source: str, target: str, content_type: str, *, tag: str = "") -> None:
        """Copy an object within a bucket, without its metadata and tags; any size that S3 can hold.

        Args:
            tag: of the copy, as `write` has it.
        """
        arguments = {
            "MetadataDirective": "REPLACE",
            "TaggingDirective": "REPLACE",
            "ContentType": content_type,
            "ChecksumAlgorithm": "CRC32",
        } | ({"Tagging": tag} if tag else {})
        with _answered(bucket, target):
            self._client.copy({"Bucket": bucket, "Key": source}, bucket, target, ExtraArgs=arguments)

    def delete(self, bucket: str, key: str) -> None:
        """Delete an object; deleting what is not there is no error."""
        with _answered(bucket, key):
            self._client.delete_object(Bucket=bucket, Key=key)


class ObjectWriter:
    """Writes one object: a PUT if it is small, else a multipart upload, each part while the next is written.

    Used as a context manager it publishes the object at a clean end and leaves nothing after an exception.
    Raises StorageUnavailable if S3 did not take it in spite of the SDK's retries, and StorageRefused if it
    may not be written.
    """

    def __init__(  # noqa: PLR0913 - what it takes to write an object
        self,
        client: S3Client,
        uploads: ThreadPoolExecutor,
        bucket: str,
        key: str,
        tag: str,
        metadata: dict[str, str],
        meter: Meter,
    ) -> None:
        self._client = client
        self._meter = meter
        self._uploads = uploads
        self._under_way: Future[None] | None = None
        self._target: dict[str, Any] = {"Bucket": bucket, "Key": key}
        self._options: dict[str, Any] = {"Metadata": metadata} | ({"Tagging": tag} if tag else {})
        self._buffer = bytearray()
        self._parts: list[dict[str, Any]] = []
        self._upload = ""
        self.size = 0

    def write(self, data: bytes) -> None:
        """Take some bytes; they are uploaded when they are enough for a part."""
        self._buffer += data
        self.size += len(data)
        if len(self._buffer) >= UPLOAD_PART_BYTES:
            self._settle()
            self._under_way = self._uploads.submit(self._upload_part, self._buffer)
            self._buffer = bytearray()

    def _settle(self) -> None:
        """Wait for the part that is under way. Raises what it raised."""
        if self._under_way:
            under_way, self._under_way = self._under_way, None
            under_way.result()

    def _upload_part(self, data: bytearray) -> None:
        number = len(self._parts) + 1
        with self._answered():
            if not self._upload:
                created = self._client.create_multipart_upload(
                    **self._target, **self._options, ChecksumAlgorithm="CRC32"
                )
                self._upload = created["UploadId"]
            body: Any = data  # boto3 takes a bytearray as it is; only its stubs do not say so
            part = self._client.upload_part(
                **self._target,
                UploadId=self._upload,
                PartNumber=number,
                Body=body,
                ChecksumAlgorithm="CRC32",
            )
        # S3 wants the checksums of parts again at the end, where it has them.
        checksum = {"ChecksumCRC32": part["ChecksumCRC32"]} if "ChecksumCRC32" in part else {}
        self._parts.append({"PartNumber": number, "ETag": part["ETag"], **checksum})

    def publish(self) -> None:
        """Make the object visible, with everything that was written."""
        self._meter.all_made(self._target["Key"])
        self._settle()
        if self._upload:
            if self._buffer:
                self._upload_part(self._buffer)
            parts: Any = {"Parts": self._parts}
            with self._answered():
                self._client.complete_multipart_upload(
                    **self._target, UploadId=self._upload, MultipartUpload=parts
                )
            self._upload = ""
        else:
            with self._answered():
                body: Any = self._buffer
                self._client.put_object(**self._target, **self._options, Body=body, ChecksumAlgorithm="CRC32")
        self._buffer = bytearray()
        self._meter.all_written(self._target["Key"])

    def abandon(self) -> None:
        """Drop everything that was written and is not published."""
        if self._under_way:
            wait([self._under_way])
            self._under_way = None
        if self._upload:
            upload, self._upload = self._upload, ""
            with self._answered():
                try:
                    self._client.abort_multipart_upload(**self._target, UploadId=upload)
                except ClientError as error:
                    # It may have been completed, and just the answer was lost.
                    if error.response["Error"]["Code"] != "NoSuchUpload":
                        raise
        self._buffer.clear()

    def _answered(self) -> AbstractContextManager[None]:
        return _answered(self._target["Bucket"], self._target["Key"])

    def __enter__(self) -> ObjectWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.publish()
        finally:
            self.abandon()


def connect() -> ObjectStore:
    """Return a store on S3 with the function's own credentials, and timeouts far below the function's."""
    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=SILENT_SECONDS,
        max_pool_connections=COPIES + WRITERS,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
    )
    client, meter = boto3.client("s3", config=config), Meter()
    meter.attach(client)
    return ObjectStore(client, meter)


def read_ahead(
    fetch: Callable[[Request], Response], requests: Iterable[Request], window: int, pool: ThreadPoolExecutor
) -> Iterator[Response]:
    """Yield `fetch(request)` in the order of `requests`, with up to `window` of them under way at once."""
    pending: deque[Future[Response]] = deque()
    try:
        for request in requests:
            pending.append(pool.submit(fetch, request))
            if len(pending) > window:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        for future in pending:
            future.cancel()


@contextmanager
def _answered(bucket: str, key: str) -> Iterator[None]:
    """Raise StorageRefused or StorageUnavailable for what goes wrong with an object of the job's own."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        if isinstance(error, ClientError) and error.response["Error"]["Code"] in REFUSALS:
            raise StorageRefused(
                f"s3://{bucket}/{key}: {error}. The function's role must allow what template.yaml says: "
                "deploy the stack again, and see that no other policy forbids it"
            ) from error
        raise StorageUnavailable(f"s3://{bucket}/{key}: {error}") from error


def write_json(store: ObjectStore, bucket: str, key: str, content: Any, *, tag: str = INTERMEDIATE) -> None:
    """Write a small object of JSON that expires, as its tag says."""
    with store.write(bucket, key, tag=tag) as writer:
        writer.write(json.dumps(content).encode())
