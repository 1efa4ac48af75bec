"""The layout of a graph: what the eye would find wrong at once is never there."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from itertools import combinations, pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from marla.graph.definition import Graph, graph_of
from marla.graph.layers import layers_of
from marla.graph.layout import END, START, Box, Picture, Route, layout
from marla.graph.order import order
from marla.graph.paths import Point, Rect
from marla.graph.svg import render
from marla.pipelines import DEFINITION
from tests.unit.random_machines import machines

OURS = DEFINITION.read_text()


def overlap(one: Rect, other: Rect) -> bool:
    return one.x < other.right and other.x < one.right and one.y < other.bottom and other.y < one.bottom


def within(rect: Rect, outer: Rect) -> bool:
    return (
        outer.x <= rect.x and rect.right <= outer.right and outer.y < rect.y and rect.bottom <= outer.bottom
    )


def levels(graph: Graph) -> Iterator[Graph]:
    yield graph
    for node in graph.nodes:
        for inner in node.inner:
            yield from levels(inner)


def boxes_of(picture: Picture) -> dict[str, Box]:
    return {box.node.name: box for box in picture.boxes}


def passes_through(route: Route, rect: Rect) -> bool:
    """Whether a route is anywhere inside of a rectangle, and not just at its border."""
    small = Rect(rect.x + 1, rect.y + 1, rect.width - 2, rect.height - 2)
    points = list(route.path.points())
    for one, other in pairwise(points):
        for i in range(9):
            at = Point(one.x + (other.x - one.x) * i / 8, one.y + (other.y - one.y) * i / 8)
            if small.x < at.x < small.right and small.y < at.y < small.bottom:
                return True
    return False


@settings(max_examples=40)
@given(machines())
@example(OURS)
def test_no_two_states_of_a_graph_overlap_and_children_are_within_their_box(definition: str) -> None:
    graph = graph_of(definition)
    picture = layout(graph)
    boxes = boxes_of(picture)
    assert len(boxes) == len(picture.boxes) == len(list(graph.walk()))
    for level in levels(graph):
        for one, other in combinations(level.nodes, 2):
            assert not overlap(boxes[one.name].rect, boxes[other.name].rect)
    for node in graph.walk():
        for child in graph.children(node.name):
            assert within(boxes[child].rect, boxes[node.name].rect)
        for left, right in combinations(node.inner, 2):
            for first in left.walk():
                assert not any(overlap(boxes[first.name].rect, boxes[two.name].rect) for two in right.walk())
    whole = Rect(0, 0, picture.width, picture.height)
    assert all(within(box.rect, whole) for box in picture.boxes)


@settings(max_examples=40)
@given(machines())
@example(OURS)
def test_each_edge_runs_from_its_source_to_its_target_and_through_no_state(definition: str) -> None:
    graph = graph_of(definition)
    picture = layout(graph)
    boxes = boxes_of(picture)
    routes = {(route.edge.source, route.edge.target): route for route in picture.routes}
    for level in levels(graph):
        for edge in level.edges:
            route = routes[edge.source, edge.target]
            assert _touches(route.path.start, boxes[edge.source].rect)
            assert _touches(route.path.tip, boxes[edge.target].rect)
            for node in level.nodes:
                assert not passes_through(route, boxes[node.name].rect), (edge, node.name)
    for route in picture.routes:
        assert all(0 <= p.x <= picture.width and 0 <= p.y <= picture.height for p in route.path.points())


def _touches(point: Point, rect: Rect) -> bool:
    at_side = point.x in (rect.x, rect.right) and rect.y <= point.y <= rect.bottom
    return at_side or (point.y in (rect.y, rect.bottom) and rect.x <= point.x <= rect.right)


@settings(max_examples=40)
@given(machines())
def test_a_graph_is_entered_at_its_top_and_only_loops_lead_up(definition: str) -> None:
    graph = graph_of(definition)
    picture = layout(graph)
    boxes = boxes_of(picture)
    tops = {node.name: boxes[node.name].rect.y for node in graph.nodes}
    reached = {graph.start}
    for _ in graph.nodes:
        reached |= {edge.target for edge in graph.edges if edge.source in reached}
    assert tops[graph.start] == min(tops[name] for name in reached)
    assert picture.start is not None
    assert picture.start.y < tops[graph.start]
    for route in picture.routes:
        points = list(route.path.points())
        source, target = route.edge.source, route.edge.target
        if source in tops and target in tops and source != target and tops[source] < tops[target]:
            assert all(other.y >= one.y - 1e-6 for one, other in pairwise(points))


def test_the_main_way_of_our_machine_is_one_upright_line() -> None:
    boxes = boxes_of(layout(graph_of(OURS)))
    way = [
        "Configure job",
        "List input",
        "Wave full?",
        "Count map outputs",
        "Plan reduce step",
        "Report",
        "Done",
    ]
    assert len({boxes[name].rect.middle.x for name in way}) == 1
    tops = [boxes[name].rect.y for name in way]
    assert tops == sorted(tops)


def test_our_machine_can_be_read_in_a_page() -> None:
    picture = layout(graph_of(OURS))
    assert picture.width < 1100
    assert picture.height < 3100


def test_edges_of_our_machine_hardly_cross() -> None:
    graph = graph_of(OURS)
    arrows = [(edge.source, edge.target) for edge in graph.edges if edge.source != edge.target]
    layers = layers_of(graph.start, {node.name: 100.0 for node in graph.nodes}, arrows, set())
    order(layers)
    crossings = 0
    for row in layers.rows:
        where = {cell: i for near in layers.rows for i, cell in enumerate(near)}
        links = [(i, where[lower]) for i, cell in enumerate(row) for lower, _ in cell.below]
        crossings += sum((a - c) * (b - d) < 0 for (a, b), (c, d) in combinations(links, 2))
    assert crossings <= 1


def test_a_machine_without_an_end_has_no_end_circle() -> None:
    endless = '{"StartAt": "A", "States": {"A": {"Type": "Wait", "Next": "A"}}}'
    picture = layout(graph_of(endless))
    assert picture.end is None
    assert {(route.edge.source, route.edge.target) for route in picture.routes} == {(START, "A"), ("A", "A")}


def test_what_ends_well_leads_to_the_end_circle_and_what_fails_does_not() -> None:
    picture = layout(graph_of(OURS))
    assert [route.edge.source for route in picture.routes if route.edge.target == END] == ["Done"]


@given(st.integers(1, 40))
def test_a_long_chain_is_one_line(length: int) -> None:
    states = [f'"S{i}": {{"Type": "Pass", "Next": "S{i + 1}"}}' for i in range(length)]
    definition = f'{{"StartAt": "S0", "States": {{{", ".join(states)}, "S{length}": {{"Type": "Succeed"}}}}}}'
    picture = layout(graph_of(definition))
    assert len({box.rect.middle.x for box in picture.boxes}) == 1


@pytest.mark.parametrize("seed", ["1", "2"])
def test_the_same_definition_gives_the_same_bytes_in_any_process(seed: str) -> None:
    program = (
        "from marla.graph import definition, svg, layout; from marla.pipelines import DEFINITION; "
        "print(svg.render(definition.graph_of(DEFINITION.read_text())), end='')"
    )
    environment = {"PYTHONHASHSEED": seed, "PATH": ""}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, env=environment, check=True)
    assert done.stdout.decode() == render(graph_of(OURS))
