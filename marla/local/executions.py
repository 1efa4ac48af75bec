"""Executions: one run of a state machine, or of one item of a Distributed Map.

moto's own Execution and backend are not used: they have no children, no promptly stopped or timed out
executions, and copy the whole state machine for each execution.
"""

import datetime
import json
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from moto.stepfunctions.parser.api import StateMachineType
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.evaluation_details import AWSExecutionDetails
from moto.stepfunctions.parser.asl.eval.event.event_manager import EventHistoryContext
from moto.stepfunctions.parser.asl.eval.program_state import ProgramEnded, ProgramError, ProgramStopped

from marla.local.history import History
from marla.local.jsonata import JSON

if TYPE_CHECKING:
    from marla.local.map_runs import MapRun

RUNNING, SUCCEEDED, FAILED, ABORTED, TIMED_OUT = "RUNNING", "SUCCEEDED", "FAILED", "ABORTED", "TIMED_OUT"


class ClientFactory(Protocol):
    """Makes the clients with which tasks call services: a boto3 client, or anything with its methods."""

    def __call__(self, service: str, region: str, role_arn: str) -> Any: ...


class Permission(Protocol):
    """Says whether a role may do something that the interpreter, and no service, has to check."""

    def __call__(self, role_arn: str, action: str, resource: str) -> bool: ...


def _everything(role_arn: str, action: str, resource: str) -> bool:  # noqa: ARG001 (a Permission)
    return True


@dataclass(frozen=True)
class Surroundings:
    """What an execution reaches outside itself."""

    clients: ClientFactory
    permits: Permission = _everything


class RoleArn(str):
    """A role's ARN that brings the clients made for it: moto hands little more than the ARN to its tasks."""

    __slots__ = ("clients",)
    clients: ClientFactory

    def __new__(cls, arn: str, clients: ClientFactory) -> "RoleArn":
        role = super().__new__(cls, arn)
        role.clients = clients
        return role


@dataclass(frozen=True)
class Identity:
    """The names of one execution."""

    name: str
    machine_arn: str
    role_arn: str
    map_run_arn: str | None = None

    @property
    def arn(self) -> str:
        """The execution's ARN: that of its machine with another type, and its name."""
        return f"{self.machine_arn.replace(':stateMachine:', ':execution:')}:{self.name}"

    @property
    def machine_name(self) -> str:
        """The machine's name; MACHINE/LABEL for a child of a Distributed Map."""
        return self.machine_arn.split(":")[6]


