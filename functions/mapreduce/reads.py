"""Reads of S3 that no single answer holds up, be it slow or broken.

A body that breaks off is asked for again from its last byte. A read that takes much longer than such reads
take is repeated beside itself, for the bytes that are missing, and whichever copy has the last of them first
ends it (Dean and Barroso, "The Tail at Scale", CACM 56(2), 2013).
"""

from __future__ import annotations

import http.client
import io
import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Event, Lock
from typing import TYPE_CHECKING, Any, NamedTuple

import urllib3.exceptions
from botocore.exceptions import BotoCoreError, ClientError, FlexibleChecksumError

from .errors import InputChanged, InputNotReadable, StorageUnavailable
from .pace import LEAST_PATIENCE, Pace

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

COPIES = 64  # of all reads, at the same time; more wait their turn
CHUNK_BYTES = 256 << 10  # that are taken of a body at a time: a break loses no more

# A body that breaks off is resumed so often, and for so long, without a single new byte. The time is looked
# at before a request is made: what one request takes comes on top.
RESUMES = 4
SECONDS_WITHOUT_A_BYTE = 20
PAUSE = 0.05  # seconds before the first resume, at most; twice as many before each further one

LAST_WAIT = 0.1  # seconds that a copy that has lost waits for further bytes

REFUSALS = {"AccessDenied", "403"}  # the second is what a HEAD, which has no body, answers
MISMATCHES = {"PreconditionFailed", "412"}

# What a body that breaks off raises. botocore wraps most of what urllib3 raises, not all.
BREAKS = (BotoCoreError, urllib3.exceptions.HTTPError, http.client.HTTPException, OSError)


class Wanted(NamedTuple):
    """What is to be read of which object.

    Attributes:
        byte_range: as HTTP has it, `bytes=0-9` or `bytes=-10`; empty for the whole object.
        length: how many bytes that is about, which says how long it may take.
        etag: that the object must have, without quotes; empty for any.
    """

    bucket: str
    key: str
    byte_range: str
    length: int
    etag: str = ""

    @property
    def where(self) -> str:
        """The object and the range, for messages."""
        of_it = f" ({self.byte_range})" if self.byte_range else ""
        return f"s3://{self.bucket}/{self.key}{of_it}"


class Reader:
    """Reads objects, for any number of threads at the same time."""

    def __init__(self, client: S3Client) -> None:
        self._client = client
        # Not the callers' own threads: these wait for them.
        self._copies = ThreadPoolExecutor(COPIES, thread_name_prefix="read")
        self._pace = Pace()

    def read(self, wanted: Wanted) -> tuple[bytes, int]:
        """Return the bytes, and how many the whole object has.

        Raises InputNotReadable, InputChanged or StorageUnavailable, naming the object.
        """
        started = time.monotonic()
        read = _Read(self._client, wanted)
        read.add_copy(self._copies)
        if not read.finished.wait(LEAST_PATIENCE):
            self._repeat_if_slow(read, started)
        found = read.result()
        self._pace.note(wanted.length, time.monotonic() - started)
        return found

    def _repeat_if_slow(self, read: _Read, started: float) -> None:
        """Wait for a read, and repeat it once beside itself when it is slow."""
        patience = self._pace.patience(read.wanted.length)
        while not read.finished.wait(started + patience - time.monotonic()):
            if self._pace.take_repeat():
                read.add_copy(self._copies)
                read.finished.wait()
                return
            patience += self._pace.patience(read.wanted.length)


