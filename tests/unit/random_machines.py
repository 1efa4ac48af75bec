"""Small machines of any shape, for hypothesis: loops, catches, Maps and Parallels within each other."""

from __future__ import annotations

import json
from itertools import count
from typing import Any

from hypothesis import strategies as st


@st.composite
def machines(draw: st.DrawFn) -> str:
    """A definition of up to six states in each of its graphs, which are at most three deep."""
    return json.dumps(draw(_graphs(2, count())))


@st.composite
def _graphs(draw: st.DrawFn, depth: int, numbers: Any) -> dict[str, Any]:
    names = [f"State {next(numbers)}{'?' * draw(st.integers(0, 9))}" for _ in range(draw(st.integers(1, 6)))]
    targets = st.sampled_from(names)
    states: dict[str, Any] = {}
    for name in names:
        kinds = ["Pass", "Task", "Choice", "Fail", "Succeed"] + (["Map", "Parallel"] if depth else [])
        kind = draw(st.sampled_from(kinds))
        state: dict[str, Any] = {"Type": kind}
        if kind == "Choice":
            comments = st.sampled_from(["", "yes", "in no case at all, I think"])
            state["Choices"] = [
                {"Next": target, "Comment": draw(comments)}
                for target in draw(st.lists(targets, min_size=1, max_size=3))
            ]
            state["Default"] = draw(targets)
        elif kind in ("Pass", "Task", "Map", "Parallel"):
            state |= draw(st.just({"End": True}) | st.fixed_dictionaries({"Next": targets}))
        if kind in ("Task", "Map", "Parallel") and draw(st.booleans()):
            state["Catch"] = [{"ErrorEquals": ["States.ALL"], "Next": draw(targets)}]
        if kind == "Map":
            state["ItemProcessor"] = draw(_graphs(depth - 1, numbers))
        if kind == "Parallel":
            state["Branches"] = [draw(_graphs(depth - 1, numbers)) for _ in range(draw(st.integers(1, 3)))]
        states[name] = state
    return {"StartAt": names[0], "States": states}
