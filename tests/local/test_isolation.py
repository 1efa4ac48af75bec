"""Two stacks in one account, and two jobs of one stack: what each can have of the other's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from marla import execution
from marla import stack as stacks
from marla.local.cloud import REGION, ROOT, LocalCloud
from marla.stack import Stack
from tests.local.conftest import READABLE, Job, Put, Run
from tests.local.test_roles import client_as, resources

Act = Callable[[], object]


@pytest.fixture(scope="module")
def other(cloud: LocalCloud, stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A second stack beside the first, without input buckets."""
    name = "marla-other"
    command = [str(Path(sys.executable).with_name("sam")), "deploy", "--config-env", "local"]
    command += ["--stack-name", name, "--s3-prefix", name, "--parameter-overrides", "DefaultConcurrency=2"]
    environment = {each: value for each, value in os.environ.items() if not each.startswith("AWS_")}
    environment |= cloud.environment() | {
        "SAM_CLI_TELEMETRY": "0",
        "SAM_CLI_POLL_DELAY": "0.5",
        "TMPDIR": str(tmp_path_factory.mktemp("sam")),
    }
    deployed = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert deployed.returncode == 0, deployed.stdout + deployed.stderr
    yield stacks.find(name, stack.make_client, REGION, local=True)
    stack.make_client("cloudformation").delete_stack(StackName=name)


@pytest.fixture
def run_other(other: Stack) -> Run:
    """Run an execution of the second stack to its end."""

    def run(**execution_input: Any) -> Job:
        name = execution.new_name("other")
        arn = execution.start(other, execution_input, name)
        *_, progress = execution.follow(other, arn)
        return Job(other, name, arn, progress)

    return run


KEYS = [
    "input/x",
    "jobs/theirs/stage-0/map/0",
    "jobs/theirs/stage-0/step-1/0/0",
    "jobs/theirs/stage-0/receipts/map/0.json",
    "jobs/theirs/stage-0/result/part-00000.csv",
]


def acts(s3: Any, bucket: str) -> Iterator[tuple[str, Act]]:
    """All that might be done with another's bucket, each by name."""
    for key in KEYS:
        where = {"Bucket": bucket, "Key": key}
        yield f"get {key}", partial(s3.get_object, **where)
        yield f"put {key}", partial(s3.put_object, **where)
        yield f"delete {key}", partial(s3.delete_object, **where)
    for prefix in ("", "jobs/", "input/"):
        yield f"list {prefix}", partial(s3.list_objects_v2, Bucket=bucket, Prefix=prefix)


@pytest.mark.parametrize("role", ["MapperRole", "ReducerRole", "MapReduceRole"])
@pytest.mark.parametrize("turned", [False, True], ids=["of the second stack", "of the first stack"])
def test_a_role_can_do_nothing_with_another_stacks_bucket(
    stack: Stack, other: Stack, role: str, turned: bool
) -> None:
    own, theirs = (stack, other) if turned else (other, stack)
    for key in KEYS:
        theirs.s3.put_object(Bucket=theirs.job_bucket, Key=key, Body=b"theirs")
    s3 = client_as(own, "s3", role)
    for name, act in acts(s3, theirs.job_bucket):
        with pytest.raises(ClientError) as caught:
            act()
        assert caught.value.response["Error"]["Code"] == "AccessDenied", name


def test_a_state_machine_invokes_its_own_stacks_functions_only(stack: Stack, other: Stack) -> None:
    machine = client_as(other, "lambda", "MapReduceRole")
    function = "AWS::Lambda::Function"
    for name in resources(stack, function).values():
        with pytest.raises(ClientError, match="not authorized to perform: lambda:InvokeFunction"):
            machine.invoke(FunctionName=name, Payload=b"{}")
    for name in resources(other, function).values():
        answer = machine.invoke(FunctionName=name, Payload=b"{}")
        assert ": got None; give a text" in json.load(answer["Payload"])["errorMessage"]  # it was invoked


