"""What an execution used of what AWS bills: from the records of its tasks, and from its history.

What is an estimate, and in which direction:

- Lambda's time is what the workers measured, with the start of their environment; Lambda's own count is more
  by the request that writes the record. A worker that was killed leaves none, so its time is missing: the sum
  is too low. So is that of one that is still at work when its race or its execution is over.
- Checks and publication are billed as long as Step Functions waited for their answer: too high, by the time
  that it takes to ask.
- Transitions of children follow from the states that each passes. Where backups watch for stragglers they
  follow from how long the child took: too high rather than too low, but that a backup which left no record
  has two more where it began by how long other tasks took. A child that left no record counts as one state,
  or as a race with a backup if any phase had races: how often it was tried again, or looked, is missing.
- What the machine's own Lambdas ask of S3 follows from what they do.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from mapreduce.record import Place, TaskRecord

from .children import UNSEEN_RACE_STATES, Child, children_of
from .deployment import FREE_STORAGE_MIB, STANDARD, Deployment
from .history import LAMBDA, LIST, EventsSummary
from .notes import notes_of

MAPPERS, REDUCERS, CHECKS, PUBLICATION = "mappers", "reducers", "checks", "publication"
COPY_PART = 8 << 20  # bytes that boto3 copies with one request; larger objects are copied in such parts

_WORKERS = {"map": MAPPERS, "reduce": REDUCERS}
_OWN = {"map": CHECKS, "reduce": PUBLICATION}
_PUBLISH = "Publish result"
_FUNCTIONS = {"Check job": "map", "Check wave": "map", _PUBLISH: "reduce", "Withdraw result": "reduce"}


@dataclass(frozen=True)
class LambdaUse:
    """Invocations that are billed alike.

    Attributes:
        what: MAPPERS or REDUCERS; CHECKS or PUBLICATION, which the machine itself calls them for.
        function: map or reduce: which of the stack's functions it is, whose memory it has.
    """

    what: str
    function: str
    memory_mib: int
    architecture: str
    invocations: int
    billed_ms: int | Decimal


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What is billed, and what decides whether other choices would do.

    Attributes:
        transitions: of the execution itself.
        children: executions that its maps started.
        child_states: what these entered, or would have entered as STANDARD ones, retries counted.
        child_ms: what they took, each rounded up to 100 ms, as EXPRESS ones are billed.
        longest_child: in seconds.
        peaks: the most memory in MiB that an environment held, by function; 0 if that is not known.
        slowest: the longest attempt in seconds, by function.
        measured: the functions whose tasks say what such tasks take: they did some, and left none undone.
        raced: stage and function, map or reduce, whose tasks ran with backups.
        ranges: the stages whose partitions are ranges of keys.
        settled_at: when no worker can be at work any more; None while the execution runs. The loser of a
            race, and who works for an execution that has failed, may go on after its end, and is billed.
        reads, writes: requests to S3: GET and HEAD; PUT, COPY, POST and LIST.
        intermediate_bytes: kept for `intermediate_days`; `result_bytes`, until the results are deleted.
        local: whether it was the local cloud, where nothing is billed.
        notes: sentences about what is an estimate.
        incomplete: whether the cloud did not tell something, as it may the next time.
    """

    lambdas: tuple[LambdaUse, ...] = ()
    storage_mib: int = FREE_STORAGE_MIB
    transitions: int = 0
    child_type: str = STANDARD
    children: int = 0
    child_states: int = 0
    child_ms: int = 0
    longest_child: float = 0.0
    peaks: tuple[tuple[str, int], ...] = ()
    slowest: tuple[tuple[str, float], ...] = ()
    measured: frozenset[str] = frozenset()
    raced: frozenset[tuple[int, str]] = frozenset()
    ranges: frozenset[int] = frozenset()
    settled_at: datetime | None = None
    reads: int = 0
    writes: int = 0
    intermediate_bytes: int = 0
    intermediate_days: Decimal = Decimal(1)
    result_bytes: int = 0
    local: bool = False
    notes: tuple[str, ...] = ()
    incomplete: bool = False


