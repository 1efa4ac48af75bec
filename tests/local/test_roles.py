"""The roles of the template: each statement is needed, and none of them allows more.

The local cloud enforces them as AWS does, except tags given with a PUT, logs, traces, and how Step Functions
follows, stops and redrives items; tests/unit/test_template.py pins all of them. The table in docs/security.md
says of each permission which of these tests takes it away.
"""

from __future__ import annotations

import copy
import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from marla import execution
from marla.stack import Stack
from tests.local.conftest import READABLE, UNREADABLE, Job, Put, Run

Statements = list[dict[str, Any]]
Edit = Callable[[Statements], None]
Changed = Callable[[str, str, Edit], AbstractContextManager[None]]


def resources(stack: Stack, kind: str) -> dict[str, str]:
    """The names of the stack's resources of a kind, by their names in the template."""
    found = stack.make_client("cloudformation").describe_stack_resources(StackName=stack.name)
    return {
        resource["LogicalResourceId"]: resource["PhysicalResourceId"]
        for resource in found["StackResources"]
        if resource["ResourceType"] == kind
    }


def client_as(stack: Stack, service: str, role: str) -> Any:
    """A client with the credentials of a role that the template names so."""
    name = resources(stack, "AWS::IAM::Role")[role]
    arn = stack.make_client("iam").get_role(RoleName=name)["Role"]["Arn"]
    answer = stack.make_client("sts").assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
    make: Callable[..., Any] = boto3.client
    return make(
        service,
        region_name=stack.region,
        endpoint_url=stack.s3.meta.endpoint_url,
        aws_access_key_id=answer["AccessKeyId"],
        aws_secret_access_key=answer["SecretAccessKey"],
        aws_session_token=answer["SessionToken"],
        config=Config(proxies={}, retries={"total_max_attempts": 1}),
    )


@pytest.fixture
def roles(stack: Stack) -> dict[str, str]:
    """The names of the stack's roles, by their names in the template."""
    return resources(stack, "AWS::IAM::Role")


@pytest.fixture
def changed(stack: Stack, roles: dict[str, str]) -> Changed:
    """A context in which a role's policy has other statements than the template gives it."""
    iam = stack.make_client("iam")

    @contextmanager
    def changed(role: str, policy: str, edit: Edit) -> Iterator[None]:
        name = {"RoleName": roles[role], "PolicyName": policy}
        document = iam.get_role_policy(**name)["PolicyDocument"]
        other = copy.deepcopy(document)
        edit(other["Statement"])
        iam.put_role_policy(**name, PolicyDocument=json.dumps(other))
        try:
            yield
        finally:
            iam.put_role_policy(**name, PolicyDocument=json.dumps(document))

    return changed


def without(sid: str, action: str = "", resource: str = "") -> Edit:
    """Take away a statement, or one of its actions, or the one of its resources that a text is in."""

    def edit(statements: Statements) -> None:
        [statement] = [one for one in statements if one["Sid"] == sid]
        if action:
            statement["Action"].remove(action)
        elif resource:
            [unwanted] = [one for one in statement["Resource"] if resource in one.replace("*", "")]
            statement["Resource"].remove(unwanted)
        else:
            statements.remove(statement)

    return edit


# ---- every statement is needed ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Need:
    """What a role needs, and how a job fails that lacks it."""

    role: str
    policy: str
    lack: Edit
    error: str
    told: str
    job: str = "plain"


