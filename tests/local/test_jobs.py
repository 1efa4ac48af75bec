"""Jobs on the deployed stack: the right results, however inputs are cut, named, compressed and reduced."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import itertools
import json
import os
import random
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from math import isclose
from pathlib import Path
from typing import Any

import pytest

from mapreduce import zstd
from marla.generate import uservisits
from marla.local.cloud import LocalCloud
from marla.stack import Stack
from tests.local.conftest import Job, Put, Run

MB = 1_000_000
PER_OBJECT = 262_144  # what each object costs on the tape that is cut into batches


# ---- uservisits ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def visits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Four files of 1 MB and a tiny one, by name."""
    folder = tmp_path_factory.mktemp("visits")
    paths = uservisits(folder, MB, 4, urls=1000)
    paths += uservisits(folder, 600, 1, start=4, urls=1000)
    return {path.name: path.read_bytes() for path in paths}


def revenue_by_address(objects: Iterable[bytes], prefix: int) -> dict[str, float]:
    """What the job computes, done plainly."""
    revenue: dict[str, float] = defaultdict(float)
    for line in b"".join(objects).decode().splitlines():
        fields = line.split(",")
        revenue[fields[0][:prefix]] += float(fields[3])
    return revenue


def rows(part: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(part.decode(), newline="")))


def assert_revenue(parts: Iterable[bytes], expected: dict[str, float]) -> None:
    got = {group: float(revenue) for part in parts for group, revenue in rows(part)}
    assert got.keys() == expected.keys()
    wrong = {group for group in got if not isclose(got[group], expected[group], rel_tol=1e-9)}
    assert not wrong


def test_revenue_is_summed_by_address_over_all_files(put: Put, run: Run, visits: dict[str, bytes]) -> None:
    job = run(job="uservisits", input=put(visits))
    [part] = job.parts()
    assert_revenue([part], revenue_by_address(visits.values(), 8))
    counters = job.output["counters"]
    assert counters["inputBytes"] == sum(map(len, visits.values()))
    assert counters["inputRecords"] == sum(body.count(b"\n") for body in visits.values())
    assert counters["resultBytes"] == len(part)
    assert counters["resultRecords"] == len(rows(part))
    assert counters["rejects"] == 0
    assert job.output["columns"] == ["source_ip", "revenue"]


def test_seven_partitions_have_disjoint_sorted_keys_and_together_all_groups(
    put: Put, run: Run, visits: dict[str, bytes]
) -> None:
    job = run(job="uservisits", input=put(visits), params={"prefix": 5}, partitions=7, splitBytes=300_000)
    assert job.output["steps"][0]["tasks"] > len(visits)  # every large object was cut
    parts = job.parts()
    keys = [[group for group, _ in rows(part)] for part in parts]
    assert len(keys) == 7
    assert all(some and some == sorted(some) for some in keys)
    assert sum(map(len, keys)) == len(set(itertools.chain(*keys)))
    assert_revenue(parts, revenue_by_address(visits.values(), 5))


def test_a_job_that_runs_again_writes_the_same_bytes_however_many_workers_are_at_work(
    put: Put, run: Run, visits: dict[str, bytes]
) -> None:
    request: dict[str, Any] = {
        "job": "uservisits",
        "input": put(visits),
        "partitions": 3,
        "splitBytes": 700_000,
        "fanIn": 3,
    }
    one_by_one, at_once = (run(**request, concurrency=concurrency) for concurrency in (1, 4))
    assert one_by_one.parts() == at_once.parts()
    before, after = (all_objects(job) for job in (one_by_one, at_once))
    assert before.keys() == after.keys()
    assert [key for key in before if before[key] != after[key]] == []
    assert any(key.startswith("stage-0/map/") for key in before)
    assert any(key.startswith("stage-0/step-1/") for key in before)


def all_objects(job: Job) -> dict[str, bytes]:
    """All that a job wrote, by key within the job; but for what says how long tasks took."""
    bucket = job.stack.job_bucket
    return {
        key.removeprefix(f"jobs/{job.name}/"): job.stack.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        for key in job.keys("")
        if not {"receipts", "records"} & set(key.split("/"))
    }


# ---- wordcount -------------------------------------------------------------------------------------------


def counts(job: Job) -> Counter[str]:
    """The result of wordcount. A word that is there twice would be lost here, and so fail the test."""
    found = [(word, int(count)) for part in job.parts() for word, count in rows(part)]
    assert len(found) == len(dict(found))
    return Counter(dict(found))


def words_of(*texts: str) -> Counter[str]:
    return Counter(word for text in texts for word in text.split())


