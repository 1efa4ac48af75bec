from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from mypy_boto3_s3.client import S3Client

import mapper
import reducer
from mapreduce import worker
from mapreduce.code import code_of
from mapreduce.errors import CodeChanged, InputChanged, InvalidTask, ResumeRefused
from tests.unit.pipeline import INPUT, JOBS, map_event, piece, read_all, reduce_event

Event = dict[str, Any]
SAME = "that of the object as it is"
STAGE = "jobs/job-1/stage-0/"
PLAN = {"splitBytes": 100, "boundaries": None}
ASKED: Event = {
    "job": "wordcount",
    "params": {},
    "output": None,
    "partitions": 1,
    "inputs": [{"bucket": INPUT}],
}


@pytest.fixture(autouse=True)
def function_environment(s3: S3Client, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What Lambda gives the functions, and an object to map."""
    monkeypatch.setenv("JOB_BUCKET", JOBS)
    worker.store.cache_clear()
    s3.put_object(Bucket=INPUT, Key="words.txt", Body=b"a b\na\n")
    yield
    worker.store.cache_clear()


def etag(s3: S3Client) -> str:
    return s3.head_object(Bucket=INPUT, Key="words.txt")["ETag"].strip('"')


def words(s3: S3Client, **others: Any) -> Event:
    """A mapper's event, of the whole object as it is now."""
    return map_event("wordcount", [piece("words.txt", 0, 6) | {"etag": etag(s3)}], **others)


def check(**others: Any) -> Event:
    event = {"check": True, "id": "job-1", "stage": 0, "sample": 0, "resume": False, "plan": PLAN}
    return mapper.handler(event | ASKED | others, None)


def keys(s3: S3Client) -> list[str]:
    """The keys of all that was written, but for the records that attempts leave."""
    found = [each["Key"] for each in s3.list_objects_v2(Bucket=JOBS).get("Contents", [])]
    return [key for key in found if "/records/" not in key]


# ---- tasks -----------------------------------------------------------------------------------------------


def test_a_finished_task_has_a_receipt_that_expires_with_its_output(s3: S3Client) -> None:
    counters = mapper.handler(words(s3), None)
    receipt = json.loads(read_all(s3, f"{STAGE}receipts/map/0.json"))
    assert receipt == {"work": [[INPUT, "words.txt", 0, 6, etag(s3)]], "counters": counters}
    tags = s3.get_object_tagging(Bucket=JOBS, Key=f"{STAGE}receipts/map/0.json")["TagSet"]
    assert tags == [{"Key": "marla", "Value": "intermediate"}]


def test_a_task_that_fails_has_none(s3: S3Client) -> None:
    s3.delete_object(Bucket=INPUT, Key="words.txt")
    with pytest.raises(Exception, match="no longer there"):
        mapper.handler(map_event("wordcount", [piece("words.txt", 0, 6)]), None)
    assert keys(s3) == []


def test_a_resumed_task_that_is_done_does_nothing_and_tells_the_same(s3: S3Client) -> None:
    counters = mapper.handler(words(s3), None)
    reduced = reducer.handler(reduce_event("wordcount"), None)
    event = words(s3, resume=True)
    s3.delete_object(Bucket=INPUT, Key="words.txt")
    s3.delete_object(Bucket=JOBS, Key=f"{STAGE}map/0")  # neither is read again
    assert mapper.handler(event, None) == counters | {"reused": True}
    assert reducer.handler(reduce_event("wordcount", resume=True), None) == reduced | {"reused": True}


def test_a_resumed_task_that_is_not_done_is_run(s3: S3Client) -> None:
    counters = mapper.handler(words(s3, resume=True), None)
    assert "reused" not in counters
    assert f"{STAGE}map/0" in keys(s3)


def test_without_resume_a_receipt_is_nothing(s3: S3Client) -> None:
    mapper.handler(words(s3), None)
    assert "reused" not in mapper.handler(words(s3), None)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ([piece("words.txt", 0, 6) | {"etag": "other"}], "s3://input-bucket/words.txt: another object than"),
        (
            [piece("words.txt", 0, 4) | {"etag": SAME}],
            "input-bucket/words.txt: (cut in another way|gone), so that the input has other objects",
        ),
        (
            [piece("more.txt", 0, 6)],
            "s3://input-bucket/more.txt: new, so that the input has other objects than",
        ),
        (
            [],
            "input-bucket/words.txt: (cut in another way|gone), so that the input has other objects",
        ),
    ],
)
def test_a_map_task_of_other_input_is_refused(s3: S3Client, changed: list[Event], told: str) -> None:
    mapper.handler(words(s3), None)
    pieces = [one | ({"etag": etag(s3)} if one.get("etag") == SAME else {}) for one in changed]
    with pytest.raises(InputChanged, match=told):
        mapper.handler(map_event("wordcount", pieces, resume=True), None)


