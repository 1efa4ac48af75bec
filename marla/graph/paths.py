"""Points, rectangles and paths, and how an edge runs: straight through layers, bent only between them.

What an edge passes in a layer is a cell with no state in it, and between layers there is no state at all: so
no edge runs through a state.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

HEAD = 7.0  # the length of an arrow's head
_CORNER = 8.0  # the radius of a rounded one


class Point(NamedTuple):
    """A place in the picture."""

    x: float
    y: float

    def moved(self, dx: float, dy: float) -> Point:
        """Return it elsewhere."""
        return Point(self.x + dx, self.y + dy)


class Rect(NamedTuple):
    """An upright rectangle, from its upper left corner."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """Its right side."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """Its lower side."""
        return self.y + self.height

    @property
    def middle(self) -> Point:
        """Its centre."""
        return Point(self.x + self.width / 2, self.y + self.height / 2)

    def moved(self, dx: float, dy: float) -> Rect:
        """Return it elsewhere."""
        return Rect(self.x + dx, self.y + dy, self.width, self.height)


class Band(NamedTuple):
    """What a layer takes up: from `top` to `bottom`, and the space below it."""

    top: float
    bottom: float
    space: float


@dataclass(frozen=True)
class Path:
    """Lines and cubic curves from a point on, and an arrow's head behind them.

    Attributes:
        steps: the next point of a line each, or two control points and the next point of a curve.
        tip: where the head ends; it points there from the last point.
    """

    start: Point
    steps: tuple[tuple[Point, ...], ...]
    tip: Point

    def moved(self, dx: float, dy: float) -> Path:
        """Return it elsewhere."""
        steps = tuple(tuple(point.moved(dx, dy) for point in step) for step in self.steps)
        return Path(self.start.moved(dx, dy), steps, self.tip.moved(dx, dy))

    def points(self, parts: int = 16) -> Iterator[Point]:
        """Yield points on it, as many of each curve, and of each line its ends."""
        last = self.start
        yield last
        for step in self.steps:
            if len(step) == 3:
                for i in range(1, parts):
                    yield _on_curve(last, *step, i / parts)
            last = step[-1]
            yield last
        yield self.tip


def through(source: Rect, cells: Sequence[tuple[float, Band]], target: Rect) -> Path:
    """Return the path from a state down to one below.

    Args:
        cells: the x of what it passes, and in which layer: from the source's to the target's.
    """
    steps: list[tuple[Point, ...]] = []
    for (x, band), (next_x, following) in pairwise(cells):
        steps.append((Point(x, band.bottom),))
        last = following is cells[-1][1]
        steps.append(_bend(steps[-1][0], Point(next_x, following.top - (HEAD if last else 0))))
    return Path(Point(source.middle.x, source.bottom), tuple(steps), Point(target.middle.x, target.y))


def back(
    source: Rect,
    cells: Sequence[tuple[float, Band]],
    target: Rect,
    leaves: float | None,
    comes: float | None,
) -> Path:
    """Return the path from a state up to one above, in a lane beside both.

    Args:
        cells: the x of its lane, and in which layer: from the source's up to the target's.
        leaves: the y at which it leaves its source at the side; None for from below, for others are between.
        comes: the y at which it comes to its target, likewise; None for from above.
    """
    (first, below), (last, above) = cells[0], cells[-1]
    steps: list[tuple[Point, ...]] = []
    if leaves is None:
        start = Point(source.middle.x, source.bottom)
        deep = below.bottom + 0.9 * below.space
        steps.append((Point(start.x, below.bottom),))
        steps.append((Point(start.x, deep), Point(first, deep), Point(first, below.bottom)))
    else:
        right = first > source.middle.x
        start = Point(source.right if right else source.x, leaves)
        before = Point(first - _CORNER if right else first + _CORNER, leaves)
        steps.append((before,))
        steps.append((Point(first, leaves), Point(first, leaves), Point(first, leaves - _CORNER)))
    for (x, band), (next_x, following) in pairwise(cells):
        steps.append((Point(x, band.top),))
        steps.append(_bend(steps[-1][0], Point(next_x, following.bottom)))
    if comes is None:
        high = above.top - 0.7 * above.space
        tip = Point(target.middle.x, target.y)
        steps.append((Point(last, above.top),))
        steps.append((Point(last, high), Point(tip.x, high), Point(tip.x, tip.y - HEAD)))
    else:
        right = last > target.middle.x
        tip = Point(target.right if right else target.x, comes)
        behind = Point(last - _CORNER if right else last + _CORNER, comes)
        steps.append((Point(last, comes + _CORNER),))
        steps.append((Point(last, comes), Point(last, comes), behind))
        steps.append((Point(tip.x + HEAD if right else tip.x - HEAD, comes),))
    return Path(start, tuple(steps), tip)


def again(rect: Rect, right: bool) -> Path:
    """Return the path from a state to itself, round its lower corner at one side."""
    side, out = (rect.right, 1) if right else (rect.x, -1)
    start = Point(side - 14 * out, rect.bottom)
    low, far = rect.bottom + 14, side + 16 * out
    steps = (
        (Point(start.x, low), Point(far, low), Point(far, rect.bottom)),
        (
            Point(far, rect.bottom - 9),
            Point(far, rect.bottom - 10),
            Point(side + HEAD * out, rect.bottom - 10),
        ),
    )
    return Path(start, steps, Point(side, rect.bottom - 10))


def _bend(start: Point, end: Point) -> tuple[Point, ...]:
    """Return the step between two layers: upright at both ends."""
    if start.x == end.x:
        return (end,)
    middle = (start.y + end.y) / 2
    return (Point(start.x, middle), Point(end.x, middle), end)


def _on_curve(start: Point, one: Point, two: Point, end: Point, t: float) -> Point:
    u = 1 - t
    a, b, c, d = u**3, 3 * u * u * t, 3 * u * t * t, t**3
    return Point(
        a * start.x + b * one.x + c * two.x + d * end.x, a * start.y + b * one.y + c * two.y + d * end.y
    )
