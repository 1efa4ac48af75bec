"""The reports of real jobs tell what the jobs say of themselves."""

from __future__ import annotations

import pytest

from marla import execution, removal
from marla.errors import CloudError
from marla.report.gather import gathered, report_html
from marla.report.page import html_of
from marla.stack import Stack
from tests.local.conftest import Put, Run

LINES = b"".join(b"word%d other\n" % (number % 500) for number in range(9000))


def test_a_report_has_the_numbers_of_the_executions_output(stack: Stack, run: Run, put: Put) -> None:
    uri = put({f"{number}.txt": LINES for number in range(3)})
    job = run(job="wordcount", input=uri, partitions=2, splitBytes=300_000)
    report = gathered(stack, job.name)
    assert report.failure is None
    assert not report.running
    told = [
        (step.tasks, step.records_in, step.records_out, step.bytes_in, step.bytes_out)
        for step in report.steps
    ]
    assert told == [
        (step["tasks"], step["recordsIn"], step["recordsOut"], step["bytesIn"], step["bytesOut"])
        for step in job.output["steps"]
    ]
    assert sum(report.balances[0].records) == job.output["steps"][1]["recordsIn"]
    assert report.costs.bill.total > 0
    assert report.execution.output == job.output
    assert all(-50 <= bar.begin <= bar.end <= report.seconds * 1000 + 50 for bar in report.timeline.bars)
    assert all(one.share for one in report.headrooms)
    assert (
        f'data-state="Map" data-type="Map" role="img" aria-label="Map: succeeded, {report.steps[0].tasks} of'
        in (report.graph)
    )


def test_the_report_of_a_failure_names_the_record_and_that_of_its_resuming_what_was_done(
    stack: Stack, run: Run, put: Put
) -> None:
    row = b"1.2.3.4,url/a,2000-01-01,0.5,agent,KOR,KOR-KO,word,5\n"
    uri = put({"a.csv": row * 100, "b.csv": row + b"torn\n"})
    asked = {"job": "uservisits", "input": uri, "concurrency": 1, "splitBytes": 5000}
    job = run(**asked)
    report = gathered(stack, job.name)
    assert report.failure is not None
    assert (report.failure.object, report.failure.offset) == (f"{uri}b.csv", len(row))
    assert report.totals.failed == sum(step.failed for step in report.steps) == 1
    assert 'aria-label="Map: failed' in report.graph

    resumed = run(**asked, resume=job.name, maxBadRecords=1)
    assert resumed.output["counters"]["rejects"] == 1
    report = gathered(stack, resumed.name)
    assert report.execution.resumes == job.name
    assert report.totals.reused == sum(step.get("reused", 0) for step in resumed.output["steps"]) > 0
    assert report.totals.tasks == sum(step["tasks"] for step in resumed.output["steps"])
    assert report.totals.rejects == 1


def test_an_execution_that_runs_has_a_report_as_of_now(stack: Stack, put: Put) -> None:
    uri = put({f"{number}.txt": LINES for number in range(4)})
    # Some hundred tasks, one after the other.
    asked = {"job": "wordcount", "input": uri, "concurrency": 1, "splitBytes": 4_000}
    arn = execution.start(stack, asked, execution.new_name("report"))
    try:
        report = gathered(stack, arn)
    finally:
        execution.stop(stack, arn)
    assert report.running
    assert report.execution.status == "RUNNING"
    assert "It is still running: this is as of " in html_of(report)


def test_a_job_that_was_removed_has_no_report_and_is_given_no_price(stack: Stack, run: Run, put: Put) -> None:
    job = run(job="wordcount", input=put({"a.txt": b"a b\n"}))
    assert "succeeded" in report_html(stack, job.name)
    removal.remove(stack, job.name, keep_result=True)
    with pytest.raises(CloudError, match=f"^{job.name}: the records of its tasks are gone"):
        report_html(stack, job.name)
