import re
from collections import Counter
from datetime import datetime, timedelta
from ipaddress import ip_address
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

from marla.generate import logs

URLS = 2_000
QUOTED = r'"((?:[^"\\]|\\.)*)"'
COMMON = re.compile(rf"(\S+) (\S+) (\S+) \[([^\]]+)\] {QUOTED} (\d{{3}}) (\d+|-)")
COMBINED = re.compile(rf"{COMMON.pattern} {QUOTED} {QUOTED}")
REQUEST = re.compile(r"(GET|POST|PUT|HEAD|DELETE) (/\S*) HTTP/\d\.\d")


class Line(NamedTuple):
    client: str
    ident: str
    user: str
    time: str
    request: str
    status: str
    size: str
    referer: str
    agent: str


def parsed(path: Path) -> list[Line]:
    """The lines of a log in the Combined format, each of which has to fit it."""
    matches = [COMBINED.fullmatch(line) for line in path.read_text("ascii").split("\n")[:-1]]
    return [Line(*match.groups()) for match in matches if match is not None or pytest.fail("no match")]


def share(lines: list[Line], field: str, value: str) -> float:
    return [getattr(line, field) for line in lines].count(value) / len(lines)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> list[Line]:
    """About 20,000 lines."""
    return parsed(logs(tmp_path_factory.mktemp("logs"), 4_000_000, 1, urls=URLS)[0])


# The formats


def test_every_line_is_in_the_common_format_if_asked(tmp_path: Path) -> None:
    for path in logs(tmp_path, 200_000, 2, urls=URLS, format="common"):
        assert all(COMMON.fullmatch(line) for line in path.read_text("ascii").split("\n")[:-1])


def test_files_take_turns_in_their_format(tmp_path: Path) -> None:
    paths = logs(tmp_path, 50_000, 4, urls=URLS, format="alternate")
    lines = [path.read_text("ascii").partition("\n")[0] for path in paths]
    assert [bool(COMBINED.fullmatch(line)) for line in lines] == [True, False, True, False]
    assert [bool(COMMON.fullmatch(line)) for line in lines] == [False, True, False, True]


# The times


@pytest.mark.parametrize("size", [60_000, 1_500_000])
def test_times_go_up_over_the_day_of_the_file(tmp_path: Path, size: int) -> None:
    first = datetime.strptime("27/Feb/2024", "%d/%b/%Y").date()
    for number, path in enumerate(logs(tmp_path, size, 4, urls=URLS)):
        times = [datetime.strptime(line.time, "%d/%b/%Y:%H:%M:%S %z") for line in parsed(path)]
        assert times == sorted(times)
        assert {time.date() for time in times} == {first + timedelta(number)}
        assert times[0].time().isoformat() == "00:00:00"
        assert times[-1] - times[0] > timedelta(hours=23)


def test_time_passes_evenly(log: list[Line]) -> None:
    hours = Counter(line.time.split(":")[1] for line in log)
    assert len(hours) == 24
    assert max(hours.values()) < 1.2 * min(hours.values())


def test_servers_are_in_different_time_zones(tmp_path: Path) -> None:
    zones = [{line.time.split()[1] for line in parsed(path)} for path in logs(tmp_path, 5_000, 3, urls=URLS)]
    assert all(len(zone) == 1 for zone in zones)
    assert len(set.union(*zones)) == 3


# What is asked for, and by whom


def test_few_urls_are_popular_and_many_are_not(log: list[Line]) -> None:
    urls = Counter(match[2] for line in log if (match := REQUEST.fullmatch(line.request)))
    counts = [count for _, count in urls.most_common()]
    harmonic = sum(1 / k for k in range(1, URLS + 1))
    for k in (1, 2, 3, 10, 30):
        assert counts[k - 1] == pytest.approx(sum(counts) / harmonic / k, rel=0.25)
    assert 0.6 * URLS < len(counts) <= URLS + 1


def test_some_urls_have_a_query_and_some_an_escape(log: list[Line]) -> None:
    urls = {line.request.split()[1] for line in log if REQUEST.fullmatch(line.request)}
    assert sum("?" in url for url in urls) > len(urls) / 3
    assert sum("%C3%A9" in url for url in urls) > len(urls) / 20


def test_some_clients_have_long_addresses_and_some_have_names(log: list[Line]) -> None:
    clients = {line.client for line in log}
    named = {client for client in clients if client.endswith(".example")}
    versions = Counter(ip_address(client).version for client in clients - named)
    assert versions[4] > 5 * versions[6] > 0
    assert sum(":" in line.client for line in log) > len(log) / 20
    assert named


def test_what_there_is_not_is_a_dash(log: list[Line]) -> None:
    assert share(log, "ident", "-") == 1
    assert 0.9 < share(log, "user", "-") < 0.97
    assert 0.03 < share(log, "size", "-") < 0.1
    assert 0.4 < share(log, "referer", "-") < 0.6
    assert 0 < share(log, "agent", "-") < 0.02
    assert {line.size for line in log if line.status == "304"} == {"-"}


def test_most_requests_succeed_and_some_fail(log: list[Line]) -> None:
    statuses = Counter(line.status for line in log)
    assert 0.75 < statuses["200"] / len(log) < 0.85
    assert {"206", "301", "302", "304", "400", "403", "404", "408", "500", "503"} <= statuses.keys()


# What is odd


def test_a_few_requests_are_malformed(log: list[Line]) -> None:
    odd = Counter(line.request for line in log if not REQUEST.fullmatch(line.request))
    assert 0.01 < odd.total() / len(log) < 0.02
    assert {"-", "", "GET /", r"\n", "OPTIONS * HTTP/1.0"} <= odd.keys()
    assert any(request.startswith(r"\x16\x03") for request in odd)
    assert any(request.count(" ") > 2 for request in odd)
    assert any(r"\"" in line.request for line in log)


def test_malformed_requests_come_at_any_place(log: list[Line]) -> None:
    places = [place for place, line in enumerate(log) if not REQUEST.fullmatch(line.request)]
    assert len({later - place for place, later in pairwise(places)}) > 50


def test_some_agents_have_escaped_quotes_and_backslashes(log: list[Line]) -> None:
    agents = Counter(line.agent for line in log)
    assert sum(count for agent, count in agents.items() if r"\"" in agent) > len(log) / 500
    assert any(r"\\" in agent for agent in agents)
    assert "" in agents


def test_a_parser_that_takes_the_next_quote_fails(log: list[Line]) -> None:
    naive = re.compile(r'.*? "[^"]*" \d{3} \S+ "[^"]*" "[^"]*"')
    lines = [f'x "{line.request}" {line.status} {line.size} "{line.referer}" "{line.agent}"' for line in log]
    assert 0.9 < sum(bool(naive.fullmatch(line)) for line in lines) / len(lines) < 1