def usage_of(
    records: Iterable[TaskRecord],
    summary: EventsSummary,
    deployed: Deployment | None = None,
    now: datetime | None = None,
) -> Usage:
    """Return what an execution used.

    Args:
        records: of all attempts at its tasks.
        summary: of its history.
        deployed: the stack; the template's defaults if it is not known.
        now: when the records were read, with a time zone; long after the execution's end if it is not given.
    """
    attempts, deployed = list(records), deployed or Deployment()
    children = children_of(attempts, summary.raced)
    unseen = max(0, (deployed.children or 0) - len(children))
    states_unseen = unseen * (UNSEEN_RACE_STATES if summary.raced else 1)
    parts = _published(attempts, summary)
    reads, writes = _own_requests(parts, children, summary)
    settled_at = _settled_at(summary, deployed)
    late = settled_at if now and settled_at and now < settled_at else None
    return Usage(
        lambdas=_lambdas(attempts, summary, deployed),
        storage_mib=deployed.storage_mib,
        transitions=summary.states + summary.retries,
        child_type=deployed.child_type,
        children=len(children) + unseen,
        child_states=sum(child.states for child in children) + states_unseen,
        child_ms=sum(math.ceil(round(child.seconds * 10, 6)) * 100 for child in children),
        longest_child=max((child.seconds for child in children), default=0.0),
        peaks=tuple((kind, max(one.peak_memory_mib for one in some)) for kind, some in _by_kind(attempts)),
        slowest=tuple((kind, max(one.seconds for one in some)) for kind, some in _by_kind(attempts)),
        measured=frozenset(one.kind for one in attempts if one.succeeded and not one.reused)
        - {summary.unfinished},
        raced=frozenset(summary.raced),
        ranges=summary.ranges,
        settled_at=settled_at,
        reads=sum(one.reads for one in attempts) + reads,
        writes=sum(one.writes for one in attempts) + writes,
        intermediate_bytes=sum(_outputs(one for one in attempts if not one.reused).values()),
        intermediate_days=Decimal(0)
        if summary.deleted_intermediates
        else Decimal(deployed.intermediate_days),
        result_bytes=sum(size for of_result, size in parts if of_result),
        local=deployed.local,
        incomplete=bool(deployed.notes),
        notes=notes_of(attempts, summary, deployed, unseen, late),
    )


def _lambdas(
    attempts: Sequence[TaskRecord], summary: EventsSummary, deployed: Deployment
) -> tuple[LambdaUse, ...]:
    """Return the invocations of workers and of what the machine itself calls, those alike together."""
    alike: defaultdict[tuple[str, str, int, str], list[int]] = defaultdict(list)
    as_is = {}  # memory and architecture of each function, as its last attempt had it
    for one in attempts:
        memory = one.memory_mib or deployed.memory_of(one.kind)
        architecture = one.architecture or deployed.architecture
        as_is[one.kind] = memory, architecture
        alike[_WORKERS[one.kind], one.kind, memory, architecture].append(one.billed_ms)
    for call in summary.calls:
        if call.to == LAMBDA:
            function = _FUNCTIONS.get(call.state, "map")
            known = as_is.get(function, (deployed.memory_of(function), deployed.architecture))
            alike[_OWN[function], function, *known].append(math.ceil(call.seconds * 1000))
    return tuple(LambdaUse(*key, len(times), sum(times)) for key, times in alike.items())


def _outputs(attempts: Iterable[TaskRecord]) -> dict[Place, int]:
    """Return the bytes of each task's output, which all of its attempts write to the same place."""
    return {one.place: one.bytes_out for one in attempts if one.succeeded}


def _published(attempts: Sequence[TaskRecord], summary: EventsSummary) -> list[tuple[bool, int]]:
    """Return the parts that were published: whether each is of a result, not of a sample, and its bytes.

    The phases of a job are published in their order, the last of them perhaps not.
    """
    outputs = _outputs(attempts)
    phases = sorted({(task.stage, not task.sample) for task in outputs})
    times = sum(call.state == _PUBLISH and call.succeeded for call in summary.calls)
    parts = []
    for stage, of_result in phases[:times]:
        sizes = {task: size for task, size in outputs.items() if task[:2] == (stage, not of_result)}
        last = max(task.step for task in sizes)
        parts += [(of_result, size) for task, size in sizes.items() if task.step == last]
    return parts


def _own_requests(
    parts: Sequence[tuple[bool, int]], children: Sequence[Child], summary: EventsSummary
) -> tuple[int, int]:
    """Return the reads and writes that no record counts.

    A check writes a plan. Publication asks for the size of each part twice, once for itself and once as boto3
    copies it, copies it, and writes a receipt.
    """
    calls = sum(call.to == LAMBDA for call in summary.calls)
    lists = sum(call.to == LIST for call in summary.calls) + sum(child.lists for child in children)
    copies = sum(1 if size < COPY_PART else 2 + math.ceil(size / COPY_PART) for _, size in parts)
    return 2 * len(parts), calls + lists + copies


def _by_kind(attempts: Sequence[TaskRecord]) -> list[tuple[str, list[TaskRecord]]]:
    kinds = {kind: [one for one in attempts if one.kind == kind] for kind in _WORKERS}
    return [(kind, some) for kind, some in kinds.items() if some]


def _settled_at(summary: EventsSummary, deployed: Deployment) -> datetime | None:
    if summary.ended is None:
        return None
    may_go_on = bool(summary.raced) or not summary.succeeded
    return summary.ended + timedelta(seconds=deployed.worker_timeout if may_go_on else 0)
