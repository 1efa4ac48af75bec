"""docs/security.md says which rights the commands need: to all that the source asks AWS for, and no more."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest
from botocore import xform_name
from botocore.session import get_session

from marla.cli import COMMANDS
from tests.unit.test_security import table
from tests.unit.test_template import ROOT

SERVICES = {"stepfunctions": "states", "s3": "s3", "cloudformation": "cloudformation", "logs": "logs"}
WITHOUT_AWS = {"jobs", "generate", "local"}
# Operations that IAM has by another name, and those that boto3 makes of several.
NAMES = {
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:HeadBucket": "s3:ListBucket",
    "s3:HeadObject": "s3:GetObject",
    "s3:DeleteObjects": "s3:DeleteObject",
    "s3:ListMultipartUploads": "s3:ListBucketMultipartUploads",
}
TRANSFERS = {"upload_file": {"s3:PutObject", "s3:AbortMultipartUpload"}, "download_file": {"s3:GetObject"}}
OF_OTHERS = {"get_template"}  # Jinja's
RIGHTS = table("Needed to")


@cache
def actions() -> dict[str, set[str]]:
    """What each method of the clients needs, by the method's name."""
    session = get_session()
    found = dict(TRANSFERS)
    for service, prefix in SERVICES.items():
        for operation in session.get_service_model(service).operation_names:
            action = f"{prefix}:{operation}"
            found.setdefault(xform_name(operation), set()).add(NAMES.get(action, action))
    return found


def sources() -> Iterator[ast.AST]:
    for path in sorted((ROOT / "marla").rglob("*.py")):
        if "local" not in path.relative_to(ROOT / "marla").parts:
            yield from ast.walk(ast.parse(path.read_text()))


def called(method: str) -> Iterator[str]:
    """The texts that a method is called with first."""
    for node in sources():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
            if name == method and node.args and isinstance(node.args[0], ast.Constant):
                yield str(node.args[0].value)


def test_the_rights_are_those_to_what_the_source_asks_aws_for() -> None:
    named = {node.attr for node in sources() if isinstance(node, ast.Attribute)}
    methods = (named & actions().keys() - OF_OTHERS) | set(called("get_paginator"))
    needed = {method: actions()[method] for method in methods}
    assert all(len(some) == 1 for method, some in needed.items() if method not in TRANSFERS)
    said = {action for _, some, *_ in RIGHTS for action in re.findall("`([^`]+)`", some)}
    assert said == set().union(*needed.values())


def test_there_are_clients_for_no_other_services() -> None:
    assert set(called("make_client")) == set(SERVICES)


def test_the_rights_are_told_of_each_command_that_asks_aws() -> None:
    by = {command for *_, some, _ in RIGHTS for command in re.findall("`([^`]+)`", some)}
    assert by == {command.split()[0] for command in COMMANDS} - WITHOUT_AWS


@pytest.mark.parametrize("row", RIGHTS, ids=lambda row: f"{row[0]}-{row[1]}-{row[2]}".replace("`", ""))
def test_a_right_has_a_reason_and_a_resource_and_commands(row: list[str]) -> None:
    reason, some, resource, by, _ = row
    assert all((reason, some, resource, by))
