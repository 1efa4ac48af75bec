"""A process of a run is killed in its middle: what is told is true, nothing is left, the next run works."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from marla.local.cloud import HOST, LocalCloud
from marla.stack import Stack

LINES = [f"all w{number % 97} v{number % 89}" for number in range(20_000)]
EXPECTED = Counter(" ".join(LINES).split())
SLOWLY = ["--split-bytes", "8KB"]  # some thirty mappers
SOON = 15  # seconds in which a command must notice that its cloud has died


class Home:
    """A local cloud of these tests' own, started by the command line, with a temporary folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "home"
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        self.cloud = LocalCloud(self.folder)
        self.stack: Stack
        self.environment = os.environ | {"MARLA_HOME": str(self.folder), "TMPDIR": str(self.temporary)}
        self.words = folder / "words.txt"
        self.words.write_text("".join(f"{line}\n" for line in LINES))

    def begin(self, *arguments: str | Path) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "marla", *map(str, arguments)]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=self.environment)

    def marla(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        process = self.begin(*arguments)
        output, said = process.communicate(timeout=120)
        return subprocess.CompletedProcess(process.args, process.returncode, output, said)

    def begin_job(
        self, name: str, *more: str, at_once: int = 1
    ) -> tuple[subprocess.Popen[str], list[psutil.Process]]:
        """Begin a job of many mappers, and suspend them in the middle of their tasks.

        Returns:
            The command's process, and those of the mappers that are at work at once.
        """
        slowly = [*SLOWLY, "--concurrency", str(at_once)]
        process = self.begin("run", "wordcount", self.words, "--name", name, *slowly, *more)
        until(lambda: self.tasks_done(name) >= 1 and len(self.workers()) >= at_once, 60)
        workers = self.workers()
        for worker in workers:
            worker.suspend()
        seen = (-1, 0.0)

        def at_work() -> bool:
            """Whether no task has ended for longer than any takes: so all have begun, and cannot end."""
            nonlocal seen
            done = self.tasks_done(name)
            if done != seen[0]:
                seen = (done, time.monotonic())
            return time.monotonic() - seen[1] > 1

        until(at_work)
        return process, workers

    def tasks_done(self, name: str) -> int:
        """How many mappers have ended; 0 too if there is no such execution yet."""
        try:
            return int(self.map_run(name)["itemCounts"]["succeeded"])
        except Exception:  # the cloud, the execution or its map run is not there yet
            return 0

    def map_run(self, name: str) -> dict[str, Any]:
        runs = self.stack.sfn.list_map_runs(executionArn=self.stack.execution_arn(name))["mapRuns"]
        return dict(self.stack.sfn.describe_map_run(mapRunArn=runs[0]["mapRunArn"]))

    def pid(self, server: str) -> int:
        return int(next(s["pid"] for s in self.cloud.status()["servers"] if s["name"] == server))

    def workers(self) -> list[psutil.Process]:
        """The processes of mappers."""
        children = psutil.Process(self.pid("ministack")).children(recursive=True)
        return [child for child in children if "MapperFunction" in " ".join(command(child))]


def until(condition: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "this took too long"
        time.sleep(0.02)


def command(process: psutil.Process) -> list[str]:
    """The words of a process's command; none if it has just ended."""
    try:
        return list(process.cmdline())
    except psutil.NoSuchProcess:  # which a zombie is too
        return []


def gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # closed connections linger
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    home = Home(tmp_path_factory.mktemp("kills"))
    yield home
    home.cloud.stop()


@pytest.fixture
def running(home: Home) -> Home:
    """The home with its cloud started anew if a test before has killed it."""
    home.stack = home.cloud.start()
    return home


def processes(home: Home) -> list[psutil.Process]:
    servers = [psutil.Process(server["pid"]) for server in home.cloud.status()["servers"]]
    return [process for server in servers for process in (server, *server.children(recursive=True))]


def counts(folder: Path) -> Counter[str]:
    rows = [line.split(",") for line in (folder / "part-00000.csv").read_text().splitlines()]
    return Counter({word: int(count) for word, count in rows})


def events(home: Home, name: str) -> list[dict[str, Any]]:
    """The events of all tasks of a job's mappers."""
    sfn, run = home.stack.sfn, home.map_run(name)
    children = sfn.get_paginator("list_executions").paginate(mapRunArn=run["mapRunArn"])
    arns = [child["executionArn"] for page in children for child in page["executions"]]
    return [dict(event) for arn in arns for event in sfn.get_execution_history(executionArn=arn)["events"]]


def test_a_worker_that_is_killed_is_replaced_and_its_task_done_again(running: Home, tmp_path: Path) -> None:
    process, [worker] = running.begin_job("replaced", "--out", str(tmp_path / "out"))
    worker.kill()
    output, said = process.communicate(timeout=60)
    assert (process.returncode, output) == (0, ""), said
    assert counts(tmp_path / "out") == EXPECTED
    [failed] = [event for event in events(running, "replaced") if event["type"] == "TaskFailed"]
    assert failed["taskFailedEventDetails"]["error"] == "Runtime.ExitError"
    assert "Error: Runtime exited with error: signal: killed" in failed["taskFailedEventDetails"]["cause"]


def test_a_worker_whose_task_failed_does_the_next(running: Home) -> None:
    assert running.marla("run", "wordcount", running.words, "--concurrency", "1").returncode == 0
    before = {worker.pid for worker in running.workers()}
    failed = running.marla("run", "uservisits", running.words, "--concurrency", "1", "--json")
    assert json.loads(failed.stdout)["error"]["name"] == "BadRecord", failed.stdout
    assert {worker.pid for worker in running.workers()} == before


def test_a_worker_that_hangs_is_ended_by_its_functions_timeout(running: Home) -> None:
    functions = running.stack.make_client("lambda")
    [mapper] = [
        function["FunctionName"]
        for function in functions.list_functions()["Functions"]
        if "MapperFunction" in function["FunctionName"]
    ]
    before = functions.get_function_configuration(FunctionName=mapper)["Timeout"]
    functions.update_function_configuration(FunctionName=mapper, Timeout=4)
    try:
        process, [worker] = running.begin_job("hanging", "--json")
        output, said = process.communicate(timeout=60)
    finally:
        functions.update_function_configuration(FunctionName=mapper, Timeout=before)
    assert process.returncode == 1, said
    document = json.loads(output)
    assert (document["status"], document["error"]["name"]) == ("FAILED", "Sandbox.Timedout")
    assert "Task timed out after 4.00 seconds" in document["error"]["cause"]
    until(lambda: gone(worker))
    explained = running.marla("explain", "hanging", "--json")
    told = json.loads(explained.stdout)
    assert (explained.returncode, told["error"]) == (0, document["error"])
    assert told["error"]["task"] >= 1
    assert [(each["number"], each["error"]) for each in told["attempts"]] == [(1, "Sandbox.Timedout")]
    assert told["attempts"][0]["seconds"] >= 4
    assert "Task timed out after 4.00 seconds" in "".join(told["log"]["lines"])
    assert "WorkerTimeout" in told["next"][0]
    assert told["command"] == "marla run --resume hanging"


@pytest.mark.parametrize("server", ["ministack", "engine"])
def test_a_server_that_is_killed_takes_all_with_it_and_the_command_says_so(
    running: Home, server: str
) -> None:
    process, [worker] = running.begin_job("lost", "--json")
    left = processes(running)
    assert worker in left
    ports = [int(each["url"].rpartition(":")[2]) for each in running.cloud.status()["servers"]]
    began = time.monotonic()
    os.kill(running.pid(server), signal.SIGKILL)
    output, said = process.communicate(timeout=60)
    assert time.monotonic() - began < SOON
    assert process.returncode == 1
    assert f"{server} (process " in said
    assert "has died" in said
    assert "lost" in said
    assert "Traceback" not in said
    document = json.loads(output)
    assert document["status"] == "LOST"
    assert document["execution"].endswith(":lost")
    assert document["error"]["cause"] in said.replace("\n", " ")
    explained = running.marla("explain", "lost", "--json")
    told = json.loads(explained.stdout)
    assert (explained.returncode, told["status"]) == (0, "LOST")
    assert told["error"]["name"] == document["error"]["name"] == "LocalCloudDied"
    assert f"{server} (process " in told["error"]["cause"]
    until(lambda: all(map(gone, left)))
    assert all(map(is_free, ports))
    assert not (running.folder / "tmp").exists()


def test_servers_that_are_killed_together_leave_no_worker_and_the_next_run_begins_anew(
    running: Home, tmp_path: Path
) -> None:
    process, [notices, hangs] = running.begin_job("both", at_once=2)
    left = processes(running)
    servers = [running.pid(server) for server in ("engine", "ministack")]
    for number in (signal.SIGSTOP, signal.SIGKILL):  # neither is to notice the other's end
        for pid in servers:
            os.kill(pid, number)
    _, said = process.communicate(timeout=SOON)
    assert (process.returncode, "have died" in said) == (1, True), said
    explained = running.marla("explain", "both")
    assert explained.returncode == 0
    assert explained.stdout.startswith("LocalCloudDied\n")
    assert "have died" in explained.stdout
    notices.resume()  # in the middle of a task, with nobody to tell it
    until(lambda: all(gone(one) for one in left if one != hangs))
    folders = list((running.folder / "tmp").glob("ministack-lambda-*Mapper*"))
    assert len(folders) == 2
    again = running.marla("run", "wordcount", running.words, "--out", tmp_path / "out")
    assert again.returncode == 0, again.stderr
    assert "have died" in again.stderr
    assert counts(tmp_path / "out") == EXPECTED
    until(lambda: gone(hangs))
    assert not any(folder.exists() for folder in folders)


def test_a_start_that_is_killed_halfway_leaves_nothing(home: Home) -> None:
    home.cloud.stop()
    process = home.begin("local", "start")
    launcher = psutil.Process(process.pid)
    until(lambda: any("marla.local.services" in command(child) for child in launcher.children()))
    [server] = launcher.children()
    process.kill()
    process.communicate()
    until(lambda: gone(server))
    assert home.marla("local", "status").returncode == 1


def test_a_start_that_is_killed_as_it_deploys_is_finished_by_the_next(home: Home) -> None:
    home.cloud.stop()
    process = home.begin("local", "start")
    launcher = psutil.Process(process.pid)
    until(lambda: any("deploy" in command(child) for child in launcher.children()))
    process.kill()
    process.communicate()
    done = home.marla("local", "start")  # waits for the deployment, which goes on by itself
    assert done.returncode == 0, done.stderr
    assert home.cloud.stack().job_bucket


def test_a_command_that_is_killed_leaves_its_execution_which_can_be_watched_to_its_end(
    running: Home, tmp_path: Path
) -> None:
    process, [worker] = running.begin_job("unwatched")
    process.kill()
    process.communicate()
    worker.resume()
    watched = running.marla("watch", "unwatched", "--json", "--out", tmp_path / "out")
    assert watched.returncode == 0, watched.stderr
    assert json.loads(watched.stdout)["status"] == "SUCCEEDED"
    assert counts(tmp_path / "out") == EXPECTED
    shown = running.marla("result", "unwatched", "--head", "1")
    assert shown.stdout.split() == ["word", "count", "all", str(len(LINES))]


def test_a_command_that_is_terminated_stops_its_execution(running: Home) -> None:
    process, [worker] = running.begin_job("terminated", "--json")
    process.terminate()
    output, said = process.communicate(timeout=30)
    worker.resume()
    assert process.returncode == 128 + signal.SIGTERM
    assert "the execution is stopped" in said
    assert json.loads(output)["status"] == "ABORTED"
    watched = running.marla("watch", "terminated", "--json")
    assert (watched.returncode, json.loads(watched.stdout)["status"]) == (1, "ABORTED")
    told = json.loads(running.marla("explain", "terminated", "--json").stdout)
    assert (told["error"]["name"], told["error"]["cause"]) == ("Interrupted", "Stopped from the command line")
    assert told["command"] == "marla run --resume terminated"
    assert re.fullmatch(r"Map: \d+ of \d+ tasks were done", told["reached"])


def test_nothing_is_left_in_the_temporary_folder_of_the_system(home: Home) -> None:
    """The last test: after all these kills."""
    home.marla("local", "stop")
    assert list(home.temporary.iterdir()) == []
    assert sorted(path.name for path in home.folder.iterdir()) == [
        "deploy.log",
        "engine.log",
        "lock",
        "ministack.log",
    ]
