"""A definition as a graph: ours, and what may be in others."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from marla.errors import CloudError
from marla.graph.definition import Edge, Graph, graph_of
from marla.pipelines import DEFINITION

OURS = DEFINITION.read_text()


def names(states: dict[str, Any]) -> list[str]:
    """The names of all states of a definition, those in Maps and Parallels too, read without the module."""
    found = []
    for name, state in states.items():
        found.append(name)
        for inside in [state.get("ItemProcessor", {}), *state.get("Branches", [])]:
            found += names(inside.get("States", {}))
    return found


def machine(**states: dict[str, Any]) -> str:
    return json.dumps({"StartAt": next(iter(states)), "States": states})


def levels(graph: Graph) -> list[Graph]:
    return [graph, *(level for node in graph.nodes for inner in node.inner for level in levels(inner))]


def test_each_state_of_our_machine_is_a_node_once() -> None:
    assert sorted(node.name for node in graph_of(OURS).walk()) == sorted(
        names(yaml.safe_load(OURS)["States"])
    )


def test_all_of_our_machine_is_reached_from_its_start() -> None:
    for level in levels(graph_of(OURS)):
        reached, ahead = set(), [level.start]
        while ahead:
            name = ahead.pop()
            if name not in reached:
                reached.add(name)
                ahead += [edge.target for edge in level.edges if edge.source == name]
        assert reached == {node.name for node in level.nodes}


def test_each_way_on_in_our_machine_is_an_edge() -> None:
    graph = graph_of(OURS)
    pairs = {(edge.source, edge.target): edge.kind for level in levels(graph) for edge in level.edges}
    assert pairs["One output left?", "Plan reduce step"] == "default"
    assert pairs["One output left?", "Publish result"] == "choice"
    assert pairs["Publish result", "Withdraw result"] == "catch"
    assert pairs["List input", "List input"] == "catch"
    assert pairs["First mapper", "First mapper wins"] == "next"
    assert len(pairs) == sum(len(level.edges) for level in levels(graph))


def test_what_is_inside_a_map_is_its_children_at_any_depth() -> None:
    graph = graph_of(OURS)
    assert graph.children("Map") == ("Mapper",)
    assert {"Mapper race", "First mapper", "Backup mapper wins"} <= set(graph.children("Map with backups"))
    assert graph.children("Report") == ()
    assert graph.children("no state") == ()


def test_a_state_says_what_it_is() -> None:
    graph = graph_of(OURS)
    nodes = {node.name: node for node in graph.walk()}
    mapper, race, done, report = (nodes[name] for name in ("Mapper", "Map", "Done", "Report"))
    assert (mapper.type, mapper.invokes, mapper.retries > 0, mapper.ends) == ("Task", True, True, True)
    assert (race.type, race.distributed, race.invokes) == ("Map", True, False)
    assert (done.ends, report.ends) == (True, False)
    assert graph.node("no state") is None


def test_a_definition_in_json_is_the_same_as_in_yaml() -> None:
    assert graph_of(json.dumps(yaml.safe_load(OURS))) == graph_of(OURS)


def test_several_ways_to_one_state_are_one_edge_with_what_is_said_of_each() -> None:
    graph = graph_of(
        machine(
            A={
                "Type": "Choice",
                "Choices": [
                    {"Condition": "{% true %}", "Next": "B", "Comment": "more"},
                    {"Condition": "{% true %}", "Next": "B", "Comment": "too much"},
                ],
                "Default": "C",
            },
            B={"Type": "Task", "Next": "C", "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "C"}]},
            C={"Type": "Succeed"},
        )
    )
    assert graph.edges == (
        Edge("A", "B", "choice", "more or too much"),
        Edge("A", "C", "default"),
        Edge("B", "C", "next"),
    )


def test_errors_that_are_caught_are_on_the_edge() -> None:
    catch = [{"ErrorEquals": ["S3.S3Exception", "States.Timeout"], "Next": "B"}]
    graph = graph_of(machine(A={"Type": "Task", "End": True, "Catch": catch}, B={"Type": "Fail"}))
    assert graph.edges == (Edge("A", "B", "catch", "S3.S3Exception, States.Timeout"),)


@pytest.mark.parametrize(
    ("definition", "said"),
    [
        ("[]", "no object with States: got a list"),
        ("{}", "has no States"),
        ("a: [", "neither JSON nor YAML"),
        (machine(A={"Type": "Pass", "Next": "B"}), "A: goes on to 'B'"),
        (json.dumps({"StartAt": "B", "States": {"A": {"Type": "Pass"}}}), "no StartAt"),
        (machine(A={"Next": "A"}), "A: has no Type"),
        (machine(A={"Type": 3}), "A: has no Type"),
        ("{StartAt: 1, States: {1: {Type: Pass, End: true}}}", "1: is no name"),
        (machine(A={"Type": "Choice", "Choices": [{"Condition": "x"}]}), "none that .*Next"),
        (machine(A={"Type": "Choice", "Choices": [{"Next": "A", "Comment": 1}]}), "none that"),
        (machine(A={"Type": "Task", "Catch": [{"Next": "A"}]}), "none that .*ErrorEquals"),
        (machine(A={"Type": "Pass", "Comment": None, "End": True}), "none that"),
        (machine(A={"Type": "Pass", "Next": ["A"]}), "none that"),
        (machine(A={"Type": "Parallel", "Branches": None}), "none that"),
        (machine(A={"Type": "Map", "ItemProcessor": [], "End": True}), "none that"),
        (json.dumps({"StartAt": ["A"], "States": {"A": {"Type": "Pass", "End": True}}}), "none that"),
        (
            machine(
                A={
                    "Type": "Map",
                    "End": True,
                    "ItemProcessor": {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}},
                }
            ),
            "several states named 'A'",
        ),
    ],
)
def test_what_is_no_definition_is_refused_and_said_why(definition: str, said: str) -> None:
    with pytest.raises(CloudError, match=said):
        graph_of(definition)
