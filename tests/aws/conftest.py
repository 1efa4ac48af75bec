"""The stack on AWS that MARLA_STACK names, with your ordinary credentials. Its jobs cost some cents."""

from __future__ import annotations

import os

import pytest

from marla import stack as stacks
from marla.execution import new_name
from marla.stack import Stack
from tests.local_cloud import Put


@pytest.fixture(scope="session")
def stack() -> Stack:
    name = os.environ.get("MARLA_STACK")
    if not name:
        pytest.skip("MARLA_STACK names no stack on AWS")
    return stacks.on_aws(name, None)


@pytest.fixture
def put(stack: Stack) -> Put:
    """Put objects into a new folder that the stack may read; return the folder's URI. They stay there."""

    def put(objects: dict[str, bytes]) -> str:
        folder = f"input/{new_name('test')}/"
        for name, body in objects.items():
            stack.s3.put_object(Bucket=stack.job_bucket, Key=folder + name, Body=body)
        return f"s3://{stack.job_bucket}/{folder}"

    return put