EARLIER = "ReadUploadsAndResultsOfEarlierStages"
NEEDS = {
    "the mapper reads input buckets": Need(
        "MapperRole",
        "Mapper",
        without("ReadInputBuckets"),
        "InputNotReadable",
        f"s3://{READABLE}/.*/x: access denied.*InputBuckets",
    ),
    "the mapper reads uploads": Need(
        "MapperRole",
        "Mapper",
        without(EARLIER, resource="/input/"),
        "InputNotReadable",
        "/input/roles/x: access denied",
        job="uploaded",
    ),
    "the mapper reads results of earlier stages": Need(
        "MapperRole",
        "Mapper",
        without(EARLIER, resource="/result/"),
        "InputNotReadable",
        "/stage-0/result/part-00000.csv: access denied",
        job="of two stages",
    ),
    "the mapper writes map outputs": Need(
        "MapperRole",
        "Mapper",
        without("WriteMapOutputs", resource="/map/"),
        "StorageRefused",
        "/stage-0/map/0: .*PutObject.*deploy the stack again",
    ),
    "the mapper writes what it sets aside": Need(
        "MapperRole",
        "Mapper",
        without("WriteMapOutputs", resource="/rejects/"),
        "StorageRefused",
        "/stage-0/rejects/0.jsonl: .*PutObject.*deploy the stack again",
        job="with a record that is set aside",
    ),
    "the mapper writes receipts": Need(
        "MapperRole",
        "Mapper",
        without("WriteMapOutputs", resource="/receipts/"),
        "StorageRefused",
        "/stage-0/receipts/plan.json: .*PutObject.*deploy the stack again",
    ),
    "the mapper writes how long it took": Need(
        "MapperRole",
        "Mapper",
        without("WriteMapOutputs", resource="/times/"),
        "StorageRefused",
        "/stage-0/times/map-0/.*PutObject.*deploy the stack again",
        job="with backups",
    ),
    "the reducer reads map outputs": Need(
        "ReducerRole",
        "Reducer",
        without("ReadOutputsOfTheStepBefore", resource="/map/"),
        "OutputGone",
        "/stage-0/map/0: an intermediate object .* role does not allow",
    ),
    "the reducer reads what is to be published": Need(
        "ReducerRole",
        "Reducer",
        without("ReadOutputsOfTheStepBefore", resource="/step-"),
        "StorageRefused",
        "/stage-0/step-1/0/0: .*HeadObject.*deploy the stack again",
    ),
    "the reducer writes outputs": Need(
        "ReducerRole",
        "Reducer",
        without("WriteOutputsAndResults", resource="/step-"),
        "StorageRefused",
        "/stage-0/step-1/0/0: .*PutObject.*deploy the stack again",
    ),
    "the reducer publishes results": Need(
        "ReducerRole",
        "Reducer",
        without("WriteOutputsAndResults", resource="/result/"),
        "StorageRefused",
        "/stage-0/result/part-00000.csv: .*CopyObject.*deploy the stack again",
    ),
    "the state machine lists input buckets": Need(
        "MapReduceRole",
        "Coordinator",
        without("ListInputBuckets"),
        "InputNotReadable",
        f"the bucket {READABLE} could not be listed: .*s3:ListBucket",
    ),
    "the state machine lists uploads": Need(
        "MapReduceRole",
        "Coordinator",
        without("ListUploadsAndResultsOfEarlierStages"),
        "InputNotReadable",
        "could not be listed: .*s3:ListBucket",
        job="uploaded",
    ),
    "the state machine lists results of earlier stages": Need(
        "MapReduceRole",
        "Coordinator",
        without("ListUploadsAndResultsOfEarlierStages"),
        "InputNotReadable",
        "could not be listed: .*s3:ListBucket",
        job="of two stages",
    ),
    "the state machine starts items": Need(
        "MapReduceRole",
        "MapRuns",
        without("StartItems"),
        "States.Permissions",
        "states:StartExecution",
    ),
}


@pytest.fixture
def runs(stack: Stack, put: Put, run: Run) -> dict[str, Callable[[], Job]]:
    """Jobs that need one thing or another."""
    folder = put({"x": b"a b a"})
    lines = put({"x": b"1\n2\nno number\n"})
    stack.s3.put_object(Bucket=stack.job_bucket, Key="input/roles/x", Body=b"a b a")
    return {
        "with a record that is set aside": lambda: run(
            job="sort", input=lines, partitioning="hash", params={"numeric": True}, maxBadRecords=1
        ),
        "with backups": lambda: run(job="wordcount", input=folder, speculate=True),
        "plain": lambda: run(job="wordcount", input=folder),
        "uploaded": lambda: run(job="wordcount", input=f"s3://{stack.job_bucket}/input/roles/"),
        "of two stages": lambda: run(input=folder, stages=[{"job": "wordcount"}, {"job": "wordcount"}]),
    }


@pytest.mark.parametrize("what", NEEDS)
def test_a_job_fails_with_what_was_refused_where(
    what: str, changed: Changed, runs: dict[str, Callable[[], Job]]
) -> None:
    need = NEEDS[what]
    with changed(need.role, need.policy, need.lack):
        job = runs[need.job]()
    assert job.failure.name == need.error
    assert re.search(need.told, job.failure.cause)
    last_stage = "stage-1" if need.job == "of two stages" else "stage-0"
    assert job.keys(f"{last_stage}/result/") == []
    assert runs[need.job]().output["counters"]["resultRecords"] == 2  # with all statements back in place