@dataclass(eq=False)  # one execution is never another
class Execution:
    """One execution: started, watched, stopped, described. All methods can be called from any thread."""

    identity: Identity
    program: Any
    input: JSON
    surroundings: Surroundings
    status: str = RUNNING
    output: JSON = None
    error: str | None = None
    cause: str | None = None
    stop_date: float | None = None
    start_date: float = field(default_factory=time.time)
    history: History = field(default_factory=History)
    map_runs: "list[MapRun]" = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lock = threading.RLock()
        self._over = threading.Event()
        self._environment: Any = self._new_environment()
        self._timer: threading.Timer | None = None

    def _new_environment(self) -> Any:
        """The interpreter's state: moto's, with our history, clients and map runs in it."""
        _, _, _, region, account, *_ = self.identity.arn.split(":")
        role = RoleArn(self.identity.role_arn, self.surroundings.clients)
        started = datetime.datetime.fromtimestamp(self.start_date, datetime.UTC)
        environment = Environment(
            aws_execution_details=AWSExecutionDetails(account=account, region=region, role_arn=role),
            execution_type=StateMachineType.STANDARD,
            context={
                "Execution": {
                    "Id": self.identity.arn,
                    "Input": self.input,
                    "Name": self.identity.name,
                    "RoleArn": self.identity.role_arn,
                    "StartTime": started.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                },
                "StateMachine": {"Id": self.identity.machine_arn, "Name": self.identity.machine_name},
            },
            event_history_context=EventHistoryContext.of_program_start(),
            cloud_watch_logging_session=None,
            activity_store={},
        )
        environment.event_manager = self.history
        # moto passes this to every frame and asks nothing of it but to take note of its MapRunRecords; the
        # Distributed Map finds here the execution that it belongs to.
        environment.map_run_record_pool_manager = self
        return environment

    def add(self, record: Any) -> None:
        """Ignore moto's MapRunRecord: it counts wrongly. `map_runs` has ours."""

    def start(self) -> None:
        """Run in a thread of its own."""
        threading.Thread(target=self.run, name=self.identity.name, daemon=True).start()

    def run(self) -> None:
        """Run to the end in this thread; what a task has begun may go on in another after a stop."""
        environment = self._environment
        limit = self.program.timeout_seconds
        if limit is not None:
            self._timer = threading.Timer(limit.timeout_seconds, self.time_out)
            self._timer.daemon = True
            self._timer.start()
        self._add_event(
            "ExecutionStarted",
            "executionStartedEventDetails",
            {
                "input": json.dumps(self.input, ensure_ascii=False),
                "inputDetails": {"truncated": False},
                "roleArn": self.identity.role_arn,
            },
        )
        environment.next_state_name = self.program.start_at.start_at_name
        # Not eval(), which runs this in one more thread so that it can time out.
        self.program._eval_body(environment)
        state = environment.program_state()
        if isinstance(state, ProgramEnded):
            self._settle(SUCCEEDED, output=environment.states.get_input())
        elif isinstance(state, ProgramError):
            error = state.error or {}
            self._settle(FAILED, error=error.get("error"), cause=error.get("cause"))
        elif isinstance(state, ProgramStopped):
            self._settle(ABORTED, error=state.error, cause=state.cause)
        else:
            self._settle(FAILED, error="States.Runtime", cause=f"The execution ended as {state!r}")

    def stop(self, error: str | None = None, cause: str | None = None) -> None:
        """Abort at once; what a task has begun goes on by itself, as an invoked Lambda does on AWS."""
        environment = self._environment
        ended = self._settle(
            ABORTED,
            error=error,
            cause=cause,
            event=("ExecutionAborted", "executionAbortedEventDetails"),
        )
        if ended:
            environment.set_stop(stop_date=None, error=error, cause=cause)

    def time_out(self) -> None:
        """End as TIMED_OUT at once."""
        environment = self._environment
        if self._settle(TIMED_OUT, event=("ExecutionTimedOut", "executionTimedOutEventDetails")):
            environment.set_timed_out()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is over; says whether it is."""
        return self._over.wait(timeout)

    def _add_event(self, event_type: str, name: str, details: dict[str, JSON]) -> None:
        self.history.add_event(
            self._environment.event_history_context, event_type, {name: details}, update_source_event_id=False
        )

    def _settle(
        self,
        status: str,
        *,
        output: JSON = None,
        error: str | None = None,
        cause: str | None = None,
        event: tuple[str, str] | None = None,
    ) -> bool:
        """Take on a final status, unless there is one already; says whether it did."""
        with self._lock:
            if self.status != RUNNING:
                return False
            if event is not None:
                self._add_event(*event, {"error": error, "cause": cause})
            self.output, self.error, self.cause = output, error, cause
            self.stop_date = time.time()
            self.status = status
            self._environment = None  # a finished execution keeps only what can be described
        if self._timer is not None:
            self._timer.cancel()
        self.history.pack()
        self._over.set()
        return True

    def describe(self) -> dict[str, JSON]:
        """The answer to DescribeExecution; dates are seconds since 1970."""
        with self._lock:
            answer = {
                **self.summary(),
                "input": json.dumps(self.input, ensure_ascii=False, separators=(",", ":")),
                "inputDetails": {"included": True},
                "error": self.error,
                "cause": self.cause,
            }
            if self.status == SUCCEEDED:
                answer["output"] = json.dumps(self.output, ensure_ascii=False, separators=(",", ":"))
                answer["outputDetails"] = {"included": True}
        return {key: value for key, value in answer.items() if value is not None}

    def summary(self) -> dict[str, JSON]:
        """This execution's entry in ListExecutions."""
        with self._lock:
            answer = {
                "executionArn": self.identity.arn,
                "stateMachineArn": self.identity.machine_arn,
                "name": self.identity.name,
                "status": self.status,
                "startDate": self.start_date,
                "stopDate": self.stop_date,
                "mapRunArn": self.identity.map_run_arn,
            }
        return {key: value for key, value in answer.items() if value is not None}


def new_name() -> str:
    """A name for an execution that was not given one."""
    return str(uuid.uuid4())
