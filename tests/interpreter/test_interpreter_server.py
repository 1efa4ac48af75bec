"""The server beside a real ministack: roles, errors of real functions, deployments."""

import io
import json
import os
import socket
import subprocess
import sys
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from marla.local.jsonata import JSON
from tests.interpreter.machines import machine, mapping, passing, work
from tests.interpreter.stubs import until

KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
ACCOUNT = "arn:aws:iam::000000000000"
ONCE = Config(retries={"total_max_attempts": 1})
TRUST = {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}
ALL = ("lambda:InvokeFunction", "s3:ListBucket", "states:StartExecution")
HANDLER = """
import os, time

class InvalidRecordError(Exception):
    pass

def handler(event, context):
    print("working on", event)
    if event == "raise":
        raise InvalidRecordError("record 7: not UTF-8\\nat byte 12")
    if event == "exit":
        os._exit(3)
    if event == "die":
        os.kill(os.getpid(), 9)
    if event == "sleep":
        time.sleep(30)
    return event
"""
LIST: dict[str, JSON] = {
    "Type": "Task",
    "Resource": "arn:aws:states:::aws-sdk:s3:listObjectsV2",
    "Arguments": {"Bucket": "{% $states.input %}"},
    "Output": "{% $states.result.KeyCount %}",
    "End": True,
}


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except OSError:
        return False


def client(service: str, url: str) -> Any:
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return boto3.client(service, endpoint_url=url, region_name="us-east-1", config=ONCE, **keys)  # type: ignore[call-overload]


class Cloud:
    """A ministack and the engine beside it."""

    def __init__(self, folder: Path) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        settings = {
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": self.url.rpartition(":")[2],
            "AUTH": "true",
            "SFTP_ENABLED": "0",
            "IOT_MTLS_ENABLED": "0",
            "TMPDIR": str(folder),
        }
        command = [sys.executable, "-m", "marla.local.services"]
        with (folder / "ministack.log").open("w") as log:
            self._ministack = subprocess.Popen(
                command, env=os.environ | KEYS | settings, stdout=log, stderr=log
            )
        until(lambda: answers(f"{self.url}/_ministack/health"), seconds=30)
        self.engine = Engine(self.url)
        self.states = client("stepfunctions", self.engine.url)
        self.iam, self.functions = client("iam", self.url), client("lambda", self.url)

    def close(self) -> None:
        self.engine.close()
        self._ministack.terminate()
        self._ministack.wait(20)

    def reset(self) -> None:
        """Wipe all that was deployed."""
        request = urllib.request.Request(f"{self.url}/_ministack/reset", method="POST")
        with urllib.request.urlopen(request, timeout=30):
            pass

    def deploy(self) -> None:
        """Deploy a function, a bucket, a role that may do `ALL`, and roles that may do all but one."""
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("worker.py", HANDLER)
        self.role("complete", ALL)
        self.functions.create_function(
            FunctionName="worker",
            Runtime="python3.13",
            Role=f"{ACCOUNT}:role/complete",
            Handler="worker.handler",
            Timeout=1,
            Code={"ZipFile": code.getvalue()},
        )
        client("s3", self.url).create_bucket(Bucket="data")
        for action in ALL:
            self.role(action.replace(":", "-"), tuple(other for other in ALL if other != action))

    def role(self, name: str, actions: tuple[str, ...]) -> None:
        trust = {"Version": "2012-10-17", "Statement": [TRUST]}
        self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
        statements = [{"Effect": "Allow", "Action": action, "Resource": "*"} for action in actions]
        policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
        self.iam.put_role_policy(RoleName=name, PolicyName="policy", PolicyDocument=policy)

    def create(self, name: str, states: dict[str, JSON], role: str = "complete") -> str:
        created = client("stepfunctions", self.url).create_state_machine(
            name=name, definition=json.dumps(states), roleArn=f"{ACCOUNT}:role/{role}"
        )
        return str(created["stateMachineArn"])

    def run(self, machine_arn: str, execution_input: JSON) -> dict[str, Any]:
        """Run an execution on the engine and describe it."""
        started = self.states.start_execution(stateMachineArn=machine_arn, input=json.dumps(execution_input))
        arn = started["executionArn"]
        until(lambda: self.states.describe_execution(executionArn=arn)["status"] != "RUNNING", seconds=30)
        return dict(self.states.describe_execution(executionArn=arn))