@pytest.mark.parametrize("worker", ["Mapper", "Reducer"])
def test_a_worker_that_may_not_be_invoked_is_invoked_again_until_it_may(
    worker: str, changed: Changed, stack: Stack, put: Put
) -> None:
    # AWS names this as it names errors that pass, so that it is tried again for a minute.
    request = {"job": "wordcount", "input": put({"x": b"a b a"})}
    with changed("MapReduceRole", "Coordinator", without("InvokeWorkers", resource=worker)):
        arn = execution.start(stack, request, f"may-not-invoke-{worker}")
        deadline = time.monotonic() + 20
        while not (refusals := failed_tasks(stack, arn)):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert refusals[0]["error"] == "Lambda.AWSLambdaException"
    assert "not authorized to perform: lambda:InvokeFunction" in refusals[0]["cause"]
    *_, progress = execution.follow(stack, arn)
    assert progress.status == "SUCCEEDED"


def failed_tasks(stack: Stack, arn: str) -> list[Any]:
    """The details of all tasks that failed so far in an execution and in the items of its map runs."""
    arns = [arn]
    for run in stack.sfn.list_map_runs(executionArn=arn)["mapRuns"]:
        items = stack.sfn.list_executions(mapRunArn=run["mapRunArn"])["executions"]
        arns += [item["executionArn"] for item in items]
    return [
        event["taskFailedEventDetails"]
        for one in arns
        for event in stack.sfn.get_execution_history(executionArn=one)["events"]
        if event["type"] == "TaskFailed"
    ]


@pytest.fixture
def interrupted(changed: Changed, put: Put, run: Run) -> dict[str, Any]:
    """The execution input that resumes a job of which all is done but its publication."""
    request = {"job": "wordcount", "input": put({"x": b"a b a"})}
    with changed("ReducerRole", "Reducer", without("WriteOutputsAndResults", resource="/result/")):
        job = run(**request)
    assert job.failure.name == "StorageRefused"
    return request | {"resume": job.name}


def test_without_mappers_receipts_there_is_nothing_to_resume(
    changed: Changed, interrupted: dict[str, Any], run: Run
) -> None:
    with changed("MapperRole", "Mapper", without("ReadReceiptsOfTheJobThatIsResumed")):
        job = run(**interrupted)
    assert job.failure.name == "ResumeRefused"
    assert [step.get("reused", 0) for step in run(**interrupted).output["steps"]] == [1, 1]


def test_without_leave_to_delete_intermediates_stay_and_the_job_says_so(
    changed: Changed, put: Put, run: Run
) -> None:
    request = {"job": "wordcount", "input": put({"x": b"a b a"}), "keepIntermediates": False}
    with changed("MapReduceRole", "Coordinator", without("DeleteIntermediates")):
        job = run(**request)
    assert len(job.output["warnings"]) == 1
    assert "intermediates could not be deleted, and expire by themselves" in job.output["warnings"][0]
    assert len(job.keys("stage-0/map/")) == 1

    job = run(**request)
    assert job.output["warnings"] == []
    assert {key.split("/")[3] for key in job.keys("")} == {"records", "result"}


def test_without_leave_to_list_intermediates_stay_and_the_job_says_so(
    changed: Changed, put: Put, run: Run
) -> None:
    with changed("MapReduceRole", "Coordinator", without("ListUploadsAndResultsOfEarlierStages")):
        job = run(job="wordcount", input=put({"x": b"a b a"}), keepIntermediates=False)
    assert len(job.output["warnings"]) == 1
    assert "intermediates could not be listed to be deleted" in job.output["warnings"][0]
    assert len(job.keys("stage-0/map/")) == 1