def zstandard(data: bytes) -> bytes:
    packed = io.BytesIO()
    with zstd.ZstdFile(packed, "wb") as file:
        file.write(data)
    return packed.getvalue()


def prose(seed: int, size: int) -> str:
    """Lines of made-up words, some of them not ASCII, about so many characters long."""
    pick = random.Random(seed)
    words = [f"w{number}" for number in range(300)] + ["naïve", "데이터", "🦆", "-", '"quoted",', "x=1;"]
    lines = []
    while size > 0:
        lines.append(" ".join(pick.choices(words, k=pick.randint(0, 20))))
        size -= len(lines[-1]) + 1
    return "\n".join(lines) + "\n"


def test_words_are_counted_in_a_folder_of_everything_that_goes_wrong_with_files(put: Put, run: Run) -> None:
    texts = {
        "two members.gz": prose(1, 200_000),
        "100%+more.bz2": prose(2, 200_000),
        "deep/er/packed.zst": prose(3, 200_000),
        "empty": "",
        "one byte": "x",
        "no final newline.txt": prose(4, 30_000) + "the end",
        "windows+lines.txt": prose(5, 30_000).replace("\n", "\r\n"),
        "한글 파일.txt": prose(6, 30_000),
        "a=b&c=d?#%20.txt": prose(7, 30_000),
        "blank lines only": "\n\n\r\n\n",
        "a single line.txt": prose(8, 6_000_000).replace("\n", "\t"),
    }
    objects = {name: text.encode() for name, text in texts.items()}
    whole = objects["two members.gz"]
    objects["two members.gz"] = gzip.compress(whole[:70_001]) + gzip.compress(whole[70_001:])
    objects["100%+more.bz2"] = bz2.compress(objects["100%+more.bz2"])
    objects["deep/er/packed.zst"] = zstandard(objects["deep/er/packed.zst"])

    job = run(job="wordcount", input=put(objects), splitBytes=1_000_000)

    assert job.output["steps"][0]["tasks"] > 6  # the single line was cut, though only one piece has it
    assert counts(job) == words_of(*texts.values())


@pytest.mark.parametrize("split", [1, 7, 1000, 10**9])
def test_where_inputs_are_cut_does_not_matter(put: Put, run: Run, split: int) -> None:
    texts = {
        "korean": "하나 둘\n둘 셋 넷",
        "windows": "one two\r\n\r\ntwo\r\n",
        "gap": "\n\n\nend\n",
        "byte": "z",
    }
    job = run(
        job="wordcount",
        input=put({name: text.encode() for name, text in texts.items()}),
        splitBytes=split,
        partitions=2,
        concurrency=4,
    )
    tasks = job.output["steps"][0]["tasks"]
    size = sum(len(text.encode()) for text in texts.values())
    assert {1: tasks == size, 7: tasks > 8, 1000: tasks == 4, 10**9: tasks == 1}[split]
    assert counts(job) == words_of(*texts.values())


def test_the_records_of_each_phase_are_those_that_the_one_before_it_wrote(put: Put, run: Run) -> None:
    text = prose(9, 100_000)
    job = run(job="wordcount", input=put({"text": text.encode()}), splitBytes=30_000, fanIn=2, partitions=2)
    steps = job.output["steps"]
    assert [step["step"] for step in steps] == list(range(len(steps)))
    assert len(steps) > 2
    for before, after in itertools.pairwise(steps):
        assert after["recordsIn"] == before["recordsOut"]
        assert after["bytesIn"] <= before["bytesOut"]
    assert steps[0]["recordsIn"] == text.count("\n")
    assert steps[-1]["recordsOut"] == len(words_of(text))


# ---- inputs and outputs ----------------------------------------------------------------------------------


def test_several_inputs_in_different_forms_are_one_input(put: Put, run: Run) -> None:
    folder = put({"a/x": b"folder", "a/deep/y": b"folder", "b1": b"star", "b2": b"star", "c": b"no"})
    exact = put({"one.txt": b"object", "one.txt.old": b"no", "whole.txt": b"whole " * 1000})
    job = run(
        job="wordcount",
        input=[
            f"{folder}a/",
            f"{folder}b*",
            {"uri": f"{exact}one.txt", "format": "text"},
            {"uri": f"{exact}whole.txt", "format": {"type": "text"}, "splittable": False},
        ],
        splitBytes=1000,
    )
    assert counts(job) == {"folder": 2, "star": 2, "object": 1, "whole": 1000}
    assert job.output["steps"][0]["tasks"] == 6  # one for whole.txt, and one for each of the small ones


