"""A deployed stack, on AWS or on the local cloud: where its parts are, and clients to talk to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from .errors import CloudError

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_stepfunctions.client import SFNClient

ClientMaker = Callable[[str], Any]


@dataclass(frozen=True)
class Stack:
    """A stack's outputs, and clients made with the credentials of whoever runs the command."""

    name: str
    region: str
    state_machine: str
    job_bucket: str
    make_client: ClientMaker = field(repr=False)
    local: bool = False

    @cached_property
    def s3(self) -> S3Client:
        """A client for S3."""
        client: S3Client = self.make_client("s3")
        return client

    @cached_property
    def sfn(self) -> SFNClient:
        """A client for Step Functions."""
        client: SFNClient = self.make_client("stepfunctions")
        return client

    @property
    def options(self) -> str:
        """What makes a command be about this stack: options, behind a space; none for the local one."""
        return "" if self.local else f" --stack {self.name} --region {self.region}"

    def execution_arn(self, execution: str) -> str:
        """Return the ARN of an execution that is given by name or ARN."""
        if execution.startswith("arn:"):
            return execution
        return self.state_machine.replace(":stateMachine:", ":execution:") + f":{execution}"


def find(name: str, make_client: ClientMaker, region: str, *, local: bool = False) -> Stack:
    """Read a stack's outputs. Raises CloudError if there is no such stack or it is not MARLA's."""
    try:
        stacks = make_client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        raise CloudError(
            f"stack {name!r} in {region}: {error.response['Error'].get('Message', error)}. "
            "Deploy it with `sam build && sam deploy --guided`, or name another with --stack or --region"
        ) from error
    except BotoCoreError as error:
        raise CloudError(f"AWS cannot be asked: {error}. Check your credentials and the network") from error
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stacks[0].get("Outputs", [])}
    try:
        return Stack(name, region, outputs["StateMachineArn"], outputs["JobBucket"], make_client, local)
    except KeyError as missing:
        raise CloudError(f"stack {name!r}: it has no output {missing}, so it is not MARLA's") from missing


def on_aws(name: str, region: str | None, patience: float = 60) -> Stack:
    """Return a stack on AWS, with the user's ordinary credentials and region.

    Args:
        patience: seconds in which a request has to be answered, before it is tried again.
    """
    session = boto3.Session(region_name=region)
    if not session.region_name:
        raise CloudError("no AWS Region is configured: give --region, or set AWS_DEFAULT_REGION")
    config = Config(
        retries={"mode": "standard", "total_max_attempts": 5},
        max_pool_connections=16,
        connect_timeout=patience,
        read_timeout=patience,
    )
    return find(name, lambda service: session.client(service, config=config), session.region_name)  # type: ignore[call-overload]
