"""Records that cannot be read: set aside while a job allows it, an error when it does not."""

from __future__ import annotations

import json
from contextlib import ExitStack

from .errors import BadRecord, kind_of
from .events import MapTask
from .formats import Reject
from .layout import rejects_key
from .pieces import Piece
from .storage import ObjectStore, ObjectWriter

REJECTED_TEXT_BYTES = 10_000  # of a rejected record that are kept
REASON_CHARACTERS = 500  # of a reason's beginning, and of its end: it may quote all of a record


class Rejects:
    """What could not be read: an error beyond the limit, else lines of a readable object."""

    def __init__(self, task: MapTask, store: ObjectStore, bucket: str, stack: ExitStack) -> None:
        self.count = 0
        self.limit = task.max_bad_records
        self._key = rejects_key(task.prefix, task.task)
        self._store = store
        self._bucket = bucket
        self._stack = stack
        self._object: ObjectWriter | None = None

    def add(self, piece: Piece, reject: Reject, cause: Exception | None = None) -> None:
        """Set a record aside. Raises BadRecord, naming object and byte offset, if that is one too many."""
        self.count += 1
        reason = reject.reason
        if len(reason) > 2 * REASON_CHARACTERS:
            reason = f"{reason[:REASON_CHARACTERS]} … {reason[-REASON_CHARACTERS:]}"
        if self.count > self.limit:
            kind = " of the decompressed data" if piece.compression else ""
            remedy = "correct it, or set maxBadRecords to set such records aside"
            if self.limit:
                remedy = f"it is one more than maxBadRecords ({self.limit}) allows"
            where = f"{piece.url} at byte {reject.offset}{kind}"
            # A format's own reasons quote nothing; what a job or a query raises may say anything.
            without_data = f"{where}: {kind_of(cause) if cause else reason}; {remedy}"
            raise BadRecord(f"{where}: {reason}; {remedy}", without_data=without_data) from cause
        line = {
            "object": piece.url,
            "offset": reject.offset,
            "reason": reason,
            "record": reject.data[:REJECTED_TEXT_BYTES].decode(errors="backslashreplace"),
        }
        if self._object is None:
            writer = self._store.write(self._bucket, self._key)
            self._object = self._stack.enter_context(writer)
        self._object.write((json.dumps(line, ensure_ascii=False) + "\n").encode(errors="backslashreplace"))