def test_the_input_may_say_its_delimiter_and_quote(put: Put, run: Run) -> None:
    plain = put({"plain": b"1.2.3.4,/,2000-01-01,0.5,A,DE,de,w,1\n"})
    other = put({"other": b'1.2.3.4;/;2000-01-01;0.25;"A; B";DE;de;w;1\n5.6.7.8;"/;";d;2;A;DE;de;w;1\n'})
    csv_format = {"type": "csv", "delimiter": ";", "quote": '"'}
    job = run(job="uservisits", input=[plain, {"uri": other, "format": csv_format}], params={"prefix": 7})
    assert job.parts() == [b"1.2.3.4,0.75\n5.6.7.8,2.0\n"]


def test_the_result_is_csv_unless_the_input_asks_for_jsonl(put: Put, run: Run, stack: Stack) -> None:
    folder = put({"text": b'b a, b "c"'})
    as_csv = run(job="wordcount", input=folder)
    as_jsonl = run(job="wordcount", input=folder, output="jsonl")

    assert [Path(uri).name for uri in as_csv.output["result"]] == ["part-00000.csv"]
    assert as_csv.parts() == [b'"""c""",1\n"a,",1\nb,2\n']
    assert content_type(stack, as_csv) == "text/csv; charset=utf-8"
    assert [Path(uri).name for uri in as_jsonl.output["result"]] == ["part-00000.jsonl"]
    assert [json.loads(line) for line in as_jsonl.parts()[0].splitlines()] == [
        {"word": '"c"', "count": 1},
        {"word": "a,", "count": 1},
        {"word": "b", "count": 2},
    ]
    assert content_type(stack, as_jsonl) == "application/x-ndjson"


def content_type(stack: Stack, job: Job) -> str:
    [key] = job.keys("stage-0/result/")
    return stack.s3.head_object(Bucket=stack.job_bucket, Key=key)["ContentType"]


def test_a_second_stage_reads_the_result_of_the_first(put: Put, run: Run) -> None:
    text = prose(10, 20_000)
    job = run(
        input=put({"text": text.encode()}),
        stages=[{"job": "wordcount", "output": "jsonl", "partitions": 3}, {"job": "wordcount"}],
    )
    first = [line for key in job.keys("stage-0/result/") for line in read(job, key).decode().splitlines()]
    assert {json.loads(line)["word"]: json.loads(line)["count"] for line in first} == words_of(text)
    assert counts(job) == words_of(*first)
    assert all("/stage-1/result/" in uri for uri in job.output["result"])
    assert job.output["counters"]["inputRecords"] == text.count("\n")


def read(job: Job, key: str) -> bytes:
    return job.stack.s3.get_object(Bucket=job.stack.job_bucket, Key=key)["Body"].read()


def test_intermediates_are_tagged_for_the_lifecycle_rule_and_results_are_not(
    put: Put, run: Run, stack: Stack
) -> None:
    job = run(job="wordcount", input=put({"text": b"a b c\n" * 1000}), splitBytes=1000, fanIn=2, partitions=2)

    def tags(key: str) -> list[tuple[str, str]]:
        found = stack.s3.get_object_tagging(Bucket=stack.job_bucket, Key=key)["TagSet"]
        return [(tag["Key"], tag["Value"]) for tag in found]

    results = set(job.keys("stage-0/result/"))
    records = set(job.keys("stage-0/records/"))
    intermediates = set(job.keys("")) - results - records
    assert len(results) == 2
    assert len(records) == sum(step["tasks"] for step in job.output["steps"])
    assert {key.split("/")[3] for key in intermediates} == {
        *("map", "step-1", "step-2", "step-3", "receipts")
    }
    assert [key for key in intermediates if tags(key) != [("marla", "intermediate")]] == []
    assert [key for key in records if tags(key) != [("marla", "record")]] == []
    assert [key for key in results if tags(key)] == []


# ---- bad records -----------------------------------------------------------------------------------------

GOOD = b"1.2.3.4,/,2000-01-01,0.5,A,DE,de,w,1\n"


