"""What does the same to parts of the rows as to all: values that depend on one row, and FROM row by row."""

from __future__ import annotations

from typing import Any

from ..errors import InvalidQuery
from .derivation import refusal
from .modifiers import DISTINCT
from .syntax import INPUT, Node, expression_text, walk
from .traits import has_aggregates, is_grouped, is_unstable

TABLE_FUNCTIONS = ("unnest", "range", "generate_series", "json_each", "json_tree")

Scope = dict[str, tuple[Node, dict[str, Any]]]  # a WITH's queries by name, and what these see themselves


def check_values(tree: Node) -> None:
    """Raise InvalidQuery unless an expression's value depends on its row alone, or its group."""
    scope = _scope(tree)
    for node in walk(tree):
        kind = node.get("class")
        if kind == "WINDOW" or node.get("qualify"):
            what = expression_text(node) if kind == "WINDOW" else "QUALIFY"
            raise refusal(what, "a window function sees the rows of one part only")
        if node.get("sample"):
            raise refusal("SAMPLE", "each task would take its own sample")
        if kind == "PARAMETER" and node["identifier"].isdigit():
            raise InvalidQuery(f"sql.map: parameter {node['identifier']} has no name; write it as $name")
        if is_unstable(node):
            why = "its value is another one in each task"
            raise refusal(expression_text(node), why, "make it a parameter")
        if node.get("type") == DISTINCT and node["distinct_on_targets"]:
            raise refusal("DISTINCT ON", "which row it keeps depends on the order of all rows")
        if kind == "SUBQUERY" and _mentions(node, scope):
            raise refusal(f"the subquery {expression_text(node)}", "it sees the input rows of one part only")
        if kind == "SUBQUERY" and has_aggregates(node["subquery"]):
            why = "its aggregates may be those of the query around it"
            remedy = "use a list function such as list_max, or a subquery in FROM"
            raise refusal(f"the subquery {expression_text(node)}", why, remedy)


def _scope(tree: Node) -> Scope:
    scope: Scope = {}
    for entry in tree["cte_map"]["map"]:
        if entry["key"].casefold() == INPUT:
            raise InvalidQuery(f"sql.map: WITH {entry['key']}: this is the table's name; choose another one")
        scope[entry["key"].casefold()] = (entry["value"]["query_node"], dict(scope))
    return scope


def reads_input(tree: Node) -> bool:
    """Say whether a query's FROM has the rows of `input`, one by one. Raises InvalidQuery."""
    return _reads(tree["from_table"], _scope(tree))


def _mentions(node: Any, scope: Scope) -> bool:
    """Say whether `input` stands somewhere, or may: a table function is not looked into."""
    for one in walk(node):
        name = one["table_name"].casefold() if one.get("type") == "BASE_TABLE" else ""
        if name == INPUT or (name in scope and _mentions(*scope[name])):
            return True
        if one.get("type") == "TABLE_FUNCTION" and one["function"]["function_name"] not in TABLE_FUNCTIONS:
            known = ", ".join(TABLE_FUNCTIONS)
            raise InvalidQuery(
                f"sql.map: FROM {expression_text(one['function'])}: the functions there are {known}"
            )
    return False


def _reads(source: Node, scope: Scope) -> bool:
    """Say whether something in FROM has the rows of `input`, one by one. Raises InvalidQuery."""
    match source["type"]:
        case "JOIN":
            return _reads_join(source, scope)
        case "SUBQUERY":
            return _reads_query(source["subquery"]["node"], scope, "a subquery in FROM")
        case "BASE_TABLE" if source["table_name"].casefold() in scope:
            name = source["table_name"]
            return _reads_query(*scope[name.casefold()], f"WITH {name}")
        case "BASE_TABLE":
            if source["table_name"].casefold() != INPUT or source["schema_name"]:
                raise InvalidQuery(f"sql.map: FROM {source['table_name']}: the only table is input")
            return True
        case "TABLE_FUNCTION" | "EMPTY" | "EXPRESSION_LIST":
            return _mentions(source, scope)  # raises for a function that could
        case other:
            raise refusal(f"{other} in FROM", "it does not have the rows of input one by one")


def _reads_query(query: Node, scope: Scope, what: str) -> bool:
    if not _mentions(query, scope):
        return False
    why = "it sees the input rows of one part only"
    if query["type"] != "SELECT_NODE" or query["cte_map"]["map"]:
        raise refusal(f"{what} that is not a single SELECT from input", why)
    if query["modifiers"] or is_grouped(query):
        raise refusal(f"{what} that groups, sorts or limits input", why)
    return _reads(query["from_table"], scope)


def _reads_join(join: Node, scope: Scope) -> bool:
    """Say whether a join has the rows of input; it may not ask whether one has no match among others."""
    left, right = _reads(join["left"], scope), _reads(join["right"], scope)
    if left and right:
        raise refusal("a join of input with itself", "a row meets the rows of its own part only")
    rows = {"INNER": left or right, "LEFT": left, "SEMI": left, "ANTI": left, "RIGHT": right}
    ways = {"REGULAR": True, "NATURAL": True, "CROSS": True, "ASOF": left}
    if (left or right) and not (rows.get(join["join_type"]) and ways.get(join["ref_type"])):
        kind = join["ref_type"] if join["ref_type"] in ("ASOF", "POSITIONAL") else join["join_type"]
        why = "it sees the rows of one part only"
        raise refusal(f"{kind} JOIN with input on its {'left' if left else 'right'}", why)
    return left or right
