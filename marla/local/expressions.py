"""Repairs of moto's interpreter (5.2.5): JSONata, variables, error names and parsing.

Each function here replaces a method of moto's, says what is wrong with it, and when it can go.
"""

import copy
import json
from typing import Any

from moto.stepfunctions.parser.asl.component.common.assign.assign_decl import AssignDecl
from moto.stepfunctions.parser.asl.component.common.catch.catcher_decl import CatcherDecl
from moto.stepfunctions.parser.asl.component.common.catch.catcher_outcome import CatcherOutcomeCaught
from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.error_equals_decl import ErrorEqualsDecl
from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import (
    StatesErrorNameType,
)
from moto.stepfunctions.parser.asl.component.common.query_language import QueryLanguageMode
from moto.stepfunctions.parser.asl.component.common.string.string_expression import (
    StringJSONata,
    StringVariableSample,
)
from moto.stepfunctions.parser.asl.component.state.choice.state_choice import StateChoice
from moto.stepfunctions.parser.asl.component.state.exec.state_map.tolerated_failure import (
    ToleratedFailureCountStringJSONata,
)
from moto.stepfunctions.parser.asl.component.state.state import CommonStateField
from moto.stepfunctions.parser.asl.eval.states import States
from moto.stepfunctions.parser.asl.eval.variable_store import VariableStore
from moto.stepfunctions.parser.asl.parse.preprocessor import Preprocessor

from marla.local import payloads
from marla.local.jsonata import JSON, QueryEvaluationError, evaluate

# https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html: which errors the two
# wildcards leave out.
NOT_STATES_ALL = {"States.DataLimitExceeded", "States.Runtime"}
NOT_STATES_TASK_FAILED = NOT_STATES_ALL | {"States.Timeout"}


def install() -> None:
    """Put the repairs of this module in place."""
    StringJSONata._eval_body = evaluate_jsonata
    StringVariableSample._eval_body = sample_variable
    States.reset = reset_states
    AssignDecl._eval_body = assign_later
    CommonStateField._get_state_exited_event_details = assign_before(
        CommonStateField._get_state_exited_event_details
    )
    VariableStore.get_assigned_variables = assigned_variables
    CustomErrorName.__init__ = ErrorName.__init__
    ErrorEqualsDecl._eval_body = match_error
    CatcherDecl._eval_body = catch(CatcherDecl._eval_body)
    CommonStateField._set_next = go_on(CommonStateField._set_next)
    StateChoice._eval_state = choose
    StateChoice._eval_state_output = leave_choice
    Preprocessor.__init__ = own_scopes(Preprocessor.__init__)
    Preprocessor._inner_string_of = staticmethod(unescaped(Preprocessor._inner_string_of))
    Preprocessor.visitTolerated_failure_count_string_jsonata = visit_tolerated_count


def evaluate_jsonata(string: Any, env: Any) -> None:
    """Evaluate {% … %}.

    moto has no JSONata of its own, and would write the variables' values into the expression as unescaped
    text. Can go when it evaluates JSONata, and binds.
    """
    env.stack.append(_evaluate(string.expression, _variables(env) | {"states": env.states._states_data}, env))


def sample_variable(string: Any, env: Any) -> None:
    """Evaluate $variable in a JSONPath state, or where only a variable is expected; as evaluate_jsonata."""
    bindings = _variables(env)
    if string.query_language_mode == QueryLanguageMode.JSONata:
        bindings["states"] = env.states._states_data
    env.stack.append(_evaluate(string.expression, bindings, env))


def _variables(env: Any) -> dict[str, JSON]:
    store = env.variable_store
    return {**store._outer_scope, **store._inner_scope}


def _evaluate(expression: str, bindings: dict[str, JSON], env: Any) -> JSON:
    try:
        return evaluate(expression, bindings)
    except QueryEvaluationError as error:
        failure = payloads.failure(
            env, StatesErrorNameType.StatesQueryEvaluationError, "EvaluationFailed", str(error)
        )
        # Only some states report it themselves; the history keeps one of two.
        event = failure.get_evaluation_failed_event_details()
        env.event_manager.add_event(
            env.event_history_context, "EvaluationFailed", {"evaluationFailedEventDetails": event}
        )
        raise failure from error


def reset_states(states: Any, input_value: JSON) -> None:
    """Begin a state: moto sets $states.result and $states.errorOutput to null; on AWS they are undefined."""
    states._states_data["input"] = copy.deepcopy(input_value)
    states._states_data.pop("result", None)
    states._states_data.pop("errorOutput", None)


