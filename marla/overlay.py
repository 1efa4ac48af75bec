"""How all states of a machine fare in an execution, for its picture.

Of the machine's own states the history tells. What is inside a Distributed Map is in the histories of its
items, too many to read; of that the counts of its map runs tell, and the tasks' records.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from mapreduce.record import TaskRecord

from .graph.definition import Graph, Node
from .graph.status import StateStatus
from .phase import Phase, kind_of
from .visits import StateVisits


class MapCounts(NamedTuple):
    """How many items of a map run, or of several, are where."""

    total: int = 0
    succeeded: int = 0
    running: int = 0
    failed: int = 0

    @classmethod
    def of(cls, phases: Iterable[Phase]) -> MapCounts:
        """Return the counts of the map runs of some phases together."""
        counts = [(phase.total, phase.succeeded, phase.running, phase.failed) for phase in phases]
        return cls(*(sum(column) for column in zip(cls(), *counts, strict=True)))


def counts_of(map_runs: Mapping[str, list[str]], phases: Iterable[Phase]) -> dict[str, MapCounts]:
    """Return the counts of each Map state, of all its map runs together: of waves, and of reduce steps.

    Args:
        map_runs: the ARNs of the map runs of each Map state, as `Visits` has them.
        phases: of the execution, as `Progress` has them.
    """
    kept = list(phases)
    return {
        state: MapCounts.of(phase for phase in kept if phase.map_run in arns)
        for state, arns in map_runs.items()
    }


def overlay_of(
    graph: Graph,
    states: Mapping[str, StateVisits],
    counts: Mapping[str, MapCounts] | None = None,
    records: Iterable[TaskRecord] | None = None,
) -> dict[str, StateStatus]:
    """Return how all states of a graph fare, for its picture.

    Args:
        states: as `Visits.states` says.
        counts: of Map states, as `counts_of` says.
        records: of the execution's tasks, to tell what became of backups; see `has_backups`.
    """
    counts = counts or {}
    kept = list(records) if records is not None else None
    overlay = {node.name: StateStatus() for node in graph.walk()}
    for node in graph.walk():
        if node.name not in states:
            continue
        overlay[node.name] = _status(states[node.name], counts.get(node.name))
        if node.distributed:
            counted = counts.get(node.name, MapCounts())
            overlay |= of_children(graph, node.name, counted, kept, states[node.name].status)
    return overlay


def _status(visits: StateVisits, counts: MapCounts | None) -> StateStatus:
    has_failed = visits.status in {"failed", "caught"}
    return StateStatus(
        visits.status,
        visits.visits,
        visits.seconds,
        counts.succeeded if counts else None,
        counts.total if counts else None,
        counts.failed if counts else None,
        visits.retries,
        visits.error if has_failed else "",
    )


def of_children(
    graph: Graph,
    map_state: str,
    counts: MapCounts,
    records: Iterable[TaskRecord] | None = None,
    status: str = "running",
) -> dict[str, StateStatus]:
    """Return how the states inside a Distributed Map fare, as far as anything says it.

    The state that does an item's work has the counts of the Map, and so has a race that it is in. The other
    competitor of a race has as many as records tell of. What each item passes without a choice has the status
    of the Map. Of the rest nothing is known: only the items' own histories tell who won.

    Args:
        counts: of the Map's items, all its map runs together.
        records: of the execution's tasks, the Map's own and others; without them nothing is said of backups.
        status: the Map's own.
    """
    node = graph.node(map_state)
    overlay = {child: StateStatus(known=False) for child in graph.children(map_state)}
    if node is None or not counts.total:
        return overlay
    of_items = _of_items(counts, status)
    own = [record for record in records or () if record.kind == kind_of(map_state).lower()]
    for inner in node.inner:
        for passed in _passed(inner):
            overlay[passed.name] = of_items if passed.inner else StateStatus(of_items.status)
        for i, worker in enumerate(_workers(inner)):
            if i == 0:
                overlay[worker.name] = of_items
            elif records is not None:
                overlay[worker.name] = _of_backups([record for record in own if record.backup], status)
    return overlay


def has_backups(graph: Graph, states: Iterable[str]) -> bool:
    """Say whether of some states one is a Map with backups, so that records tell of what is inside of it."""
    nodes = [graph.node(name) for name in states]
    return any(
        len(_workers(inner)) > 1 for node in nodes if node and node.distributed for inner in node.inner
    )


def _workers(graph: Graph) -> list[Node]:
    return [node for node in graph.walk() if node.invokes]


def _passed(graph: Graph) -> Iterator[Node]:
    """Yield what each item passes: from the start to the first choice, or to where a worker decides."""
    name = graph.start
    seen: set[str] = set()
    while name not in seen:
        seen.add(name)
        node = next(node for node in graph.nodes if node.name == name)
        if node.type == "Choice":
            return
        yield node
        for inner in node.inner:
            yield from _passed(inner)
        following = [edge.target for edge in graph.edges if edge.source == name and edge.kind == "next"]
        if node.invokes or not following:
            return
        name = following[0]


def _of_items(counts: MapCounts, status: str) -> StateStatus:
    if counts.failed and status == "running":
        status = "failed"  # and soon the Map with it
    return StateStatus(status, done=counts.succeeded, total=counts.total, failed=counts.failed)


def _of_backups(backups: list[TaskRecord], status: str) -> StateStatus:
    """Return how backup tasks fare; records are of those that are over, each attempt has one."""
    if not backups:
        return StateStatus(known=False)  # one that is at work has left no record yet
    done = {record.place for record in backups if record.succeeded}
    status = status if status == "running" else "succeeded" if done else "caught"
    return StateStatus(status, done=len(done))
