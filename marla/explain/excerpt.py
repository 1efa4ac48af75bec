"""The lines of an object around a place in it, as a terminal can show them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from mapreduce.compression import DAMAGE, OPENERS, Chunks
from marla.explain.explanation import Excerpt, Line
from marla.explain.printable import printable
from marla.stack import Stack

AROUND = 2  # lines before and behind
REACH = 2048  # bytes before and behind that are read
FURTHEST = 64 << 10  # and where records have a length of their own, at most
WIDTH = 160  # characters of a line that are shown
MOST = 64 << 20  # bytes that are decompressed to reach the place
CHUNK = 1 << 20
_REFUSALS = {
    "InvalidRange": "the object has become shorter since, and ends before it",
    "NoSuchKey": "the object is gone",
    "NoSuchBucket": "the object's bucket is gone",
    "404": "the object is gone",
    "AccessDenied": "your credentials may not read the object",
    "403": "your credentials may not read the object",
}
ANOTHER = "the object has been written again since the job listed it, so these need not be the lines it read"


@dataclass(frozen=True)
class Place:
    """A place in an object.

    Attributes:
        offset: of the decompressed data, if the object is compressed.
        etag: of the object as the job listed it, if that is known.
        record_bytes: the length of each record, if all are as long; else records are lines.
    """

    uri: str
    offset: int
    etag: str = ""
    record_bytes: int = 0

    @property
    def bucket(self) -> str:
        """The object's bucket."""
        return self.uri.removeprefix("s3://").partition("/")[0]

    @property
    def key(self) -> str:
        """The object's key."""
        return self.uri.removeprefix("s3://").partition("/")[2]

    @property
    def compression(self) -> str:
        """The suffix that says how the object is compressed, or nothing."""
        return next((suffix for suffix in OPENERS if self.key.lower().endswith(suffix)), "")


def read(stack: Stack, place: Place) -> Excerpt:
    """Return the lines around a place, or say why they cannot be shown."""
    if place.key.lower().endswith(".parquet"):
        return Excerpt(place.uri, note="it is no text, so no lines are shown")
    if place.compression and place.offset > MOST:
        note = f"not shown: {place.offset:,} bytes would have to be decompressed to reach it"
        return Excerpt(place.uri, note=note)
    reach = min(max(REACH, (AROUND + 1) * place.record_bytes), FURTHEST)
    before, behind = max(place.offset - reach, 0), place.offset + reach
    try:
        etag, data = (_decompressed if place.compression else _ranged)(stack, place, before, behind)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in _REFUSALS:
            return Excerpt(place.uri, note=_REFUSALS[code])
        return Excerpt(place.uri, note=f"it could not be read: {error}", unread=True)
    except (BotoCoreError, *DAMAGE) as error:
        note = f"it could not be read: {error}"
        return Excerpt(place.uri, note=note, unread=isinstance(error, BotoCoreError))
    is_another = place.etag and etag and etag.strip('"') != place.etag.strip('"')
    shown = lines(data, before, place, is_cut=len(data) == behind - before)
    note = ANOTHER if is_another else "" if shown else "the object ends before it"
    return Excerpt(place.uri, shown, note)


def _ranged(stack: Stack, place: Place, start: int, stop: int) -> tuple[str, bytes]:
    answer = stack.s3.get_object(Bucket=place.bucket, Key=place.key, Range=f"bytes={start}-{stop - 1}")
    return answer.get("ETag", ""), answer["Body"].read()


def _decompressed(stack: Stack, place: Place, start: int, stop: int) -> tuple[str, bytes]:
    answer = stack.s3.get_object(Bucket=place.bucket, Key=place.key)
    body: Any = answer["Body"]
    try:
        chunks = iter(lambda: body.read(CHUNK), b"")
        with OPENERS[place.compression](io.BufferedReader(Chunks(chunks), CHUNK)) as stream:
            skipped = 0
            while skipped < start and (data := stream.read(min(CHUNK, start - skipped))):
                skipped += len(data)
            return answer.get("ETag", ""), _some(stream, stop - start)
    finally:
        body.close()


def _some(stream: Any, count: int) -> bytes:
    """Return the next bytes of a stream: what there is before damage, too, for the place may be there."""
    data = b""
    try:
        while len(data) < count and (more := stream.read(count - len(data))):
            data += more
    except DAMAGE:
        if not data:
            raise
    return data


def lines(data: bytes, start: int, place: Place, *, is_cut: bool = False) -> tuple[Line, ...]:
    """Return the lines around a place.

    Args:
        data: the object's bytes from `start` on, which is not behind the place.
        is_cut: whether the object may go on behind them, so that the last line need not be all of one.
    """
    at = place.offset - start
    if at >= len(data):
        return ()
    if place.record_bytes:
        first = max(0, at - AROUND * place.record_bytes)
        cuts = range(first + (at - first) % place.record_bytes, len(data), place.record_bytes)
        parts = [(cut, data[cut : cut + place.record_bytes]) for cut in cuts]
    else:
        parts = [*_split(data[:at], 0), *_split(data[at:], at)]
    if is_cut and parts[-1][0] > at and not data.endswith(b"\n"):
        parts.pop()
    bad = next(index for index, (begin, _) in enumerate(parts) if begin == at)
    shown = parts[max(0, bad - AROUND) : bad + AROUND + 1]
    return tuple(
        Line(start + begin, shown_text(part, is_end=begin == 0 and start > 0), begin == at)
        for begin, part in shown
    )


def _split(data: bytes, start: int) -> Iterator[tuple[int, bytes]]:
    """Yield lines, without their ends, and where they begin."""
    while data:
        line, newline, data = data.partition(b"\n")
        yield start, line
        start += len(line) + len(newline)


def shown_text(data: bytes, *, is_end: bool = False) -> str:
    """Return bytes as they can be shown: what is not printable escaped, what is too long cut.

    Args:
        is_end: whether they are the end of something, so that their own end is what is shown.
    """
    text = printable(data.removesuffix(b"\r").decode(errors="backslashreplace"))
    if is_end:
        return f"…{text[-WIDTH:]}"
    return text if len(text) <= WIDTH else f"{text[:WIDTH]}…"