def refuse_the_second_part(statements: Statements) -> None:
    refusal = {"Effect": "Deny", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::*/result/part-00001.csv"}
    statements.append({"Sid": "Refuse"} | refusal)


def test_a_result_that_cannot_be_published_whole_is_withdrawn(changed: Changed, put: Put, run: Run) -> None:
    folder = put({"x": b"a b c d e f g"})
    with changed("ReducerRole", "Reducer", refuse_the_second_part):
        job = run(job="wordcount", input=folder, partitions=3)
    assert job.failure.name == "StorageRefused"
    assert "/result/part-00001.csv" in job.failure.cause
    assert job.keys("stage-0/result/") == []


def test_a_result_can_be_withdrawn_for_the_reducer_may_delete_results(
    changed: Changed, put: Put, run: Run
) -> None:
    def lack(statements: Statements) -> None:
        refuse_the_second_part(statements)
        without("WithdrawPartsOfAResultThatCannotBePublishedWhole")(statements)

    folder = put({"x": b"a b c d e f g"})
    with changed("ReducerRole", "Reducer", lack):
        job = run(job="wordcount", input=folder, partitions=3)
    assert job.failure.name == "StorageRefused"
    assert "DeleteObject" in job.failure.cause


# ---- and none allows more --------------------------------------------------------------------------------


@pytest.fixture
def s3_as(stack: Stack) -> Callable[[str], Any]:
    """A client for S3 with a role's credentials."""
    return lambda role: client_as(stack, "s3", role)


JOBS = "the job bucket"
RESULT = "jobs/others/stage-0/result/part-00000.csv"
MAP = "jobs/others/stage-0/map/0"
STEP = "jobs/others/stage-0/step-1/0/0"
RECEIPT = "jobs/others/stage-0/receipts/map/0.json"
STEP_RECEIPT = "jobs/others/stage-0/receipts/step-1/0/0.json"
REJECTS = "jobs/others/stage-0/rejects/0.jsonl"
SAMPLE = "jobs/others/stage-0/sample/map/0"
TIME = "jobs/others/stage-0/times/map-0/0000000100-0-0"
STEP_TIME = "jobs/others/stage-0/times/step-1/0000000100-0-0"
UPLOAD = "input/others/x"
DEPLOYED = "code/x"  # what lies in the bucket beside jobs and uploads
Request = tuple[str, str, str]  # an operation, on a bucket and key or prefix

ALLOWED: dict[str, list[Request]] = {
    "MapperRole": [
        ("get", READABLE, "x"),
        ("get", JOBS, UPLOAD),
        ("get", JOBS, RESULT),
        ("get", JOBS, RECEIPT),
        ("put", JOBS, MAP),
        ("put", JOBS, SAMPLE),
        ("put", JOBS, REJECTS),
        ("put", JOBS, RECEIPT),
        ("put", JOBS, TIME),
    ],
    "ReducerRole": [
        ("get", JOBS, MAP),
        ("get", JOBS, STEP),
        ("get", JOBS, STEP_RECEIPT),
        ("put", JOBS, STEP),
        ("put", JOBS, RESULT),
        ("put", JOBS, STEP_RECEIPT),
        ("put", JOBS, STEP_TIME),
        ("delete", JOBS, "jobs/others/stage-0/result/part-00001.csv"),
    ],
    "MapReduceRole": [
        ("list", READABLE, ""),
        ("list", JOBS, "input/others/"),
        ("list", JOBS, "jobs/others/"),
        ("delete", JOBS, MAP),
        ("delete", JOBS, STEP),
        ("delete", JOBS, SAMPLE),
        ("delete", JOBS, RECEIPT),
        ("delete", JOBS, TIME),
    ],
}
REFUSED: dict[str, list[Request]] = {
    "MapperRole": [
        ("get", UNREADABLE, "x"),
        ("get", JOBS, MAP),
        ("get", JOBS, STEP),
        ("get", JOBS, REJECTS),
        ("get", JOBS, DEPLOYED),
        ("put", JOBS, STEP),
        ("put", JOBS, RESULT),
        ("put", JOBS, UPLOAD),
        ("put", JOBS, DEPLOYED),
        ("put", READABLE, "x"),
        ("put", UNREADABLE, "x"),
        ("delete", JOBS, MAP),
        ("delete", JOBS, RESULT),
        ("delete", READABLE, "x"),
        ("list", JOBS, "jobs/"),
        ("list", READABLE, ""),
    ],
    "ReducerRole": [
        ("get", READABLE, "x"),
        ("get", UNREADABLE, "x"),
        ("get", JOBS, UPLOAD),
        ("get", JOBS, REJECTS),
        ("get", JOBS, DEPLOYED),
        ("put", JOBS, MAP),
        ("put", JOBS, REJECTS),
        ("put", JOBS, TIME),
        ("put", JOBS, UPLOAD),
        ("put", JOBS, DEPLOYED),
        ("put", READABLE, "x"),
        ("delete", JOBS, MAP),
        ("delete", JOBS, STEP),
        ("delete", JOBS, UPLOAD),
        ("delete", READABLE, "x"),
        ("list", JOBS, "jobs/"),
        ("list", READABLE, ""),
    ],
    "MapReduceRole": [
        ("get", READABLE, "x"),
        ("get", JOBS, MAP),
        ("get", JOBS, RESULT),
        ("put", JOBS, RESULT),
        ("put", READABLE, "x"),
        ("delete", JOBS, RESULT),
        ("delete", JOBS, REJECTS),
        ("delete", JOBS, UPLOAD),
        ("delete", JOBS, DEPLOYED),
        ("delete", READABLE, "x"),
        ("list", JOBS, ""),
        ("list", JOBS, "code/"),
        ("list", UNREADABLE, ""),
    ],
}


@pytest.fixture
def others(stack: Stack) -> None:
    """Objects to be had by whoever may."""
    for bucket, keys in {
        READABLE: ["x"],
        UNREADABLE: ["x"],
        stack.job_bucket: [RESULT, MAP, STEP, RECEIPT, STEP_RECEIPT, REJECTS, SAMPLE, TIME, UPLOAD, DEPLOYED],
    }.items():
        for key in keys:
            stack.s3.put_object(Bucket=bucket, Key=key, Body=b"content")


def ask(s3: Any, stack: Stack, request: Request) -> None:
    operation, bucket, key = request
    where = {"Bucket": stack.job_bucket if bucket == JOBS else bucket}
    if operation == "list":
        s3.list_objects_v2(**where, Prefix=key)
    elif operation == "put":
        s3.put_object(**where, Key=key, Body=b"other content")
    else:
        getattr(s3, f"{operation}_object")(**where, Key=key)


@pytest.mark.usefixtures("others")
@pytest.mark.parametrize(
    ("role", "request_"), [(role, one) for role, some in ALLOWED.items() for one in some]
)
def test_a_role_may_do_what_its_jobs_need(
    s3_as: Callable[[str], Any], stack: Stack, role: str, request_: Request
) -> None:
    ask(s3_as(role), stack, request_)


@pytest.mark.usefixtures("others")
@pytest.mark.parametrize(
    ("role", "request_"), [(role, one) for role, some in REFUSED.items() for one in some]
)
def test_a_role_may_do_nothing_else(
    s3_as: Callable[[str], Any], stack: Stack, role: str, request_: Request
) -> None:
    with pytest.raises(ClientError) as caught:
        ask(s3_as(role), stack, request_)
    assert caught.value.response["Error"]["Code"] == "AccessDenied"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


@pytest.mark.parametrize(
    ("role", "policy", "sid", "key"),
    [
        ("MapperRole", "Mapper", "WriteMapOutputs", MAP),
        ("ReducerRole", "Reducer", "WriteOutputsAndResults", STEP),
    ],
)
def test_a_worker_drops_the_upload_of_a_task_that_fails_if_it_may(
    s3_as: Callable[[str], Any], changed: Changed, stack: Stack, role: str, policy: str, sid: str, key: str
) -> None:
    where = {"Bucket": stack.job_bucket, "Key": key}
    s3 = s3_as(role)
    upload = s3.create_multipart_upload(**where)["UploadId"]
    with (
        changed(role, policy, without(sid, action="s3:AbortMultipartUpload")),
        pytest.raises(ClientError, match="AccessDenied"),
    ):
        s3.abort_multipart_upload(**where, UploadId=upload)
    s3.abort_multipart_upload(**where, UploadId=upload)


@pytest.mark.usefixtures("others")
def test_what_comes_over_plain_http_is_refused_by_the_job_bucket(
    s3_as: Callable[[str], Any], stack: Stack
) -> None:
    reducer = s3_as("ReducerRole")
    ask(reducer, stack, ("get", JOBS, MAP))

    def over_http(request: Any, **_: Any) -> None:
        request.headers["X-Forwarded-Proto"] = "http"

    reducer.meta.events.register("before-sign.s3", over_http)
    for operation in ("get", "put"):
        with pytest.raises(ClientError, match="AccessDenied"):
            ask(reducer, stack, (operation, JOBS, MAP))
