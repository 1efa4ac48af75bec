"""Repairs of moto's interpreter (5.2.5): the calls that tasks make, and their errors.

Each function here replaces a method of moto's, says what is wrong with it, and when it can go.
"""

import datetime
import sys
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from botocore.response import StreamingBody
from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service import (
    StateTaskService,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_aws_sdk import (
    StateTaskServiceAwsSdk,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_lambda import (
    StateTaskServiceLambda,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.state_task import StateTask

from marla.local import payloads
from marla.local.executions import RoleArn
from marla.local.jsonata import JSON

# How Step Functions writes services in error names; the rest get a capital.
SERVICES = {"dynamodb": "DynamoDb", "sqs": "Sqs", "sns": "Sns"}


def install() -> None:
    """Put the repairs of this module in place."""
    _replace_everywhere("boto_client_for", client_for)
    _replace_everywhere("is_within_size_quota", payloads.fits)
    _replace_everywhere("TMP_THREADS", Forgetful())
    StateTask._eval_parameters = limited(StateTask._eval_parameters)
    StateTaskServiceAwsSdk._normalise_service_error_name = staticmethod(service_name)
    StateTaskServiceAwsSdk._normalise_response = plain_response
    StateTaskServiceAwsSdk._from_error = sdk_failure(StateTaskServiceAwsSdk._from_error)
    StateTaskServiceLambda._from_error = lambda_failure(StateTaskServiceLambda._from_error)


class Forgetful(list[Any]):
    """A list that stays empty: moto keeps every thread it ever started in a global list."""

    def append(self, item: Any) -> None:
        """Forget it."""


def _replace_everywhere(name: str, new: Any) -> None:
    """Replace what moto's modules have imported by name."""
    for module_name, module in list(sys.modules.items()):
        if module_name.startswith("moto.stepfunctions.parser") and name in vars(module):
            setattr(module, name, new)


def client_for(region: str, service: str, state_credentials: Any) -> Any:
    """The client for a task: made for the execution's role.

    moto's own calls the moto server, with made-up credentials.
    """
    role = state_credentials.role_arn
    if not isinstance(role, RoleArn):
        raise NotImplementedError(f"A task's Credentials ({role}) are not supported locally")
    return role.clients(service, region, str(role))


def limited(eval_parameters: Any) -> Any:
    """Refuse Arguments larger than a payload may be; moto checks only results."""

    def arguments(task: Any, env: Any) -> JSON:
        parameters = eval_parameters(task, env=env)
        if not payloads.fits(parameters):
            cause = f"The Arguments are larger than the {payloads.LARGEST} bytes a payload may have."
            raise payloads.too_large(env, "TaskFailed", cause)
        return parameters

    return arguments


def service_name(service: str) -> str:
    """A service's name in errors: S3.NoSuchBucketException; moto writes s3.s3Exception."""
    return SERVICES.get(service.lower(), service[:1].upper() + service[1:])


def plain_response(
    task: Any,
    response: dict[str, Any],
    boto_service_name: str | None = None,
    service_action_name: str | None = None,
) -> None:
    """Make an SDK's response JSON: dates as ISO text, streams as text; moto leaves them as they are."""
    del task, boto_service_name, service_action_name
    for key, value in list(response.items()):
        response[key] = _plain(value)


def _plain(value: Any) -> JSON:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, StreamingBody):
        return value.read().decode()
    if isinstance(value, bytes):
        return value.decode()
    return value


def sdk_failure(from_error: Any) -> Any:
    """Name errors of the connection, which moto calls States.Runtime and so never retries.

    And call a refusal by the service's general exception, as AWS's SDK has none of its own for it.
    """

    def failure(task: Any, env: Any, ex: Exception) -> Any:
        if isinstance(ex, ClientError):
            _complete(ex)
            if ex.response["Error"]["Code"] == "AccessDenied":
                ex = ClientError(ex.response, ex.operation_name)
        if isinstance(ex, BotoCoreError):
            return _task_failure(
                task, env, f"{service_name(task.resource.api_name)}.SdkClientException", str(ex)
            )
        return from_error(task, env=env, ex=ex)

    return failure


def lambda_failure(from_error: Any) -> Any:
    """Name Lambda's errors as AWS does.

    moto knows no errors of the connection, and calls all others by the code that Lambda answered with. AWS
    does so only for those that its SDK knows: a refusal is Lambda.AWSLambdaException.
    """

    def failure(task: Any, env: Any, ex: Exception) -> Any:
        if isinstance(ex, BotoCoreError):
            return _task_failure(task, env, "Lambda.SdkClientException", str(ex))
        if isinstance(ex, ClientError):
            _complete(ex)
            status = ex.response["ResponseMetadata"]["HTTPStatusCode"]
            _, cause = task._error_cause_from_client_error(ex)
            if status == 403:
                return _task_failure(task, env, "Lambda.AWSLambdaException", cause)
            if status == 429:
                return _task_failure(task, env, "Lambda.TooManyRequestsException", cause)
            if status >= 500 and type(ex) is ClientError:  # otherwise Lambda's model knows it
                return _task_failure(task, env, "Lambda.ServiceException", cause)
        return from_error(task, env=env, ex=ex)

    return failure


def _complete(error: ClientError) -> None:
    """Fill in what moto takes for granted in an error: ministack's refusals have no RequestId."""
    metadata: dict[str, Any] = {"HTTPStatusCode": 400, "RequestId": "none"}
    error.response["ResponseMetadata"] = metadata | error.response.get("ResponseMetadata", {})  # type: ignore[typeddict-item]


def _task_failure(task: StateTaskService, env: Any, error: str, cause: str) -> Any:
    failure = payloads.failure(env, CustomErrorName(error), "TaskFailed", cause).failure_event
    failure.event_details["taskFailedEventDetails"].update(
        resource=task._get_sfn_resource(), resourceType=task._get_sfn_resource_type()
    )
    return failure
