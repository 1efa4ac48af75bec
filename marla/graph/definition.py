"""A state machine's definition as a graph: states, what leads from one to the next, what is in Maps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ..asl import DefinitionError, document_of

ENDS = ("Succeed", "Fail")
# The order in which they count where several lead from one state to the same other one.
_KINDS = ("next", "default", "choice", "catch")


@dataclass(frozen=True)
class Edge:
    """What leads from a state to another.

    Attributes:
        kind: next, choice, default or catch.
        label: when it is taken, in a few words; nothing if the definition does not say it.
    """

    source: str
    target: str
    kind: str
    label: str = ""


@dataclass(frozen=True)
class Node:
    """A state.

    Attributes:
        type: as the definition has it: Task, Choice, Map and so on.
        ends: whether its graph is at its end behind it.
        distributed: whether each of its items is an execution of its own, with its own history.
        invokes: whether it is a task that invokes a Lambda function.
        retries: how many rules say that it is tried again.
        inner: the graphs in it: one of a Map, several of a Parallel, none of other states.
    """

    name: str
    type: str
    comment: str = ""
    ends: bool = False
    distributed: bool = False
    invokes: bool = False
    retries: int = 0
    inner: tuple[Graph, ...] = ()


@dataclass(frozen=True)
class Graph:
    """The states of a machine, or of what is inside one of its Maps, in the definition's order."""

    start: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]

    def walk(self) -> Iterator[Node]:
        """Yield all states; those inside of one come behind it."""
        for node in self.nodes:
            yield node
            for inner in node.inner:
                yield from inner.walk()

    def node(self, name: str) -> Node | None:
        """Return a state by name, at any depth."""
        return next((node for node in self.walk() if node.name == name), None)

    def children(self, name: str) -> tuple[str, ...]:
        """Return the names of all states inside of one, at any depth."""
        node = self.node(name)
        return tuple(child.name for inner in node.inner for child in inner.walk()) if node else ()


@lru_cache(maxsize=16)
def graph_of(definition: str) -> Graph:
    """Return the graph of a definition in JSON or YAML. Raises DefinitionError if it is none."""
    document = document_of(definition)
    try:
        graph = _graph(document, "the definition")
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DefinitionError(f"the definition is none that Step Functions takes: {error!r}") from error
    names = [node.name for node in graph.walk()]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DefinitionError(f"the definition has several states named {twice[0]!r}; give each its own name")
    return graph


def _graph(document: Any, where: str) -> Graph:
    states = document.get("States") if isinstance(document, Mapping) else None
    if not isinstance(states, Mapping) or document.get("StartAt") not in states:
        raise DefinitionError(f"{where}: has no States, or no StartAt that is one of them")
    nodes = tuple(_node(name, state) for name, state in states.items())
    edges = tuple(edge for name, state in states.items() for edge in _edges(name, state))
    for edge in edges:
        if edge.target not in states:
            raise DefinitionError(f"{edge.source}: goes on to {edge.target!r}, which {where} does not have")
    return Graph(document["StartAt"], nodes, edges)


def _node(name: str, state: Any) -> Node:
    if not isinstance(name, str):
        raise DefinitionError(f"{name!r}: is no name of a state, which is a text")
    if not isinstance(state, Mapping) or not isinstance(state.get("Type"), str):
        raise DefinitionError(f"{name}: has no Type; a state is an object with one")
    insides = [state[field] for field in ("ItemProcessor", "Iterator") if field in state]
    insides += state.get("Branches", [])
    return Node(
        name,
        state["Type"],
        " ".join(state.get("Comment", "").split()),
        ends=bool(state.get("End")) or state["Type"] in ENDS,
        distributed=_mode(state) == "DISTRIBUTED",
        invokes=":lambda:" in state.get("Resource", ""),
        retries=len(state.get("Retry", [])),
        inner=tuple(_graph(inside, name) for inside in insides),
    )


def _mode(state: Mapping[str, Any]) -> Any:
    return state.get("ItemProcessor", {}).get("ProcessorConfig", {}).get("Mode", "INLINE")


def _edges(name: str, state: Mapping[str, Any]) -> list[Edge]:
    """Return the edges out of a state, one to each other state, in the definition's order."""
    found: list[Edge] = []
    for choice in state.get("Choices", []):
        found.append(Edge(name, choice["Next"], "choice", " ".join(choice.get("Comment", "").split())))
    if "Default" in state:
        found.append(Edge(name, state["Default"], "default"))
    if "Next" in state:
        found.append(Edge(name, state["Next"], "next"))
    for catch in state.get("Catch", []):
        found.append(Edge(name, catch["Next"], "catch", ", ".join(catch["ErrorEquals"])))
    merged: dict[str, Edge] = {}
    for edge in found:
        merged[edge.target] = _merged(merged[edge.target], edge) if edge.target in merged else edge
    return list(merged.values())


def _merged(one: Edge, other: Edge) -> Edge:
    kind = min(one.kind, other.kind, key=_KINDS.index)
    labels = [edge.label for edge in (one, other) if edge.label and edge.kind == kind]
    return Edge(one.source, one.target, kind, " or ".join(dict.fromkeys(labels)))
