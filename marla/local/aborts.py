"""Repairs of moto's interpreter (5.2.5): what is over ends at once, and is heard of no more.

A branch whose Parallel has failed, a task that has timed out and an execution that was stopped: in moto their
threads go on until the answer, the wait or the pause before a retry is over, and the events of a branch's or
task's late end appear in the history. On AWS a Lambda function that was invoked goes on, and all else ends.
Each function here replaces a method of moto's; all can go when moto ends what is over.
"""

import copy
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from moto.stepfunctions.parser.asl.component.common.retry.max_attempts_decl import MaxAttemptsOutcome
from moto.stepfunctions.parser.asl.component.common.retry.retrier_decl import RetrierDecl
from moto.stepfunctions.parser.asl.component.common.retry.retrier_outcome import RetrierOutcome
from moto.stepfunctions.parser.asl.component.common.timeouts.timeout import EvalTimeoutError
from moto.stepfunctions.parser.asl.component.state.exec.execute_state import ExecutionState
from moto.stepfunctions.parser.asl.component.state.exec.state_parallel.branch_worker import BranchWorker
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import WaitFunction


def install() -> None:
    """Put the repairs of this module in place."""
    ExecutionState._evaluate_with_timeout = evaluate_with_timeout
    RetrierDecl._eval_body = retry
    WaitFunction._wait_interval = wait
    BranchWorker._thread_routine = run_branch
    BranchWorker.stop = stop_branch


class Ending(threading.Event):
    """An event that also comes when a state is ended from without: it stands among the state's frames."""

    def set_stop(self, **_: object) -> None:
        """The branch or the execution was stopped."""
        self.set()

    def set_timed_out(self) -> None:
        """The execution timed out."""
        self.set()

    def set_ended(self) -> None:
        """The state timed out."""
        self.set()

    def set_error(self, **_: object) -> None:
        """The program failed."""
        self.set()


@contextmanager
def ending(env: Any) -> Iterator[Ending]:
    """An Ending of what `env` evaluates; it has come already if that is over."""
    event = Ending()
    with env._state_mutex:
        env._frames.append(event)
        if not env.is_running():
            event.set()
    try:
        yield event
    finally:
        env.delete_frame(event)


def wait(function: Any, env: Any, wait_seconds: float) -> None:
    """Wait; moto's wait misses an end that comes just before it begins."""
    del function
    with ending(env) as over:
        over.wait(max(0.0, wait_seconds))


def retry(retrier: Any, env: Any) -> None:
    """Say whether to try again, after the pause; moto's pause cannot be ended."""
    retrier.error_equals.eval(env)
    if not env.stack.pop():
        env.stack.append(RetrierOutcome.Skipped)
        return
    retrier.max_attempts.eval(env=env)
    if env.stack.pop() == MaxAttemptsOutcome.EXHAUSTED:
        env.stack.append(RetrierOutcome.Failed)
        return
    for part in (
        retrier.interval_seconds,
        retrier.backoff_rate,
        retrier.max_delay_seconds,
        retrier.jitter_strategy,
    ):
        part.eval(env=env)
    wait(retrier, env, env.stack.pop())
    env.stack.append(RetrierOutcome.Executed)


def evaluate_with_timeout(state: Any, env: Any) -> None:
    """Evaluate a Task, Map or Parallel in a frame and a thread of its own, to its end or until it is over."""
    state.timeout.eval(env=env)
    seconds = env.stack.pop()
    with env._state_mutex:
        if not env.is_running():
            return
        frame = env.open_frame()
    frame.states.reset(input_value=env.states.get_input())
    frame.stack = copy.deepcopy(env.stack)
    outcome: list[Any] = []
    with ending(env) as over:
        arguments = (state, frame, outcome, over)
        threading.Thread(target=_evaluate, args=arguments, name=state.name, daemon=True).start()
        on_time = over.wait(seconds)
    if not outcome:
        silence(frame)
    frame.set_ended()
    env.close_frame(frame)
    if not on_time:
        raise EvalTimeoutError
    if not outcome:  # it was ended from without
        return
    if isinstance(outcome[0], Exception):
        raise outcome[0]
    _take(state, env, outcome[0])


def _evaluate(state: Any, frame: Any, outcome: list[Any], over: threading.Event) -> None:
    """Evaluate a state in its frame, and put its result, or the exception, into `outcome`."""
    try:
        state._eval_execution(frame)
        outcome.append(frame.stack.pop())
    except Exception as error:
        outcome.append(error)
    over.set()


def _take(state: Any, env: Any, result: Any) -> None:
    """Make what the frame gave the state's result."""
    env.stack.append(result)
    if not state._is_language_query_jsonpath():
        env.states.set_result(result)
    for part in (state.assign_decl, state.result_selector):
        if part:
            part.eval(env=env)
    if state.result_path:
        state.result_path.eval(env)
    else:
        env.states.reset(input_value=env.stack.pop())


def run_branch(worker: Any) -> None:
    """Run a branch, in this thread and not in one more; moto never ends one stopped before it begins."""
    program, env = worker._program, worker.env
    with env._state_mutex:
        if env.is_running():
            env.next_state_name = program.start_at.start_at_name
    program._eval_body(env)
    worker._branch_worker_comm.on_terminated(env=env)


def stop_branch(worker: Any, stop_date: Any, cause: str | None, error: str | None) -> None:
    """End a branch whose Parallel has failed; no event of it comes after that."""
    worker.env.set_stop(stop_date=stop_date, cause=cause, error=error)
    silence(worker.env)


def silence(env: Any) -> None:
    """Add no more events of a frame, or of those within it, to the history."""
    with env._state_mutex:
        env.event_history_context.silent = True
        for frame in env._frames:
            if hasattr(frame, "event_history_context"):
                silence(frame)
