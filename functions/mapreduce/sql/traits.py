"""What DuckDB's functions do that matters where each task sees some of the rows only."""

from __future__ import annotations

from functools import cache
from typing import Any

from .syntax import Node, bare_name, expression_tree, is_call, parser, walk

AGGREGATE, UNSTABLE, UNNEST = "aggregate", "unstable", "unnest"  # what a function may be
SAME = ("sum", "fsum", "kahan_sum", "sumkahan", "product", "min", "max", "any_value")
# The aggregates that follow from those of parts, and how, in the type that they have.
MERGES = {
    **{name: f"{name}({{}})" for name in (*SAME, "bool_and", "bool_or", "bit_and", "bit_or", "bit_xor")},
    **dict.fromkeys(("count", "count_star"), "CAST(sum({}) AS BIGINT)"),
    **dict.fromkeys(("count_if", "countif"), "sum({})"),
}
AVERAGES = {"avg": "sum", "mean": "sum", "favg": "fsum"}  # and what sums for them
CLOCKS = ("current_date", "current_time", "current_timestamp", "localtime", "localtimestamp")
STABLE = ("error",)  # volatile only so that it is not computed in advance


@cache
def _catalogue() -> dict[str, list[tuple[str, str | None, str | None]]]:
    """Return the functions that are not plain scalar ones: kind, stability and a macro's definition."""
    rows = parser().execute(
        "SELECT function_name, function_type, stability, macro_definition FROM duckdb_functions() "
        "WHERE function_type IN ('aggregate', 'macro') OR stability <> 'CONSISTENT'"
    )
    found: dict[str, list[tuple[str, str | None, str | None]]] = {}
    for name, kind, stability, definition in rows.fetchall():
        found.setdefault(name, []).append((kind, stability, definition))
    return found


@cache
def traits_of(function: str) -> frozenset[str]:
    """Say whether a function aggregates, has other values in other tasks, or gives several rows for one.

    A macro does what the functions in its definition do.
    """
    if function in MERGES or function in AVERAGES:
        return frozenset({AGGREGATE})  # without the catalogue, for which DuckDB takes 12 ms
    if function in ("unnest", "unlist"):
        return frozenset({UNNEST})
    traits: set[str] = set()
    for kind, stability, definition in _catalogue().get(function, []):
        if kind == "aggregate":
            traits.add(AGGREGATE)
        if stability in ("VOLATILE", "CONSISTENT_WITHIN_QUERY") and function not in STABLE:
            traits.add(UNSTABLE)
        for node in walk(expression_tree(definition or "")) if kind == "macro" else ():
            if bare_name(node) in CLOCKS:
                traits.add(UNSTABLE)
            elif is_call(node) and node["function_name"] != function:
                traits |= traits_of(node["function_name"])
    return frozenset(traits)


def calls(node: Node, trait: str) -> bool:
    """Say whether a node calls a function that has a trait."""
    return is_call(node) and trait in traits_of(node["function_name"])


def is_unstable(node: Node) -> bool:
    """Say whether an expression has another value in each task."""
    return bare_name(node) in CLOCKS or calls(node, UNSTABLE)


def has_aggregates(node: Any) -> bool:
    """Say whether an aggregate stands somewhere in a syntax tree."""
    return any(calls(one, AGGREGATE) for one in walk(node))


def is_grouped(query: Node) -> bool:
    """Say whether a SELECT has groups, or aggregates of the whole table."""
    grouped = query["group_sets"] or query["having"] or query["aggregate_handling"] != "STANDARD_HANDLING"
    return bool(grouped) or has_aggregates([query["select_list"], query["modifiers"]])
