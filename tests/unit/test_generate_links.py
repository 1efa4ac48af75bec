"""The pages are read by the standard library's parser here, and have to say what the pairs say."""

import json
import re
from collections import Counter
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urldefrag, urljoin, urlsplit

import pytest

from marla.generate import links

URLS = 500
FILES = 2


class Found(NamedTuple):
    """What a page holds: references as they stand, entities resolved, and the base that it gives itself."""

    references: list[str]
    base: str | None


class Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.references: list[str] = []
        self.base: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        reference = dict(attrs).get("href")
        if tag == "a" and reference is not None:
            self.references.append(reference)
        if tag == "base" and self.base is None:
            self.base = reference


def found_in(html: str) -> Found:
    parser = Parser()
    parser.feed(html)
    parser.close()
    return Found(parser.references, parser.base)


def targets(url: str, found: Found) -> list[str]:
    """What a page links to, as browsers see it."""
    base = urljoin(url, found.base) if found.base else url
    urls = [urldefrag(urljoin(base, reference)).url for reference in found.references]
    return [url for url in urls if urlsplit(url).scheme in {"http", "https"}]


class Graph(NamedTuple):
    pages: dict[str, str]  # URL and HTML
    pairs: list[tuple[str, str]]

    def read_by(self, reader: Callable[[str, str], list[str]]) -> list[tuple[str, str]]:
        return [(url, target) for url, html in self.pages.items() for target in reader(url, html)]


def graph_of(paths: list[Path]) -> Graph:
    pairs = [path for path in paths if path.suffix == ".txt"]
    pages = [path for path in paths if path.suffix == ".jsonl"]
    objects = [json.loads(line) for path in pages for line in path.read_text().splitlines()]
    lines = [line for path in pairs for line in path.read_text().splitlines()]
    urls = [item["url"] for item in objects]
    assert len(set(urls)) == len(urls)
    return Graph({item["url"]: item["html"] for item in objects}, [tuple(line.split(" ")) for line in lines])  # type: ignore[misc]


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Graph:
    """About 900 pages."""
    return graph_of(links(tmp_path_factory.mktemp("links"), 1_000_000, FILES, urls=URLS))


@pytest.fixture(scope="module")
def markup(graph: Graph) -> str:
    return "\n\n".join(graph.pages.values())


# The same graph twice


def test_pages_link_to_what_the_pairs_say(graph: Graph) -> None:
    assert graph.read_by(lambda url, html: targets(url, found_in(html))) == graph.pairs


def test_files_of_one_number_have_the_same_pages(tmp_path: Path) -> None:
    paths = links(tmp_path, 200_000, 2, urls=URLS)
    assert [path.name for path in paths] == [
        "links-00000.txt",
        "links-00001.txt",
        "pages-00000.jsonl",
        "pages-00001.jsonl",
    ]
    for pairs, pages in zip(paths[:2], paths[2:], strict=True):
        graph = graph_of([pairs, pages])
        sources = list(dict.fromkeys(source for source, _ in graph.pairs))
        assert sources == [url for url, html in graph.pages.items() if targets(url, found_in(html))]


@pytest.mark.parametrize(
    "reader",
    [
        pytest.param(lambda url, html: re.findall(r'<a href="(http[^"#]*)', html), id="a simple pattern"),
        pytest.param(lambda url, html: targets(url, found_in(html)._replace(base=None)), id="no base"),
        pytest.param(
            lambda url, html: [urljoin(url, reference) for reference in found_in(html).references],
            id="fragments and other schemes",
        ),
        pytest.param(
            lambda url, html: [reference for reference in found_in(html).references if "//" in reference],
            id="absolute only",
        ),
        pytest.param(
            lambda url, html: targets(url, found_in(html.replace("&", "&amp;"))), id="entities as they stand"
        ),
        pytest.param(
            lambda url, html: targets(url, found_in(re.sub("<!--|-->|</?script>", "", html))),
            id="comments and scripts",
        ),
        pytest.param(lambda url, html: sorted(set(targets(url, found_in(html)))), id="no duplicates"),
    ],
)
def test_a_reader_that_makes_it_easy_for_itself_is_found_out(
    graph: Graph, reader: Callable[[str, str], list[str]]
) -> None:
    assert Counter(graph.read_by(reader)) != Counter(graph.pairs)


# The graph


