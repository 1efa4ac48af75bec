"""What a query over the whole table becomes: the map, reduce and finish of a SQL job.

    SELECT ip, sum(x) / count(*) AS mean FROM input GROUP BY ip ORDER BY mean

becomes, by DuckDB's own parser and never by the text,

    map     SELECT ip, sum(x) AS __sum_2, count_star() AS __count_star_3 FROM "input" GROUP BY ip
    reduce  SELECT "ip", sum("__sum_2") AS "__sum_2", … FROM "input" GROUP BY "ip"
    finish  SELECT ip, (__sum_2 / __count_star_3) AS mean FROM "input" ORDER BY mean

Nothing is known here of the input's columns. So what a name means, a column or an alias, is left to DuckDB:
an expression without aggregates stays in the map, under its own alias, and reaches the finish as one more
column of the key. (It has one value in each group, so it makes no more groups.) What is wrong in it, DuckDB
says when the map is run.

What would go wrong silently is refused: aggregates that do not follow from those of parts, a row's place
among all rows, values that differ between tasks.
"""

from __future__ import annotations

from functools import lru_cache

from .derivation import Derived, refusal
from .grouping import Grouping
from .modifiers import DISTINCT, LIMIT, limit_of, modifier_of, sorted_by
from .rowwise import check_values, reads_input
from .syntax import (
    Node,
    bare_name,
    column_node,
    expression_text,
    is_number,
    is_same,
    number_node,
    number_of,
    parse,
    parse_expression,
    result_names,
    select_from_input,
    to_sql,
)
from .traits import is_grouped


@lru_cache(maxsize=64)
def derive(query: str) -> Derived:
    """Return the statements that do what a query does over the whole table `input`.

    Aggregates of the whole table are one row, even of no rows, provided that map runs at least once.

    Raises:
        InvalidQuery: it is no query, or cannot be taken apart; the message says what in it cannot.
    """
    try:
        return _derived(parse(query))
    except RecursionError:
        raise refusal("the query", "an expression in it is nested too deep") from None


def columns_grouped_by(query: str) -> tuple[str, ...] | None:
    """Return the columns of its result by which a query groups and that are columns of `input` as they are.

    Rows that agree in these columns may be of one group; rows that do not are not. None: it has no groups.
    """
    key = derive(query).key
    if key is None:
        return None
    items = parse(query)["select_list"]
    unchanged = {
        bare_name(item) for item in items if not item["alias"] or item["alias"].casefold() == bare_name(item)
    }
    return tuple(name for name in key if name.casefold() in unchanged)


def _derived(tree: Node) -> Derived:
    if tree["type"] != "SELECT_NODE":
        raise refusal(str(tree.get("setop_type", tree["type"])), "it is not a single SELECT from input")
    check_values(tree)
    if not reads_input(tree):
        raise refusal("FROM", "the table input does not stand in it", "write FROM input")
    return Grouping(tree).derived() if is_grouped(tree) else _scan(tree)


def _scan(tree: Node) -> Derived:
    """Return the statements of a query without aggregates.

    What its ORDER BY sorts by and the result does not have is one more column of the partial rows. With a
    LIMIT, map and reduce keep only as many of their rows, the first ones in that order.
    """
    items, limit = tree["select_list"], limit_of(tree)
    named = [(item, name) for item, name in zip(items, result_names(items), strict=True) if name]
    joined = tree["from_table"]["type"] == "JOIN"
    everything = len(items) == 1 and is_same(items[0], parse_expression("*")) and not joined
    hidden: list[Node] = []

    def column(expression: Node, bare: str) -> Node:
        aliased = [name for item, name in named if bare and item["alias"].casefold() == bare]
        for name in aliased or [name for item, name in named if is_same(item, expression)]:
            return column_node(name)
        if everything and bare_name(expression):
            return expression
        if modifier_of(tree, DISTINCT):
            why = "it is no column of a DISTINCT result"
            raise refusal(f"ORDER BY {expression_text(expression)}", why, "select it too")
        hidden.append({**expression, "alias": f"__order_{len(hidden) + 1}"})
        return column_node(hidden[-1]["alias"])

    modifiers = sorted_by(tree, column)
    top = {**limit, "limit": _plus(limit["limit"], limit["offset"]), "offset": None} if limit else {}

    def narrowed(modifiers: list[Node]) -> list[Node]:
        if not top.get("limit"):
            return [one for one in modifiers if one["type"] == DISTINCT]
        return [top if one["type"] == LIMIT else one for one in modifiers]

    last = [one for one in modifiers if one["type"] != DISTINCT]
    all_but = f"* EXCLUDE ({', '.join(one['alias'] for one in hidden)})" if hidden else "*"
    return Derived(
        map=to_sql({**tree, "select_list": [*items, *hidden], "modifiers": narrowed(tree["modifiers"])}),
        reduce=select_from_input([parse_expression("*")], narrowed(modifiers)),
        finish=select_from_input([parse_expression(all_but)], last) if last else None,
        key=None,
        one_partition=limit is not None,
    )


def _plus(limit: Node | None, offset: Node | None) -> Node | None:
    if limit and offset and is_number(limit) and is_number(offset):
        return number_node(number_of(limit) + number_of(offset))
    return parse_expression("a + b", a=limit, b=offset) if limit and offset else limit
