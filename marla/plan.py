"""What an execution's variables say of the work that is to come, and how much of it is done.

The state machine plans as it goes: waves of mappers page by page of the input, reduce steps once all is
mapped.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

# What share of a stage its parts take, roughly, on jobs of the benchmarks; publishing takes what is left.
SAMPLE_SHARE = 0.2
MAP_SHARE = 0.6
REDUCE_SHARE = 0.35


class Counted(Protocol):
    """A wave of mappers (step 0) or a reduce step, with its tasks."""

    stage: int
    sample: bool
    step: int
    total: int
    succeeded: int


class Plan:
    """Where in its job an execution is, and how many tasks come next.

    Attributes:
        stages: how many stages the job has, and `stage` which it is in, from 0.
        sampling: whether this is the stage's first run, which takes a sample of keys.
        reduce_steps: how many there will be in this run of the stage; 0 while that is not known.
        more_waves: whether there was input that was in no wave yet when the last one began.
    """

    def __init__(self) -> None:
        self.stages = 1
        self.stage = 0
        self.sampling = False
        self.reduce_steps = 0
        self.more_waves = False
        self._step = 0
        self._inputs = 0
        self._inputs_cut = 0
        self._wave = "[]"
        self._partitions = 0
        self._outputs = 0
        self._fan = 0

    def take(self, assigned: Mapping[str, str]) -> None:
        """Take in the variables that a state assigned: JSON by name."""
        if "stages" in assigned:
            self.stages = len(json.loads(assigned["stages"]))
        self.stage = _value(assigned, "stage", self.stage)
        if "config" in assigned:
            config = json.loads(assigned["config"])
            self.sampling = config.get("sample", 0) > 0
            self._inputs = len(config.get("inputs", []))
            self._partitions = config.get("partitions", 0)
        self._inputs_cut = _value(assigned, "inputIndex", self._inputs_cut)
        self._outputs = _value(assigned, "outputs", self._outputs)
        self._wave = assigned.get("wave", self._wave)  # up to 256 KiB, for each page: read when it is needed
        self._step = _value(assigned, "step", self._step)
        self._fan = _value(assigned, "fan", self._fan)
        if "step" in assigned:
            self.reduce_steps = self._step - 1 + _steps_for(self._outputs, self._fan) if self._fan > 1 else 0

    def begin_wave(self) -> int:
        """The wave that is cut begins; return how many tasks it has, or 0 if that is not known."""
        self.more_waves = self._inputs_cut < self._inputs
        return len(json.loads(self._wave))

    @property
    def reducers(self) -> int:
        """How many tasks the reduce step has that is planned; 0 if that is not known."""
        return -(-self._outputs // self._fan) * self._partitions if self._fan > 1 else 0


def share_done(plan: Plan, phases: Sequence[Counted]) -> float:
    """Return how much of an execution's work is done, as its waves and steps say: from 0 to less than 1.

    Stages count alike, and so do the reduce steps of one. Where more waves are to come, one is reckoned with.
    """
    done, width = plan.stage / plan.stages, 1 / plan.stages
    of_stage = [phase for phase in phases if phase.stage == plan.stage]
    if plan.sampling:
        width *= SAMPLE_SHARE
    elif any(phase.sample for phase in of_stage):
        done, width = done + width * SAMPLE_SHARE, width * (1 - SAMPLE_SHARE)
    run = [phase for phase in of_stage if phase.sample == plan.sampling]
    waves = [phase for phase in run if phase.step == 0]
    steps = [phase for phase in run if phase.step > 0]
    tasks = float(sum(wave.total for wave in waves))
    if plan.more_waves and not steps and waves:
        tasks *= 1 + 1 / len(waves)
    mapped = sum(wave.succeeded for wave in waves) / tasks if tasks else 0.0
    reduced = sum(step.succeeded / step.total for step in steps if step.total)
    expected = plan.reduce_steps or len(steps) + 1
    return done + width * (MAP_SHARE * mapped + REDUCE_SHARE * reduced / max(expected, len(steps)))


def _steps_for(outputs: int, fan: int) -> int:
    """Return in how many steps so many outputs become one, each making one of `fan`; one at least."""
    steps = 1
    while outputs > fan:
        outputs = -(-outputs // fan)
        steps += 1
    return steps


def _value(assigned: Mapping[str, str], name: str, default: Any) -> Any:
    return json.loads(assigned[name]) if name in assigned else default
