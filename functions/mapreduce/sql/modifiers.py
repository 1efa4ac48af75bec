"""A query's modifiers, as DuckDB calls what is done with its rows: DISTINCT, ORDER BY, LIMIT."""

from __future__ import annotations

from collections.abc import Callable

from .derivation import refusal
from .syntax import Node, bare_name, expression_text, is_number, is_same, parse_expression

ORDER, LIMIT, DISTINCT = "ORDER_MODIFIER", "LIMIT_MODIFIER", "DISTINCT_MODIFIER"


def modifier_of(tree: Node, type: str) -> Node | None:
    """Return a query's modifier of a type, if it has one."""
    return next((one for one in tree["modifiers"] if one["type"] == type), None)


def limit_of(tree: Node) -> Node | None:
    """Return LIMIT and OFFSET, if any. Raises InvalidQuery unless they are numbers or parameters."""
    modifier = modifier_of(tree, LIMIT)
    if modifier is None:
        return None
    if modifier["limit_type"] != "ROW_COUNT":
        raise refusal("LIMIT with a percentage", "a task knows its own rows only", "give a number")
    for name in ("limit", "offset"):
        node = modifier[name]
        if node and not (is_number(node) or node["class"] == "PARAMETER"):
            what = f"{name.upper()} {expression_text(node)}"
            raise refusal(what, "it is no constant", "give a whole number or a parameter")
    return modifier


def sorted_by(tree: Node, column: Callable[[Node, str], Node]) -> list[Node]:
    """Return a query's modifiers with other expressions in its ORDER BY. Raises InvalidQuery.

    Args:
        column: gives the expression in place of one, which is no position and has no COLLATE around it; it is
            told the name that this is, if it may be an alias.
    """

    def replaced(expression: Node, *, inner: bool = False) -> Node:
        if expression["class"] == "COLLATE":
            return {**expression, "child": replaced(expression["child"], inner=True)}
        if expression["class"] == "STAR" and not is_same(expression, parse_expression("COLUMNS(*)")):
            raise refusal(f"ORDER BY {expression_text(expression)}", "its columns are not known", "list them")
        if expression["class"] == "STAR" or (is_number(expression) and not inner):
            return expression  # ALL, or a position
        return column(expression, "" if inner else bare_name(expression))

    return [
        {**one, "orders": [{**order, "expression": replaced(order["expression"])} for order in one["orders"]]}
        if one["type"] == ORDER
        else one
        for one in tree["modifiers"]
    ]
