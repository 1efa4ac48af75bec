"""Where the record that is being mapped comes from."""

from __future__ import annotations

from collections.abc import Callable


class Place:
    """Where a record comes from: what a job's `map` may ask, as `self.place`.

    Attributes:
        input: the name of the input, or nothing if the execution gives it none.
        number: the input's index in the execution's list of inputs.
        bucket: of the object.
        key: of the object.
    """

    def __init__(self, input: str = "", number: int = 0) -> None:
        self.input = input
        self.number = number
        self.bucket = ""
        self.key = ""
        self._offset: Callable[[], int] = lambda: 0

    def at(self, bucket: str, key: str) -> None:
        """Go on to an object."""
        self.bucket, self.key = bucket, key

    def of_records(self, offset: Callable[[], int]) -> None:
        """Go on to some records of the object; `offset` returns where the one being mapped begins."""
        self._offset = offset

    @property
    def url(self) -> str:
        """The object."""
        return f"s3://{self.bucket}/{self.key}"

    @property
    def offset(self) -> int:
        """The byte at which the record begins in its object, decompressed; found when it is asked for."""
        return self._offset()
