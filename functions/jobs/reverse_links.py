"""Reverse web-link graph, of section 2.3 of Dean and Ghemawat 2004."""

import json
import re
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from itertools import groupby
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

from mapreduce import BadRecord, InvalidParameter, Job, parameter

# An ampersand of a query string that a careless page has not escaped: `&section=2` is no section sign.
BARE_AMPERSAND = re.compile(r"&(?=\w+(?![\w;]))")
# What RFC 3986 allows in neither path nor query; a percent sign is allowed before two hexadecimal digits.
NOT_ALLOWED = re.compile(r"[^\w.~!$&'()*+,;=:@/?%-]|%(?![0-9A-Fa-f]{2})", re.ASCII)
# What may stand in a path besides letters and digits (RFC 3986, 3.3).
IN_A_PATH = "/!$&'()*+,;=:@~"


class ReverseLinks(Job):
    """List for each page the pages that link to it, from pairs of pages or from HTML.

    A record is one of
        a line `source target`: any two names, taken as they are;
        an object {"url": ..., "html": ...}, of the format jsonl;
        an HTML page, of the format whole. Then `base` is to say what URL the objects have.
    Links of HTML are the http and https URLs of its `<a href>`, absolute, without fragments, and
    percent-encoded where they have to be. URLs that are not valid are left out.
    """

    output = "jsonl"
    columns = ("target", "sources")
    group_fields = 1  # target

    base: str = parameter("", "for whole pages: the URL of `folder`")
    folder: str = parameter("", "for whole pages: what their keys begin with that their URLs do not have")

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        if self.base and not absolute(self.base):
            raise InvalidParameter(f"params.base: got {json.dumps(self.base)}; give an http or https URL")

    def map(self, record: Any) -> Iterator[tuple[tuple[str, str], str]]:
        for source, target in self._links(record):
            yield (target, source), source

    def combine(self, key: tuple[str, str], values: list[str]) -> str:
        return values[0]  # all are the same

    def reduce(self, key: str, values: Iterable[str]) -> Iterator[tuple[str, tuple[list[str]]]]:
        yield key, ([source for source, _ in groupby(values)],)

    def _links(self, record: Any) -> Iterable[tuple[str, str]]:
        match record:
            case {"url": str(url), "html": str(html)}:
                return links_of(url, html)
            case str() if self.base:
                return links_of(self._url_of_object(), record)
            case str() if len(pair := record.split()) == 2:
                return [(pair[0], pair[1])]
        raise BadRecord('give a line "source target", an object of the texts url and html, or params.base')

    def _url_of_object(self) -> str:
        if not self.place.key.startswith(self.folder):
            raise BadRecord(f"the object is not in the folder {self.folder!r} (params.folder)")
        path = self.place.key.removeprefix(self.folder).lstrip("/")
        return f"{self.base.removesuffix('/')}/{quote(path, safe=IN_A_PATH)}"


def links_of(url: str, html: str) -> Iterator[tuple[str, str]]:
    """Yield source and target of the links of a page. Raises BadRecord if its own URL is not valid."""
    source = absolute(url)
    if not source:
        raise BadRecord(f"url: got {json.dumps(url)}; give an http or https URL")
    page = _Page(html)
    base = absolute(page.base or "", source) or source
    for link in page.links:
        if target := absolute(link, base):
            yield source, target


def absolute(url: str, base: str = "") -> str:
    """Return an http or https URL; nothing if it is none or not valid.

    It is absolute, without its fragment, and its path and query are percent-encoded where they have to be.
    """
    try:
        given = urlsplit(url.strip())
        if given.scheme and not given.netloc:
            return ""
        parts = urlsplit(urljoin(base, url.strip()))
        valid = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:  # of a port that is no number, or brackets around what is no address
        return ""
    if not valid:
        return ""
    return parts._replace(path=_encoded(parts.path), query=_encoded(parts.query), fragment="").geturl()


def _encoded(text: str) -> str:
    return NOT_ALLOWED.sub(lambda found: quote(found[0], safe="", errors="surrogatepass"), text)


class _Page(HTMLParser):
    """What the links of a page say, and its `<base href>`: its first one counts, for all links."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.base: str | None = None
        self.links: list[str] = []
        # No tag ends behind the last `>`; html.parser would look for an end once for each that begins there.
        self.feed(BARE_AMPERSAND.sub("&amp;", html[: html.rfind(">") + 1]))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in {"a", "base"}:
            return
        href = next((value for name, value in attrs if name == "href"), None)
        if href is None:
            return
        if tag == "a":
            self.links.append(href)
        elif self.base is None:
            self.base = href

    def parse_marked_section(self, i: int, report: bool = True) -> int:
        # HTML has no `<![...]>`. Browsers read on behind it, where html.parser may raise.
        return self.parse_bogus_comment(i, report)
