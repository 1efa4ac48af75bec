"""The costs of an execution; what it takes to know them is asked of the cloud here, and nowhere else."""

from __future__ import annotations

import platform
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from mapreduce.record import TaskRecord

from ..execution import history
from ..phase import utc_now
from ..progress import Progress
from ..stack import Stack
from .advice import Advice
from .alternatives import Alternative, alternatives
from .bill import Bill, bill
from .deployment import Deployment
from .findings import advise
from .history import EventsSummary, summarise
from .prices import Prices, prices_in
from .usage import Usage, usage_of

# In a definition as JSON or as YAML; that of all maps is the same parameter of the template.
_CHILD_TYPE = re.compile(r"\"?ExecutionType\"?\s*:\s*\"?(STANDARD|EXPRESS)\b")

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Costs:
    """What an execution cost, what it would have cost otherwise, and what follows.

    Attributes:
        advice: what saves most first.
    """

    bill: Bill
    usage: Usage
    alternatives: tuple[Alternative, ...]
    advice: tuple[Advice, ...]

    def to_json(self) -> dict[str, Any]:
        """Return all of it as JSON has it, in dollars; not the usage, which the bill's quantities tell."""
        return {
            "bill": self.bill.to_json(),
            "alternatives": [other.to_json() for other in self.alternatives],
            "advice": [advice.to_json() for advice in self.advice],
        }


def costs(records: Sequence[TaskRecord], usage: Usage, prices: Prices) -> Costs:
    """Return the costs of what an execution used.

    Args:
        records: of its attempts, from which advice follows.
    """
    return Costs(
        bill=bill(usage, prices),
        usage=usage,
        alternatives=alternatives(usage, prices),
        advice=advise(records, usage, prices),
    )


def of_execution(
    stack: Stack,
    arn: str,
    records: Sequence[TaskRecord],
    events: Sequence[Mapping[str, Any]] | None = None,
    clock: Callable[[], datetime] = utc_now,
) -> Costs:
    """Return the costs of an execution, over or not.

    What the cloud does not tell (any more) is assumed to be as in the template; a note of the bill says so.

    Args:
        records: of all attempts at its tasks.
        events: its history, as boto3 gives it; asked for if there is none.
        clock: says what time it is now.
    """
    asking = _Asking(stack)
    if events is None:
        none: list[dict[str, Any]] = []
        events = asking.ask(lambda: history(stack, arn), none, "the history, whose part is missing here")
    summary = summarise(events)
    usage = usage_of(records, summary, _deployment(asking, arn, summary, events), clock())
    return costs(records, usage, prices_in(stack.region))


@dataclass
class _Asking:
    """Asks the cloud, and keeps what it did not tell."""

    stack: Stack
    notes: list[str] = field(default_factory=list)

    def ask(self, question: Callable[[], Answer], otherwise: Answer, what: str) -> Answer:
        """Return the answer to a question, or what is assumed if there is none."""
        try:
            return question()
        except (ClientError, BotoCoreError):
            self.notes.append(f"The cloud did not tell {what}.")
            return otherwise


def _deployment(
    asking: _Asking, arn: str, summary: EventsSummary, events: Sequence[Mapping[str, Any]]
) -> Deployment:
    stack, default = asking.stack, Deployment()
    none: dict[str, str] = {}
    parameters = asking.ask(
        lambda: _parameters(stack), none, "the stack's parameters, so those count that the template has"
    )
    child_type = parameters.get("ChildExecutionType", default.child_type)
    children = asking.ask(
        lambda: _children(stack, summary.map_runs, events),
        None,
        "how many tasks were started, so those count that left records",
    )
    deployed = Deployment(
        child_type=asking.ask(
            lambda: _child_type(stack, arn) or child_type,
            child_type,
            "the definition that was executed, so the stack's type of children counts",
        ),
        intermediate_days=Decimal(parameters.get("IntermediateDays", default.intermediate_days)),
        mapper_memory=int(parameters.get("MapperMemory", default.mapper_memory)),
        reducer_memory=int(parameters.get("ReducerMemory", default.reducer_memory)),
        architecture=_architecture_here()
        if stack.local  # where functions run on this machine, whatever the parameter says
        else parameters.get("Architecture", default.architecture),
        storage_mib=int(parameters.get("WorkerStorage", default.storage_mib)),
        worker_timeout=0 if children == 0 else int(parameters.get("WorkerTimeout", default.worker_timeout)),
        children=children,
        local=stack.local,
    )
    return replace(deployed, notes=tuple(asking.notes))


def _architecture_here() -> str:
    """Return the architecture of this machine, as records have it."""
    return "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"


def _parameters(stack: Stack) -> dict[str, str]:
    """Return the stack's parameters as they are now, which may be later than the execution."""
    found = stack.make_client("cloudformation").describe_stacks(StackName=stack.name)["Stacks"][0]
    return {one["ParameterKey"]: one["ParameterValue"] for one in found.get("Parameters", [])}


def _child_type(stack: Stack, arn: str) -> str:
    found = stack.sfn.describe_state_machine_for_execution(executionArn=arn)["definition"]
    match = _CHILD_TYPE.search(found)
    return match[1] if match else ""


def _children(stack: Stack, map_runs: Sequence[str], events: Sequence[Mapping[str, Any]]) -> int:
    """Return how many children the map runs of an execution started.

    Of a map run that is over the history tells it, as a rule. To ask for all of them would take more requests
    than AWS allows at a time, where a job has hundreds of waves.
    """
    progress = Progress()
    for event in sorted(events, key=lambda event: int(event["id"])):
        progress.see(event)
    told = {phase.map_run: phase.total for phase in progress.phases if phase.is_counted}
    return sum(told[run] if run in told else _started(stack, run) for run in map_runs)


def _started(stack: Stack, map_run: str) -> int:
    counts = stack.sfn.describe_map_run(mapRunArn=map_run)["itemCounts"]  # an item is a child
    return counts["total"] - counts.get("pending", 0)