@pytest.mark.parametrize("other", [{"count": 2}, {"mappedInput": "d1gest"}])
def test_a_reduce_task_of_other_input_is_refused(s3: S3Client, other: Event) -> None:
    mapper.handler(words(s3), None)
    mapper.handler(words(s3, task=1), None)
    reducer.handler(reduce_event("wordcount"), None)
    with pytest.raises(InputChanged, match="the input has other objects than when the job"):
        reducer.handler(reduce_event("wordcount", resume=True) | other, None)


def test_a_task_tells_how_long_it_took_where_others_ask(s3: S3Client) -> None:
    times = f"{STAGE}times/map-0/"
    mapper.handler(words(s3, task=7, race={"of": 9, "after": None, "times": times}), None)
    [told] = [key for key in keys(s3) if "/times/" in key]
    milliseconds, partition, task = told.removeprefix(times).split("-")
    assert (len(milliseconds), int(milliseconds) > 0, partition, task) == (10, True, "0", "7")
    mapper.handler(words(s3, task=7, race={"of": 9, "after": None, "times": times}, resume=True), None)
    assert len([key for key in keys(s3) if "/times/" in key]) == 1  # as long as it took when it was run


def test_where_the_time_is_given_nobody_asks(s3: S3Client) -> None:
    mapper.handler(words(s3, race={"of": 9, "after": 5, "times": f"{STAGE}times/map-0/"}), None)
    assert [key for key in keys(s3) if "/times/" in key] == []


@pytest.mark.parametrize(
    "times",
    [
        "jobs/job-2/stage-0/times/map-0/",
        f"{STAGE}result/map-0/",
        f"{STAGE}times/../map-0/",
        f"{STAGE}times/map-0",
        7,
    ],
)
def test_times_are_told_nowhere_else(s3: S3Client, times: Any) -> None:
    with pytest.raises(InvalidTask, match=r"times: got"):
        mapper.handler(words(s3, race={"of": 9, "after": None, "times": times}), None)


# ---- waves -----------------------------------------------------------------------------------------------


def wave(*pieces: Event, **others: Any) -> Event:
    """A check of batches of one piece each."""
    batches = [{"input": 0, "pieces": [one]} for one in pieces]
    event = {"id": "job-1", "stage": 0, "sample": 0, "resume": False, "task": 0, "last": True}
    checked: Event = mapper.handler(event | {"buckets": [INPUT], "wave": batches} | others, None)
    return checked


ONE, TWO = ({"key": key, "start": 0, "end": 9, "etag": key * 3} for key in "ab")


def test_the_same_wave_can_be_resumed_and_one_that_was_never_begun() -> None:
    assert wave(ONE, TWO) == wave(ONE, TWO, resume=True) == {"batches": 2}
    assert wave(ONE, task=2, resume=True) == {"batches": 1}


@pytest.mark.parametrize(
    ("now", "told"),
    [
        ([ONE, TWO | {"etag": "other"}], "input-bucket/b: another object than when the job"),
        ([ONE], "input-bucket/b: gone, so that the input has other objects"),
        ([ONE, TWO, ONE | {"key": "c"}], "input-bucket/c: new, so that the input has other objects"),
        ([ONE | {"end": 5}, ONE | {"start": 5}, TWO], "input-bucket/a: cut in another way"),
    ],
)
def test_what_was_added_removed_or_overwritten_since_the_job_began_is_refused(
    now: list[Event], told: str
) -> None:
    wave(ONE, TWO)
    with pytest.raises(InputChanged, match=f"s3://{told}"):
        wave(*now, resume=True)
    assert wave(*now) == {"batches": len(now)}  # a job that is not resumed begins anew