class Engine:
    """The engine's process."""

    def __init__(self, cloud_url: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        command = [sys.executable, "-m", "marla.local.engine", "--port", str(self.port), "--cloud", cloud_url]
        self.process = subprocess.Popen(
            command, env=os.environ | KEYS, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def close(self) -> tuple[str, str]:
        """End it by SIGTERM; what it printed since it was ready."""
        self.process.terminate()
        return self.process.communicate(timeout=20)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """One cloud for the module, with everything deployed."""
    cloud = Cloud(tmp_path_factory.mktemp("cloud"))
    try:
        cloud.deploy()
        yield cloud
    finally:
        cloud.close()


def test_a_machine_runs_with_what_its_role_allows(cloud: Cloud) -> None:
    states = machine(List={**LIST, "Next": "Map"}, Map=mapping("{% [1..20] %}", MaxConcurrency=10))
    del states["States"]["List"]["End"]
    described = cloud.run(cloud.create("complete", states), "data")
    assert (described["status"], described.get("cause")) == ("SUCCEEDED", None)
    assert json.loads(described["output"]) == list(range(1, 21))


@pytest.mark.parametrize(
    ("missing", "error"),
    [
        ("lambda:InvokeFunction", "Lambda.AWSLambdaException"),
        ("s3:ListBucket", "S3.S3Exception"),
        ("states:StartExecution", "States.Permissions"),
    ],
)
def test_a_machine_is_refused_what_its_role_does_not_allow(cloud: Cloud, missing: str, error: str) -> None:
    doing = {"lambda:InvokeFunction": work(1), "s3:ListBucket": LIST, "states:StartExecution": mapping([1])}
    role = missing.replace(":", "-")
    described = cloud.run(cloud.create(role, machine(Only=doing[missing]), role), "data")
    assert (described["error"], described["status"]) == (error, "FAILED"), described["cause"]
    assert missing in described["cause"]


@pytest.mark.parametrize(
    ("event", "error", "cause"),
    [
        ("raise", "InvalidRecordError", "record 7: not UTF-8"),
        ("exit", "Runtime.ExitError", "Error: Runtime exited with error: exit status 3"),
        ("die", "Runtime.ExitError", "Error: Runtime exited with error: signal: killed"),
        ("sleep", "Sandbox.Timedout", "Error: Task timed out after 1.00 seconds"),
    ],
)
def test_a_functions_failure_has_the_name_that_aws_gives_it(
    cloud: Cloud, event: str, error: str, cause: str
) -> None:
    described = cloud.run(cloud.create("work", machine(Only=work())), event)
    assert (described["status"], described["error"]) == ("FAILED", error)
    assert cause in described["cause"]


def test_a_bucket_or_function_that_is_not_there_is_named(cloud: Cloud) -> None:
    described = cloud.run(cloud.create("list", machine(Only=LIST)), "nothing-here")
    assert described["error"] == "S3.NoSuchBucketException"
    missing = work()
    missing["Arguments"]["FunctionName"] = "nobody"
    described = cloud.run(cloud.create("nobody", machine(Only=missing)), 1)
    assert described["error"] == "Lambda.ResourceNotFoundException"


def test_a_redeployed_machine_runs_anew_and_a_deleted_one_not_at_all(cloud: Cloud) -> None:
    deployed = client("stepfunctions", cloud.url)
    arn = cloud.create("changing", machine(Only=passing(1)))
    assert cloud.run(arn, {})["output"] == "1"
    deployed.update_state_machine(stateMachineArn=arn, definition=json.dumps(machine(Only=passing(2))))
    assert cloud.run(arn, {})["output"] == "2"
    assert arn in [each["stateMachineArn"] for each in cloud.states.list_state_machines()["stateMachines"]]
    deployed.delete_state_machine(stateMachineArn=arn)
    with pytest.raises(cloud.states.exceptions.StateMachineDoesNotExist):
        cloud.run(arn, {})


def test_the_sdk_finds_children_in_pages(cloud: Cloud) -> None:
    described = cloud.run(cloud.create("pages", machine(Map=mapping("{% [1..5] %}"))), {})
    (run,) = cloud.states.list_map_runs(executionArn=described["executionArn"])["mapRuns"]
    counts = cloud.states.describe_map_run(mapRunArn=run["mapRunArn"])["itemCounts"]
    assert (counts["total"], counts["succeeded"], counts["pending"]) == (5, 5, 0)
    pages = cloud.states.get_paginator("list_executions").paginate(
        mapRunArn=run["mapRunArn"], PaginationConfig={"PageSize": 2}
    )
    children = [child for page in pages for child in page["executions"]]
    assert len(children) == 5
    child = cloud.states.describe_execution(executionArn=children[0]["executionArn"])
    assert child["output"] == "5"
    history = cloud.states.get_execution_history(executionArn=child["executionArn"])["events"]
    assert history[0]["timestamp"] == child["startDate"] or history[0]["timestamp"] > child["startDate"]


def test_a_cloud_that_was_reset_is_used_again(cloud: Cloud) -> None:
    states = machine(Only=work())
    assert cloud.run(cloud.create("again", states), 1)["output"] == "1"
    cloud.reset()
    cloud.deploy()
    assert cloud.run(cloud.create("again", states), 2)["output"] == "2"


def test_it_listens_on_loopback_only_prints_one_line_and_ends_at_sigterm(cloud: Cloud) -> None:
    engine = Engine(cloud.url)
    rows = [
        line.split()
        for name in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{name}").read_text().splitlines()
    ]
    listening = [row[1] for row in rows if row[1].endswith(f":{engine.port:04X}") and row[3] == "0A"]
    assert listening == [f"0100007F:{engine.port:04X}"]
    assert engine.close() == ("", "")
    assert engine.process.returncode == 0


def test_a_cloud_that_does_not_answer_is_named() -> None:
    engine = Engine(f"http://127.0.0.1:{free_port()}")
    states = client("stepfunctions", engine.url)
    with pytest.raises(Exception, match="local cloud does not answer"):
        states.list_state_machines()
    engine.close()
