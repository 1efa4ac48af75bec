"""The columns of partial rows: what each is in a query's map, and how its reduce merges it."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import InvalidQuery
from .derivation import refusal
from .syntax import INPUT, Node, column_node, expression_text, is_same, parse_expression
from .traits import AVERAGES, MERGES


@dataclass(slots=True)
class Partial:
    """A column of the partial rows: what it is in the map, and how reduce merges it (None: by it)."""

    name: str
    expression: Node
    merge: str | None

    @property
    def mapped(self) -> Node:
        """What stands in the map's select list. A column keeps the name that the table has for it."""
        own = self.expression["class"] == "COLUMN_REF" and self.expression["column_names"][-1] == self.name
        return {**self.expression, "alias": "" if own else self.name}

    @property
    def quoted(self) -> str:
        """Its name, as SQL writes it."""
        return '"' + self.name.replace('"', '""') + '"'

    @property
    def reduced(self) -> str:
        """What stands in the reduce's select list."""
        return f"{self.merge.format(self.quoted)} AS {self.quoted}" if self.merge else self.quoted


class Partials:
    """All columns of the partial rows.

    Args:
        names: those of the result's columns, for no other column to have.
    """

    def __init__(self, names: list[str]) -> None:
        self.columns: list[Partial] = []
        self._taken = {name.casefold() for name in names}

    def has(self, expression: Node) -> bool:
        """Say whether a column has an expression's values."""
        return any(is_same(one.expression, expression) for one in self.columns)

    def reference(self, expression: Node, merge: str | None, what: str) -> Node:
        """Return a reference to the column that has an expression's values, which is a new one if need be.

        Args:
            what: a word for the new column's name.
        """
        for partial in self.columns:
            if is_same(partial.expression, expression):
                return column_node(partial.name)
        name = f"__{what}_{len(self.columns) + 1}"
        while name in self._taken:
            name = f"_{name}"
        self.columns.append(Partial(name, {**expression, "alias": ""}, merge))
        return column_node(name)

    def merged(self, aggregate: Node) -> Node:
        """Return what an aggregate is over reduced rows. Raises InvalidQuery if it cannot be merged."""
        name, many = aggregate["function_name"], len(aggregate["arguments"]) > 1
        why = ""
        if aggregate["schema"]:
            text = expression_text(aggregate)
            raise InvalidQuery(f"sql.map: {text}: write it as {name}(…), with its argument in parentheses")
        if aggregate["distinct"]:
            why = "equal values may be in several parts"
        elif aggregate["order_bys"]["orders"]:
            why = "it depends on the order of all rows"
        elif many or aggregate["export_state"] or (name not in MERGES and name not in AVERAGES):
            why = f"it does not follow from the {name} of parts"
        if why:
            raise refusal(expression_text(aggregate), why)
        if name in AVERAGES:
            total, count = (
                self.merged({**aggregate, "function_name": one, "qualified_name": {"path": [one]}})
                for one in (AVERAGES[name], "count")
            )
            return parse_expression("CAST(total AS DOUBLE) / counted", total=total, counted=count)
        return self.reference(aggregate, MERGES[name], name)

    @property
    def key(self) -> list[Partial]:
        """The columns by which rows are merged."""
        return [one for one in self.columns if one.merge is None]

    def reduce(self) -> str:
        """Return the reduce."""
        columns = ", ".join(one.reduced for one in self.columns)
        key = ", ".join(one.quoted for one in self.key)
        # Without a key: a partition that has no partial rows gets none.
        return f'SELECT {columns} FROM "{INPUT}" {f"GROUP BY {key}" if key else "HAVING count(*) > 0"}'
