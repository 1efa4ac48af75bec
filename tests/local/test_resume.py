"""`marla run --resume` on the local cloud: what is done is not done again, and nothing is mixed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from marla import cli, execution, removal
from marla.explain import search
from marla.stack import Stack
from tests.local.conftest import Put

MAPPERS, FIRST_REDUCERS = 4, 2
OPTIONS = ["--fan-in", "2", "--split-bytes", str(1 << 19)]  # on the tape each object costs half of it
Objects = dict[str, bytes]


def objects() -> Objects:
    """Objects, two of which make a mapper's input: four mappers, two reducers, and one for the last step."""
    return {f"{number}.txt": f"a{number} b c{number % 3} a0\n".encode() * 200 for number in range(7)}


class Ended:
    """A command that is over."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status = status
        self.document = json.loads(out)
        self.err = err

    @property
    def name(self) -> str:
        return str(self.document["execution"].rpartition(":")[2])

    @property
    def error(self) -> dict[str, Any]:
        return dict(self.document["error"])


Marla = Callable[..., Ended]


@pytest.fixture
def run(stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Marla:
    """`marla run … --json` on the tests' stack as it is deployed."""
    monkeypatch.setattr(cli, "connect", lambda options, start=False: stack)

    def run(*arguments: str) -> Ended:
        capsys.readouterr()
        status = cli.main(["run", "--json", *arguments])
        captured = capsys.readouterr()
        return Ended(status, captured.out, captured.err)

    return run


Refused = Callable[[str, str, str], AbstractContextManager[None]]


@pytest.fixture
def refused(stack: Stack) -> Refused:
    """A context in which a role may not do something with some objects."""
    found = stack.make_client("cloudformation").describe_stack_resources(StackName=stack.name)
    roles = {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in found["StackResources"]}
    iam = stack.make_client("iam")

    @contextmanager
    def refused(role: str, action: str, objects: str) -> Iterator[None]:
        statement = {"Effect": "Deny", "Action": action, "Resource": f"arn:aws:s3:::{objects}"}
        name = {"RoleName": roles[role], "PolicyName": action.replace(":", "-")}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_role_policy(**name, PolicyDocument=policy)
        try:
            yield
        finally:
            iam.delete_role_policy(**name)

    return refused


@pytest.fixture
def fail(run: Marla, refused: Refused) -> Callable[..., Ended]:
    """Run a job whose last reduce step may not write, so that it fails with all else done."""

    def fail(*arguments: str) -> Ended:
        with refused("ReducerRole", "s3:PutObject", "*/step-2/*"):
            failed = run(*arguments)
        assert failed.error["name"] == "StorageRefused"
        assert (failed.error["state"], failed.error["step"]) == ("Reduce", 2)
        return failed

    return fail


def bytes_of(stack: Stack, ended: Ended) -> list[bytes]:
    assert ended.status == 0, ended.err
    keys = [uri.removeprefix(f"s3://{stack.job_bucket}/") for uri in ended.document["result"]]
    return [stack.s3.get_object(Bucket=stack.job_bucket, Key=key)["Body"].read() for key in keys]


def reused(ended: Ended) -> list[tuple[int, int]]:
    """Of each step, how many tasks were done before, and how many there are."""
    return [(step.get("reused", 0), step["tasks"]) for step in ended.document["steps"]]


def test_after_a_failure_in_the_last_reduce_step_no_mapper_runs_again(
    stack: Stack, put: Put, run: Marla, fail: Callable[..., Ended], refused: Refused
) -> None:
    folder = put(objects())
    failed = fail("wordcount", folder, *OPTIONS)
    assert failed.status == 1
    assert f"`marla run --resume {failed.name}` continues it" in failed.err.splitlines()[-1]
    written = f"jobs/{failed.name}/stage-0/map/"
    before = stack.s3.list_objects_v2(Bucket=stack.job_bucket, Prefix=written)["Contents"]
    # A mapper that ran would fail, for it may neither read its input nor write.
    with refused("MapperRole", "s3:GetObject", "*.txt"), refused("MapperRole", "s3:PutObject", "*/map/*"):
        resumed = run("--resume", failed.name)
    assert reused(resumed) == [(MAPPERS, MAPPERS), (FIRST_REDUCERS, FIRST_REDUCERS), (0, 1)]
    assert "6 of 7 tasks had been done before" in resumed.err
    assert stack.s3.list_objects_v2(Bucket=stack.job_bucket, Prefix=written)["Contents"] == before
    clean = run("wordcount", folder, *OPTIONS)
    assert reused(clean) == [(0, MAPPERS), (0, FIRST_REDUCERS), (0, 1)]
    assert bytes_of(stack, resumed) == bytes_of(stack, clean)
    assert resumed.document["result"][0].startswith(f"s3://{stack.job_bucket}/jobs/{failed.name}/stage-0/")
    for counter, value in clean.document["counters"].items():
        assert resumed.document["counters"][counter] == value


