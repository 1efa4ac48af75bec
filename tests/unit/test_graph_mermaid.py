"""The graph as text for Mermaid."""

from __future__ import annotations

import json
import re

from hypothesis import example, given, settings
from hypothesis import strategies as st

from marla.graph.definition import graph_of
from marla.graph.mermaid import mermaid
from marla.graph.status import StateStatus
from marla.pipelines import DEFINITION
from tests.unit.random_machines import machines

OURS = graph_of(DEFINITION.read_text())
LINE = re.compile(
    r'flowchart TD| *(start\(\(Start\)\)|stop\(\(\(End\)\)\)|end|subgraph s\d+\["[^"<>]*"\]'
    r'|s\d+(\["[^"<>]*"\]|\{\{"[^"<>]*"\}\}|\(\["[^"<>]*"\]\))'
    r'|(s\d+|start) -\.?->(\|"[^"<>]*"\|)? (s\d+|stop)|classDef \w+ [\w:#,\- ]+|class (s\d+,?)+ \w+)'
)


def text_of(name: str) -> str:
    states = {name: {"Type": "Pass", "End": True}}
    return mermaid(graph_of(json.dumps({"StartAt": name, "States": states})))


@settings(max_examples=30)
@given(machines())
def test_each_line_is_one_that_mermaid_knows(definition: str) -> None:
    graph = graph_of(definition)
    lines = mermaid(graph).splitlines()
    assert [line for line in lines if not LINE.fullmatch(line)] == []
    containers = [node for node in graph.walk() if node.inner]
    assert len([line for line in lines if line.strip() == "end"]) == len(containers)
    assert mermaid(graph).endswith("\n")


def test_our_machine_has_all_states_and_its_maps_as_subgraphs() -> None:
    text = mermaid(OURS)
    for node in OURS.walk():
        assert f'"{node.name}"' in text
    assert text.count("subgraph ") == 6
    ids = dict(re.findall(r's(\d+)\W*"([^"]+)"', text))
    named = {name: f"s{number}" for number, name in ids.items()}
    assert f"{named['Publish result']} -.-> {named['Withdraw result']}\n" in text
    assert f"start --> {named['Configure job']}\n" in text
    assert f"{named['Done']} --> stop\n" in text


@given(st.text(min_size=1))
@example('A<b>&"c')
@example("end")
@example("`*a*` | x --> y\n%% no")
def test_names_are_texts_whatever_is_in_them(name: str) -> None:
    lines = text_of(name).splitlines()
    assert all(LINE.fullmatch(line.replace("<br>", "")) for line in lines)
    assert len(lines) == 6


def test_what_mermaid_would_take_for_its_own_are_entities() -> None:
    assert 's0["A#60;b#62;#38;#34;c"]' in text_of('A<b>&"c')


def test_what_a_choice_says_of_a_way_is_on_it() -> None:
    definition = {
        "StartAt": "A",
        "States": {
            "A": {"Type": "Choice", "Choices": [{"Next": "B", "Comment": "if [x]"}], "Default": "B2"},
            "B": {"Type": "Succeed"},
            "B2": {"Type": "Fail"},
        },
    }
    text = mermaid(graph_of(json.dumps(definition)))
    assert '  s0 -->|"if #91;x#93;"| s1\n' in text
    assert "  s0 --> s2\n" in text
    assert '  s0{{"A"}}\n' in text


def test_statuses_are_told_by_symbol_and_class() -> None:
    overlay = {"Map": StateStatus("succeeded", 2, 1.0, 23, 23), "Report": StateStatus("failed", 1, 1.0)}
    text = mermaid(OURS, overlay)
    assert '["✓ Map ×2<br>23 of 23"]' in text
    assert '["✕ Report"]' in text
    report = re.search(r'(s\d+)\["✕ Report', text)
    assert report is not None
    assert f"class {report[1]} failed" in text
    assert "classDef running" not in text
