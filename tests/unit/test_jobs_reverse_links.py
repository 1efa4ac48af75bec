import json
import time
from collections import defaultdict
from html import escape
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jobs.reverse_links import ReverseLinks, links_of
from mapreduce import BadRecord, InvalidParameter, run
from tests.unit.job_runs import Way, in_all_ways, json_rows, objects_of
from tests.unit.pipeline import Outcome, run_on

PAGE = "http://example.com/folder/page.html?x=1"


def targets(html: str, url: str = PAGE) -> list[str]:
    return [target for _, target in links_of(url, html)]


def reversed_links(links: list[tuple[str, str]]) -> dict[str, list[str]]:
    sources = defaultdict(set)
    for source, target in links:
        sources[target].add(source)
    return {target: sorted(some) for target, some in sources.items()}


def check_result(outcome: Outcome, links: list[tuple[str, str]]) -> None:
    parts = [json_rows(part) for part in outcome.parts]
    expected = reversed_links(links)
    assert {row["target"]: row["sources"] for part in parts for row in part} == expected
    assert sum(map(len, parts)) == len(expected)
    for part in parts:
        assert [list(row) for row in part] == [["target", "sources"]] * len(part)
        assert [row["target"] for row in part] == sorted(row["target"] for row in part)


# Pairs

PAIRS = [(f"s{row * row % 7}", f"t{row * 7919 % 11}") for row in range(80)] + [("한", "한"), ("s0", "t0")]


@in_all_ways
def test_pairs_are_reversed(way: Way) -> None:
    lines = [f"{source} {target}" for source, target in PAIRS]
    check_result(run_on(objects_of(lines), "reverse-links", **way._asdict()), PAIRS)


@given(st.lists(st.tuples(st.text("ab", min_size=1, max_size=2), st.text("ab", min_size=1, max_size=2))))
def test_pairs_are_reversed_in_memory(pairs: list[tuple[str, str]]) -> None:
    rows = list(run(ReverseLinks(), [f" {source}\t{target} " for source, target in pairs]))
    assert rows == [(target, (sources,)) for target, sources in sorted(reversed_links(pairs).items())]


@pytest.mark.parametrize(
    "record", ["", "a", "a b c", {"url": "http://a/"}, {"url": 1, "html": ""}, ["a", "b"], 1]
)
def test_what_is_neither_pair_nor_page_is_a_bad_record(record: Any) -> None:
    with pytest.raises(BadRecord, match='give a line "source target"'):
        list(run(ReverseLinks(), [record]))


# Pages


