"""The command line against the local cloud, as people and programs use it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from marla import generate
from marla.stack import Stack

pytestmark = pytest.mark.usefixtures("cloud")


def marla(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "marla", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture
def words(tmp_path: Path) -> Path:
    folder = tmp_path / "words"
    folder.mkdir()
    (folder / "a.txt").write_text("one two two\nthree three three\n")
    (folder / "b.txt").write_text("three four")
    return folder


def test_run_brings_exactly_the_result_and_says_what_it_did(words: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = marla("run", "wordcount", words, "--out", out)
    assert done.returncode == 0
    assert [path.name for path in out.iterdir()] == ["part-00000.csv"]
    assert (out / "part-00000.csv").read_text() == "four,1\none,1\nthree,4\ntwo,2\n"
    assert done.stdout == ""
    for said in ("Uploaded 40 B", "Map: 1 of 1 tasks, 3 records", "Reduce step 1", "succeeded", str(out)):
        assert said in done.stderr


def test_json_is_one_document_with_all_that_is_promised(words: Path) -> None:
    done = marla("run", "wordcount", words, "--json", "--partitions", "2")
    document = json.loads(done.stdout)
    assert document.keys() == {"execution", "status", "result", "counters", "steps", "seconds"}
    assert document["status"] == "SUCCEEDED"
    assert len(document["result"]) == 2
    assert document["counters"]["inputRecords"] == 3
    assert [step["step"] for step in document["steps"]] == [0, 1]
    assert 0 < document["seconds"] < 120


def test_a_failed_job_ends_with_status_1_and_tells_people_and_programs_where(tmp_path: Path) -> None:
    row = "1.2.3.4,url,1999-01-01,{},agent,KOR,ko-KR,word,5\n"
    (tmp_path / "visits.csv").write_text(row.format("0.5") + row.format("much"))
    done = marla("run", "uservisits", tmp_path / "visits.csv", "--json")
    offset = len(row.format("0.5"))
    assert done.returncode == 1
    error = json.loads(done.stdout)["error"]
    assert (error["name"], error["state"], error["task"], error["offset"]) == ("BadRecord", "Map", 0, offset)
    assert error["object"].endswith("/visits.csv")
    assert "BadRecord in Map, task 0" in done.stderr
    assert f"/visits.csv at byte {offset}" in done.stderr
    assert "maxBadRecords" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_job_is_told_with_the_jobs_that_there_are(words: Path) -> None:
    done = marla("run", "wordcuont", words)
    assert done.returncode == 1
    assert "UnknownJob" in done.stderr
    assert "uservisits, wordcount" in done.stderr


def test_a_result_can_be_shown_and_fetched_later_by_name(words: Path, tmp_path: Path) -> None:
    assert marla("run", "wordcount", words, "--name", "shown-later").returncode == 0
    shown = marla("result", "shown-later", "--head", "2")
    assert [line.split() for line in shown.stdout.splitlines()] == [
        ["word", "count"],
        ["four", "1"],
        ["one", "1"],
    ]
    fetched = marla("result", "shown-later", "--out", tmp_path / "later")
    assert fetched.stdout.split() == [str(tmp_path / "later" / "part-00000.csv")]
    again = marla("result", "shown-later", "--out", tmp_path / "later")
    assert again.returncode == 2
    assert "--overwrite" in again.stderr


def test_a_finished_execution_can_be_watched_and_a_missing_one_is_an_error(words: Path) -> None:
    assert marla("run", "wordcount", words, "--name", "watched").returncode == 0
    watched = marla("watch", "watched", "--json")
    assert watched.returncode == 0
    assert json.loads(watched.stdout)["status"] == "SUCCEEDED"
    missing = marla("watch", "never-started")
    assert missing.returncode == 1
    assert "never-started" in missing.stderr
    assert "Traceback" not in missing.stderr


def test_interrupting_stops_the_execution_and_says_so(stack: Stack, tmp_path: Path) -> None:
    data = generate.uservisits(tmp_path / "data", 4_000_000, 1)
    arguments = ["run", "uservisits", str(data[0]), "--name", "interrupted", "--split-bytes", "20KB"]
    process = subprocess.Popen(
        [sys.executable, "-m", "marla", *arguments, "--concurrency", "1"],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    assert process.stderr
    said = ""
    while "  Map" not in said:
        line = process.stderr.readline()
        assert line, said
        said += line
    os.kill(process.pid, signal.SIGINT)
    said += process.communicate(timeout=30)[1]
    assert process.returncode == 130
    assert "the execution is stopped" in said
    arn = stack.execution_arn("interrupted")
    deadline = time.monotonic() + 20
    while (status := stack.sfn.describe_execution(executionArn=arn)["status"]) == "RUNNING":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert status == "ABORTED"


def test_bad_records_are_set_aside_and_said(tmp_path: Path) -> None:
    row = "1.2.3.4,url,1999-01-01,0.5,agent,KOR,ko-KR,word,5\n"
    (tmp_path / "visits.csv").write_text(row + "not a row\n" + row)
    done = marla("run", "uservisits", tmp_path / "visits.csv", "--max-bad-records", "1", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["counters"]["rejects"] == 1
    assert "1 records could not be read; they are set aside in s3://" in done.stderr


def test_the_variables_for_other_tools_are_printed_as_a_shell_takes_them() -> None:
    printed = marla("local", "env").stdout
    script = f'{printed}\n"$0" -c \'import os; print(os.environ["AWS_ENDPOINT_URL_SFN"])\''
    shell = subprocess.run(["sh", "-c", script, sys.executable], capture_output=True, text=True, check=True)
    assert shell.stdout.startswith("http://127.0.0.1:")


def test_the_status_of_a_running_local_cloud_is_told() -> None:
    done = marla("local", "status", "--json")
    assert done.returncode == 0
    status = json.loads(done.stdout)
    assert status["running"] is True
    assert Counter(server["answers"] for server in status["servers"]) == {True: 2}
