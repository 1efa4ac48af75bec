"""The picture as SVG: whole, safe whatever states are named, and with what a live page changes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from xml.etree import ElementTree

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from marla.graph.definition import graph_of
from marla.graph.status import SYMBOLS, WORDS, StateStatus
from marla.graph.style import _DARK, _LIGHT, STATUSES
from marla.graph.svg import render
from marla.pipelines import DEFINITION
from tests.unit.random_machines import machines

OURS = graph_of(DEFINITION.read_text())
SVG = "{http://www.w3.org/2000/svg}"
NASTY = "A<b>&\"c'</text><script>alert(1)</script>"
LIVE = {"mark", "count", "time", "visits"}


def parsed(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text)


def states_of(picture: ElementTree.Element) -> dict[str, ElementTree.Element]:
    groups = picture.iter(f"{SVG}g")
    return {group.attrib["data-state"]: group for group in groups if "data-state" in group.attrib}


def texts_of(group: ElementTree.Element) -> dict[str, str]:
    return {text.attrib["class"]: text.text or "" for text in group.iter(f"{SVG}text")}


def machine(name: str, comment: str = "") -> str:
    state = {"Type": "Pass", "End": True, "Comment": comment}
    return json.dumps({"StartAt": name, "States": {name: state}})


@settings(max_examples=30)
@given(machines())
def test_each_state_is_a_group_once_and_each_edge_is_there(definition: str) -> None:
    graph = graph_of(definition)
    picture = parsed(render(graph))
    assert set(states_of(picture)) == {node.name for node in graph.walk()}
    assert len(re.findall("data-state=", render(graph))) == len(list(graph.walk()))
    edges = {
        (group.attrib["data-from"], group.attrib["data-to"])
        for group in picture.iter(f"{SVG}g")
        if "data-from" in group.attrib
    }
    assert {(edge.source, edge.target) for edge in graph.edges} <= edges


@given(st.text(min_size=1), st.text())
@example(NASTY, NASTY)
@example("\x00\x0b\ud800\ufffe", "\x1f]]>")
def test_names_and_comments_are_texts_whatever_is_in_them(name: str, comment: str) -> None:
    text = render(graph_of(machine(name, comment)), {name: StateStatus("failed", error=comment)}, title=name)
    text.encode()
    picture = parsed(text)
    assert [element.tag for element in picture.iter() if "script" in element.tag] == []
    assert len(states_of(picture)) == 1


def test_a_name_is_shown_as_it_is() -> None:
    group = states_of(parsed(render(graph_of(machine(NASTY)))))[NASTY]
    assert texts_of(group)["name"] == NASTY
    assert group.attrib["aria-label"] == f"{NASTY}: Pass"


@pytest.mark.parametrize("overlay", [None, {}, {"Map": StateStatus("running", 1, 1.2, 5, 23)}])
def test_what_a_live_page_changes_is_always_there(overlay: dict[str, StateStatus] | None) -> None:
    for group in states_of(parsed(render(OURS, overlay))).values():
        assert set(texts_of(group)) >= LIVE | {"name", "type"}
        assert len([name for name in group.attrib["class"].split() if name.startswith("is-")]) == 1


def test_a_status_is_told_by_class_symbol_and_words() -> None:
    overlay = {
        "Map": StateStatus("succeeded", 2, 1.23, 23, 23, 0),
        "List input": StateStatus("caught", 1, 0.5, retries=2, error="S3.S3Exception"),
        "nobody": StateStatus("failed"),
    }
    groups = states_of(parsed(render(OURS, overlay)))
    assert groups["Map"].attrib["class"] == "state type-map is-succeeded"
    assert groups["Map"].attrib["aria-label"] == "Map: succeeded, 23 of 23 tasks, 1.2 s, entered 2 times"
    texts = texts_of(groups["Map"])
    assert {name: texts[name] for name in LIVE} == {
        "mark": "✓",
        "count": "23 of 23",
        "time": "1.2 s",
        "visits": "×2",
    }
    assert groups["List input"].attrib["aria-label"] == (
        "List input: error caught (S3.S3Exception), 0.5 s, retried 2 times"
    )
    assert groups["Reduce"].attrib["class"] == "state type-map is-idle"
    assert groups["Reduce"].attrib["aria-label"] == "Reduce: not reached"


def test_what_a_live_page_gets_is_what_the_picture_shows() -> None:
    status = StateStatus("running", 1, 61.0, 5, 1200, 1, 2, "E")
    group = states_of(parsed(render(OURS, {"Map": status})))["Map"]
    told = status.to_json("Map")
    assert told["label"] == group.attrib["aria-label"]
    assert f"is-{told['status']}" in group.attrib["class"]
    assert told["texts"] == {name: text for name, text in texts_of(group).items() if name in LIVE}
    assert told["label"] == "Map: running (E), 5 of 1,200 tasks, 1 failed, 61.0 s, retried 2 times"
    assert (told["done"], told["total"], told["failed"], told["retries"]) == (5, 1200, 1, 2)
    assert "done" not in StateStatus().to_json("Map")


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (99.9, "99.9 s"), (123, "2 min 3 s"), (3725, "1 h 2 min")]
)
def test_long_times_are_said_in_minutes_and_hours(seconds: float, text: str) -> None:
    assert StateStatus("running", 1, seconds).texts()["time"] == text


def test_of_what_only_the_items_know_nothing_is_claimed() -> None:
    unknown = StateStatus(known=False)
    assert unknown.label("Backup mapper") == "Backup mapper: only the history of each item tells"
    assert unknown.to_json("Backup mapper")["known"] is False
    assert "known" not in StateStatus().to_json("Map")


def test_only_an_interactive_picture_has_buttons() -> None:
    still, live = states_of(parsed(render(OURS))), states_of(parsed(render(OURS, {}, interactive=True)))
    assert {(group.attrib["role"], group.attrib.get("tabindex")) for group in still.values()} == {
        ("img", None)
    }
    assert {(group.attrib["role"], group.attrib.get("tabindex")) for group in live.values()} == {
        ("button", "0")
    }


def ids_of(text: str) -> Iterator[str]:
    return (element.attrib["id"] for element in parsed(text).iter() if "id" in element.attrib)


def test_two_pictures_in_a_page_share_no_id() -> None:
    one, other = list(ids_of(render(OURS, prefix="a"))), list(ids_of(render(OURS, prefix='b"<')))
    assert len(set(one)) == len(one) > len(list(OURS.walk()))
    assert not set(one) & set(other)
    assert all(re.fullmatch(r"[\w-]+", id) for id in one + other)


def test_each_status_has_a_symbol_a_word_and_colours_of_its_own() -> None:
    assert set(SYMBOLS) == set(WORDS) == {"idle", *STATUSES}
    assert len(set(SYMBOLS.values())) == len(set(WORDS.values())) == 6
    style = render(OURS)
    for status in STATUSES:
        assert f".is-{status} .box" in style
        assert f"--marla-{status}-fill" in style


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, by WCAG 2.2."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("colours", [_LIGHT, _DARK], ids=["light", "dark"])
def test_texts_can_be_read_and_lines_be_seen(colours: dict[str, str]) -> None:
    for status in STATUSES:
        fill = colours[f"{status}-fill"]
        assert contrast(colours["ink"], fill) >= 7
        assert contrast(colours["quiet"], fill) >= 4.5
        assert contrast(colours["canvas"], colours[status]) >= 4.5  # the mark on its badge
        assert contrast(colours[status], fill) >= 3
    assert contrast(colours["quiet"], colours["box"]) >= 4.5
    assert contrast(colours["line"], colours["canvas"]) >= 3
