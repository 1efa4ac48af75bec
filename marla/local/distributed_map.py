"""The Distributed Map state: repairs of moto's interpreter (5.2.5).

moto runs the items of a Distributed Map as frames of the parent: with the parent's variables in sight,
without executions of their own, recursing once for each item, counting items only as they start, and turning
failed ones into null. Here they become the children of a MapRun. Can go when moto has all of that.
"""

from typing import Any

from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEventException
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import (
    StatesErrorNameType,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.distributed_iteration_component import (  # noqa: E501 (moto's name)
    DistributedIterationComponent,
)

from marla.local import payloads
from marla.local.executions import ABORTED, FAILED, Execution
from marla.local.jsonata import JSON
from marla.local.map_runs import MapRun

EXCEEDED = "The specified tolerated failure threshold was exceeded"


def install() -> None:
    """Put the repairs of this module in place."""
    DistributedIterationComponent._eval_body = evaluate


class Inputs:
    """Evaluates a Map's ItemSelector: the input of each child."""

    def __init__(self, env: Any, selector: Any) -> None:
        self._selector = selector
        self._frame = env.open_inner_frame()
        self._input = env.states.get_input()
        self._frame.states.reset(self._input)

    def of(self, index: int, item: JSON) -> JSON:
        """The input for one item. Not to be called from two threads at once: it has one frame."""
        value = item
        if self._selector is not None:
            frame = self._frame
            frame.states.context_object.context_object_data["Map"] = {"Item": {"Index": index, "Value": item}}
            frame.stack = [self._input]
            self._selector.eval(frame)
            value = frame.stack.pop()
        if not payloads.fits(value):
            cause = (
                f"The input of item {index} is larger than the {payloads.LARGEST} bytes a payload may have."
            )
            raise payloads.too_large(self._frame, "MapRunFailed", cause)
        return value


def evaluate(component: Any, env: Any) -> None:
    """Evaluate a Distributed Map's items: in place of DistributedIterationComponent._eval_body."""
    request = env.stack.pop()
    parent: Execution = env.map_run_record_pool_manager
    _refuse_without_permission(env, parent)
    if request.item_reader is not None:
        request.item_reader.eval(env=env)
        items = env.stack.pop()
    else:
        items = request.input_items
    record = request.map_run_record
    run = MapRun(
        arn=record.map_run_arn,
        parent=parent,
        program=component._get_iteration_program(),
        items=items,
        max_concurrency=request.max_concurrency,
        tolerated_count=request.tolerated_failure_count,
        tolerated_percentage=request.tolerated_failure_percentage,
        input_of=Inputs(env, request.item_selector or request.parameters).of,
    )
    parent.map_runs.append(run)
    _add_event(env, "MapRunStarted", {"mapRunArn": run.arn})
    env._frames.append(run)
    try:
        outputs = run.run()
        _refuse_failure(env, run)
        if not payloads.fits(outputs):
            reason = f"The items' outputs are larger than the {payloads.LARGEST} bytes a payload may have."
            raise payloads.too_large(env, "MapRunFailed", reason)
    except FailureEventException as failure:
        error, cause = failure.extract_error_cause_pair() or (None, None)
        _add_event(env, "MapRunFailed", {"error": error, "cause": cause})
        raise
    finally:
        env.delete_frame(run)
    env.event_manager.add_event(env.event_history_context, "MapRunSucceeded")
    env.stack.append(outputs)


def _refuse_failure(env: Any, run: MapRun) -> None:
    if run.status == FAILED:
        error = StatesErrorNameType.StatesExceedToleratedFailureThreshold
        raise payloads.failure(env, error, "MapRunFailed", EXCEEDED)
    if run.status == ABORTED:
        error = StatesErrorNameType.StatesTaskFailed
        raise payloads.failure(env, error, "MapRunAborted", "The Map Run was aborted")


def _refuse_without_permission(env: Any, parent: Execution) -> None:
    """Fail unless the role may start the machine's executions, of which each child is one."""
    machine = parent.identity.machine_arn.partition("/")[0]
    role = parent.identity.role_arn
    if not parent.surroundings.permits(role, "states:StartExecution", machine):
        cause = (
            f"The role {role} is not authorized to start the Map Run's child executions. "
            f"Allow it states:StartExecution on {machine}."
        )
        error = StatesErrorNameType.StatesPermissions
        raise payloads.failure(env, error, "MapRunFailed", cause)


def _add_event(env: Any, event_type: str, details: dict[str, JSON]) -> None:
    name = f"{event_type[0].lower()}{event_type[1:]}EventDetails"
    env.event_manager.add_event(env.event_history_context, event_type, {name: details})