def pages() -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Pages by their paths, and the links between them."""
    html, links = {}, []
    for page in range(12):
        path = f"p{page % 3}/{page} &.html"
        linked = [(page * page + step) % 12 for step in range(page)]
        urls = [f"http://site/w/p{other % 3}/{other}%20&.html" for other in linked]
        links += [(f"http://site/w/p{page % 3}/{page}%20&.html", url) for url in urls]
        anchors = [
            f'<a href="{url if other % 2 else f"../p{other % 3}/{other}%20&.html#part"}">{other}</a>\n'
            for url, other in zip(urls, linked, strict=True)
        ]
        html[path] = f"<!doctype html><title>{page}</title>\n" + "".join(anchors) + "x" * (page * page)
    return html, links


@in_all_ways
def test_pages_in_jsonl_are_reversed(way: Way) -> None:
    html, links = pages()
    lines = [
        json.dumps({"url": f"http://site/w/{path.replace(' &', '%20&')}#top", "html": text})
        for path, text in html.items()
    ]
    outcome = run_on(objects_of(lines), "reverse-links", format="jsonl", **way._asdict())
    check_result(outcome, links)


@in_all_ways
@pytest.mark.parametrize(
    ("base", "folder"),
    [("http://site/", ""), ("http://site/w/", "w/"), ("http://site/w", "w"), ("http://site", "")],
)
def test_objects_that_are_pages_are_reversed(way: Way, base: str, folder: str) -> None:
    html, links = pages()
    outcome = run_on(
        {f"w/{path}": text.encode() for path, text in html.items()},
        "reverse-links",
        format="whole",
        params={"base": base, "folder": folder},
        **way._asdict(),
    )
    check_result(outcome, links)


def test_an_object_outside_the_folder_is_a_bad_record() -> None:
    params = {"base": "http://site/", "folder": "w/"}
    with pytest.raises(BadRecord, match=r"x\.html at byte 0: the object is not in the folder 'w/'"):
        run_on({"x.html": b"<p>"}, "reverse-links", format="whole", params=params)


@pytest.mark.parametrize("base", ["site/", "ftp://site/", "http://", "http://[x/"])
def test_the_base_is_a_url(base: str) -> None:
    with pytest.raises(InvalidParameter, match=r"params\.base: got .*; give an http or https URL"):
        ReverseLinks(base=base)


@pytest.mark.parametrize("url", ["", "page.html", "file:///x.html", "http://:80/", "http://a:b/"])
def test_the_url_of_a_page_is_absolute(url: str) -> None:
    with pytest.raises(BadRecord, match=r"url: got .*; give an http or https URL"):
        targets("<a href=x>", url)


# Links


@pytest.mark.parametrize(
    ("href", "target"),
    [
        ("http://other/x", "http://other/x"),
        ("HTTPS://other/x", "https://other/x"),
        ("//other/x", "http://other/x"),
        ("/x", "http://example.com/x"),
        ("x", "http://example.com/folder/x"),
        ("./x?y=1", "http://example.com/folder/x?y=1"),
        ("../x", "http://example.com/x"),
        ("../../../x", "http://example.com/x"),
        ("?y", "http://example.com/folder/page.html?y"),
        ("#part", PAGE),
        ("", PAGE),
        ("x#part", "http://example.com/folder/x"),
        ("  x\n", "http://example.com/folder/x"),
        ("x;p=1?a=b/../c", "http://example.com/folder/x;p=1?a=b/../c"),
        ("http://other:8080/x", "http://other:8080/x"),
        ("한", "http://example.com/folder/%ED%95%9C"),
        ("b c.html?d e", "http://example.com/folder/b%20c.html?d%20e"),
        ("b%20c%2f%.html?100%", "http://example.com/folder/b%20c%2f%25.html?100%25"),
        ("(b),c;d=e:f@g!$&'*+~?h/i?j=[]", "http://example.com/folder/(b),c;d=e:f@g!$&'*+~?h/i?j=%5B%5D"),
    ],
)
def test_a_link_is_absolute_and_without_its_fragment(href: str, target: str) -> None:
    assert targets(f'<a href="{href}">') == [target]


@pytest.mark.parametrize(
    "href",
    [
        "mailto:me@example.com",
        "javascript:void(0)",
        "data:text/html,x",
        "ftp://host/x",
        "http://",
        "http:///x",
        "http:x",
        "http://[::1",
        "http://[x]/",
        "http://host:port/",
        "http://host:99999/",
        "tel:+82-2-123",
    ],
)
def test_what_is_no_valid_http_url_is_no_link(href: str) -> None:
    assert targets(f'<a href="{href}"><a href="/x">') == ["http://example.com/x"]


@pytest.mark.parametrize(
    ("html", "found"),
    [
        ("<a>no link</a><a name=x></a><a href>", []),
        ('<link href="/x"><img src="/y"><area href="/z"><p href="/q">', []),
        ("<A HREF=/x><a class='b' href='/y' id=z/>", ["/x", "/y"]),
        ("<a href=/x href=/y>", ["/x"]),
        ("<!-- <a href=/x> --><a href=/y>", ["/y"]),
        ("<script>document.write('<a href=/x>')</script><a href=/y>", ["/y"]),
        ('<a href="/x?a=1&amp;b=2">', ["/x?a=1&b=2"]),
        ('<a href="/x?a=1&section=2&copy=3&lt=4">', ["/x?a=1&section=2&copy=3&lt=4"]),
        ('<a href="/&#x41;&#66;&eacute;">', ["/AB%C3%A9"]),
        ("<![if !IE]><a href=/x><![endif]><![CDATA[<a href=/y>]]><![nonsense><a href=/z>", ["/x", "/z"]),
        ("<a href=/x", []),
        ("<a href='/x><p>unclosed <b", []),
        ("<p <a href=/x></p></></ ><? <a href=/y><a href=/z>", ["/z"]),
    ],
)
def test_links_are_those_of_anchors(html: str, found: list[str]) -> None:
    assert targets(html, "http://h/") == [f"http://h{path}" for path in found]


@pytest.mark.parametrize(
    ("base", "target"),
    [
        ('<base href="http://other/d/">', "http://other/d/x"),
        ('<base href="//other/d/e">', "http://other/d/x"),
        ('<base href="d/">', "http://example.com/folder/d/x"),
        ('<base href="http://one/"><base href="http://two/">', "http://one/x"),
        ("<base target=_top><base href=/up/>", "http://example.com/up/x"),
        ('<base href="http://[">', "http://example.com/folder/x"),
        ('<base href="mailto:x">', "http://example.com/folder/x"),
        ("<base>", "http://example.com/folder/x"),
    ],
)
def test_the_base_of_a_page_holds_for_all_links(base: str, target: str) -> None:
    assert targets(f"<a href=x>{base}<a href=x>") == [target, target]


fragments = st.sampled_from(
    [
        "<",
        ">",
        "<a href=",
        "'",
        '"',
        "/x",
        "</a",
        "<!",
        "<![",
        "<!--",
        "-->",
        "<?",
        "]]>",
        "&",
        "&#",
        "&#x",
        ";",
        "&amp",
        "<script>",
        "</script",
        "<base href=",
        "http://",
        "[",
        "]",
        ":",
        "99999999",
        "/",
        "\n",
        "\0",
        "=",
        "a",
        "<!DOCTYPE",
        "<svg><![CDATA[",
        "<a/",
        "é",
        "\ud800",
    ]
)


@settings(max_examples=1500)
@given(st.lists(fragments, max_size=14).map("".join))
@example("<![")
@example("<![x")
@example("<![ ")
@example("<!DOCTYPE [<!x")
def test_broken_html_never_raises(html: str) -> None:
    for found in targets(html + "<p>"):
        assert found.startswith(("http://", "https://"))
        assert "#" not in found


@given(st.lists(st.sampled_from(["/a", "b", "c/d?e=f&g=h", "http://other/i", "q\"uo'te", "<&>"])))
def test_links_are_found_as_they_were_written(hrefs: list[str]) -> None:
    html = "<p>text" + "".join(f"<div><a href='{escape(href)}'>x</a>" for href in hrefs)
    absolute = {
        "/a": "http://h/a",
        "http://other/i": "http://other/i",
        "q\"uo'te": "http://h/x/q%22uo'te",
        "<&>": "http://h/x/%3C&%3E",
    }
    assert targets(html, "http://h/x/y") == [absolute.get(href, f"http://h/x/{href}") for href in hrefs]


@pytest.mark.parametrize("unclosed", ["<a ", "<a href='x", "</a ", "<!--", "<"])
def test_tags_that_never_end_take_no_time(unclosed: str) -> None:
    start = time.process_time()
    assert targets("<a href=/x>" + unclosed * 100_000, "http://h/") == ["http://h/x"]
    assert time.process_time() - start < 2


@pytest.mark.parametrize("href", ["b c.html", "b%20c.html", "/w/b c.html#d", "http://site/w/b%20c.html"])
def test_a_page_has_one_url_however_links_to_it_are_written(href: str) -> None:
    outcome = run_on(
        {"b c.html": f'<a href="{href}">'.encode()},
        "reverse-links",
        format="whole",
        params={"base": "http://site/w/"},
    )
    assert [json_rows(part) for part in outcome.parts] == [
        [{"target": "http://site/w/b%20c.html", "sources": ["http://site/w/b%20c.html"]}]
    ]
