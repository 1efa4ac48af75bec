"""`marla console` on the local cloud: a real server, asked as its pages ask."""

from __future__ import annotations

import http.client
import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from marla import execution, records
from marla.local.cloud import LocalCloud
from marla.stack import Stack
from marla.web.totals import totals_of
from tests.browser.console import served
from tests.local.faulted import Faults
from tests.local_cloud import JOB_SECONDS, READABLE, Put

WORDS = {f"part-{part}": b"one two two three three three\n" * 500 for part in range(4)}


class Client:
    """Who has opened the printed URL."""

    def __init__(self, url: str) -> None:
        self._url = urlsplit(url)
        opened = self._ask("GET", f"/?{self._url.query}")
        self._cookie = str(opened.headers["Set-Cookie"]).partition(";")[0]

    def _ask(self, method: str, path: str, body: Any = None, **headers: str) -> http.client.HTTPResponse:
        # A browser knows that names under localhost are loopback's; not each system does.
        connection = http.client.HTTPConnection("127.0.0.1", self._url.port, timeout=60)
        data = None if body is None else json.dumps(body)
        connection.request(method, path, data, {"Host": self._url.netloc} | headers)
        return connection.getresponse()

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Ask the API; return the status and what JSON says."""
        answer = self._ask(method, f"/api/{path}", body, **{"Cookie": self._cookie, "X-Marla": "1"})
        return answer.status, json.load(answer)

    def get(self, path: str) -> Any:
        """Return what the API answers, which is no error."""
        status, answer = self.ask("GET", path)
        assert status == 200, answer
        return answer

    def text(self, path: str) -> str:
        """Return a page or picture."""
        answer = self._ask("GET", path, Cookie=self._cookie)
        text = answer.read().decode()
        assert answer.status == 200, text
        return text

    def until(self, name: str, so: Callable[[Any], bool]) -> Any:
        """Follow an execution until it is so; return its summary then."""
        deadline = time.monotonic() + JOB_SECONDS
        while not so(summary := self.get(f"executions/{name}")):
            assert time.monotonic() < deadline, f"{name} is still in {summary['state']}"
            assert summary["status"] == "RUNNING", f"{name} is over: {summary['status']}"
        return summary

    def start(self, **document: Any) -> str:
        """Start an execution as the form does; return its name."""
        status, answer = self.ask("POST", "executions", {"document": document})
        assert status == 201, answer
        return str(answer["name"])


@pytest.fixture(scope="module")
def client(cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with served(tmp_path_factory.mktemp("console")) as url:
        yield Client(url)


def over(summary: Any) -> bool:
    return bool(summary["status"] in execution.FINAL)


def test_a_job_is_started_followed_and_its_numbers_are_those_of_the_task_records(
    client: Client, stack: Stack, put: Put
) -> None:
    uri = put(WORDS)
    assert READABLE in [bucket["name"] for bucket in client.get("buckets")]
    folder = uri.removeprefix(f"s3://{READABLE}/")
    listed = client.get(f"objects?bucket={READABLE}&prefix={folder}")
    assert [one["key"] for one in listed["objects"]] == [folder + name for name in WORDS]
    document = {"job": "wordcount", "input": uri, "splitBytes": 20_000, "partitions": 2}
    assert client.ask("POST", "check", {"document": document}) == (200, {"problems": []})
    name = client.start(**document)
    summary = client.until(name, over)
    assert summary["status"] == "SUCCEEDED"
    assert summary["input"] == document
    assert summary["fraction"] == 1.0
    assert summary["states"]["Map"]["status"] == "succeeded"

    left = records.of_execution(stack, name)
    tasks = client.get(f"executions/{name}/tasks?size=500")
    assert tasks["counts"] == {"done": len(left), "failed": 0, "running": 0}
    assert [(row["step"], row["partition"], row["task"], row["recordsIn"]) for row in tasks["tasks"]] == [
        (one.step, one.partition, one.task, one.records_in) for one in left
    ]
    for phase in summary["phases"]:
        rows = client.get(f"executions/{name}/tasks?phase={phase['number']}&size=500")["tasks"]
        assert len(rows) == phase["total"] == phase["succeeded"]
        assert sum(row["recordsIn"] for row in rows) == phase["records"]
        assert sum(row["bytesIn"] for row in rows) == phase["bytes"]
    totals = client.get(f"executions/{name}/totals")
    assert totals.items() >= totals_of(left).items()
    assert totals["dollars"]["total"] > 0

    detail = client.get(f"executions/{name}/tasks/{tasks['tasks'][0]['id']}")
    assert detail["record"] == left[0].to_json()
    assert detail["input"]["task"] == 0
    assert detail["status"] == "done"
    result = client.get(f"executions/{name}/result")
    assert sorted(result["rows"]) == [["one", "2000"], ["three", "6000"], ["two", "4000"]]
    events = client.get(f"executions/{name}/events?limit=500")["events"]
    assert [event["id"] for event in events] == list(range(1, summary["events"] + 1))
    assert (events[0]["type"], events[-1]["type"]) == ("ExecutionStarted", "ExecutionSucceeded")
    assert client.text(f"/api/executions/{name}/graph.svg").startswith("<svg")
    assert name in client.text(f"/executions/{name}")
    report = client.text(f"/executions/{name}/report")
    assert name in report
    # The server's own policy leaves it to the report's to say which scripts are its own.
    assert re.search(
        r"Content-Security-Policy\" content=\"[^\"]*default-src &#39;none&#39;; script-src &#39;sha256-",
        report,
    )
    assert name in [one["name"] for one in client.get("executions?status=SUCCEEDED")["executions"]]
    assert client.get(f"executions/{name}/explanation") == {}


def test_a_job_that_fails_is_explained_down_to_the_record_and_its_task(client: Client, put: Put) -> None:
    uri = put({"visits": b"158.112.27.3,only,three\n"})
    name = client.start(job="uservisits", input=uri)
    summary = client.until(name, over)
    assert (summary["status"], summary["failed"], summary["canResume"]) == ("FAILED", True, True)
    assert summary["states"]["Map"]["status"] == "failed"
    error = client.get(f"executions/{name}/explanation")["error"]
    assert (error["name"], error["object"], error["offset"]) == ("BadRecord", f"{uri}visits", 0)
    (row,) = client.get(f"executions/{name}/tasks?status=failed")["tasks"]
    assert (row["task"], row["error"], row["attempts"]) == (0, "BadRecord", 1)
    detail = client.get(f"executions/{name}/tasks/{row['id']}")
    assert (detail["status"], detail["error"]) == ("failed", "BadRecord")
    assert "at byte 0" in detail["cause"]
    assert any("BadRecord" in line for line in detail["log"])


def test_a_job_is_stopped_resumed_and_deleted(
    client: Client, cloud: LocalCloud, stack: Stack, tmp_path: Path
) -> None:
    name = "console-held-up"
    for part, body in WORDS.items():
        stack.s3.put_object(Bucket=READABLE, Key=f"{name}/{part}", Body=body)
    faults = Faults(cloud)
    held = {"fault": "delay", "seconds": 30, "match": {"service": "lambda", "payload": '"step": ?1'}}
    faults.put(name, held)
    document = {"job": "wordcount", "input": f"s3://{READABLE}/{name}/"}
    assert client.ask("POST", "executions", {"document": document, "name": name})[0] == 201
    client.until(name, lambda summary: summary["state"] == "Reduce" and summary["running"] > 0)
    page = client.get(f"executions/{name}/tasks?status=running")
    assert [(row["step"], row["task"]) for row in page["tasks"]] == [(1, 0)]
    assert client.get(f"executions/{name}/tasks/{page['tasks'][0]['id']}")["status"] == "running"
    status, answer = client.ask("DELETE", f"executions/{name}")
    assert (status, "is running" in answer["error"]) == (409, True)
    assert client.ask("POST", f"executions/{name}/stop") == (200, {})
    faults.end(name)
    stopped = client.until(name, over)
    assert (stopped["status"], stopped["canResume"]) == ("ABORTED", True)

    status, answer = client.ask("POST", f"executions/{name}/resume")
    assert status == 201, answer
    again = answer["name"]
    summary = client.until(again, over)
    assert (summary["status"], summary["resumes"], summary["jobId"]) == ("SUCCEEDED", name, name)
    assert client.get(f"executions/{again}/totals")["reused"] > 0
    status, removed = client.ask("DELETE", f"executions/{again}?keepResult=1")
    assert (status, removed["kept"]) == (200, 1)
    status, removed = client.ask("DELETE", f"executions/{again}")
    assert (status, removed["objects"]) == (200, 1)
    assert client.get(f"objects?bucket={stack.job_bucket}&prefix=jobs/{name}/")["objects"] == []
