"""An execution: started, followed by its history and its map runs, and how it ended."""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import takewhile
from typing import Any

from botocore.exceptions import ClientError

from .errors import CloudError
from .stack import Stack

FINAL = {"SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"}
HISTORY_PAGE = 200
STOPPED = "Stopped from the command line"
# A local engine answers in a millisecond; AWS's quotas allow some polls a second for all of an account.
POLL_SECONDS_LOCAL = 0.1
POLL_SECONDS_AWS = 1.0

# The state that counts what a phase has done, behind the Map states that do it.
_COUNTS = {"Map": "Count map outputs", "Reduce": "Count reduce outputs"}
_STATE_ENTERED = re.compile(r"(Pass|Task|Choice|Map|Succeed|Fail|Wait|Parallel)StateEntered")


@dataclass
class Phase:
    """One map wave or reduce step as seen from outside.

    Attributes:
        name: for people.
        step: 0 for a wave of mappers, else the number of the reduce step.
        bytes: those read by the phase, as `records` are; None until it is over and counted.
    """

    name: str
    entered: datetime
    step: int = 0
    exited: datetime | None = None
    map_run: str = ""
    total: int = 0
    succeeded: int = 0
    running: int = 0
    failed: int = 0
    records: int | None = None
    bytes: int | None = None

    @property
    def seconds(self) -> float:
        """How long the phase took, or has taken."""
        return ((self.exited or datetime.now(UTC)) - self.entered).total_seconds()


@dataclass
class Progress:
    """What is known of an execution so far; only ever grows.

    Attributes:
        stages: how many stages it has, and `stage` which it is in, from 0.
        sampling: whether this is the stage's first run, which takes a sample of keys.
    """

    status: str = "RUNNING"
    started: datetime | None = None
    stopped: datetime | None = None
    state: str = ""
    stages: int = 1
    stage: int = 0
    sampling: bool = False
    phases: list[Phase] = field(default_factory=list)
    last_event: int = 0
    output: dict[str, Any] | None = None
    error: str = ""
    cause: str = ""

    @property
    def finished(self) -> bool:
        """Whether the execution is over."""
        return self.status in FINAL

    @property
    def seconds(self) -> float:
        """How long the execution took, or has taken."""
        if self.started is None:
            return 0.0
        return ((self.stopped or datetime.now(UTC)) - self.started).total_seconds()

    def see(self, event: dict[str, Any]) -> None:
        """Take in an event of the history; events come in their order."""
        self.last_event = event["id"]
        entered = event.get("stateEnteredEventDetails")
        exited = event.get("stateExitedEventDetails")
        if entered and _STATE_ENTERED.fullmatch(event["type"]):
            self.state = entered["name"]
            if event["type"] == "MapStateEntered":
                self.phases.append(self._phase(kind_of(entered["name"]), event["timestamp"]))
        elif event["type"] == "MapRunStarted":
            self.phases[-1].map_run = event["mapRunStartedEventDetails"]["mapRunArn"]
        elif exited:
            assigned = exited.get("assignedVariables", {})
            if event["type"] == "MapStateExited":
                self.phases[-1].exited = event["timestamp"]
            elif exited["name"] in _COUNTS.values():
                self._count(assigned)
            else:
                self._go_on(exited["name"], assigned)

    def _phase(self, kind: str, entered: datetime) -> Phase:
        step = 0 if kind == "Map" else self.phases[-1].step + 1
        stage = self.stage if self.stages > 1 else None
        return Phase(step_name(step, sample=self.sampling, stage=stage), entered, step)

    def _go_on(self, state: str, assigned: dict[str, str]) -> None:
        """Take in the variables that say where in the job the execution is."""
        if "stages" in assigned:
            self.stages = len(json.loads(assigned["stages"]))
        if "stage" in assigned:
            self.stage = json.loads(assigned["stage"])
        if state == "Configure stage" and "config" in assigned:
            self.sampling = json.loads(assigned["config"]).get("sample", 0) > 0

    def _count(self, assigned: dict[str, str]) -> None:
        """Take in the counters of the phase that has ended."""
        phase = self.phases[-1]
        counted = json.loads(assigned["mapped"] if "mapped" in assigned else assigned["steps"])
        counters = counted if phase.step == 0 else counted[-1]
        # The waves of a map phase add to the same counters.
        waves = list(takewhile(lambda earlier: earlier.step == phase.step == 0, self.phases[-2::-1]))
        phase.records = counters["recordsIn"] - sum(wave.records or 0 for wave in waves)
        phase.bytes = counters["bytesIn"] - sum(wave.bytes or 0 for wave in waves)


