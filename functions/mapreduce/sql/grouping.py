"""A query with aggregates, taken apart into what its map, reduce and finish say."""

from __future__ import annotations

from typing import Any

from ..errors import InvalidQuery
from .derivation import Derived, refusal
from .modifiers import DISTINCT, limit_of, modifier_of, sorted_by
from .partials import Partial, Partials
from .syntax import (
    Node,
    bare_name,
    column_node,
    columns_in,
    expression_text,
    is_number,
    is_same,
    number_node,
    number_of,
    result_names,
    select_from_input,
    substitute,
    to_sql,
    walk,
)
from .traits import AGGREGATE, UNNEST, calls, has_aggregates


class Grouping:
    """A query with aggregates, on its way to statements.

    Items are what its select list has; those without aggregates are plain, and have one value in each group.
    """

    def __init__(self, tree: Node) -> None:
        self._tree = tree
        self._items: list[Node] = tree["select_list"]
        self._check()
        self._names = result_names(self._items)
        self._all = tree["aggregate_handling"] == "FORCE_AGGREGATES"
        self._groups: list[Node] = tree["group_expressions"]
        if self._all:  # GROUP BY ALL: by all that are plain, and not constants
            self._groups = [
                number_node(place)
                for place, item in enumerate(self._items, 1)
                if not has_aggregates(item) and columns_in(item)
            ]
        self._roots = [self._items[self._index(one)] if is_number(one) else one for one in self._groups]

        self._aliases: dict[str, Node] = {}  # of items with aggregates: what they stand for
        self._wholes = [self._whole(item) for item in self._items]
        self._own: dict[int, Partial] = {}  # of plain items
        self._merge = None if self._groups else "any_value({})"  # for what has one value in each group
        for index, whole in enumerate(self._wholes):
            if not has_aggregates(whole):
                self._own[index] = Partial(self._names[index], {**whole, "alias": ""}, self._merge)
        self._partials = Partials(self._names)
        self._partials.columns.extend(self._own.values())

        found = [self._item_of(group) for group in self._groups]
        for index in self._own:
            self._check_unnest(self._items[index], grouped=index in found)
        for group, item in zip(self._groups, found, strict=True):
            if item is None:
                self._partials.reference(group, self._merge, "key")

    def _check(self) -> None:
        tree, orders = self._tree, list[Node]()

        def kept(expression: Node, _: str) -> Node:
            orders.append(expression)
            return expression

        sorted_by(tree, kept)
        if len(tree["group_sets"]) > 1:
            raise refusal("GROUPING SETS, ROLLUP or CUBE", "a row belongs to several groups")
        for node in walk([self._items, tree["group_expressions"], tree["having"], orders]):
            if node.get("class") == "STAR":
                what = f"{expression_text(node)} with aggregates"
                raise refusal(what, "its columns are not known", "list them")
            if node.get("class") == "COLLATE":
                why = "a column of partial rows has no collation"
                raise refusal(expression_text(node), why, "use lower()")

    def _check_unnest(self, expression: Any, *, grouped: bool = False) -> None:
        if not grouped and any(calls(node, UNNEST) for node in walk(expression)):
            raise refusal("UNNEST with aggregates", "it multiplies groups, not rows", "put it into FROM")

    # Names.

    def _index(self, position: Node) -> int:
        """Return the index of the item that GROUP BY gives the position of. Raises InvalidQuery."""
        number = number_of(position)
        if not 1 <= number <= len(self._items) or has_aggregates(self._items[number - 1]):
            raise InvalidQuery(f"sql.map: GROUP BY {number}: give the place of a column without aggregates")
        return number - 1

    def _whole(self, item: Node) -> Node:
        """Return an item with what it says by aliases of aggregates, and learn its own alias."""
        named = any(self._aliases.keys() & set(names) for names in columns_in(item))
        if self._all and named and not has_aggregates(item):
            why = "GROUP BY ALL leaves open whether it has an aggregate's alias or a column"
            raise refusal(expression_text(item), why, "give the aggregate another alias")
        whole = self._resolved(item, self._aliases)
        if has_aggregates(whole) and item["alias"]:
            self._aliases[item["alias"].casefold()] = {**whole, "alias": ""}
        return whole

    def _resolved(self, expression: Node, aliases: dict[str, Node]) -> Node:
        """Return an expression with what aliases in it stand for.

        Of names outside of aggregates, those that are grouped by are columns; no others can be.
        """
        named = [root["column_names"] for root in self._roots if root["class"] == "COLUMN_REF"]
        columns = {names[-1].casefold() for names in named}

        def resolved(node: Node) -> Node | None:
            if node["class"] in ("SUBQUERY", "LAMBDA") or calls(node, AGGREGATE):
                return node
            if any(is_same(node, root) for root in self._roots):
                return node
            if (bare := bare_name(node)) and bare in aliases and bare not in columns:
                return {**aliases[bare], "alias": node["alias"]}
            return None

        whole: Node = substitute(expression, resolved)
        return whole

    def _check_all(self, columns: set[tuple[str, ...]]) -> None:
        """Raise InvalidQuery if there is GROUP BY ALL, and columns outside of the select list."""
        pairs = zip(self._names, self._items, strict=True)
        known = {name.casefold() for name, item in pairs if not item["alias"]}
        for names in sorted(columns) if self._all else ():
            if names[-1] not in known:
                why = "GROUP BY ALL goes by the select list only"
                raise refusal(f"{'.'.join(names)} outside of it", why, "list what to group by")

    def _item_of(self, group: Node) -> int | None:
        """Return the index of the plain item that a group expression is for sure, if there is one.

        A name that is both an item's alias and a column is the column.
        """
        if is_number(group):
            return self._index(group)
        bare = bare_name(group)
        for index in self._own:
            item = self._items[index]
            aliased = bare and item["alias"].casefold() == bare
            if is_same(item, group) or (aliased and self._needs_alias(item)):
                return index
        return None

    def _needs_alias(self, item: Node) -> bool:
        """Say whether an item could not be computed if its alias in GROUP BY were a column.

        Nothing in GROUP BY, and no alias, would then have some column that it has.
        """
        if any(node.get("class") == "SUBQUERY" for node in walk(item)):
            return False
        known = {part for names in columns_in(self._roots) for part in names}
        known |= {one["alias"].casefold() for one in self._items}
        return any(known.isdisjoint(names) for names in columns_in(item))

    # Statements.

    def derived(self) -> Derived:
        """Return the query's statements."""
        limit, distinct = limit_of(self._tree), modifier_of(self._tree, DISTINCT)
        finals = [
            column_node(self._own[index].name) if index in self._own else self._final(whole)
            for index, whole in enumerate(self._wholes)
        ]
        pairs = zip(self._items, self._wholes, strict=True)
        aliases = {item["alias"].casefold(): whole for item, whole in pairs}
        having = self._resolved(self._tree["having"] or {}, aliases)
        self._check_all(columns_in(substitute(having, lambda node: {} if calls(node, AGGREGATE) else None)))
        where = self._final(having) if having else None
        modifiers = sorted_by(self._tree, self._final_order)

        partials = {partial.name: partial for partial in self._partials.columns}
        picked = [one["column_names"][0] for one in finals if one["class"] == "COLUMN_REF"]
        finish = None
        if where or modifiers or sorted(picked) != sorted(partials) or len(picked) != len(finals):
            self._partials.columns.sort(key=lambda partial: partial.merge is not None)
            for final, name in zip(finals, self._names, strict=True):
                final["alias"] = "" if final.get("column_names") == [name] else name
            finish = select_from_input(finals, modifiers, where)
        else:  # the partial rows are like the result
            self._partials.columns = [partials[name] for name in picked]
            for partial, name in zip(self._partials.columns, self._names, strict=True):
                partial.name = name
        return Derived(
            map=self._map(),
            reduce=self._partials.reduce(),
            finish=finish,
            key=tuple(partial.name for partial in self._partials.key),
            one_partition=bool(limit or distinct),
        )

    def _map(self) -> str:
        places = {id(partial): place for place, partial in enumerate(self._partials.columns, 1)}
        groups = [
            number_node(places[id(self._own[self._index(group)])]) if is_number(group) else group
            for group in self._groups
        ]
        aggregates = any(calls(partial.expression, AGGREGATE) for partial in self._partials.columns)
        # GROUP BY (): where there were aggregates in HAVING only, or none, the map still gives one row.
        one_row: list[list[int]] = [] if aggregates else [[]]
        return to_sql(
            {
                **self._tree,
                "select_list": [partial.mapped for partial in self._partials.columns],
                "modifiers": [],
                "group_expressions": [] if self._all else groups,
                "group_sets": [] if self._all else [list(range(len(groups)))] if groups else one_row,
                "having": None,
            }
        )

    def _final(self, node: Node) -> Node:
        """Return an expression over reduced rows for one over the rows of the input."""
        if calls(node, AGGREGATE):
            return self._partials.merged(node)
        mixed, kind = has_aggregates(node), node["class"]
        if (kind == "SUBQUERY" and mixed) or (kind == "LAMBDA" and (mixed or columns_in(node))):
            raise refusal(expression_text(node), "it depends on aggregates or columns around it")
        if mixed:
            return {key: substitute(value, self._final) for key, value in node.items()}
        self._check_unnest(node)
        return self._carried(node) if columns_in(node) else dict(node)

    def _carried(self, node: Node) -> Node:
        """Return a reference to the values of an expression that has one in each group."""
        if not self._partials.has(node):
            self._check_all(columns_in(node))
        return self._partials.reference(node, self._merge, "key")

    def _final_order(self, expression: Node, bare: str) -> Node:
        if bare and bare in {item["alias"].casefold() for item in self._items}:
            return expression
        return self._final(self._resolved(expression, self._aliases))
