"""What helps to judge a failure, but is not its cause: if it cannot be read, that costs nobody the cause."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from marla.errors import CloudError

T = TypeVar("T")
_UNREAD = (ClientError, BotoCoreError, CloudError)


class Extras:
    """Reads such things.

    Attributes:
        notes: what could not be read, in sentences.
    """

    def __init__(self) -> None:
        self.notes: list[str] = []

    def read(self, what: str, reading: Callable[[], T], otherwise: T) -> T:
        """Return what `reading` returns, or `otherwise` if the cloud refuses.

        Args:
            what: is read, for people.
        """
        try:
            return reading()
        except _UNREAD as error:
            self.notes.append(f"Not shown, for it could not be read: {what} ({error})")
            return otherwise
