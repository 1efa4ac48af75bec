"""Tasks: what they get from services, and the names of what goes wrong."""

import datetime
import signal
import threading
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from marla.local import workers
from marla.local.interpreter import Interpreter
from marla.local.jsonata import JSON
from marla.local.roles import invoke_with, named_error
from tests.interpreter.machines import machine, passing, work
from tests.interpreter.stubs import Clients, WorkerError

LIST: dict[str, JSON] = {
    "Type": "Task",
    "Resource": "arn:aws:states:::aws-sdk:s3:listObjectsV2",
    "Arguments": {"Bucket": "{% $states.input.bucket %}", "MaxKeys": 180},
    "End": True,
}


class LateError(WorkerError):
    """An error with a name of its own."""


class NoSuchBucket(ClientError):  # noqa: N818 (botocore's name)
    """Made by botocore from S3's model."""


def client_error(code: str, status: int, kind: type[ClientError] = ClientError) -> ClientError:
    response: Any = {
        "Error": {"Code": code, "Message": f"{code} it is"},
        "ResponseMetadata": {"HTTPStatusCode": status, "RequestId": "1-2-3"},
    }
    return kind(response, "Operation")


def raising(error: Exception) -> Callable[..., Any]:
    def answer(*_: Any, **__: Any) -> Any:
        raise error

    return answer


def test_a_listing_is_json_with_its_dates_as_text(interpreter: Interpreter, clients: Clients) -> None:
    asked: list[dict[str, Any]] = []

    def listing(**parameters: Any) -> dict[str, Any]:
        asked.append(parameters)
        modified = datetime.datetime(2026, 11, 21, 6, 30, tzinfo=datetime.UTC)
        return {"Contents": [{"Key": "a", "Size": 3, "LastModified": modified}], "ResponseMetadata": {}}

    clients.listing = listing
    outcome = interpreter.run(machine(List=LIST), {"bucket": "b"})
    assert asked == [{"Bucket": "b", "MaxKeys": 180}]
    assert outcome.output == {"Contents": [{"Key": "a", "Size": 3, "LastModified": "2026-11-21T06:30:00Z"}]}


@pytest.mark.parametrize(
    ("raised", "error"),
    [
        (client_error("NoSuchBucket", 404, NoSuchBucket), "S3.NoSuchBucketException"),
        (client_error("AccessDenied", 403), "S3.S3Exception"),
        (client_error("SlowDown", 503), "S3.S3Exception"),
        (EndpointConnectionError(endpoint_url="http://127.0.0.1:9"), "S3.SdkClientException"),
    ],
)
def test_an_error_of_s3_has_the_name_that_aws_gives_it(
    interpreter: Interpreter, clients: Clients, raised: Exception, error: str
) -> None:
    clients.listing = raising(raised)
    outcome = interpreter.run(machine(List=LIST), {"bucket": "b"})
    assert (outcome.status, outcome.error) == ("FAILED", error)
    assert str(getattr(raised, "response", {}).get("Error", {}).get("Message", raised)) in str(outcome.cause)


def test_an_error_without_metadata_is_still_named(interpreter: Interpreter, clients: Clients) -> None:
    bare: Any = {
        "Error": {"Code": "AccessDeniedException", "Message": "no"},
        "ResponseMetadata": {"HTTPStatusCode": 403},
    }
    clients.listing = clients.worker = raising(ClientError(bare, "Operation"))
    assert interpreter.run(machine(Task=work(1)), {}).error == "Lambda.AWSLambdaException"
    assert interpreter.run(machine(List=LIST), {"bucket": "b"}).error == "S3.S3Exception"


def test_a_modelled_refusal_of_s3_is_still_an_s3_exception(
    interpreter: Interpreter, clients: Clients
) -> None:
    kind = type("AccessDenied", (ClientError,), {})
    clients.listing = raising(client_error("AccessDenied", 403, kind))
    assert interpreter.run(machine(List=LIST), {"bucket": "b"}).error == "S3.S3Exception"


