"""Map runs: one evaluation of a Distributed Map, and its child executions."""

import datetime
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from marla.local.executions import (
    ABORTED,
    FAILED,
    RUNNING,
    SUCCEEDED,
    TIMED_OUT,
    Execution,
    Identity,
    new_name,
)
from marla.local.jsonata import JSON

# AWS runs up to 10,000 children at once; here each is a thread or two of one process.
WIDEST = 256


@dataclass(eq=False)  # one run is never another
class MapRun:
    """The children of one Distributed Map: started in order, at most `width` at once, counted at all times.

    It also stands among the frames of the state that it belongs to, where moto tells it when that state ends.
    """

    arn: str
    parent: Execution
    program: Any
    items: list[JSON]
    max_concurrency: int
    tolerated_count: int
    tolerated_percentage: float
    input_of: Callable[[int, JSON], JSON]  # of a child, from an item and its index
    status: str = RUNNING
    start_date: float = field(default_factory=time.time)
    stop_date: float | None = None
    children: list[Execution] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._changed = threading.Condition()
        self._by_arn: dict[str, Execution] = {}
        self._ended = dict.fromkeys((SUCCEEDED, FAILED, ABORTED, TIMED_OUT), 0)
        self._unusable: Exception | None = None

    def run(self) -> list[JSON]:
        """Run all items and return their outputs in order; a tolerated failure's is null.

        Returns early, with status FAILED or ABORTED, when more children fail than are tolerated or the
        parent's state ends. Raises what the evaluation of an item's input raised.
        """
        width = min(self.max_concurrency or WIDEST, WIDEST, len(self.items))
        for number in range(width):
            threading.Thread(target=self._work, name=f"{self.arn}#{number}", daemon=True).start()
        with self._changed:
            self._changed.wait_for(lambda: self.status != RUNNING or self._all_ended())
            self._settle(SUCCEEDED)
        if self._unusable is not None:
            raise self._unusable
        return [child.output for child in self.children]

    def _all_ended(self) -> bool:
        return sum(self._ended.values()) == len(self.items)

    def _work(self) -> None:
        """Run one child after another until none is left to start."""
        while (child := self._next_child()) is not None:
            child.run()
            with self._changed:
                if self.status == RUNNING:  # otherwise it was stopped and counted
                    self._ended[child.status] += 1
                    if self._too_many_failures():
                        self._settle(FAILED)
                    elif self._all_ended():
                        self._changed.notify_all()

    def _next_child(self) -> Execution | None:
        """Create the child of the next item; none if all are started or the run is over."""
        with self._changed:
            if self.status != RUNNING or len(self.children) == len(self.items):
                return None
            index = len(self.children)
            try:
                child_input = self.input_of(index, self.items[index])
            except Exception as error:  # whatever it is, it must reach the state and not end in this thread
                self._unusable = error
                self._settle(FAILED)
                self._changed.notify_all()
                return None
            identity = Identity(
                name=new_name(),
                machine_arn=self.arn.rpartition(":")[0].replace(":mapRun:", ":stateMachine:"),
                role_arn=self.parent.identity.role_arn,
                map_run_arn=self.arn,
            )
            child = Execution(identity, self.program, child_input, self.parent.surroundings)
            self.children.append(child)
            self._by_arn[identity.arn] = child
            return child

    def _too_many_failures(self) -> bool:
        """Whether a threshold is exceeded; one that is 0 counts only if the other is 0 too."""
        failed = self._ended[FAILED] + self._ended[TIMED_OUT]
        over_count = failed > self.tolerated_count
        over_percentage = failed * 100 > self.tolerated_percentage * len(self.items)
        if self.tolerated_count and self.tolerated_percentage:
            return over_count or over_percentage
        return over_percentage if self.tolerated_percentage else over_count

    def _settle(self, status: str) -> None:
        """Take on a final status; children that still run are aborted and counted so."""
        with self._changed:
            if self.status != RUNNING:
                return
            self.status, self.stop_date = status, time.time()
            if status != SUCCEEDED:
                for child in self.children:
                    child.stop()
                for ended in self._ended:
                    self._ended[ended] = sum(child.status == ended for child in self.children)
            self._changed.notify_all()

    # What moto calls on the frames of a state when that ends before its frames do.

    def set_stop(self, stop_date: datetime.datetime | None, cause: str | None, error: str | None) -> None:
        """The execution was stopped."""
        del stop_date, cause, error
        self._settle(ABORTED)

    def set_timed_out(self) -> None:
        """The execution timed out."""
        self._settle(ABORTED)

    def set_ended(self) -> None:
        """The state timed out."""
        self._settle(ABORTED)

    def set_error(self, error: object) -> None:
        """Another branch failed."""
        del error
        self._settle(ABORTED)

    # What the API shows.

    def child(self, arn: str) -> Execution | None:
        """The child execution with this ARN."""
        return self._by_arn.get(arn)

    def counts(self) -> dict[str, int]:
        """Items by status; of a run that failed, those never started stay pending."""
        with self._changed:
            ended = sum(self._ended.values())
            return {
                "total": len(self.items),
                "pending": len(self.items) - len(self.children),
                "running": len(self.children) - ended,
                "succeeded": self._ended[SUCCEEDED],
                "failed": self._ended[FAILED],
                "aborted": self._ended[ABORTED],
                "timedOut": self._ended[TIMED_OUT],
                "resultsWritten": 0,
                "failuresNotRedrivable": 0,
                "pendingRedrive": 0,
            }

    def summary(self) -> dict[str, JSON]:
        """This run's entry in ListMapRuns; dates are seconds since 1970."""
        answer = {
            "executionArn": self.parent.identity.arn,
            "mapRunArn": self.arn,
            "stateMachineArn": self.parent.identity.machine_arn,
            "startDate": self.start_date,
            "stopDate": self.stop_date,
        }
        return {key: value for key, value in answer.items() if value is not None}

    def describe(self) -> dict[str, JSON]:
        """The answer to DescribeMapRun."""
        with self._changed:
            answer = self.summary()
            del answer["stateMachineArn"]
            counts = self.counts()
            return answer | {
                "status": self.status,
                "maxConcurrency": self.max_concurrency,
                "toleratedFailureCount": self.tolerated_count,
                "toleratedFailurePercentage": self.tolerated_percentage,
                "itemCounts": counts,
                "executionCounts": counts,
                "redriveCount": 0,
            }


def all_children(runs: list[MapRun]) -> Iterator[Execution]:
    """The children of some map runs, and theirs."""
    for run in runs:
        for child in list(run.children):
            yield child
            yield from all_children(child.map_runs)
