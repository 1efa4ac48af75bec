import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.url_frequency import UrlCount, UrlShare
from mapreduce import BadRecord, InvalidParameter, run
from tests.unit.job_runs import Way, csv_rows, in_all_ways, objects_of, run_stages

COMMON = '127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /apache_pb.gif HTTP/1.0" 200 2326'
COMBINED = COMMON + ' "http://www.example.com/start.html" "Mozilla/4.08 [en] (Win98; I ;Nav)"'


def log_line(request: str, row: int = 0) -> str:
    """A line of the Common Log Format, or for odd rows of the Combined."""
    common = f'10.0.{row}.1 - - [10/Oct/2000:13:55:36 -0700] "{request}" {200 + row % 300} {row * 13}'
    return common + (f' "http://from/{row}" "agent \\"{row}\\" [x]"' if row % 2 else "")


def urls(lines: list[str], *, strip_query: bool = False) -> dict[str, int]:
    return dict(run(UrlCount(strip_query=strip_query), lines))


@pytest.mark.parametrize(
    ("request_line", "url"),
    [
        ("GET /a?b=c HTTP/1.1", "/a?b=c"),
        ("GET / HTTP/2.0", "/"),
        ("GET /old", "/old"),
        ("GET http://proxied.example/x HTTP/1.1", "http://proxied.example/x"),
        ("OPTIONS * HTTP/1.0", "*"),
        ("GET /with space HTTP/1.0", "/with space"),
        ("GET /100%25/한,글 HTTP/1.0", "/100%25/한,글"),
        (r"GET /say\"hi\" HTTP/1.0", r"/say\"hi\""),
        ("-", "-"),
        ("", "-"),
        ("GET", "-"),
        ("GET  HTTP/1.0", "-"),
        (r"\x16\x03\x01", "-"),
    ],
)
@pytest.mark.parametrize("row", [0, 1])
def test_a_request_has_one_url(request_line: str, url: str, row: int) -> None:
    assert urls([log_line(request_line, row)]) == {url: 1}


@pytest.mark.parametrize(
    "line",
    [
        COMMON,
        COMBINED,
        COMBINED + ' "10.1.1.1, 10.2.2.2"',  # nginx as it is packaged
        COMMON.replace("frank", "frank n. stein"),
        COMMON.replace("200 2326", "304 -"),
        COMMON.replace("127.0.0.1", "2001:db8::1"),
        COMBINED.replace("Mozilla", r"Moz\"illa\\"),
    ],
)
def test_what_is_a_log_line(line: str) -> None:
    assert urls([line]) == {"/apache_pb.gif": 1}


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("", "host"),
        ("hello", "identity"),
        ("a b [10/Oct/2000:13:55:36 -0700] x", "user"),
        ("a b c", "time"),
        ("a b c 10/Oct/2000 rest", "time"),
        (COMMON.replace('"GET', "GET"), "request"),
        (COMMON.replace('.0" ', ".0 "), "request"),
        (COMMON.replace("200", "OK"), "status"),
        (COMMON.replace(" 2326", ""), "size"),
        (COMMON.replace("2326", "much"), "size"),
        (COMBINED.removesuffix('"'), "something else follows"),
        (COMMON + " ", "something else follows"),
    ],
)
def test_what_is_no_log_line_says_what_is_wrong(line: str, wrong: str) -> None:
    with pytest.raises(BadRecord, match=f"not the Common or Combined Log Format: (the )?{wrong}"):
        urls([line])


def test_the_query_string_is_part_of_the_url_unless_it_is_stripped() -> None:
    lines = [log_line(f"GET /{path} HTTP/1.0") for path in ("a", "a?x=1", "a?x=2?y", "b")]
    assert urls(lines) == {"/a": 1, "/a?x=1": 1, "/a?x=2?y": 1, "/b": 1}
    assert urls(lines, strip_query=True) == {"/a": 3, "/b": 1}


REQUESTED = [f"/{row * row % 23}{'?q=' + str(row % 2) if row % 5 == 0 else ''}" for row in range(120)]
LINES = [log_line(f"GET {url} HTTP/1.1", row) for row, url in enumerate(REQUESTED)]
BAD = ["", "no log line", LINES[0][:-1] + "x"]


@in_all_ways
@pytest.mark.parametrize("strip_query", [None, False, True])
def test_shares_are_those_of_all_good_lines(way: Way, strip_query: bool | None) -> None:
    lines = LINES[:40] + BAD + LINES[40:]
    params = {} if strip_query is None else {"strip_query": strip_query}
    way = way._replace(split_bytes=way.split_bytes * 7)  # less than a line still
    count, share = run_stages("url-frequency", objects_of(lines), params, maxBadRecords=3, **way._asdict())
    expected = Counter(url.partition("?")[0] if strip_query else url for url in REQUESTED)
    parts = [csv_rows(part) for part in share.parts]
    rows = [row for part in parts for row in part]
    assert {url: int(number) for url, number, _ in rows} == expected
    assert all(float(part) == int(number) / len(REQUESTED) for _, number, part in rows)
    assert abs(math.fsum(float(part) for *_, part in rows) - 1) < 1e-12
    assert all(part == sorted(part) for part in parts)
    assert sum(counters["rejects"] for counters in count.mapped) == len(BAD)


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=200))
def test_shares_sum_to_one(counts: list[int]) -> None:
    rows = [[f"/{number}", str(count)] for number, count in enumerate(counts)]
    shares = run(UrlShare(lines=sum(counts) + 7, rejects=7), rows)
    assert abs(math.fsum(share for _, (_, share) in shares) - 1) < 1e-12


def test_urls_with_quotes_and_commas_reach_the_second_stage_as_they_were() -> None:
    wanted = ["/a,b", r"/\"x\"", "/한", "/ x", "-"]
    lines = [log_line(f"GET {url} HTTP/1.0") for url in wanted[:-1]] + [log_line("-")]
    _, share = run_stages("url-frequency", objects_of(lines), split_bytes=31)
    assert csv_rows(share.parts[0]) == [[url, "1", "0.2"] for url in sorted(url.strip() for url in wanted)]


def test_the_share_needs_the_counters_of_the_count() -> None:
    with pytest.raises(InvalidParameter, match=r"params\.lines: got nothing; give a whole number"):
        UrlShare()