def test_that_another_wave_was_to_come_is_part_of_it() -> None:
    wave(ONE, last=False)
    with pytest.raises(InputChanged):
        wave(ONE, last=True, resume=True)


# ---- the plan --------------------------------------------------------------------------------------------


def test_a_check_writes_the_plan_and_tells_the_code() -> None:
    assert check()["code"] == code_of("wordcount")


def test_the_same_plan_can_be_resumed() -> None:
    checked = check()
    assert check(resume=True) == checked


def test_another_plan_is_refused_with_what_differs() -> None:
    check()
    with pytest.raises(ResumeRefused, match="resume: partitions is 2, and was 1 when the job began"):
        check(resume=True, partitions=2)
    with pytest.raises(ResumeRefused, match="resume: fanIn is 3, and was null"):
        check(resume=True, plan=PLAN | {"fanIn": 3})


def test_other_code_is_refused(s3: S3Client) -> None:
    check()
    key = f"{STAGE}receipts/plan.json"
    plan = json.loads(read_all(s3, key)) | {"code": "other"}
    s3.put_object(Bucket=JOBS, Key=key, Body=json.dumps(plan).encode())
    with pytest.raises(ResumeRefused, match="deployed with other code since the job began"):
        check(resume=True)


PUBLISH = {"publish": True, "execution": "one", "id": "job-1", "stage": 0, "step": 1, "partitions": 1}


def test_a_job_that_has_its_result_is_not_resumed_but_a_stage_may_have_been_done(s3: S3Client) -> None:
    check()
    mapper.handler(words(s3), None)
    reducer.handler(reduce_event("wordcount"), None)
    reducer.handler(PUBLISH, None)
    with pytest.raises(ResumeRefused, match="the job 'job-1' has its result; the execution one published it"):
        check(resume=True)
    assert check(resume=True, later=[{"job": "grep"}])["code"]


def test_boundaries_that_were_published_are_no_result_of_the_job(s3: S3Client) -> None:
    check(sample=4)
    mapper.handler(words(s3, sample=4), None)
    reducer.handler(reduce_event("wordcount", sample=4), None)
    reducer.handler(PUBLISH | {"sample": 4}, None)
    assert f"{STAGE}sample/receipts/step-published.json" in keys(s3)
    assert check(sample=4, resume=True)["code"]


def test_a_result_is_withdrawn_by_nobody_but_who_published_it(s3: S3Client) -> None:
    check()
    mapper.handler(words(s3), None)
    reducer.handler(reduce_event("wordcount"), None)
    reducer.handler(PUBLISH, None)
    withdraw = {"withdraw": True, "id": "job-1", "stage": 0, "partitions": 1}
    assert reducer.handler(withdraw | {"execution": "two"}, None) == {"deleted": 0}
    assert f"{STAGE}result/part-00000.csv" in keys(s3)
    assert reducer.handler(withdraw | {"execution": "one"}, None)["deleted"] > 0
    assert f"{STAGE}result/part-00000.csv" not in keys(s3)
    assert check(resume=True)["code"]  # there is none any more
    reducer.handler(PUBLISH | {"execution": "two"}, None)
    with pytest.raises(ResumeRefused, match="the execution two published it"):
        check(resume=True)


def test_what_was_never_begun_is_refused_but_a_later_stage_may_not_have_been() -> None:
    with pytest.raises(ResumeRefused, match="nothing of a job 'job-1' is left"):
        check(resume=True)
    assert check(resume=True, stage=1)["code"]
    assert check(resume=True, plan=PLAN | {"boundaries": "s3://jobs/x"})["code"]


def test_a_task_that_meets_other_code_says_so(s3: S3Client) -> None:
    assert mapper.handler(words(s3, code=code_of("wordcount")), None)["recordsIn"] == 2
    with pytest.raises(CodeChanged, match="deployed with other code while the job ran"):
        mapper.handler(words(s3, code="other"), None)
    with pytest.raises(CodeChanged):
        reducer.handler(reduce_event("wordcount", code="other"), None)


def test_the_code_of_a_job_is_its_file_and_the_engine() -> None:
    codes = {name: code_of(name) for name in ("wordcount", "grep", "join:match", "join:total")}
    assert codes["join:match"] == codes["join:total"]
    assert len(set(codes.values())) == 3
    assert code_of({"map": "SELECT 1"}) == code_of({"map": "SELECT 2"}) not in codes.values()
