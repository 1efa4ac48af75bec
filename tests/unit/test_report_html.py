"""A report as a page: its numbers are those of the records, it needs nothing else, and it trusts no data."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pytest

from mapreduce.record import ObjectRange, TaskRecord
from marla.costs.bill import dollars
from marla.failure import Failure
from marla.report import page, sentences
from marla.report.model import Report
from tests.unit import synthetic_execution
from tests.unit.synthetic_report import GRAPH, OUTPUT, attempt, report

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'\u2028"
LOADING = {"src", "href", "srcset", "data", "poster", "action", "xlink:href"}


class Page(HTMLParser):
    """What a browser makes of a page: tags, text by the element it is in, and the words of its tables."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.scripts: list[tuple[dict[str, str], str]] = []
        self.styles: list[str] = []
        self.tables: list[list[list[str]]] = []
        self.text = ""
        self._inside: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self.tags.append((tag, attributes))
        self._inside.append(tag)
        if tag == "script":
            self.scripts.append((attributes, ""))
        elif tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in {"td", "th"}:
            self.tables[-1][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        self.text += " "
        while self._inside and self._inside.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        inside = self._inside[-1] if self._inside else ""
        if inside == "script":
            attributes, text = self.scripts[-1]
            self.scripts[-1] = (attributes, text + data)
        elif inside == "style":
            self.styles.append(data)
        else:
            self.text += data
            if self.tables and {"td", "th"} & set(self._inside):
                self.tables[-1][-1][-1] += " ".join(data.split())

    @property
    def data(self) -> dict[str, Any]:
        """What the script draws."""
        (text,) = [text for attributes, text in self.scripts if attributes.get("id") == "report-data"]
        found: dict[str, Any] = json.loads(text)
        return found

    def table(self, *columns: str) -> list[list[str]]:
        """The lines of the table with those first columns."""
        (table,) = [table for table in self.tables if tuple(table[0][: len(columns)]) == columns]
        return table[1:]


def shown(of: Report) -> Page:
    return Page(page.html_of(of))


@pytest.fixture(scope="module")
def records() -> list[TaskRecord]:
    return synthetic_execution.records(1500)


@pytest.fixture(scope="module")
def html(records: list[TaskRecord]) -> str:
    return page.html_of(report(records))


@pytest.fixture(scope="module")
def whole(html: str) -> Page:
    return Page(html)


def done(records: list[TaskRecord], stage: int, step: int) -> list[TaskRecord]:
    """One record for each task of a step that was done."""
    of_step = [
        one for one in records if (one.stage, one.step) == (stage, step) and not (one.sample or one.error)
    ]
    return list({(one.partition, one.task): one for one in of_step}.values())


# ---- numbers -------------------------------------------------------------------------------------------


def test_the_table_of_steps_has_the_sums_of_the_records(whole: Page, records: list[TaskRecord]) -> None:
    lines = {line[0]: line[1:4] for line in whole.table("Step", "Tasks", "Records read")}
    for name, stage, step in (
        ("Stage 0: Map", 0, 0),
        ("Stage 0: Reduce step 1", 0, 1),
        ("Stage 1: Map", 1, 0),
        ("Stage 1: Reduce step 1", 1, 1),
    ):
        tasks = done(records, stage, step)
        read, written = sum(one.records_in for one in tasks), sum(one.records_out for one in tasks)
        assert lines[name] == [f"{len(tasks):,}", f"{read:,}", f"{written:,}"]


def test_the_facts_are_those_of_the_records(whole: Page, records: list[TaskRecord]) -> None:
    text = " ".join(whole.text.split())
    failed = sum(bool(one.error) for one in records)
    assert f"Attempts {len(records):,} {failed} failed" in text
    assert f"Cold starts {sum(one.cold_start for one in records):,}" in text


def test_what_is_drawn_is_every_attempt(whole: Page, records: list[TaskRecord]) -> None:
    columns = whole.data["columns"]
    assert len(columns["begin"]) == len(records)
    assert sum(columns["bytes_in"]) == sum(one.bytes_in for one in records)


def test_the_balance_that_is_drawn_is_that_of_the_records(whole: Page, records: list[TaskRecord]) -> None:
    values = whole.data["charts"]["balance-0"]["layer"][0]["data"]["values"]
    assert sum(value["n"] for value in values) == sum(one.records_in for one in done(records, 0, 1))


def test_the_lines_of_the_bill_and_its_total_are_shown(records: list[TaskRecord]) -> None:
    made = report(records)
    lines = shown(made).table("Part", "What")
    assert [line[1] for line in lines[:-1]] == [line.what for line in made.costs.bill.lines]
    assert lines[-1] == ["Total", dollars(made.costs.bill.total)]


def test_the_slowest_attempts_are_listed_and_the_first_that_failed(
    whole: Page, records: list[TaskRecord]
) -> None:
    heads = [table[0] for table in whole.tables]
    slow = next(table for table, head in zip(whole.tables, heads, strict=True) if "Memory" in head)
    assert len(slow) == 1 + page.SLOWEST
    wrong = next(table for table, head in zip(whole.tables, heads, strict=True) if "Error" in head)
    assert len(wrong) == 1 + min(page.SLOWEST, sum(bool(one.error) for one in records))


# ---- one file ------------------------------------------------------------------------------------------


def test_nothing_is_loaded_from_anywhere(whole: Page) -> None:
    for tag, attributes in whole.tags:
        assert tag not in {"link", "iframe", "object", "embed", "base", "form"}
        for name in LOADING & attributes.keys():
            assert attributes[name].startswith("#"), (tag, attributes)
        assert "url(" not in attributes.get("style", "")
    for style in whole.styles:
        assert "@import" not in style
        assert not re.search(r"url\((?!#)", style)


def test_its_policy_allows_its_two_scripts_and_no_other(html: str, whole: Page) -> None:
    (policy,) = [
        attributes["content"]
        for tag, attributes in whole.tags
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    run = [text for attributes, text in whole.scripts if "type" not in attributes]
    assert len(run) == 2
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in run]
    assert f"script-src 'sha256-{hashes[0]}' 'sha256-{hashes[1]}';" in policy
    assert policy.startswith("default-src 'none';")
    assert "unsafe-eval" not in policy
    assert "\r" not in html  # a browser reads it as \n, and the hashes would be of something else


def test_of_ten_thousand_attempts_it_is_smaller_than_five_megabytes() -> None:
    made = page.html_of(report(synthetic_execution.records(10_000)))
    assert len(made.encode()) < 5_000_000


# ---- data that nobody vouches for ----------------------------------------------------------------------


def evil() -> Report:
    """An execution all of whose texts are an attack."""
    record = attempt(
        error=EVIL,
        message=EVIL,
        ranges=(ObjectRange(bucket=EVIL, key=EVIL, start=0, end=1),),
        objects=1,
        partition=1,
    )
    return report(
        [record, attempt(step=1), attempt(step=1, partition=1)],
        Failure(EVIL, EVIL, EVIL, advice=EVIL, object=EVIL, task=1, offset=2),
        definition=json.dumps(json.loads(GRAPH.replace("Map", "NAME"))).replace(
            "NAME", json.dumps(EVIL)[1:-1]
        ),
        name=EVIL,
        arn=EVIL,
        stack=EVIL,
        region=EVIL,
        status=EVIL,
        state=EVIL,
        resumes=EVIL,
        asked={"job": EVIL, EVIL: [EVIL]},
        output=OUTPUT | {"result": [EVIL], "warnings": [EVIL], "counters": {EVIL: 1}},
    )


def test_no_text_of_the_data_becomes_markup() -> None:
    usual = [tag for tag, _ in shown(report([attempt()])).tags]
    found = shown(evil())
    tags = [tag for tag, _ in found.tags]
    assert tags.count("script") == usual.count("script") == 3
    assert "img" not in tags
    assert not [
        attributes for _, attributes in found.tags if any(name.startswith("on") for name in attributes)
    ]
    assert found.text.count("<img src=x onerror=alert(2)>") > 10
    assert found.data["errors"] == [EVIL]
    (raw,) = [text for attributes, text in found.scripts if attributes.get("id") == "report-data"]
    assert not set(raw) & {"<", ">", "&", "\u2028", "\u2029"}


# ---- how it went ---------------------------------------------------------------------------------------


FAILURE = Failure(
    "BadRecord",
    "s3://b/k at byte 12345: no number",
    "Map",
    advice="Mend it",
    task=7,
    object="s3://b/k",
    offset=12_345,
)


def test_a_failure_says_what_where_and_what_to_do() -> None:
    text = " ".join(shown(report([attempt()], FAILURE, status="FAILED", output=None)).text.split())
    assert "BadRecord in Map, task 7" in text
    assert "s3://b/k at byte 12345: no number" in text
    assert "At byte 12,345 Mend it" in text
    assert f"marla explain {synthetic_execution.NAME} --stack marla --region us-east-1 tells more" in text


def test_of_a_step_in_which_no_task_was_done_times_are_dashes() -> None:
    made = report([attempt(error="BadRecord")], FAILURE, status="FAILED", output=None)
    found = shown(made)
    (line,) = found.table("Step", "Tasks", "Records read")
    assert line[8:10] == ["–", "–"]
    (spans,) = found.table("Step", "Waiting for a worker")
    assert spans[1:] == ["–"] * 5
    assert "spans" not in found.data["charts"]
    assert "No task was done." in found.text


def test_what_an_attempt_took_is_from_where_it_is_said_to_have_begun() -> None:
    cold = attempt(started=1.5, ended=2.0, init_seconds=0.5, cold_start=True, error="Gone")
    found = shown(report([cold]))
    (line,) = found.table("Step", "Task", "Attempt", "Began at", "Took", "Error")
    assert line[3:5] == ["1.00 s", "1.00 s"]


def test_the_balance_is_left_out_until_all_partitions_are_reduced() -> None:
    records = [attempt(step=1, partition=number, records_in=10) for number in (0, 5)]
    assert "an even share" in shown(report(records)).text
    found = shown(report(records, FAILURE, status="FAILED", output=None, reduced=()))
    assert "an even share" not in found.text
    assert not [tag for tag, attributes in found.tags if attributes.get("id") == "balance"]


def test_one_that_runs_says_as_of_when() -> None:
    made = report([attempt()], status="RUNNING", stopped=None, output=None, state="Map")
    text = " ".join(shown(made).text.split())
    assert "is still running, after 1 min 40 s" in text
    assert "as of 2026-11-18 11:08:20 UTC, in the state Map" in text


def test_one_that_resumed_a_job_says_what_had_been_done_before() -> None:
    made = report([attempt(reused=True), attempt(task=1), attempt(task=2)], resumes="the-first")
    text = " ".join(shown(made).text.split())
    assert "continued the job of the-first" in text
    assert "1 task of 3 had been done before" in text


def test_one_without_any_record_is_told_all_the_same() -> None:
    made = report([], status="FAILED", output=None, asked=["not", "an", "object"])
    found = shown(made)
    assert "No task has left a record." in found.text
    assert found.data["charts"] == {}
    assert '"not"' in found.text


def test_warnings_and_the_result_are_told() -> None:
    parts = [f"s3://bucket/part-{number:05d}.csv" for number in range(40)]
    made = report([attempt()], output=OUTPUT | {"result": parts, "warnings": ["one key has most values"]})
    found = shown(made)
    assert "one key has most values" in found.text
    assert parts[19] in found.text
    assert parts[20] not in found.text
    assert f"and 20 more, up to {parts[39]}" in " ".join(found.text.split())


# ---- for everybody -------------------------------------------------------------------------------------


def test_headings_go_down_one_level_at_a_time(whole: Page) -> None:
    levels = [int(tag[1]) for tag, _ in whole.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later <= before + 1 for before, later in pairwise(levels))


def test_each_chart_has_words_and_each_region_a_name(whole: Page) -> None:
    drawn = [attributes for _, attributes in whole.tags if "data-chart" in attributes]
    assert {attributes["data-chart"] for attributes in drawn} == set(whole.data["charts"])
    assert all(attributes["role"] == "img" and attributes["aria-label"] for attributes in drawn)
    assert all(
        attributes.get("aria-label") for _, attributes in whole.tags if attributes.get("role") == "region"
    )
    ids = [attributes["id"] for _, attributes in whole.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = [attributes["href"].removeprefix("#") for tag, attributes in whole.tags if tag == "a"]
    assert set(links) <= set(ids)


def test_what_charts_show_is_said_in_a_sentence() -> None:
    made = report(
        [
            attempt(records_in=1000, bytes_in=50_000, peak_memory_mib=900),
            attempt(error="Gone"),
            attempt(step=1, partition=0, records_in=20, records_out=5),
            attempt(step=1, partition=1, records_in=60, records_out=15),
        ]
    )
    assert [
        sentences.of_execution(made),
        sentences.of_timeline(made.timeline),
        sentences.of_flow(made.steps, running=False),
        sentences.of_spans(made.steps, running=False),
        sentences.of_balance(made.balances[0]),
        sentences.of_memory(made.headrooms),
    ] == [
        "The job uservisits succeeded in 1 min 30 s: 3 tasks done in 4 attempts.",
        "4 attempts, at most 4 of them at once: 1 failed.",
        "Map read 1,000 records (50.0 KB); Reduce step 1 wrote 20 records (0 B).",
        "Tasks spent 100 % of their time reading and computing.",
        "The largest of 2 partitions, number 1, has 60 records: 1.5 times an even share. The one in the "
        "middle has 40, the smallest 20.",
        "Map came nearest to its limit: 900 of 1,769 MB (51 %).",
    ]