def test_a_resumed_job_that_fails_again_is_resumed_again_with_backups_this_time(
    stack: Stack, put: Put, run: Marla, fail: Callable[..., Ended]
) -> None:
    folder = put(objects())
    failed = fail("wordcount", folder, *OPTIONS)
    again = fail("--resume", failed.name)
    resumed = run("--resume", again.name, "--speculate", "--concurrency", "1", "--name", "at-last")
    assert resumed.name == "at-last"
    assert reused(resumed) == [(MAPPERS, MAPPERS), (FIRST_REDUCERS, FIRST_REDUCERS), (0, 1)]
    assert f"/jobs/{failed.name}/" in resumed.document["result"][0]
    assert bytes_of(stack, resumed) == bytes_of(stack, run("wordcount", folder, *OPTIONS))


def test_a_job_is_not_to_be_resumed_that_has_its_result_by_now_or_is_removed(
    stack: Stack, put: Put, run: Marla, fail: Callable[..., Ended]
) -> None:
    def said(name: str) -> tuple[str, str]:
        found = search.explain(stack, stack.execution_arn(name))
        assert found
        return found.command, found.unresumable

    failed = fail("wordcount", put(objects()), *OPTIONS)
    again = fail("--resume", failed.name)
    assert said(failed.name) == (f"marla run --resume {failed.name}", "")
    resumed = run("--resume", failed.name)
    for name in (failed.name, again.name):
        command, unresumable = said(name)
        assert command == ""
        assert f"{resumed.name} published it. `marla result {resumed.name}`" in unresumable
    removal.remove(stack, failed.name, keep_result=True)
    for name in (failed.name, again.name):
        command, unresumable = said(name)
        assert command == ""
        assert "it was removed" in unresumable
    refused = run("--resume", failed.name)
    assert refused.error["name"] == "ResumeRefused"
    assert "nothing of a job" in refused.error["cause"]


def test_an_input_that_was_overwritten_since_is_not_mixed_with_what_is_done(
    stack: Stack, put: Put, run: Marla, fail: Callable[..., Ended]
) -> None:
    folder = put(objects())
    failed = fail("wordcount", folder, *OPTIONS)
    bucket, _, key = f"{folder}5.txt".removeprefix("s3://").partition("/")
    stack.s3.put_object(Bucket=bucket, Key=key, Body=objects()["5.txt"].replace(b"a5", b"zz"))
    resumed = run("--resume", failed.name)
    assert (resumed.status, resumed.error["name"]) == (1, "InputChanged")
    assert resumed.error["object"] == f"{folder}5.txt"
    assert "another object than when the job that is resumed began" in resumed.err
    assert "--resume" not in resumed.err


def test_another_plan_other_code_and_nothing_to_resume_are_refused(
    stack: Stack, put: Put, run: Marla, fail: Callable[..., Ended]
) -> None:
    folder = put(objects())
    failed = fail("wordcount", folder, *OPTIONS)
    # The command line does not take other options; an execution's input could have them.
    asked = {"job": "wordcount", "input": folder, "fanIn": 3, "splitBytes": 1 << 19, "resume": failed.name}
    name = execution.new_name("other-plan")
    *_, progress = execution.follow(stack, execution.start(stack, asked, name))
    assert progress.error == "ResumeRefused"
    assert "fanIn is 3, and was 2 when the job began" in progress.cause
    plan: Any = {"Bucket": stack.job_bucket, "Key": f"jobs/{failed.name}/stage-0/receipts/plan.json"}
    written = json.loads(stack.s3.get_object(**plan)["Body"].read())
    stack.s3.put_object(**plan, Body=json.dumps(written | {"code": "of another version"}).encode())
    for take_away, told in ((False, "deployed with other code"), (True, "nothing of a job")):
        if take_away:
            stack.s3.delete_object(**plan)
        resumed = run("--resume", failed.name)
        assert (resumed.status, resumed.error["name"]) == (1, "ResumeRefused")
        assert told in resumed.error["cause"]
        assert "--resume" not in resumed.err
        assert resumed.error["state"] == "Check job"
