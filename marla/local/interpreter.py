"""moto's Step Functions interpreter, repaired until it behaves as AWS Step Functions.

The repairs are in `expressions`, `tasks`, `distributed_map` and `aborts`, made for moto 5.2.5, each with its
reason. Here they are put in place, and `Interpreter` runs a definition in this process, with no server and no
cloud: for tests.
"""

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from marla.local import aborts, definitions, distributed_map, expressions, tasks
from marla.local.executions import ClientFactory, Execution, Identity, Permission, Surroundings, new_name
from marla.local.history import Event
from marla.local.jsonata import JSON

__all__ = ["ClientFactory", "Interpreter", "MapRunOutcome", "Outcome", "install"]

_installed = threading.Lock()


def install() -> None:
    """Repair moto's interpreter in this process; doing so again changes nothing."""
    if not _installed.acquire(blocking=False):
        return
    expressions.install()
    tasks.install()
    distributed_map.install()
    aborts.install()
    # It logs each failure of a state as an error, and what it thinks it does not support as a warning.
    logging.getLogger("moto.stepfunctions").setLevel(logging.CRITICAL)


@dataclass(frozen=True)
class MapRunOutcome:
    """A map run as it was when its execution ended."""

    arn: str
    status: str
    counts: dict[str, int]
    children: "list[Outcome]"


@dataclass(frozen=True)
class Outcome:
    """How an execution ended: output as JSON value, or error and cause; and all that led there."""

    arn: str
    input: JSON
    status: str
    output: JSON
    error: str | None
    cause: str | None
    history: list[Event]
    map_runs: list[MapRunOutcome]

    @classmethod
    def of(cls, execution: Execution) -> "Outcome":
        """Describe an execution with everything in it."""
        runs = [
            MapRunOutcome(run.arn, run.status, run.counts(), [cls.of(child) for child in run.children])
            for run in execution.map_runs
        ]
        return cls(
            execution.identity.arn,
            execution.input,
            execution.status,
            execution.output,
            execution.error,
            execution.cause,
            execution.history.events(),
            runs,
        )

    def types(self) -> Sequence[str]:
        """The types of the events in the history, in order."""
        return [event["type"] for event in self.history]


class Interpreter:
    """Runs state machines in this process."""

    def __init__(
        self,
        clients: ClientFactory,
        account: str = "000000000000",
        region: str = "us-east-1",
        permits: Permission | None = None,
    ) -> None:
        install()
        self._surroundings = Surroundings(clients, permits) if permits else Surroundings(clients)
        self._account = account
        self._region = region

    def start(
        self,
        definition: str | dict[str, JSON],
        input: JSON,
        name: str | None = None,
        machine: str = "machine",
    ) -> Execution:
        """Start an execution of a definition (YAML text, JSON text or a dict) and return at once."""
        identity = Identity(
            name=name or new_name(),
            machine_arn=f"arn:aws:states:{self._region}:{self._account}:stateMachine:{machine}",
            role_arn=f"arn:aws:iam::{self._account}:role/{machine}",
        )
        program = definitions.parse(definitions.to_json(definition))
        execution = Execution(identity, program, input, self._surroundings)
        execution.start()
        return execution

    def run(
        self, definition: str | dict[str, JSON], input: JSON, name: str | None = None, timeout: float = 60
    ) -> Outcome:
        """Run a definition to its end; raises TimeoutError, and stops it, after `timeout` seconds."""
        execution = self.start(definition, input, name)
        if not execution.wait(timeout):
            execution.stop()
            raise TimeoutError(f"The execution was still running after {timeout} s")
        return Outcome.of(execution)