def test_the_kth_page_is_linked_to_one_kth_as_often_as_the_first(graph: Graph) -> None:
    counts = [count for _, count in Counter(target for _, target in graph.pairs).most_common()]
    total, harmonic = sum(counts), sum(1 / k for k in range(1, URLS + 1))
    for k in (1, 2, 3, 10, 30):
        assert counts[k - 1] == pytest.approx(total / harmonic / k, rel=0.25)


def test_popular_pages_are_in_the_first_file(tmp_path: Path) -> None:
    paths = links(tmp_path, 200_000, 2, urls=URLS)
    graph, first = graph_of(paths), graph_of([paths[0], paths[2]])
    popular = [url for url, _ in Counter(target for _, target in graph.pairs).most_common(10)]
    assert sum(url in first.pages for url in popular) >= 8


def test_some_pages_have_no_links_and_some_have_many(graph: Graph) -> None:
    degrees = Counter(source for source, _ in graph.pairs)
    assert 0.05 < 1 - len(degrees) / len(graph.pages) < 0.25
    assert max(degrees.values()) > 30


def test_some_links_are_there_twice(graph: Graph) -> None:
    assert sum(count > 1 for count in Counter(graph.pairs).values()) > len(graph.pairs) / 20


def test_some_pages_link_to_themselves(graph: Graph) -> None:
    assert sum(source == target for source, target in graph.pairs) > len(graph.pages) / 50


def test_links_lead_to_several_sites(graph: Graph) -> None:
    sites = Counter(urlsplit(target)[:2] for _, target in graph.pairs)
    assert len(sites) >= 4
    assert {scheme for scheme, _ in sites} == {"http", "https"}


# The markup


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param(r'(?i)<a href="https?://', id="absolute"),
        pytest.param(r'(?i)<a href="//', id="of the same scheme"),
        pytest.param(r'(?i)<a href="/\w', id="from the root"),
        pytest.param(r'(?i)<a href="\.\./', id="from a folder above"),
        pytest.param(r'(?i)<a href="\w+/', id="from the base"),
        pytest.param(r'(?i)<a href="[^"]+#', id="fragment"),
        pytest.param(r'(?i)<a href="#', id="nothing but a fragment"),
        pytest.param(r"<a name=", id="no href"),
        pytest.param(r'href="mailto:', id="mail"),
        pytest.param(r"=MAILTO:", id="mail in capitals"),
        pytest.param(r'href="javascript:', id="javascript"),
        pytest.param(r'<base href="https?://', id="absolute base"),
        pytest.param(r'<base href="/', id="relative base"),
        pytest.param(r'<base target="_blank">', id="base without href"),
        pytest.param(r"<BASE HREF='", id="base in capitals"),
        pytest.param(r"<A HREF=", id="capitals"),
        pytest.param(r"href='http", id="single quotes"),
        pytest.param(r"<a href=https?://[^\s\"'>]+[\s>]", id="no quotes"),
        pytest.param(r"href = ", id="space around ="),
        pytest.param(r"href=\n", id="newline behind ="),
        pytest.param(r" title='a > b' href", id="> in an attribute"),
        pytest.param(r"(?i)<a data-href=\"[^\"]*\" href", id="decoy"),
        pytest.param(r'(?i)href="[^"]*&amp;lang', id="entity"),
        pytest.param(r'(?i)href="[^"]*&#38;lang', id="decimal entity"),
        pytest.param(r'(?i)href="[^"]*&#x26;lang', id="hexadecimal entity"),
        pytest.param(r'(?i)href="[^"]*&lang', id="ampersand as it stands"),
        pytest.param(r"<!-- <a href", id="comment"),
        pytest.param(r"<script>[^<]*'<a href", id="script"),
        pytest.param(r"<b>[^<]*<i>[^<]*</b></i>", id="crossed tags"),
        pytest.param(r"3 < 4 & ", id="bare < and &"),
        pytest.param(r"<a hre\n\n", id="cut off"),
        pytest.param(r"[^\x00-\x7f]", id="characters of several bytes"),
    ],
)
def test_pages_are_as_on_the_web(markup: str, pattern: str) -> None:
    assert len(re.findall(pattern, markup)) >= 3


def test_some_links_are_not_closed(markup: str) -> None:
    opened, closed = (len(re.findall(pattern, markup, re.I)) for pattern in (r"<a\s", r"</a>"))
    assert closed < 0.95 * opened
