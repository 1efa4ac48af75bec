"""Clients with which executions call the local cloud, with the credentials of their state machine's role."""

import base64
import datetime
import json
import re
import threading
from collections.abc import Callable
from io import BytesIO
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from marla.local.jsonata import JSON

# Credentials are assumed anew this long before they expire: longer than the longest call may take.
MARGIN = datetime.timedelta(minutes=16)
CONNECTIONS = 256  # as many as a Distributed Map has children at once
LAMBDA_SECONDS = 905  # a function may take 900
TIMED_OUT = "Sandbox.Timedout"
EXITED = "Runtime exited"  # how what ministack says of a worker that died begins, by the repairs in `workers`
# What the cloud answers when it was reset or restarted and knows the credentials no more.
FORGOTTEN = {"InvalidAccessKeyId", "UnrecognizedClientException", "InvalidClientTokenId", "ExpiredToken"}


class Cloud:
    """The local cloud at an URL, seen with the credentials of the environment, or of a role.

    An instance is a ClientFactory, and its `permits` a Permission.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = boto3.session.Session()
        self._lock = threading.Lock()
        self._clients: dict[tuple[str, str, str], Any] = {}
        self._credentials: dict[str, dict[str, Any]] = {}

    def __call__(self, service: str, region: str, role_arn: str) -> "RoleClient":
        """The client of a service for a role."""
        return RoleClient(self, service, region, role_arn)

    def permits(self, role_arn: str, action: str, resource: str) -> bool:
        """Whether the role's policies allow something, as IAM's simulation of them says."""
        answer = self.client("iam", "us-east-1").simulate_principal_policy(
            PolicySourceArn=role_arn, ActionNames=[action], ResourceArns=[resource]
        )
        return all(result["EvalDecision"] == "allowed" for result in answer["EvaluationResults"])

    def client(self, service: str, region: str, role_arn: str = "") -> Any:
        """A boto3 client, made once for each role, and anew when its credentials are about to expire."""
        with self._lock:
            credentials = self._credentials_of(role_arn, region) if role_arn else {}
            if (service, region, role_arn) not in self._clients:
                self._clients[service, region, role_arn] = self._new_client(service, region, credentials)
            return self._clients[service, region, role_arn]

    def forget(self, role_arn: str) -> None:
        """Assume the role anew at its next use."""
        with self._lock:
            self._forget(role_arn)

    def _forget(self, role_arn: str) -> None:
        self._credentials.pop(role_arn, None)
        for key in [key for key in self._clients if key[2] == role_arn]:
            del self._clients[key]

    def _credentials_of(self, role_arn: str, region: str) -> dict[str, Any]:
        credentials = self._credentials.get(role_arn)
        if credentials is None or credentials["Expiration"] - MARGIN < datetime.datetime.now(datetime.UTC):
            self._forget(role_arn)
            sts = self._new_client("sts", region, {})
            answer = sts.assume_role(RoleArn=role_arn, RoleSessionName="states")
            credentials = self._credentials[role_arn] = dict(answer["Credentials"])
        return credentials

    def _new_client(self, service: str, region: str, credentials: dict[str, Any]) -> Any:
        config = Config(
            max_pool_connections=CONNECTIONS,
            connect_timeout=10,
            read_timeout=LAMBDA_SECONDS if service == "lambda" else 60,
            retries={"total_max_attempts": 1},  # the state machine's are enough
            s3={"addressing_style": "path"},
            proxies={},  # this machine's only, whatever the environment says of proxies
        )
        keys: dict[str, Any] = {}
        if credentials:
            keys = {
                "aws_access_key_id": credentials["AccessKeyId"],
                "aws_secret_access_key": credentials["SecretAccessKey"],
                "aws_session_token": credentials["SessionToken"],
            }
        create: Callable[..., Any] = self._session.client
        return create(service, region_name=region, endpoint_url=self._url, config=config, **keys)


class RoleClient:
    """A boto3 client that goes on when the cloud has forgotten its credentials, and names Lambda's errors."""

    def __init__(self, cloud: Cloud, service: str, region: str, role_arn: str) -> None:
        self._cloud = cloud
        self._key = (service, region, role_arn)

    def __getattr__(self, method: str) -> Callable[..., Any]:
        def call(**parameters: Any) -> Any:
            try:
                return getattr(self._cloud.client(*self._key), method)(**parameters)
            except ClientError as error:
                if error.response["Error"]["Code"] not in FORGOTTEN:
                    raise
                # The call was refused, not begun, so that it can be made again.
                self._cloud.forget(self._key[2])
                return getattr(self._cloud.client(*self._key), method)(**parameters)

        return invoke_with(call) if self._key[0] == "lambda" and method == "invoke" else call


def invoke_with(call: Callable[..., Any]) -> Callable[..., Any]:
    """Let invoke report errors as Lambda does: ministack (1.5.33) calls nearly all Runtime.HandlerError."""

    def invoke(**parameters: Any) -> Any:
        response = call(**(parameters | {"LogType": "Tail"}))
        log = base64.b64decode(response.get("LogResult", "")).decode(errors="replace")
        if parameters.get("LogType") != "Tail":
            response.pop("LogResult", None)
        if response.get("FunctionError"):
            request = response.get("ResponseMetadata", {}).get("RequestId", "")
            payload = named_error(json.load(response["Payload"]), log, request)
            response["Payload"] = BytesIO(json.dumps(payload).encode())
        return response

    return invoke


def named_error(payload: JSON, log: str, request: str) -> JSON:
    """An error's payload with the errorType that Lambda would give, as far as the log tells.

    Args:
        log: the end of what the function wrote, and of its traceback.
        request: the id that Lambda gave the invocation; it stands in what Lambda itself says of a function.
    """
    if not isinstance(payload, dict):
        return payload
    message = payload.get("errorMessage", "")
    if payload.get("errorType") == TIMED_OUT:
        return payload | {"errorMessage": f"RequestId: {request} Error: {message}"}
    if payload.get("errorType") != "Runtime.HandlerError":
        return payload
    if message.startswith(EXITED):
        return {"errorType": "Runtime.ExitError", "errorMessage": f"RequestId: {request} Error: {message}"}
    # The last line of the traceback, "module.Class: message", where the message may itself have lines.
    ending = f": {re.escape(message)}" if message else ""
    names: list[str] = re.findall(rf"^([A-Za-z_][\w.<>]*){ending}$", log, re.MULTILINE)
    return payload | {"errorType": names[-1].rpartition(".")[2]} if names else payload
