"""Random draws in blocks, which spreads the cost of a call over thousands of rows."""

import struct
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, chain, pairwise, repeat
from math import sqrt
from operator import itemgetter
from random import Random
from typing import Generic, TypeVar

T = TypeVar("T")

BLOCK = 4096  # rows made at once: enough to spread the cost of a call, and still under 1 MB of text
FINE = 10  # bits behind the point of a Zipf exponent: one square root each


def seeded(*purpose: str | int) -> Random:
    """A generator of its own for each purpose."""
    return Random("/".join(map(str, purpose)))  # noqa: S311 - made-up data, no secrets


def numbers(random: Random, count: int = BLOCK) -> tuple[int, ...]:
    """Uniform 32-bit numbers; the byte order is given, for it must not be the machine's."""
    return struct.unpack(f"<{count}I", random.randbytes(4 * count))


def picks(random: Random, table: Sequence[T], count: int = BLOCK) -> list[T]:
    """Uniform choices: multiply and shift, far faster than `randrange` or `choices`."""
    length = len(table)
    return [table[number * length >> 32] for number in numbers(random, count)]


class Dice:
    """One choice after another, for what is not made in blocks."""

    def __init__(self, random: Random) -> None:
        self._numbers = chain.from_iterable(iter(lambda: numbers(random), None))

    def below(self, limit: int) -> int:
        """A uniform number from 0 to `limit` - 1."""
        return next(self._numbers) * limit >> 32

    def of(self, table: Sequence[T]) -> T:
        """A uniform choice."""
        return table[self.below(len(table))]


class Urn(Generic[T]):
    """2**bits balls to draw items from: a draw takes no arithmetic, so it is faster than `picks`.

    An item is on as many balls as its share of the weights says, to within one: perhaps on none.
    """

    def __init__(self, items: Sequence[T], weights: Iterable[int] | None = None, bits: int = 16) -> None:
        sums = list(accumulate(repeat(1, len(items)) if weights is None else weights))
        ends = [(total << bits) // sums[-1] for total in sums]
        self._balls: list[T] = list(
            chain.from_iterable(
                repeat(item, end - begin)
                for item, (begin, end) in zip(items, pairwise([0, *ends]), strict=True)
            )
        )
        self._format = f"<{BLOCK}{'H' if bits <= 16 else 'I'}"
        width = struct.calcsize(self._format) // BLOCK
        self._mask = int.from_bytes((2**bits - 1).to_bytes(width, "little") * BLOCK, "little")

    def draw(self, random: Random) -> tuple[T, ...]:
        """A block of items, each put back after it was drawn."""
        size = struct.calcsize(self._format)
        bits = random.getrandbits(8 * size) & self._mask
        drawn: tuple[T, ...] = itemgetter(*struct.unpack(self._format, bits.to_bytes(size, "little")))(
            self._balls
        )
        return drawn

    def endless(self, random: Random) -> Iterator[T]:
        """One item after another."""
        return chain.from_iterable(iter(lambda: self.draw(random), None))


def zipf(items: Sequence[T], exponent: float = 1) -> Urn[T]:
    """An urn with the k-th of the items on about 1 / k**exponent of the first one's balls (Zipf's law).

    There are at least 16 balls an item, so with an exponent up to 1 and a million items at most each is
    on one. The exponent is rounded down to a multiple of 1 / 1024.
    """
    if exponent == 1:
        weights: Iterator[int] = (2**60 // k for k in range(1, len(items) + 1))
    else:
        weights = (int(2**60 / _power(k, exponent)) for k in range(1, len(items) + 1))
    return Urn(items, weights, bits=max(16, len(items).bit_length() + 4))


def _power(base: int, exponent: float) -> float:
    """base**exponent by products and square roots alone: the last digits of `pow` differ among machines."""
    whole, part = divmod(exponent, 1)
    power, root = float(base ** int(whole)), float(base)
    for _ in range(FINE):
        root, part = sqrt(root), 2 * part
        if part >= 1:
            power, part = power * root, part - 1
    return power