def assign_later(assign: Any, env: Any) -> None:
    """Evaluate Assign, but keep the values until the state is left.

    moto sets variables at once, so that Output sees the new values; on AWS all of a state's expressions see
    those from before it. moto has no limits to their size. Can go when moto has both.
    """
    values: dict[str, JSON] = {}
    for declaration in assign.declaration_bindings:
        declaration.eval(env=env)
        values.update(env.stack.pop())
    for name, value in values.items():
        if not payloads.fits(value):
            cause = f"The variable ${name} is larger than the {payloads.LARGEST} bytes a variable may have."
            raise payloads.too_large(env, "TaskFailed", cause)
    if payloads.size(values) > payloads.LARGEST + 64 * len(values):  # names and punctuation do not count
        cause = f"The variables {', '.join(values)} together are larger than {payloads.LARGEST} bytes."
        raise payloads.too_large(env, "TaskFailed", cause)
    env.variable_store.assigned_later = values


def assign_before(exited: Any) -> Any:
    """Set the variables that assign_later kept, before the event that reports them."""

    def details(state: Any, env: Any) -> Any:
        values = env.variable_store.__dict__.pop("assigned_later", {})
        for name, value in values.items():
            env.variable_store.set(variable_identifier=name, variable_value=value)
        if values and payloads.size(env.variable_store._inner_scope) > payloads.LARGEST_VARIABLES:
            cause = f"All variables together are larger than {payloads.LARGEST_VARIABLES} bytes."
            raise payloads.too_large(env, "TaskFailed", cause)
        return exited(state, env)

    return details


def assigned_variables(store: Any) -> dict[str, str]:
    """What a state assigned, as JSON texts for the history; moto writes strings unescaped."""
    return {
        name: json.dumps(store.get(name), ensure_ascii=False) for name in sorted(store._declaration_tracing)
    }


def match_error(error_equals: Any, env: Any) -> None:
    """Match an error with a retrier or catcher.

    In moto States.TaskFailed matches no States.* error, and States.ALL all of them. On AWS States.TaskFailed
    leaves out only timeouts, and neither matches the two errors that cannot be handled that way.
    """
    error = env.stack.pop()
    name = error.error_name if error is not None else None
    names = {expected.error_name for expected in error_equals.error_names}
    matches = (
        name in names
        or ("States.ALL" in names and name not in NOT_STATES_ALL)
        or ("States.TaskFailed" in names and name not in NOT_STATES_TASK_FAILED)
    )
    env.stack.append(matches and name != "States.Runtime")


def catch(eval_body: Any) -> Any:
    """Remember that a Catch has chosen the next state; see `go_on`."""

    def evaluate_catcher(catcher: Any, env: Any) -> None:
        eval_body(catcher, env)
        if isinstance(env.stack[-1], CatcherOutcomeCaught):
            env.caught = True

    return evaluate_catcher


def go_on(set_next: Any) -> Any:
    """Leave the next state to the Catch that chose one.

    moto takes a Catch that leads back to its own state for no choice, and goes to the state's own Next.
    """

    def set_next_state(state: Any, env: Any) -> None:
        if not env.__dict__.pop("caught", False):
            set_next(state, env)

    return set_next_state


def choose(state: Any, env: Any) -> None:
    """Take the first rule that holds, or the default.

    moto evaluates the default's Assign and Output also after a rule that leads to the same state, and knows
    no States.NoChoiceMatched.
    """
    for rule in state.choices_decl.rules:
        rule.eval(env)
        if env.stack.pop() is True:
            env.stack.append(rule.next_stmt.name)
            return
    if state.default_state is None:
        cause = f"No choice of state '{state.name}' matched, and it has no Default."
        raise payloads.failure(env, StatesErrorNameType.StatesNoChoiceMatched, "ExecutionFailed", cause)
    for part in (state.assign_decl, state.output):
        if part is not None:
            part.eval(env=env)
    env.stack.append(state.default_state.state_name)


def leave_choice(state: Any, env: Any) -> None:
    """Go to the state that `choose` has left on the stack."""
    next_name = env.stack.pop()
    if state.output_path is not None:
        state.output_path.eval(env=env)
    env.next_state_name = next_name


def own_scopes(init: Any) -> Any:
    """Give each parse its own stack of query languages.

    In moto all share one, so that a definition that was rejected halfway spoils all later ones.
    """

    def initialise(preprocessor: Any, *args: Any, **kwargs: Any) -> None:
        init(preprocessor, *args, **kwargs)
        preprocessor._query_language_per_scope = []

    return initialise


def unescaped(inner_string: Any) -> Any:
    """Read the escapes of JSON in names, keys and JSONPath strings, which moto keeps as they are written."""

    def read(parser_rule_context: Any) -> str | None:
        text: str | None = inner_string(parser_rule_context)
        return text if text is None or "\\" not in text else str(json.loads(f'"{text}"'))

    return read


def visit_tolerated_count(preprocessor: Any, ctx: Any) -> Any:
    """Parse ToleratedFailureCount: "{% … %}", which moto takes for a percentage."""
    return ToleratedFailureCountStringJSONata(preprocessor.visitString_jsonata(ctx=ctx.string_jsonata()))