def test_bad_records_are_set_aside_with_object_offset_and_reason(put: Put, run: Run) -> None:
    lines = [GOOD, b"too,few\n", GOOD, b"1.2.3.4,/,d,dear,A,DE,de,w,1\n", GOOD, b"\xff\xfe\n", GOOD]
    folder = put({"visits": b"".join(lines)})
    job = run(job="uservisits", input=folder, maxBadRecords=3)

    assert job.parts() == [b"1.2.3.4,2.0\n"]
    assert job.output["counters"]["rejects"] == 3
    assert job.output["counters"]["inputRecords"] == 7
    [key] = job.keys("stage-0/rejects/")
    rejects = [json.loads(line) for line in read(job, key).splitlines()]
    assert {reject["object"] for reject in rejects} == {f"{folder}visits"}
    begins = [sum(map(len, lines[:index])) for index in range(len(lines))]
    by_offset = {reject["offset"]: (reject["reason"], reject["record"]) for reject in rejects}
    assert by_offset.keys() == {begins[1], begins[3], begins[5]}
    reason, record = by_offset[begins[1]]
    assert (record, "2 fields where 9 are expected" in reason) == ("too,few", True)
    reason, record = by_offset[begins[3]]
    assert (record, "dear" in reason) == ("1.2.3.4,/,d,dear,A,DE,de,w,1", True)
    reason, record = by_offset[begins[5]]
    assert (record, "UnicodeDecodeError" in reason) == (r"\xff\xfe", True)


def test_bad_records_of_all_mappers_together_count_against_the_limit(put: Put, run: Run) -> None:
    bodies = {"a": GOOD + b"bad\n", "b": GOOD + b"bad\n"}
    split = len(bodies["a"]) + PER_OBJECT  # a mapper for each
    assert run(job="uservisits", input=put(bodies), maxBadRecords=2, splitBytes=split).parts()
    failed = run(job="uservisits", input=put(bodies), maxBadRecords=1, splitBytes=split)
    assert failed.failure.name == "TooManyBadRecords"
    assert "2 records" in failed.failure.cause
    assert f"jobs/{failed.name}/stage-0/rejects/" in failed.failure.cause
    assert len(failed.keys("stage-0/rejects/")) == 2
    assert failed.keys("stage-0/result/") == []


# ---- many objects ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("options", "reduce_steps"), [({}, 1), ({"fanIn": 2}, 8)])
def test_202_mappers_are_reduced_in_few_steps_or_by_halves_if_asked(
    put: Put, run: Run, options: dict[str, int], reduce_steps: int
) -> None:
    bodies = {f"part-{number:03}": b"all n%03d\n" % number for number in range(202)}
    split = len(bodies["part-000"]) + PER_OBJECT  # a mapper for each
    job = run(job="wordcount", input=put(bodies), splitBytes=split, concurrency=4, **options)
    tasks = [step["tasks"] for step in job.output["steps"]]
    assert tasks[0] == 202
    assert len(tasks) - 1 == reduce_steps
    assert tasks[-1] == 1
    if options:
        assert tasks == [202, 101, 51, 26, 13, 7, 4, 2, 1]
    assert counts(job) == {"all": 202} | {f"n{number:03}": 1 for number in range(202)}


# ---- without the command line ----------------------------------------------------------------------------


def aws(cloud: LocalCloud, *arguments: str) -> Any:
    """The document that an ordinary `aws` command prints."""
    command = [str(Path(sys.executable).with_name("aws")), "--output", "json", *arguments]
    done = subprocess.run(
        command, env=os.environ | cloud.environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_aws_command_starts_a_job_with_nothing_but_job_and_input(
    put: Put, cloud: LocalCloud, stack: Stack
) -> None:
    request = {"job": "wordcount", "input": put({"text": b"to be or not to be"})}
    started = aws(
        cloud,
        "stepfunctions",
        "start-execution",
        "--state-machine-arn",
        stack.state_machine,
        "--input",
        json.dumps(request),
    )
    arn = started["executionArn"]
    for _ in range(100):  # an aws command takes a second itself
        described = aws(cloud, "stepfunctions", "describe-execution", "--execution-arn", arn)
        if described["status"] != "RUNNING":
            break
    assert described["status"] == "SUCCEEDED"
    name = arn.rpartition(":")[2]
    output = json.loads(described["output"])
    assert output["result"] == [f"s3://{stack.job_bucket}/jobs/{name}/stage-0/result/part-00000.csv"]
    key = output["result"][0].removeprefix(f"s3://{stack.job_bucket}/")
    body = stack.s3.get_object(Bucket=stack.job_bucket, Key=key)["Body"].read()
    assert body == b"be,2\nnot,1\nor,1\nto,2\n"

    history = aws(cloud, "stepfunctions", "get-execution-history", "--execution-arn", arn)["events"]
    types = [event["type"] for event in history]
    assert types[0] == "ExecutionStarted"
    assert types[-1] == "ExecutionSucceeded"
    assert types.count("MapRunSucceeded") == 2  # the map, and one reduce step
