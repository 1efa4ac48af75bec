"""Schedules of faults, and what they do to requests on their way to the local cloud's services."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ResponseStreamingError
from hypercorn.asyncio import serve
from hypercorn.config import Config as ServerConfig

from marla.local.dooms import Doom
from marla.local.faults import BadScheduleError, Fault, Schedule
from marla.local.injection import Scope, WithFaults
from marla.local.requests import Request, request_of

SIGNED = {
    service: {
        b"authorization": f"AWS4-HMAC-SHA256 Credential=k/20260101/here/{service}/aws4_request, x".encode()
    }
    for service in ("s3", "lambda", "iam")
}
KEY = "jobs/j/stage-0/map/0"
SHORT = 0.2  # seconds: of a fault that lasts


def get(key: str = KEY) -> Request:
    return Request("s3", "GetObject", "bucket", key, identity=f"GET {key}")


def schedule(seed: int = 1, **rule: Any) -> Schedule:
    return Schedule({"seed": seed, "rules": [{"fault": "error"} | rule]})


# ---- what is hit -----------------------------------------------------------------------------------------


def test_the_same_requests_meet_the_same_faults_in_whatever_order_they_arrive() -> None:
    document = {
        "seed": 7,
        "rules": [
            {"fault": "delay", "probability": 0.3, "seconds": [0, 2]},
            {"fault": "truncate", "probability": 0.3},
        ],
    }
    asked = [get(f"x/{number}") for number in range(50)] * 3

    def faults_of(requests: list[Request]) -> dict[str, list[Fault | None]]:
        one = Schedule(document)
        faults: dict[str, list[Fault | None]] = {}
        for request in requests:
            faults.setdefault(request.key, []).append(one.draw(request))
        return faults

    shuffled = random.Random(1).sample(asked, len(asked))
    assert faults_of(asked) == faults_of(shuffled)
    assert {fault.kind for some in faults_of(asked).values() for fault in some if fault} == {
        "delay",
        "truncate",
    }


def test_a_probability_is_that_share_of_requests_and_another_seed_hits_others() -> None:
    hits = {
        seed: {number for number in range(2000) if schedule(seed, probability=0.25).draw(get(str(number)))}
        for seed in (1, 2)
    }
    assert 430 < len(hits[1]) < 570
    assert 60 < len(hits[1] & hits[2]) < 190


def test_times_and_after_count_requests_that_ask_for_the_same() -> None:
    one = schedule(times=2, after=1)
    assert [bool(one.draw(get("a"))) for _ in range(5)] == [False, True, True, False, False]
    assert [bool(one.draw(get("b"))) for _ in range(2)] == [False, True]


def test_the_first_rule_that_hits_counts() -> None:
    one = Schedule({"rules": [{"fault": "error", "times": 1}, {"fault": "delay", "seconds": 3}]})
    assert [fault.kind for fault in (one.draw(get()), one.draw(get())) if fault] == ["error", "delay"]


def test_seconds_are_drawn_between_the_least_and_the_most() -> None:
    one = schedule(fault="delay", seconds=[1, 3])
    drawn = [fault.seconds for number in range(200) if (fault := one.draw(get(str(number))))]
    assert len(drawn) == 200
    assert 1 <= min(drawn) < 1.2
    assert 2.8 < max(drawn) <= 3


@pytest.mark.parametrize(
    ("match", "hits"),
    [
        ({}, True),
        ({"service": "s3"}, True),
        ({"service": "lambda"}, False),
        ({"operation": "GetObject"}, True),
        ({"operation": "PutObject"}, False),
        ({"key": "^jobs/j/.*/map/"}, True),
        ({"key": "^stage"}, False),
        ({"bucket": "^buck", "key": "map"}, True),
        ({"payload": "task"}, False),
    ],
)
def test_a_rule_is_about_requests_that_match_in_all_that_it_names(match: dict[str, str], hits: bool) -> None:
    assert bool(schedule(match=match).draw(get())) == hits


@pytest.mark.parametrize(
    ("kind", "request_", "hits"),
    [
        ("corrupt", get("jobs/j/stage-0/map/0"), True),
        ("corrupt", get("jobs/j/stage-0/sample/step-1/0/0"), True),
        ("corrupt", get("jobs/j/stage-0/result/part-00000.csv"), False),
        ("corrupt", get("input/map/0"), False),
        ("corrupt", Request("s3", "PutObject", key="x"), True),
        ("corrupt", Request("s3", "HeadObject", key="jobs/j/stage-0/map/0"), False),
        ("kill", get(), False),
        ("kill", Request("lambda", "Invoke"), True),
        ("duplicate", get(), False),
    ],
)
def test_faults_that_do_not_happen_to_such_requests_do_not_hit_them(
    kind: str, request_: Request, hits: bool
) -> None:
    assert bool(schedule(fault=kind).draw(request_)) == hits


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ([], "the schedule: got []; give an object"),
        ({"rules": {}}, "rules: got {}; give a list of rules"),
        ({"sead": 1, "rules": []}, "the schedule: unknown field sead; the fields are rules, seed"),
        ({"seed": 0.5, "rules": []}, "seed: got 0.5; give a whole number"),
        ({"rules": [{"fault": "melt"}]}, 'rules[0].fault: got "melt"; give one of delay, slow'),
        ({"rules": [{}]}, "rules[0].fault: got nothing; give one of"),
        ({"rules": [{"fault": "error", "chance": 1}]}, "rules[0]: unknown field chance; the fields"),
        ({"rules": [{"fault": "error", "probability": 2}]}, "rules[0].probability: got 2; give 0 to 1"),
        ({"rules": [{"fault": "delay", "seconds": "1"}]}, 'rules[0].seconds: got "1"; give a number'),
        ({"rules": [{"fault": "delay", "seconds": [2, 1]}]}, "rules[0].seconds: got [2, 1]; give the least"),
        ({"rules": [{"fault": "error", "times": 0}]}, "rules[0].times: got 0; give 1 to"),
        ({"rules": [{"fault": "break", "when": "now"}]}, 'rules[0].when: got "now"; give before or after'),
        ({"rules": [{"fault": "error", "match": {"path": "x"}}]}, "rules[0].match: unknown field path"),
        ({"rules": [{"fault": "error", "match": {"key": "("}}]}, 'rules[0].match.key: got "("; give'),
        ({"rules": [{"fault": "error", "match": {"key": 1}}]}, "rules[0].match.key: got 1; give"),
        (
            {"rules": [{"fault": "error", "match": {"operation": "Get"}}]},
            'rules[0].match.operation: got "Get"; give one of AbortMultipartUpload',
        ),
        ({"rules": [{"fault": "error", "match": {"service": "sqs"}}]}, "give one of lambda, s3"),
    ],
)  # fmt: skip
def test_what_is_no_schedule_is_refused_with_field_value_and_remedy(document: Any, told: str) -> None:
    with pytest.raises(BadScheduleError) as refused:
        Schedule(document)
    assert told in str(refused.value)


# ---- requests --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "query", "headers", "operation", "key"),
    [
        ("GET", "/b/a/b c", "", {}, "GetObject", "a/b c"),
        ("HEAD", "/b/a", "", {}, "HeadObject", "a"),
        ("GET", "/b", "list-type=2&prefix=in%2F&start-after=", {}, "ListObjectsV2", "in/"),
        ("PUT", "/b/a", "", {}, "PutObject", "a"),
        ("PUT", "/b/a", "", {b"x-amz-copy-source": b"/b/c"}, "CopyObject", "a"),
        ("POST", "/b/a", "uploads", {}, "CreateMultipartUpload", "a"),
        ("PUT", "/b/a", "partNumber=1&uploadId=u", {}, "UploadPart", "a"),
        ("POST", "/b/a", "uploadId=u", {}, "CompleteMultipartUpload", "a"),
        ("DELETE", "/b/a", "uploadId=u", {}, "AbortMultipartUpload", "a"),
        ("DELETE", "/b/a", "", {}, "DeleteObject", "a"),
        ("POST", "/b", "delete", {}, "DeleteObjects", ""),
    ],
)
def test_operations_of_s3_are_told_apart(
    method: str, path: str, query: str, headers: dict[bytes, bytes], operation: str, key: str
) -> None:
    request = request_of(method, path, query, SIGNED["s3"] | headers)
    assert request
    assert (request.operation, request.bucket, request.key) == (operation, "b", key)


@pytest.mark.parametrize(
    ("method", "path", "query", "service"),
    [
        ("PUT", "/b/a", "tagging", "s3"),
        ("GET", "/b/a", "uploadId=u", "s3"),
        ("PUT", "/b", "", "s3"),
        ("GET", "/2015-03-31/functions/f", "", "lambda"),
        ("POST", "/", "", "iam"),
    ],
)
def test_other_requests_are_none_of_the_schedules_business(
    method: str, path: str, query: str, service: str
) -> None:
    assert request_of(method, path, query, SIGNED[service]) is None


def test_the_same_is_asked_for_where_range_or_payload_are_the_same_whatever_the_upload_is_called() -> None:
    def identity(path: str, query: str = "", **headers: bytes) -> str:
        given = {name.encode(): value for name, value in headers.items()}
        request = request_of("PUT", path, query, SIGNED["s3"] | given)
        assert request
        return request.identity

    assert identity("/b/a", range=b"bytes=0-1") != identity("/b/a", range=b"bytes=0-2")
    assert identity("/b/a", "partNumber=1&uploadId=u") == identity("/b/a", "partNumber=1&uploadId=v")
    assert identity("/b/a", "partNumber=1&uploadId=u") != identity("/b/a", "partNumber=2&uploadId=u")
    path = "/2015-03-31/functions/f/invocations"
    asked = [request_of("POST", path, "", SIGNED["lambda"], body) for body in (b"{}", b"{}", b"[]")]
    assert asked[0] == asked[1] != asked[2]


def test_an_invocation_that_is_tried_again_asks_for_the_same() -> None:
    def identity(body: bytes) -> str:
        request = request_of("POST", "/2015-03-31/functions/f/invocations", "", SIGNED["lambda"], body)
        assert request
        return request.identity

    first, again, other = (
        identity(b'{"task": %d, "attempt": {"number": %d}}' % told) for told in ((1, 0), (1, 1), (2, 1))
    )
    assert first == again != other


# ---- what it does ----------------------------------------------------------------------------------------


class Cloud:
    """The layer on a real server, around an application that remembers what it was asked for."""

    def __init__(self) -> None:
        self.handled: list[tuple[str, bytes]] = []
        self.body = bytes(range(256)) * 8
        self.port = 0
        self._over = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=[self._serve()])
        self._thread.start()
        assert self._ready.wait(10)

    async def _serve(self) -> None:
        config = ServerConfig()
        config.bind = ["127.0.0.1:0"]
        config.errorlog = None
        [listener] = config.create_sockets().insecure_sockets
        self.port = listener.getsockname()[1]
        config.bind = [f"fd://{listener.fileno()}"]

        async def over() -> None:
            self._ready.set()
            await self._over.wait()

        await serve(WithFaults(self._application), config, shutdown_trigger=over)  # type: ignore[arg-type]

    async def _application(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await receive()
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        self.handled.append((scope["method"], body))
        answer = b'{"task": 1}' if scope["path"].startswith("/2015") else self.body
        answer = b"" if scope["method"] == "PUT" else answer
        headers = [(b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)

    def client(self, service: str) -> Any:
        config = Config(
            retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, proxies={}, read_timeout=5
        )
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=config,
        )

    def control(self, method: str, name: str = "", document: Any = None) -> tuple[int, Any]:
        url = f"http://127.0.0.1:{self.port}/_marla/faults{name}"
        body = None if document is None else json.dumps(document).encode()
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(urllib.request.Request(url, body, method=method), timeout=5) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def open(self) -> Any:
        return self.client("s3").get_object(Bucket="bucket", Key=KEY)["Body"]

    def read(self) -> bytes:
        body: bytes = self.open().read()
        return body

    def write(self) -> None:
        self.client("s3").put_object(Bucket="bucket", Key="key", Body=b"written")

    def invoke(self) -> Any:
        return json.load(self.client("lambda").invoke(FunctionName="f", Payload=b"{}")["Payload"])


@pytest.fixture(scope="module")
def server() -> Iterator[Cloud]:
    cloud = Cloud()
    yield cloud
    cloud.stop()


@pytest.fixture
def cloud(server: Cloud) -> Iterator[Cloud]:
    server.handled.clear()
    yield server
    server.control("DELETE")


Inject = Callable[..., None]


@pytest.fixture
def inject(cloud: Cloud) -> Iterator[Inject]:
    """Inject a fault by one rule, into the first request that asks for something; and see that it was."""
    kinds: list[str] = []

    def inject(kind: str, **rule: Any) -> None:
        kinds.append(kind)
        document = {"rules": [{"fault": kind, "times": 1} | rule]}
        assert cloud.control("PUT", "/test", document) == (200, {"seed": 0, "rules": 1, "injected": {}})

    yield inject
    assert cloud.control("GET")[1]["test"]["injected"] == {kinds[-1]: 1}


def test_without_a_schedule_requests_pass(cloud: Cloud) -> None:
    assert cloud.read() == cloud.body
    assert cloud.invoke() == {"task": 1}
    cloud.write()
    assert cloud.handled == [("GET", b""), ("POST", b"{}"), ("PUT", b"written")]


def test_schedules_are_put_told_and_ended_by_name(cloud: Cloud) -> None:
    one = {"seed": 3, "rules": [{"fault": "error", "match": {"key": "map"}, "times": 1}]}
    assert cloud.control("PUT", "/one", one)[0] == 200
    assert cloud.control("PUT", "/two", {"rules": []})[0] == 200
    with pytest.raises(ClientError, match="InternalError"):
        cloud.read()
    told = {"seed": 3, "rules": 1, "injected": {"error": 1}}
    assert cloud.control("GET") == (200, {"one": told, "two": {"seed": 0, "rules": 0, "injected": {}}})
    assert cloud.control("DELETE", "/one") == (200, told)
    assert cloud.control("DELETE", "/one") == (404, {"error": "one: no such schedule; there are two"})
    assert cloud.control("DELETE")[0] == 200
    assert cloud.control("GET") == (200, {})


def test_what_is_no_schedule_is_refused_and_changes_nothing(cloud: Cloud) -> None:
    status, answer = cloud.control("PUT", "/one", {"rules": [{"fault": "melt"}]})
    assert status == 400
    assert 'rules[0].fault: got "melt"' in answer["error"]
    assert cloud.control("PUT", "", {"rules": []})[0] == 405
    assert cloud.control("GET") == (200, {})


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_delay(cloud: Cloud, inject: Inject, when: str) -> None:
    inject("delay", seconds=SHORT, when=when)
    started = time.monotonic()
    assert cloud.read() == cloud.body
    assert time.monotonic() - started >= SHORT


def test_a_slow_body_begins_at_once(cloud: Cloud, inject: Inject) -> None:
    inject("slow", seconds=5 * SHORT)
    started = time.monotonic()
    body = cloud.open()
    assert time.monotonic() - started < 4 * SHORT
    assert body.read() == cloud.body
    assert time.monotonic() - started >= 5 * SHORT


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_connection_that_breaks(cloud: Cloud, inject: Inject, when: str) -> None:
    inject("break", when=when)
    with pytest.raises(ConnectionClosedError):
        cloud.write()
    assert cloud.handled == ([] if when == "before" else [("PUT", b"written")])
    cloud.write()


def test_a_truncated_answer(cloud: Cloud, inject: Inject) -> None:
    inject("truncate")
    body = cloud.open()
    with pytest.raises(ResponseStreamingError):
        body.read()
    assert cloud.read() == cloud.body


def test_a_truncated_answer_without_a_body_does_not_come(cloud: Cloud, inject: Inject) -> None:
    inject("truncate")
    with pytest.raises(ConnectionClosedError):
        cloud.write()


@pytest.mark.parametrize(
    ("kind", "status", "code"), [("throttle", 503, "SlowDown"), ("error", 500, "InternalError")]
)
def test_what_s3_refuses(cloud: Cloud, inject: Inject, kind: str, status: int, code: str) -> None:
    inject(kind)
    with pytest.raises(ClientError) as refused:
        cloud.write()
    assert refused.value.response["Error"]["Code"] == code
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert cloud.handled == []


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [("throttle", 429, "TooManyRequestsException"), ("error", 500, "ServiceException")],
)
def test_what_lambda_refuses(cloud: Cloud, inject: Inject, kind: str, status: int, code: str) -> None:
    inject(kind)
    with pytest.raises(ClientError) as refused:
        cloud.invoke()
    assert type(refused.value).__name__ == code  # as the service's model has it
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert cloud.handled == []


def test_one_bit_of_what_is_read_is_corrupt(cloud: Cloud, inject: Inject) -> None:
    inject("corrupt")
    pairs = zip(cloud.read(), cloud.body, strict=True)
    assert [(got ^ sent).bit_count() for got, sent in pairs if got != sent] == [1]


def test_one_bit_of_what_is_written_is_corrupt(cloud: Cloud, inject: Inject) -> None:
    inject("corrupt")
    cloud.write()
    [(_, body)] = cloud.handled
    pairs = zip(body, b"written", strict=True)
    assert [(got ^ sent).bit_count() for got, sent in pairs if got != sent] == [1]


@pytest.mark.parametrize("seconds", [0, SHORT])
def test_an_invocation_is_handled_twice_and_answered_once(
    cloud: Cloud, inject: Inject, seconds: float
) -> None:
    inject("duplicate", seconds=seconds)
    assert cloud.invoke() == {"task": 1}
    deadline = time.monotonic() + 5
    while len(cloud.handled) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert cloud.handled == [("POST", b"{}")] * 2


@pytest.mark.parametrize(("lasts", "killed"), [(30, True), (0, False)])
def test_a_worker_dies_if_the_handler_lasts_longer(lasts: int, killed: bool) -> None:
    script = f"import time; input(); time.sleep({lasts})"
    process = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE)
    worker = SimpleNamespace(_proc=process, _lock=threading.Lock())

    def invoke() -> dict[str, Any]:
        process.communicate(b"\n")
        return {"status": "error"}

    doom = Doom(SHORT if killed else 30)
    doom.befalls(worker, invoke)
    assert doom.killed == killed
    assert process.returncode == (-9 if killed else 0)