class _Read:
    """One read, and the copies of it that are under way.

    Each copy asks for what is missing when it asks; what it brings that is there by then is dropped. So there
    is one buffer for all, filled from its start. All bytes are of one version of the object: further requests
    have the first answer's ETag as a condition.
    """

    def __init__(self, client: S3Client, wanted: Wanted) -> None:
        self.wanted = wanted
        self.finished = Event()
        self._client = client
        self._lock = Lock()
        self._running = 0
        self._bodies: set[Any] = set()
        self._etag = f'"{wanted.etag}"' if wanted.etag else ""
        self._bounds: _Bounds | None = None  # until there is an answer
        self._buffer = io.BytesIO()  # which gives its bytes away without a copy
        self._filled = 0
        self._latest = time.monotonic()  # when a byte came last
        self._error: BaseException | None = None

    def add_copy(self, pool: ThreadPoolExecutor) -> None:
        """Have one more thread fetch what is missing."""
        with self._lock:
            self._running += 1
        pool.submit(self._run)

    def result(self) -> tuple[bytes, int]:
        """Return the bytes of a finished read, and the size of the object. Raises what ended it."""
        with self._lock:  # A copy that is still under way holds the read, but is to hold no bytes.
            buffer, self._buffer = self._buffer, io.BytesIO()
        if self._bounds is None or self._error:
            raise self._error or StorageUnavailable(f"{self.wanted.where}: no answer")
        return buffer.getvalue(), self._bounds.size

    def _run(self) -> None:
        try:
            self._fetch()
        except StorageUnavailable as error:
            with self._lock:
                self._running -= 1
                last = not self._running
            if last:
                self._finish(error)
        except BaseException as error:  # whatever it is: the thread that waits for the read raises it
            self._finish(error)

    def _fetch(self) -> None:
        """Make requests until all bytes are there."""
        resumes = 0
        while not self.finished.is_set():
            before = self._filled
            broken = self._request()
            if not broken:
                return
            resumes = 1 if self._filled > before else resumes + 1
            if resumes > RESUMES or time.monotonic() - self._latest > SECONDS_WITHOUT_A_BYTE:
                raise StorageUnavailable(
                    f"{self.wanted.where}: breaks off after {self._filled} bytes, again and again: {broken}"
                ) from broken
            self.finished.wait(random.uniform(0, PAUSE * 2**resumes))  # noqa: S311 - jitter

    def _request(self) -> Exception | None:
        """Ask for what is missing, and take it in. Return what broke the answer off, if it broke off."""
        asked = self._missing()
        if asked is None:
            self._finish()
            return None
        try:
            response = self._client.get_object(**asked)
        except ClientError as error:
            raise self._explained(error) from error
        except BotoCoreError as error:
            raise StorageUnavailable(f"{self.wanted.where}: {error}") from error
        except BREAKS as error:  # in the message of a refusal
            return error
        body = response["Body"]
        damage = None
        try:
            position, end = self._accept(response)
            while position < end:
                chunk = body.read(min(CHUNK_BYTES, end - position))
                if not chunk:
                    return EOFError(f"{end - position} bytes of it are missing")
                if not self._take(position, chunk):
                    return None
                position += len(chunk)
            body.read(1)  # At the end, the SDK compares length and checksum, if there is one.
        except FlexibleChecksumError as error:
            # There is no telling which of its bytes are wrong.
            damage = StorageUnavailable(f"{self.wanted.where}: damaged on its way: {error}")
        except BREAKS as error:
            return error
        finally:
            with self._lock:
                self._bodies.discard(body)
            body.close()
        self._finish(damage)
        return None

    def _missing(self) -> dict[str, Any] | None:
        """Return the arguments of a request for what is missing, or None if nothing is."""
        with self._lock:
            byte_range = self.wanted.byte_range
            if self._bounds:
                first, last = self._bounds.start + self._filled, self._bounds.end - 1
                if first > last:
                    return None
                byte_range = f"bytes={first}-{last}"
            return (
                {"Bucket": self.wanted.bucket, "Key": self.wanted.key}
                | ({"Range": byte_range} if byte_range else {})
                | ({"IfMatch": self._etag} if self._etag else {})
            )

    def _accept(self, response: Any) -> tuple[int, int]:
        """Return which bytes of what is wanted an answer has: from where, and to where."""
        bounds = _Bounds.of(response)
        etag = response.get("ETag", "")
        with self._lock:
            if self._bounds is None:
                self._bounds, self._etag = bounds, etag
                # Of its final size, for one that grows is copied again and again.
                self._buffer = io.BytesIO(bytes(bounds.end - bounds.start))
            if etag != self._etag:
                raise self._overwritten()
            position, end = bounds.start - self._bounds.start, bounds.end - self._bounds.start
            if not 0 <= position <= self._filled or bounds[1:] != self._bounds[1:]:
                raise StorageUnavailable(f"{self.wanted.where}: S3 answers with {response['ContentRange']}")
            self._bodies.add(response["Body"])
        return position, end

    def _take(self, position: int, chunk: bytes) -> bool:
        """Take in some bytes from `position` on, if they are missing; say whether more are of any use."""
        with self._lock:
            if self.finished.is_set():
                return False
            there = self._filled - position
            if there < len(chunk):
                self._buffer.write(chunk[there:] if there else chunk)
                self._filled = position + len(chunk)
                self._latest = time.monotonic()
        return True

    def _finish(self, error: BaseException | None = None) -> None:
        with self._lock:
            if self.finished.is_set():
                return
            self._error = error
            self.finished.set()
            for body in self._bodies:
                # Another copy may be waiting for bytes. Closing its body from here would wait with it; so it
                # is told not to wait long, and closes it. AttributeError: it has come to its end just now.
                with suppress(AttributeError):
                    body.set_socket_timeout(LAST_WAIT)

    def _overwritten(self) -> StorageUnavailable:
        return StorageUnavailable(f"{self.wanted.where}: overwritten while it was read")

    def _explained(self, error: ClientError) -> Exception:
        # Without an ETag any version will do: the task can be tried again with the new one.
        if error.response["Error"]["Code"] in MISMATCHES and not self.wanted.etag:
            return self._overwritten()
        return explain(error, self.wanted)


class _Bounds(NamedTuple):
    """Which bytes `[start, end)` of an object of `size` bytes an answer has."""

    start: int
    end: int
    size: int

    @classmethod
    def of(cls, response: Any) -> _Bounds:
        if "ContentRange" not in response:
            return cls(0, response["ContentLength"], response["ContentLength"])
        bounds, _, size = response["ContentRange"].removeprefix("bytes ").partition("/")
        first, _, last = bounds.partition("-")
        return cls(int(first), int(last) + 1, int(size))


def explain(error: ClientError, wanted: Wanted) -> Exception:
    """Return the error of a read that S3 refused."""
    code = error.response["Error"]["Code"]
    url = f"s3://{wanted.bucket}/{wanted.key}"
    if code in MISMATCHES:
        return InputChanged(f"{url}: another object than when the job listed it; start the job again")
    if code in REFUSALS:
        # S3 answers so for an object that is not there, too, to those who may not list its bucket.
        return InputNotReadable(
            f"{url}: access denied. The workers may read only the buckets that the stack's parameter "
            "InputBuckets names, and input/ and results in the stack's own, without a KMS key of yours. Or "
            "the object was deleted after the job listed it"
        )
    if code in {"NoSuchKey", "NoSuchBucket", "404"}:
        return InputNotReadable(
            f"{url}: no longer there. It was deleted after the job listed it; start the job again"
        )
    if code == "InvalidRange":
        return InputNotReadable(
            f"{url}: shorter than when the job listed it ({wanted.byte_range}); start the job again"
        )
    return StorageUnavailable(f"{wanted.where}: {code}: {error.response['Error'].get('Message', '')}")
