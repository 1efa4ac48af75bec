"""The Step Functions API of the local cloud: what its operations answer.

State machines are the cloud's; each operation that needs one asks for it, so that a deployment, a change or a
deletion counts at once. Executions are here. Dates are seconds since 1970, as in the API's JSON.
"""

import datetime
import json
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError

from marla.asl import DefinitionError
from marla.local import definitions, payloads
from marla.local.executions import Execution, Identity, Surroundings, new_name
from marla.local.jsonata import JSON
from marla.local.map_runs import MapRun, all_children
from marla.local.roles import Cloud

Answer: TypeAlias = dict[str, JSON]

PAGE, LARGEST_PAGE = 100, 1000
# https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
NAME = re.compile(r"""[^\s<>{}\[\]?*"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]{1,80}""")


class ApiError(Exception):
    """An answer with an error's name and message."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class Api:
    """Step Functions: executions run here, all else is the cloud's."""

    def __init__(self, cloud: Cloud, region: str) -> None:
        self._cloud = cloud
        self._region = region
        self._surroundings = Surroundings(cloud, cloud.permits)
        self._lock = threading.Lock()
        self._executions: dict[str, Execution] = {}
        self._machines: dict[str, Answer] = {}  # as they were when each execution started
        self._operations: dict[str, Callable[[Answer], Answer]] = {
            "StartExecution": self._start_execution,
            "StopExecution": self._stop_execution,
            "DescribeExecution": lambda request: self._execution(request).describe(),
            "ListExecutions": self._list_executions,
            "GetExecutionHistory": self._get_execution_history,
            "ListMapRuns": self._list_map_runs,
            "DescribeMapRun": lambda request: self._map_run(request["mapRunArn"]).describe(),
            "DescribeStateMachine": lambda request: self._machine(request["stateMachineArn"]),
            "DescribeStateMachineForExecution": self._describe_machine_for_execution,
        }

    def answer(self, operation: str, request: Answer) -> Answer:
        """Answer one request; raises ApiError."""
        try:
            if operation in self._operations:
                return self._operations[operation](request)
            return self._ask_cloud(operation, request)
        except KeyError as error:
            raise ApiError("ValidationException", f"The request lacks {error}") from error

    def _ask_cloud(self, operation: str, request: Answer) -> Answer:
        client = self._cloud.client("stepfunctions", self._region)
        method = getattr(client, xform_name(operation), None)
        if method is None:
            raise ApiError("UnknownOperationException", f"There is no operation {operation}")
        try:
            response = method(**request)
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            raise ApiError(
                error.response["Error"]["Code"], error.response["Error"]["Message"], status
            ) from error
        except BotoCoreError as error:
            raise ApiError("ServiceUnavailable", f"The local cloud does not answer: {error}", 503) from error
        response.pop("ResponseMetadata", None)
        return dict(_with_seconds(response))

    def _machine(self, arn: str) -> Answer:
        """A deployed state machine, with its definition as JSON whatever it was written in."""
        machine = self._ask_cloud("DescribeStateMachine", {"stateMachineArn": arn})
        try:
            machine["definition"] = definitions.to_json(machine["definition"])
        except DefinitionError as error:
            raise ApiError("InvalidDefinition", str(error)) from error
        return machine

    def _start_execution(self, request: Answer) -> Answer:
        machine = self._machine(request["stateMachineArn"])
        name = request.get("name") or new_name()
        if not NAME.fullmatch(name):
            raise ApiError("InvalidName", f"Invalid Name: '{name}'")
        try:
            execution_input = json.loads(request.get("input") or "{}", parse_constant=_refuse_constant)
        except ValueError as error:
            raise ApiError(
                "InvalidExecutionInput", f"Invalid State Machine Execution Input: '{error}'"
            ) from error
        if not payloads.fits(execution_input):
            raise ApiError("ValidationException", f"The input is larger than {payloads.LARGEST} bytes")
        try:
            program = definitions.parse(machine["definition"])
        except DefinitionError as error:
            raise ApiError("InvalidDefinition", str(error)) from error
        identity = Identity(name, machine["stateMachineArn"], machine["roleArn"])
        with self._lock:
            execution = self._executions.get(identity.arn)
            if execution is None:
                execution = Execution(identity, program, execution_input, self._surroundings)
                self._executions[identity.arn] = execution
                self._machines[identity.arn] = machine
                execution.start()
            elif execution.stop_date is not None or execution.input != execution_input:
                raise ApiError("ExecutionAlreadyExists", f"Execution Already Exists: '{identity.arn}'")
        return {"executionArn": identity.arn, "startDate": execution.start_date}

    def _stop_execution(self, request: Answer) -> Answer:
        execution = self._execution(request)
        execution.stop(request.get("error"), request.get("cause"))
        return {"stopDate": execution.stop_date}

    def _list_executions(self, request: Answer) -> Answer:
        if request.get("mapRunArn"):
            executions = self._map_run(request["mapRunArn"]).children
        else:
            self._machine(request["stateMachineArn"])
            executions = [
                each
                for each in list(self._executions.values())
                if each.identity.machine_arn == request["stateMachineArn"]
            ]
        wanted = request.get("statusFilter")
        limit, end = _limit(request), int(request.get("nextToken") or len(executions))
        found: list[Answer] = []
        # Newest first; the token is a number of older ones, which stays true while newer ones come.
        while end > 0 and len(found) < limit:
            end -= 1
            if wanted in (None, executions[end].status):
                found.append(executions[end].summary())
        return {"executions": found, "nextToken": str(end) if end else None}

    def _get_execution_history(self, request: Answer) -> Answer:
        history = self._execution(request).history
        events, token = history.page(
            _limit(request), request.get("nextToken"), bool(request.get("reverseOrder", False))
        )
        if not request.get("includeExecutionData", True):
            events = [_without_data(event) for event in events]
        return {"events": events, "nextToken": token}

    def _list_map_runs(self, request: Answer) -> Answer:
        runs = self._execution(request).map_runs
        start, limit = int(request.get("nextToken") or 0), _limit(request)
        end = start + limit
        return {
            "mapRuns": [run.summary() for run in runs[start:end]],
            "nextToken": str(end) if end < len(runs) else None,
        }

    def _describe_machine_for_execution(self, request: Answer) -> Answer:
        self._execution(request)
        machine = dict(self._machines[request["executionArn"]])
        return machine | {"updateDate": machine["creationDate"]}

    def _execution(self, request: Answer) -> Execution:
        arn = request["executionArn"]
        if arn in self._executions:
            return self._executions[arn]
        for run in self._map_runs():
            child = run.child(arn)
            if child is not None:
                return child
        raise ApiError("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")

    def _map_run(self, arn: str) -> MapRun:
        for run in self._map_runs():
            if run.arn == arn:
                return run
        raise ApiError("ResourceNotFound", f"Resource not found: '{arn}'")

    def _map_runs(self) -> Iterator[MapRun]:
        """All map runs, those of executions first, then those within them."""
        runs = [run for execution in list(self._executions.values()) for run in execution.map_runs]
        yield from runs
        for child in all_children(runs):
            yield from child.map_runs


def _limit(request: Answer) -> int:
    return min(int(request.get("maxResults") or PAGE), LARGEST_PAGE)


def _refuse_constant(name: str) -> None:
    """NaN and Infinity are Python's, and no JSON."""
    raise ValueError(f"{name} is no JSON")


def _with_seconds(value: Any) -> JSON:
    if isinstance(value, dict):
        return {key: _with_seconds(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_seconds(inner) for inner in value]
    return value.timestamp() if isinstance(value, datetime.datetime) else value


def _without_data(event: Answer) -> Answer:
    return {
        name: {key: inner for key, inner in value.items() if key not in ("input", "output")}
        if isinstance(value, dict)
        else value
        for name, value in event.items()
    }
