"""The command line against the local cloud, as people and programs use it."""

from __future__ import annotations

import json
import os
import shlex
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


def marla(*arguments: str | Path, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "marla", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, cwd=folder)


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
    assert document.keys() == {
        "execution",
        "status",
        "columns",
        "result",
        "counters",
        "warnings",
        "steps",
        "seconds",
    }
    assert document["status"] == "SUCCEEDED"
    assert document["columns"] == ["word", "count"]
    assert len(document["result"]) == 2
    assert document["counters"]["inputRecords"] == 3
    assert document["warnings"] == []
    assert [step["step"] for step in document["steps"]] == [0, 1]
    assert document["steps"][1]["largestPartition"]["records"] in {2, 3, 4}
    assert 0 < document["seconds"] < 120


def test_backups_and_what_is_not_kept_are_asked_for(stack: Stack, words: Path, tmp_path: Path) -> None:
    arguments = ["--speculate", "--delete-intermediates", "--out", str(tmp_path / "out")]
    done = marla("run", "wordcount", words, "--name", "with-backups", *arguments)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "part-00000.csv").read_text() == "four,1\none,1\nthree,4\ntwo,2\n"
    history = stack.sfn.get_execution_history(executionArn=stack.execution_arn("with-backups"))["events"]
    entered = {event.get("stateEnteredEventDetails", {}).get("name") for event in history}
    assert {"Map with backups", "Reduce with backups"} <= entered
    for said in (
        "Map: 1 of 1 tasks, 3 records",
        "Reduce step 1: 1 of 1 tasks, 4 records",
    ):
        assert said in done.stderr
    left = stack.s3.list_objects_v2(Bucket=stack.job_bucket, Prefix="jobs/with-backups/stage-0/")["Contents"]
    keys = [each["Key"].removeprefix("jobs/with-backups/stage-0/") for each in left]
    assert [key for key in keys if not key.startswith("records/")] == ["result/part-00000.csv"]
    assert {key.rpartition("/with-backups/")[0] or "result" for key in keys} == {
        "records/map/0",
        "records/step-1/0/0",
        "result",
    }


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
    assert f"/visits.csv is the copy of {tmp_path / 'visits.csv'}" in done.stderr
    assert "maxBadRecords" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_job_is_told_with_the_jobs_that_there_are(words: Path) -> None:
    done = marla("run", "wordcuont", words)
    assert done.returncode == 2
    assert "wordcount; did you mean wordcount?" in done.stderr
    assert done.stderr.count("\n") == 1


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


@pytest.fixture
def visits(tmp_path: Path) -> Path:
    path = tmp_path / "visits.csv"
    path.write_text("ip,day,revenue\nb,2026-01-02,1.5\na,2026-01-03,2\nb,2026-01-04,\n")
    return path


def table(shown: str) -> list[list[str]]:
    return [line.split() for line in shown.splitlines()]


def test_the_rows_of_a_query_come_to_standard_output(visits: Path) -> None:
    query = "SELECT ip, sum(revenue) AS revenue, count(*) AS n FROM input GROUP BY ip"
    done = marla("run", "--sql", query, visits, "--header")
    assert done.returncode == 0, done.stderr
    assert table(done.stdout) == [["ip", "revenue", "n"], ["a", "2.0", "1"], ["b", "1.5", "2"]]
    assert "Query succeeded" in done.stderr
    assert ":sql-2" in done.stderr