def test_a_job_cannot_read_what_another_stacks_jobs_wrote(run: Run, run_other: Run, put: Put) -> None:
    theirs = run(job="wordcount", input=put({"x": b"a b"}))
    [uri] = theirs.output["result"]
    failure = run_other(job="wordcount", input=uri).failure
    assert failure.name == "InputNotReadable"
    assert "could not be listed" in failure.cause
    assert "InputBuckets" in failure.cause


def test_a_job_cannot_be_resumed_by_another_stack(run: Run, run_other: Run, put: Put, other: Stack) -> None:
    other.s3.put_object(Bucket=other.job_bucket, Key="input/x", Body=b"a b")
    theirs = run(job="wordcount", input=put({"x": b"a b"}))
    job = run_other(job="wordcount", input=f"s3://{other.job_bucket}/input/", resume=theirs.name)
    assert job.failure.name == "ResumeRefused"
    assert other.s3.list_objects_v2(Bucket=other.job_bucket, Prefix=f"jobs/{theirs.name}/")["KeyCount"] == 0


# ---- two jobs of one stack -------------------------------------------------------------------------------


def test_a_job_reads_another_jobs_results_but_neither_what_it_set_aside_nor_what_lies_between(
    run: Run, put: Put
) -> None:
    theirs = run(
        job="sort",
        input=put({"x": b"1\nx\n"}),
        partitioning="hash",
        params={"numeric": True},
        maxBadRecords=1,
    )
    assert theirs.output["counters"]["rejects"] == 1
    stage = f"s3://{theirs.stack.job_bucket}/jobs/{theirs.name}/stage-0"
    assert run(job="wordcount", input=f"{stage}/result/").output["counters"]["resultRecords"] == 1
    for folder in ("map", "rejects", "step-1"):
        failure = run(job="wordcount", input=f"{stage}/{folder}/").failure
        assert failure.name == "InputNotReadable"
        assert f"{stage}/{folder}/" in failure.cause
        assert "access denied" in failure.cause


def test_a_job_of_another_plan_takes_nothing_over_and_harms_nothing(run: Run, put: Put) -> None:
    folder = put({"x": b"a b"})
    theirs = run(job="wordcount", input=folder)
    before = written(theirs)
    job = run(job="grep", params={"pattern": "a"}, input=folder, resume=theirs.name)
    assert job.failure.name == "ResumeRefused"
    assert written(job) == {}
    assert written(theirs) == before


def written(job: Job) -> dict[str, Any]:
    """When each object of a job was written."""
    s3, bucket = job.stack.s3, job.stack.job_bucket
    return {key: s3.head_object(Bucket=bucket, Key=key)["LastModified"] for key in job.keys("")}


def test_an_input_bucket_is_readable_for_the_stacks_that_name_it(other: Stack) -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        client_as(other, "s3", "MapperRole").get_object(Bucket=READABLE, Key="x")
    with pytest.raises(ClientError, match="AccessDenied"):
        client_as(other, "s3", "MapReduceRole").list_objects_v2(Bucket=READABLE)


# ---- names and places ------------------------------------------------------------------------------------


def test_a_job_writes_under_its_name_whatever_that_is(stack: Stack, put: Put) -> None:
    request = {"job": "wordcount", "input": put({"x": b"a b"})}
    name = "it's(1)=+@!.."
    arn = execution.start(stack, request, name)
    *_, progress = execution.follow(stack, arn)
    assert progress.status == "SUCCEEDED"
    assert set(written(Job(stack, name, arn, progress))) >= {f"jobs/{name}/stage-0/result/part-00000.csv"}

    arn = execution.start(stack, request, "..")
    *_, progress = execution.follow(stack, arn)
    assert (progress.status, progress.error) == ("FAILED", "InvalidTask")
    assert written(Job(stack, "..", arn, progress)) == {}


def test_an_input_with_dots_is_a_name_and_no_way_out(run: Run, put: Put) -> None:
    theirs = run(job="wordcount", input=put({"x": b"a b"}))
    bucket = theirs.stack.job_bucket
    failure = run(job="wordcount", input=f"s3://{bucket}/input/../jobs/{theirs.name}/stage-0/result/").failure
    assert failure.name == "NoInput"