def kind_of(state: str) -> str:
    """Return what a state does for people: Map and Reduce each are two, with backups of tasks and without."""
    return state.removesuffix(" with backups")


def step_name(step: int, *, sample: bool = False, stage: int | None = None) -> str:
    """Return what people call a step.

    Args:
        step: 0 for that of the mappers.
        sample: whether what it works on is a sample of keys.
        stage: its stage, where there are several.
    """
    name = (
        f"{'Sample, reduce' if sample else 'Reduce'} step {step}" if step else "Sample" if sample else "Map"
    )
    return name if stage is None else f"Stage {stage}: {name}"


def new_name(job: str) -> str:
    """Return a name for an execution, and so for its job: the job's, the time, and something random."""
    return f"{job[:40]}-{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def start(stack: Stack, execution_input: dict[str, Any], name: str) -> str:
    """Start an execution; return its ARN. Raises CloudError if Step Functions refuses."""
    try:
        answer = stack.sfn.start_execution(
            stateMachineArn=stack.state_machine, name=name, input=json.dumps(execution_input)
        )
    except ClientError as error:
        raise CloudError(f"the execution {name} could not be started: {error}") from error
    return answer["executionArn"]


def stop(stack: Stack, arn: str) -> bool:
    """Stop an execution; its running tasks end by themselves and write nothing that counts.

    Returns:
        Whether there is such an execution.
    """
    try:
        stack.sfn.stop_execution(executionArn=arn, error="Interrupted", cause=STOPPED)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ExecutionDoesNotExist":
            return False
        raise
    return True


def follow(stack: Stack, arn: str, progress: Progress | None = None) -> Iterator[Progress]:
    """Yield the execution's progress again and again, until it is over; the last one has all of it.

    Args:
        progress: taken further, instead of a new one.
    """
    progress = progress or Progress()
    while True:
        _update(stack, arn, progress)
        yield progress
        if progress.finished:
            return
        time.sleep(POLL_SECONDS_LOCAL if stack.local else POLL_SECONDS_AWS)


def _update(stack: Stack, arn: str, progress: Progress) -> None:
    try:
        # The status first: when it says that the execution is over, all of the history is there to be read.
        described = stack.sfn.describe_execution(executionArn=arn)
    except ClientError as error:
        raise CloudError(f"{arn}: {error.response['Error'].get('Message', error)}") from error
    for event in _events_after(stack, arn, progress.last_event):
        progress.see(event)
    for phase in progress.phases:
        if phase.map_run and (phase.exited is None or phase.succeeded < phase.total or not phase.total):
            counts = stack.sfn.describe_map_run(mapRunArn=phase.map_run)["itemCounts"]
            phase.total = max(phase.total, counts["total"])
            phase.succeeded = max(phase.succeeded, counts["succeeded"])
            phase.failed = counts["failed"] + counts["timedOut"]
            phase.running = counts["running"]
    progress.started = described["startDate"]
    progress.stopped = described.get("stopDate")
    progress.error = described.get("error", "")
    progress.cause = described.get("cause", "")
    progress.output = json.loads(described["output"]) if described.get("output") else None
    progress.status = described["status"]


def _events_after(stack: Stack, arn: str, last: int) -> list[dict[str, Any]]:
    """Return the events that came after one, in order: read from the end, however long the history is."""
    events: list[Any] = []
    arguments: dict[str, Any] = {"executionArn": arn, "reverseOrder": True, "maxResults": HISTORY_PAGE}
    while True:
        page = stack.sfn.get_execution_history(**arguments)
        events += [event for event in page["events"] if event["id"] > last]
        reached = not page["events"] or page["events"][-1]["id"] <= last + 1
        if reached or not page.get("nextToken"):
            return events[::-1]
        arguments["nextToken"] = page["nextToken"]