def test_a_query_over_csv_without_a_header_takes_names_and_types(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("b,2026-01-02,1.5\na,2026-01-03,2\n")
    (tmp_path / "b.csv").write_text("b,2026-01-04,\n")
    arguments = ["run", "--columns", "ip VARCHAR, day DATE, revenue DOUBLE", "--param", "since=2026-01-03"]
    query = "SELECT ip, max(day) AS last, avg(revenue) AS mean FROM input WHERE day >= $since GROUP BY ip"
    done = marla(*arguments, "--sql", query, tmp_path / "a.csv", tmp_path / "b.csv", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["columns"] == ["ip", "last", "mean"]
    assert document["counters"]["inputRecords"] == 3
    shown = marla("result", document["execution"])
    assert table(shown.stdout) == [["ip", "last", "mean"], ["a", "2026-01-03", "2.0"], ["b", "2026-01-04"]]


def test_parquet_is_written_shown_fetched_and_read_again(visits: Path, tmp_path: Path) -> None:
    statements = {
        "map": "SELECT DISTINCT ip, day FROM input",
        "reduce": "SELECT DISTINCT ip, day FROM input",
        "finish": "SELECT ip, count(*) AS days FROM input GROUP BY ip ORDER BY ip",
        "key": ["ip"],
    }
    (tmp_path / "days.json").write_text(json.dumps(statements))
    arguments: list[str | Path] = [
        "run",
        visits,
        "--sql-file",
        tmp_path / "days.json",
        "--header",
        "--name",
        "as-parquet",
    ]
    done = marla(*arguments, "--output", "parquet", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["part-00000.parquet"]
    shown = marla("result", "as-parquet")
    assert table(shown.stdout) == [["ip", "days"], ["a", "1"], ["b", "2"]]
    again = marla("run", "--sql", "SELECT sum(days) AS days FROM input", tmp_path / "out")
    assert table(again.stdout) == [["days"], ["3"]], again.stderr


def test_a_wrong_query_is_told_with_the_place_before_anything_is_uploaded(visits: Path) -> None:
    done = marla("run", "--sql", "SELECT ip FRM x y FROM input", visits, "--header")
    assert done.returncode == 2
    assert "Uploaded" not in done.stderr
    *_, line, mark = done.stderr.splitlines()
    assert line.index("x y") == mark.index("^")


def test_a_query_that_does_not_fit_the_data_is_told_with_the_place(visits: Path) -> None:
    done = marla("run", "--sql", "SELECT nope FROM input", visits, "--header", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["name"] == "InvalidQuery"
    lines = done.stderr.splitlines()
    mark = next(index for index, line in enumerate(lines) if line.strip() == "^^^^")
    assert lines[mark - 1].index("nope") == lines[mark].index("^")


def test_a_bad_record_of_a_query_names_the_local_file(tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text("a,1\nb,much\n")
    done = marla(
        "run", "--sql", "FROM input", tmp_path / "bad.csv", "--columns", "ip VARCHAR, revenue DOUBLE"
    )
    assert done.returncode == 1
    assert "BadRecord in Map, task 0" in done.stderr
    assert "/bad.csv at byte 4" in done.stderr
    assert f"/bad.csv is the copy of {tmp_path / 'bad.csv'}" in done.stderr


@pytest.fixture
def pages_and_visits(tmp_path: Path) -> tuple[Path, Path]:
    """Folders of small tables, of which the visits are in two files."""
    generate.rankings(tmp_path / "pages", None, 1, urls=300)
    generate.uservisits(tmp_path / "visits", 100_000, 2, urls=300)
    return tmp_path / "pages", tmp_path / "visits"


def joined(pages: Path, visits: Path, until: str) -> dict[str, tuple[float, float]]:
    """Return revenue and mean rank of each address, by one pass over the visits."""
    ranks = {url: int(rank) for url, rank, _ in rows_in(pages)}
    found: dict[str, list[tuple[float, int]]] = {}
    for ip, url, day, revenue, *_ in rows_in(visits):
        if "1980-01-01" <= day <= until and url in ranks:
            found.setdefault(ip, []).append((float(revenue), ranks[url]))
    return {
        ip: (sum(revenue for revenue, _ in some), sum(rank for _, rank in some) / len(some))
        for ip, some in found.items()
    }


def rows_in(folder: Path) -> list[list[str]]:
    lines = [line for path in sorted(folder.glob("*.csv")) for line in path.read_text().splitlines()]
    return [line.split(",") for line in lines]


def test_a_join_reads_inputs_by_their_names(pages_and_visits: tuple[Path, Path], tmp_path: Path) -> None:
    pages, visits = pages_and_visits
    one, other = sorted(visits.glob("*.csv"))
    inputs = [f"uservisits={one}", f"rankings={pages}/*.csv", f"uservisits={other}"]
    arguments = ["--param", "until=1990-01-01", "--partitions", "2", "--out", str(tmp_path / "out")]
    done = marla("run", "join", *inputs, *arguments)
    assert done.returncode == 0, done.stderr
    rows = rows_in(tmp_path / "out")
    expected = joined(pages, visits, "1990-01-01")
    assert len(rows) == len(expected) > 100
    for ip, revenue, rank in rows:
        assert (float(revenue), float(rank)) == pytest.approx(expected[ip])
    assert [float(row[1]) for row in rows] == sorted((float(row[1]) for row in rows), reverse=True)
    for said in ("Stage 0: Map: ", "Stage 0: Reduce step 1: 2 of 2 tasks", "Stage 1: Map: 1 of 1 tasks"):
        assert said in done.stderr
    assert "Stage 0: Reduce step 1: the largest of 2 partitions has " in done.stderr


def test_an_input_that_a_join_lacks_is_told_before_anything_is_uploaded(
    pages_and_visits: tuple[Path, Path],
) -> None:
    done = marla("run", "join", f"rankings={pages_and_visits[0]}")
    assert done.returncode == 2
    assert done.stderr.startswith("marla: INPUT: got nothing for uservisits; join reads rankings and userv")
    assert "Uploaded" not in done.stderr


def test_a_query_reads_inputs_by_their_names(pages_and_visits: tuple[Path, Path], tmp_path: Path) -> None:
    pages, visits = pages_and_visits
    columns = {"rankings": "url VARCHAR, a INT, b INT", "visits": "ip VARCHAR, url VARCHAR, d DATE, r DOUBLE"}
    more = ", e VARCHAR, f VARCHAR, g VARCHAR, h VARCHAR, i INT"
    query = {
        "inputs": {
            "pages": {"map": "SELECT url, 1 AS p, 0 AS v FROM input", "columns": columns["rankings"]},
            "visits": {"map": "SELECT url, 0 AS p, 1 AS v FROM input", "columns": columns["visits"] + more},
        },
        "reduce": "SELECT url, sum(p)::INTEGER AS p, sum(v)::INTEGER AS v FROM input GROUP BY url",
        "finish": "SELECT sum(v)::INTEGER AS visits FROM input WHERE p > 0",
    }
    (tmp_path / "query.json").write_text(json.dumps(query))
    done = marla("run", "--sql-file", tmp_path / "query.json", f"pages={pages}", f"visits={visits}")
    known = {row[0] for row in rows_in(pages)}
    visited = sum(row[1] in known for row in rows_in(visits))
    assert table(done.stdout) == [["visits"], [str(visited)]], done.stderr
    assert visited > 100


@pytest.mark.parametrize("descending", [False, True])
def test_a_sort_brings_partitions_in_order(tmp_path: Path, descending: bool) -> None:
    [data] = generate.text(tmp_path / "data", 60_000, 1, words=2000)
    lines = [f"{word} {number}" for number, word in enumerate(data.read_text().split())]
    (tmp_path / "lines.txt").write_text("".join(f"{line}\n" for line in lines))
    arguments = ["--param", f"descending={json.dumps(descending)}", "--out", str(tmp_path / "out"), "--json"]
    arguments += ["--partitions", "4", "--partitioning", "range", "--split-bytes", "20KB"]
    done = marla("run", "sort", tmp_path / "lines.txt", *arguments)
    assert done.returncode == 0, done.stderr
    parts = sorted((tmp_path / "out").iterdir())
    assert [part.name for part in parts] == [f"part-0000{number}.txt" for number in range(4)]
    assert min(part.stat().st_size for part in parts) > 0
    found = "".join(part.read_text() for part in parts).splitlines()
    assert found == sorted(lines, key=str.encode, reverse=descending)
    for said in ("Sample: ", "Sample, reduce step 1: 1 of 1 tasks", "Reduce step 1: 4 of 4 tasks"):
        assert said in done.stderr
    steps = json.loads(done.stdout)["steps"]
    assert [(step["step"], step.get("sample", False)) for step in steps] == [
        (0, True),
        (1, True),
        (0, False),
        (1, False),
    ]
    assert steps[-1]["largestPartition"]["records"] < len(lines) / 2


def test_a_sort_by_hash_has_no_sample(words: Path) -> None:
    done = marla("run", "sort", words, "--partitions", "2", "--partitioning", "hash")
    assert done.returncode == 0, done.stderr
    assert "Sample" not in done.stderr


def test_lines_are_shown_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "lines.txt").write_text('b  "x",1\na [bold]\n\n')
    done = marla("run", "sort", tmp_path / "lines.txt", "--name", "some-lines")
    assert done.stdout == '\na [bold]\nb  "x",1\n', done.stderr
    assert marla("result", "some-lines", "--head", "2").stdout == "\na [bold]\n"


def test_a_key_that_is_too_frequent_is_warned_of(tmp_path: Path) -> None:
    (tmp_path / "pairs.txt").write_text("".join(f"a{number} hub\n" for number in range(50)) + "b c\n")
    done = marla("run", "reverse-links", tmp_path / "pairs.txt", "--partitions", "4", "--json")
    assert done.returncode == 0, done.stderr
    [warning] = json.loads(done.stdout)["warnings"]
    assert "hub has 50 of 51 values" in warning.replace('"', "")
    assert f"Warning: {warning}\n" in done.stderr


def test_a_wrong_parameter_is_told_before_anything_is_uploaded(words: Path) -> None:
    done = marla("run", "top", words, "--param", "k=0")
    assert done.returncode == 2
    assert done.stderr == "marla: --param k: got 0; give at least 1 (how many groups)\n"


@pytest.mark.parametrize("job", ["grep", "sort", "top", "join"])
def test_the_example_of_a_job_runs(
    job: str, pages_and_visits: tuple[Path, Path], tmp_path: Path, words: Path
) -> None:
    pages, visits = pages_and_visits
    data = tmp_path / "data"
    if job == "join":
        data.mkdir()
        pages.rename(data / "rankings")
        visits.rename(data / "uservisits")
    else:
        words.rename(data)
    command = json.loads(marla("jobs", job, "--json").stdout)["example"]["command"]
    program, *arguments = shlex.split(command)
    assert program == "marla"
    done = marla(*arguments, folder=tmp_path)
    assert done.returncode == 0, done.stderr


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
    assert "1 record could not be read; it is set aside in s3://" in done.stderr


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