@pytest.mark.parametrize(
    ("raised", "error"),
    [
        (LateError("too late"), "LateError"),
        (client_error("TooManyRequestsException", 429), "Lambda.TooManyRequestsException"),
        (client_error("InternalError", 500), "Lambda.ServiceException"),
        (client_error("AccessDeniedException", 403), "Lambda.AWSLambdaException"),
        (client_error("ResourceNotFoundException", 404), "Lambda.ResourceNotFoundException"),
        (EndpointConnectionError(endpoint_url="http://127.0.0.1:9"), "Lambda.SdkClientException"),
        (ReadTimeoutError(endpoint_url="http://127.0.0.1:9"), "Lambda.SdkClientException"),
    ],
)
def test_an_error_of_lambda_has_the_name_that_aws_gives_it(
    interpreter: Interpreter, clients: Clients, raised: Exception, error: str
) -> None:
    clients.worker = raising(raised)
    catch = [{"ErrorEquals": [error], "Next": "Caught", "Output": "{% $states.errorOutput.Error %}"}]
    outcome = interpreter.run(machine(Task=work(1, Catch=catch), Caught=passing()), {})
    assert (outcome.status, outcome.output) == ("SUCCEEDED", error)


def test_a_task_that_takes_too_long_times_out(interpreter: Interpreter, clients: Clients) -> None:
    over = threading.Event()
    clients.worker = lambda _: over.wait(20)
    outcome = interpreter.run(
        machine(Task=work(1, TimeoutSeconds="{% $states.input.seconds %}")), {"seconds": 1}
    )
    over.set()
    assert (outcome.status, outcome.error) == ("FAILED", "States.Timeout")


TRACEBACK = """something printed
ValueError: printed, not raised
Traceback (most recent call last):
  File "/tmp/_worker.py", line 128, in run
    result = handler_fn(event, context)
  File "/tmp/code/mapper.py", line 5, in handler
    raise {line}
{raised}"""


@pytest.mark.parametrize(
    ("raised", "message", "error"),
    [
        ("ValueError: bad\n", "bad", "ValueError"),
        (
            "mapreduce.errors.InvalidInput: bad: it's\nbad (really)\n",
            "bad: it's\nbad (really)",
            "InvalidInput",
        ),
        ("mod.make.<locals>.OddError: x\n", "x", "OddError"),
        ("KeyError: 'k'\n", "'k'", "KeyError"),
        ("StopIteration\n", "", "StopIteration"),
        ("nothing of it\n", "bad", "Runtime.HandlerError"),
    ],
)
def test_an_exceptions_class_is_found_in_the_log(raised: str, message: str, error: str) -> None:
    payload = {"errorType": "Runtime.HandlerError", "errorMessage": message}
    log = TRACEBACK.format(line="Whatever()", raised=raised)
    assert named_error(payload, log, "1-2-3") == {"errorType": error, "errorMessage": message}


def test_a_timeout_keeps_its_name_and_a_dead_worker_gets_one() -> None:
    timeout = {"errorType": "Sandbox.Timedout", "errorMessage": "Task timed out after 3.00 seconds"}
    assert named_error(timeout, "Task timed out after 3.00 seconds", "1-2-3") == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": "RequestId: 1-2-3 Error: Task timed out after 3.00 seconds",
    }
    how = f"Runtime exited {workers.how(-signal.SIGKILL)}"
    died = {"errorType": "Runtime.HandlerError", "errorMessage": how}
    assert named_error(died, how, "1-2-3") == {
        "errorType": "Runtime.ExitError",
        "errorMessage": "RequestId: 1-2-3 Error: Runtime exited with error: signal: killed",
    }


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (0, "without providing a reason"),
        (None, "without providing a reason"),
        (3, "with error: exit status 3"),
        (-signal.SIGKILL, "with error: signal: killed"),
        (-signal.SIGSEGV, "with error: signal: segmentation fault"),
        (-signal.SIGTERM, "with error: signal: terminated"),
    ],
)
def test_how_a_worker_ended_is_said_in_the_words_of_lambda(status: int | None, words: str) -> None:
    assert workers.how(status) == words


def test_invoke_asks_for_the_log_and_gives_it_only_to_those_who_asked() -> None:
    asked: list[dict[str, Any]] = []

    def invoke(**parameters: Any) -> dict[str, Any]:
        asked.append(parameters)
        return {"StatusCode": 200, "LogResult": "aGVsbG8="}

    assert invoke_with(invoke)(FunctionName="f") == {"StatusCode": 200}
    assert invoke_with(invoke)(FunctionName="f", LogType="Tail")["LogResult"] == "aGVsbG8="
    assert asked == [{"FunctionName": "f", "LogType": "Tail"}] * 2
