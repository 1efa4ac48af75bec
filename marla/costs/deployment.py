"""The stack whose execution it is, as far as it decides what is billed."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

STANDARD, EXPRESS = "STANDARD", "EXPRESS"
FREE_STORAGE_MIB = 512


@dataclass(frozen=True)
class Deployment:
    """What is known of the stack, besides what the records tell; by default what the template has.

    Attributes:
        intermediate_days: until intermediate objects expire; hours are fractions.
        mapper_memory, reducer_memory: in MiB, and `architecture` of both: for what the records do not say.
        storage_mib: temporary storage of each function.
        worker_timeout: seconds that a worker may take; none where no worker was started.
        children: how many were started; None if that is not known.
        local: whether it is the local cloud, where nothing is billed.
        notes: sentences about what had to be assumed.
    """

    child_type: str = STANDARD
    intermediate_days: int | Decimal = 1
    mapper_memory: int = 1769
    reducer_memory: int = 1769
    architecture: str = "arm64"
    storage_mib: int = FREE_STORAGE_MIB
    worker_timeout: int = 900
    children: int | None = None
    local: bool = False
    notes: tuple[str, ...] = ()

    def memory_of(self, function: str) -> int:
        """Return the memory of a function, map or reduce, in MiB."""
        return self.mapper_memory if function == "map" else self.reducer_memory
