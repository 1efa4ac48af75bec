"""The state machine as text for Mermaid, which draws it in Markdown, on GitHub for example."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .definition import Edge, Graph, Node
from .layout import label_of
from .status import StateStatus

_ARROWS = {"next": "-->", "choice": "-->", "default": "-->", "catch": "-.->"}
_SHAPES = {"Choice": ("{{", "}}"), "Fail": ("([", "])"), "Succeed": ("([", "])")}
# Light colours, with dark text on them whatever the theme of the page.
_CLASSES = {
    "running": "fill:#e3f1fc,stroke:#0060a8,color:#1b2330,stroke-width:3px",
    "succeeded": "fill:#e2f5ee,stroke:#00714f,color:#1b2330",
    "failed": "fill:#fdebe2,stroke:#b13a00,color:#1b2330,stroke-width:3px",
    "caught": "fill:#fcf3d4,stroke:#7a5a00,color:#1b2330,stroke-dasharray:2 2",
    "stopped": "fill:#f8eaf3,stroke:#8a3f70,color:#1b2330,stroke-dasharray:8 3",
}


def mermaid(graph: Graph, overlay: Mapping[str, StateStatus] | None = None) -> str:
    """Return a flowchart, from top to bottom; what is inside a Map or Parallel is a subgraph.

    Args:
        overlay: how far states are, by name.
    """
    ids = {node.name: f"s{i}" for i, node in enumerate(graph.walk())}
    lines = ["flowchart TD", "  start((Start))"]
    lines += _lines(graph, ids, overlay or {}, "  ")
    lines.append(f"  start --> {ids[graph.start]}")
    ends = [node for node in graph.nodes if node.ends and node.type != "Fail"]
    if ends:
        lines.append("  stop(((End)))")
        lines += [f"  {ids[node.name]} --> stop" for node in ends]
    for status, style in _CLASSES.items():
        found = [ids[name] for name, one in (overlay or {}).items() if name in ids and one.status == status]
        if found:
            lines += [f"  classDef {status} {style}", f"  class {','.join(found)} {status}"]
    return "\n".join(lines) + "\n"


def _lines(
    graph: Graph, ids: Mapping[str, str], overlay: Mapping[str, StateStatus], indent: str
) -> Iterator[str]:
    for node in graph.nodes:
        text = _quoted(_said(node, overlay.get(node.name)))
        if not node.inner:
            opening, closing = _SHAPES.get(node.type, ("[", "]"))
            yield f"{indent}{ids[node.name]}{opening}{text}{closing}"
            continue
        yield f"{indent}subgraph {ids[node.name]}[{text}]"
        for inner in node.inner:
            yield from _lines(inner, ids, overlay, indent + "  ")
        yield f"{indent}end"
    for edge in graph.edges:
        yield f"{indent}{ids[edge.source]} {_arrow(edge)} {ids[edge.target]}"


def _said(node: Node, status: StateStatus | None) -> str:
    if status is None:
        return node.name
    texts = status.texts()
    said = " ".join(text for text in (texts["mark"], node.name, texts["visits"]) if text)
    return "\n".join(text for text in (said, texts["count"]) if text)


def _arrow(edge: Edge) -> str:
    label = label_of(edge)
    return f"{_ARROWS[edge.kind]}|{_quoted(label)}|" if label else _ARROWS[edge.kind]


def _quoted(text: str) -> str:
    """Return a text in quotes, with entities for what Mermaid, or HTML, may take for its own."""
    safe = "".join(
        one if one.isalnum() or one in " .,:;?!-_'/()×✓✕►■" else "<br>" if one == "\n" else f"#{ord(one)};"
        for one in text
        if one == "\n" or one >= " "
    )
    return f'"{safe}"'
