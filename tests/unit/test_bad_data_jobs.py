"""The corpus of bad data: what the catalogue's jobs make of records that are none of theirs."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import Any

import pytest

from jobs.url_frequency import UrlCount
from mapreduce import run
from mapreduce.check import check
from mapreduce.errors import BadRecord, InvalidParameter
from tests.unit.bad_data import ENOUGH, rejects_in
from tests.unit.memory_s3 import memory_store
from tests.unit.pipeline import INPUT, run_pipeline

pytestmark = pytest.mark.usefixtures("failures_are_explained")


@dataclass(frozen=True)
class Misfit:
    """Data that does not fit a job, the rows of its result, and where and why other records are set aside."""

    name: str
    job: str
    data: bytes
    rows: bytes = b""
    rejects: tuple[tuple[int, str], ...] = ()
    params: dict[str, Any] = field(default_factory=dict)
    format: Any = None

    def __str__(self) -> str:
        return f"{self.job}: {self.name}"


def visit(revenue: str) -> bytes:
    return f"10.0.0.1,url,2009-01-01,{revenue},agent,KOR,KOR-KO,word,7\n".encode()


def visits(*revenues: str) -> bytes:
    return b"".join(map(visit, revenues))


REST = len(visit(""))  # of a visit, but for its revenue
NUMERIC = {"numeric": True}
NO_PAGE = 'give a line "source target", an object of the texts url and html, or params.base'

MISFITS = [
    Misfit(
        "text for a number",
        "uservisits",
        visits("1", "much", "2"),
        b"10.0.0.1,3.0\n",
        ((REST + 1, "could not convert string to float: 'much'"),),
    ),
    Misfit(
        "nothing for a number",
        "uservisits",
        visits("1", ""),
        b"10.0.0.1,1.0\n",
        ((REST + 1, "could not convert string to float: ''"),),
    ),
    Misfit(
        "no number",
        "uservisits",
        visits("1", "nan", "NaN"),
        b"10.0.0.1,1.0\n",
        ((REST + 1, "adRevenue: got 'nan'; give a finite number"), (2 * REST + 4, "got 'NaN'")),
    ),
    Misfit(
        "infinite numbers",
        "uservisits",
        visits("-inf", "1e999", "1"),
        b"10.0.0.1,1.0\n",
        ((0, "adRevenue: got '-inf'"), (REST + 4, "adRevenue: got '1e999'")),
    ),
    Misfit(
        "other numbers of columns",
        "uservisits",
        b"a,b\n" + visit("1") + visit("1,2"),
        b"10.0.0.1,1.0\n",
        ((0, "2 fields where 9 are expected"), (REST + 5, "10 fields where 9 are expected")),
    ),
    Misfit(
        "a header that is not said to be one",
        "uservisits",
        b"sourceIP,destURL,visitDate,adRevenue,a,b,c,d,e\n" + visit("1"),
        b"10.0.0.1,1.0\n",
        ((0, "could not convert string to float: 'adRevenue'"),),
    ),
    Misfit(
        "a header that is said to be one",
        "uservisits",
        b"sourceIP,destURL,visitDate,adRevenue,a,b,c,d,e\n" + visit("1"),
        b"10.0.0.1,1.0\n",
        format={"type": "csv", "header": True},
    ),
    Misfit(
        "a long text for a number",
        "uservisits",
        visit("x" * 900_000) + visit("1"),
        b"10.0.0.1,1.0\n",
        ((0, "could not convert string to float: 'xxx"),),
    ),
    Misfit(
        "keys that are no numbers",
        "sort",
        "2\nnan\n1e400\n-inf\n٣\n1_0\n\n 1 \n".encode(),
        b" 1 \n2\n",
        (
            (2, "the key 'nan' is no number"),
            (6, "the key '1e400' is too large a number"),
            (12, "the key '-inf' is no number"),
            (17, "the key '٣' is no number"),
            (20, "the key '1_0' is no number"),
            (24, "the key '' is no number"),
        ),
        NUMERIC,
    ),
    Misfit(
        "a key of 10,000 digits",
        "sort",
        b"9" * 10_000 + b"\n1\n",
        b"1\n",
        ((0, "is too large a number"),),
        NUMERIC,
    ),
    Misfit(
        "lines without the field",
        "distinct",
        b"a b\nc\n\n",
        b"b\n",
        ((4, "there is no field 2 in a line of 1"), (6, "there is no field 2 in a line of 0")),
        {"field": 2},
    ),
    Misfit(
        "a carriage return behind a quote",
        "distinct",
        b'"a"\rb,c\nd,e\n',
        b"d\n",
        ((0, "not csv: new-line character"),),
        {"field": 1, "delimiter": ","},
    ),
    Misfit("NUL bytes", "wordcount", b"a\0b a\0b\n", b"a\0b,2\n"),
    Misfit(
        "what Python takes for white space",
        "wordcount",
        "a\x1cb\x85c\u2028d\n".encode(),
        b"a,1\nb,1\nc,1\nd,1\n",
    ),
    Misfit(
        "Latin-1",
        "grep",
        b"na\xefve\nnaive\n",
        b"s3://input-bucket/data:6:naive\n",
        ((0, "can't decode byte 0xef"),),
        {"pattern": "na"},
    ),
    Misfit(
        "no log lines",
        "url-frequency:count",
        b"\n\0\nlog\n",
        b"",
        (
            (0, "the host is wrong or missing"),
            (1, "the identity is wrong or missing"),
            (3, "the identity is wrong or missing"),
        ),
    ),
    Misfit(
        "one word and three",
        "reverse-links",
        b"a\na b c\na b\n",
        b'{"target": "b", "sources": ["a"]}\n',
        ((0, NO_PAGE), (2, NO_PAGE)),
    ),
    Misfit(
        "other objects",
        "reverse-links",
        b'[]\n{"url":1,"html":""}\n{"url":"","html":""}\n',
        b"",
        ((0, NO_PAGE), (3, NO_PAGE), (23, 'url: got ""; give an http or https URL')),
        format="jsonl",
    ),
    Misfit(
        "half a pair of surrogates",
        "reverse-links",
        b'{"url":"http://a/\\ud800","html":"<a href=\'/\\udfff\'>"}\n',
        b'{"target": "http://a/%ED%BF%BF", "sources": ["http://a/%ED%A0%80"]}\n',
        format="jsonl",
    ),
    Misfit(
        "half a pair of surrogates in a text",
        "wordcount",
        b'"\\ud800 a"\n',
        b"a,1\n\\ud800,1\n",
        format="jsonl",
    ),
    Misfit(
        "JSON that is no text",
        "wordcount",
        b'"a"\n["b"]\n7\n',
        b"a,1\n",
        (
            (4, "AttributeError: 'list' object has no attribute 'split'"),
            (10, "'int' object has no attribute 'split'"),
        ),
        format="jsonl",
    ),
    Misfit(
        "a last record that is too short",
        "terasort",
        b"x" * 100 + b"y" * 99,
        b"x" * 100,
        ((100, "the object ends after 99 of the record's 100 bytes"),),
    ),
]


@pytest.mark.parametrize("misfit", MISFITS, ids=str)
def test_records_that_do_not_fit_a_job_are_set_aside_with_their_places(misfit: Misfit) -> None:
    for split_bytes in (1 << 20, max(9, len(misfit.data) // 9)):
        s3, _ = memory_store(INPUT, {"data": misfit.data})
        outcome = run_pipeline(
            s3,
            misfit.job,
            {"data": len(misfit.data)},
            split_bytes=split_bytes,
            maxBadRecords=ENOUGH,
            params=misfit.params,
            format=misfit.format,
        )
        assert outcome.parts == [misfit.rows]
        rejects = rejects_in(s3)
        assert [reject["offset"] for reject in rejects] == [offset for offset, _ in misfit.rejects]
        for reject, (_, reason) in zip(rejects, misfit.rejects, strict=True):
            assert reason in reject["reason"]
            assert len(reject["reason"]) <= 1003
        if misfit.rejects:
            with pytest.raises(BadRecord, match=f"^s3://{INPUT}/data at byte ") as caught:
                run_pipeline(
                    s3, misfit.job, {"data": len(misfit.data)}, params=misfit.params, format=misfit.format
                )
            assert misfit.rejects[0][1] in str(caught.value)
            assert len(str(caught.value)) < 1500


# Formats whose records are none of a job's


@pytest.mark.parametrize(
    ("job", "format", "message"),
    [
        (
            "wordcount",
            "csv",
            "got csv, of which a record is a list of fields, but WordCount maps what text gives, a text",
        ),
        (
            "wordcount",
            {"type": "csv", "header": True},
            "got csv with a header, of which a record is a dict by columns",
        ),
        ("grep", "csv", "but Grep maps what text gives, a text: give that, or leave the format out"),
        ("inverted-index", "csv", "but InvertedIndex maps what text gives"),
        ("distinct", "csv", "but Distinct maps what text gives"),
        ("sort", "csv", "but Sort maps what text gives"),
        ("terasort", "csv", "but TeraSort maps what fixed gives"),
        ("url-frequency:count", "csv", "but UrlCount maps what text gives"),
        ("top:count", "csv", "but GroupCount maps what text gives"),
        (
            "top:largest",
            "text",
            "got text, of which a record is a text, but Largest maps what csv gives, a list of fields",
        ),
        ("uservisits", "text", "but UserVisits maps what csv gives"),
        ("uservisits", "whole", "got whole, of which a record is a text"),
        ("uservisits", "fixed", "got fixed, of which a record is a text"),
    ],
)
def test_a_format_whose_records_are_none_of_a_jobs_is_refused_before_anything_is_read(
    job: str, format: Any, message: str
) -> None:
    params = {"pattern": "a"} if job == "grep" else {}
    with pytest.raises(InvalidParameter, match=message):
        check({"job": job, "params": params, "inputs": [{"format": format}]})
    s3, _ = memory_store(INPUT, {"data": b"a,1\n"})
    with pytest.raises(InvalidParameter, match=message):
        run_pipeline(s3, job, {"data": 4}, params=params, format=format)
    assert s3.requests["get_object"] == 0


@pytest.mark.parametrize("format", ["text", "jsonl", "whole", {"type": "fixed", "length": 3}])
@pytest.mark.parametrize(
    "job", ["wordcount", "distinct", "sort", "inverted-index", "terasort", "reverse-links"]
)
def test_other_formats_of_a_jobs_records_are_not_refused(job: str, format: Any) -> None:
    check({"job": job, "params": {}, "inputs": [{"format": format}]})


# Lines made to take long


def hostile_logs() -> dict[str, str]:
    many = 200_000
    return {
        "quotes": 'h i u [t] "' + '"' * many,
        "backslashes": 'h i u [t] "' + "\\" * many,
        "brackets": "h i u " + "[" * many,
        "spaces": "h i " + " " * many + "x",
        "closed quotes": 'h i u [t] "GET / HTTP/1.1" 200 1' + ' ""' * many + "x",
        "words": "a " * many,
    }


def hostile_pages() -> dict[str, str]:
    many = 100_000
    return {
        "tags that do not end": "<a " * many + ">",
        "attributes that do not end": '<a href="' * many + ">",
        "comments that do not end": "<!--" * many + ">",
        "declarations": "<!" * many + ">",
        "marked sections": "<![" * many + ">",
        "processing instructions": "<?" * many + ">",
        "ends of tags": "</" * many + ">",
        "references": "<a href='" + "&#x" * many + "'>",
        "a number of 10,000 digits": "<a href='&#" + "9" * 10_000 + ";'>",
        "a port of 10,000 digits": "<a href='http://a:" + "9" * 10_000 + "/'>",
        "steps up": "<a href='" + "../" * many + "'>",
        "tags within tags": "<b>" * many,
    }


@pytest.mark.parametrize("name", hostile_logs())
def test_a_log_line_made_to_take_long_does_not(name: str) -> None:
    started = time.process_time()
    with pytest.raises(BadRecord, match="not the Common or Combined Log Format"):
        list(run(UrlCount(), [hostile_logs()[name]]))
    assert time.process_time() - started < 5


@pytest.mark.parametrize("name", hostile_pages())
def test_a_page_made_to_take_long_does_not(name: str) -> None:
    page = json.dumps({"url": "http://a/", "html": hostile_pages()[name]}).encode() + b"\n"
    s3, _ = memory_store(INPUT, {"pages.jsonl": page})
    started = time.process_time()
    outcome = run_pipeline(
        s3,
        "reverse-links",
        {"pages.jsonl": len(page)},
        format="jsonl",
        maxBadRecords=1,
        maxRecordBytes=1 << 24,
    )
    assert time.process_time() - started < 5
    assert outcome.mapped[0]["recordsIn"] == 1
