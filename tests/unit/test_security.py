"""docs/security.md says of each permission what it is for; and that nothing is taken for what it is not."""

from __future__ import annotations

import re
from typing import Any

import pytest

from scripts import audit
from tests.local import test_roles
from tests.unit.test_template import EXECUTION, RESOURCES, ROLES, ROOT, policies

DOCUMENT = (ROOT / "docs" / "security.md").read_text()
BUCKET = "one"  # of InputBuckets, for what is said of each of them
NAMES = {
    f"arn:aws:s3:::{BUCKET}": "each of InputBuckets",
    f"arn:aws:s3:::{BUCKET}/*": "each of InputBuckets/*",
    "${JobBucket.Arn}": "bucket, for prefixes input/* and jobs/*",
    "${MapReduce}": "MapReduce",
    f"{EXECUTION}:*": "executions of MapReduce",
    f"{EXECUTION}/*": "map runs of MapReduce",
}


def table(first: str) -> list[list[str]]:
    """The rows of the table whose head begins with a word."""
    _, _, rest = DOCUMENT.partition(f"| {first} |")
    rows = [line for line in rest.partition("\n\n")[0].splitlines()[2:] if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]


def named(resource: str) -> str:
    """A resource as the table names it."""
    plain = re.sub(r"^\$\{JobBucket\.Arn\}/", "bucket/", resource)
    return NAMES.get(resource, re.sub(r"^\$\{(\w+)\.Arn\}$", r"\1", plain))


PERMISSIONS = table("Role")


def test_the_table_has_each_permission_of_each_role_and_no_other() -> None:
    said = {
        (role, sid): (re.findall("`([^`]+)`", actions), re.findall("`([^`]+)`", resources))
        for role, sid, actions, resources, *_ in PERMISSIONS
    }
    assert len(said) == len(PERMISSIONS)
    assert said == {
        (role, sid): (actions, [named(resource) for resource in resources])
        for role in ROLES
        for sid, (actions, resources) in policies(role, [BUCKET]).items()
    }


@pytest.mark.parametrize("row", PERMISSIONS, ids=lambda row: "-".join(row[:2]))
def test_a_permission_has_a_reason_and_a_test_that_takes_it_away(row: list[str]) -> None:
    _, _, _, _, why, without, tests = row
    assert why
    assert without
    for one in tests.split("; "):
        named_test = one.strip("`")
        assert (
            one.startswith("*pinned*") or named_test in test_roles.NEEDS or hasattr(test_roles, named_test)
        ), one


def test_what_is_taken_away_in_tests_is_in_the_table() -> None:
    assert test_roles.NEEDS.keys() <= {one for *_, tests in PERMISSIONS for one in tests.split("; ")}


def test_each_finding_of_the_scan_that_is_left_has_its_reason() -> None:
    skipped = re.findall(r"checkov:skip=(\w+)(?::(.*))?", (ROOT / "template.yaml").read_text())
    assert skipped
    for finding, reason in skipped:
        assert re.fullmatch(r"CKV2?_AWS_\d+", finding)
        assert len(reason.split()) > 5, finding


def test_no_role_may_do_everything_anywhere() -> None:
    everywhere = {"DeliverLogs", "Trace"}  # AWS documents these without a narrower resource
    for role in ROLES:
        for sid, (actions, resources) in policies(role, [BUCKET]).items():
            assert not [action for action in actions if "*" in action]
            assert ("*" in resources) == (sid in everywhere)


def test_no_function_has_an_address_and_nothing_starts_one_but_the_state_machine() -> None:
    types = {resource["Type"] for resource in RESOURCES.values()}
    assert not types & {
        "AWS::Lambda::Permission",
        "AWS::Lambda::Url",
        "AWS::Serverless::Api",
        "AWS::Events::Rule",
    }


# ---- known vulnerabilities -------------------------------------------------------------------------------


def package(name: str, *findings: str) -> dict[str, Any]:
    vulns = [{"id": one, "aliases": [f"CVE-{one}"], "fix_versions": ["2.0"]} for one in findings]
    return {"name": name, "version": "1.0", "vulns": vulns}


UNKNOWN = {"name": "b", "skip_reason": "Dependency not found on PyPI and could not be audited: b (1.0)"}


@pytest.mark.parametrize("report", [None, {"dependencies": [UNKNOWN, UNKNOWN]}])
def test_an_audit_that_could_ask_nobody_says_that_it_was_none(report: audit.Report | None) -> None:
    [line], wrong = audit.told("requirements.txt", report)
    assert "requirements.txt: not audited: the vulnerability service" in line
    assert not wrong


def test_an_audit_says_what_it_looked_up_and_what_it_could_not() -> None:
    lines, wrong = audit.told("requirements.txt", {"dependencies": [package("a"), UNKNOWN]})
    assert lines == [
        "requirements.txt: 1 packages audited",
        "requirements.txt: unknown to the service, and not audited: b",
    ]
    assert not wrong


def test_a_known_vulnerability_fails_the_audit_unless_there_is_a_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    report = {"dependencies": [package("a"), package("c", "PYSEC-1")]}
    lines, wrong = audit.told("requirements.txt", report)
    assert wrong
    assert lines[1] == "requirements.txt: c 1.0 has PYSEC-1, mended in 2.0"
    for accepted in ("PYSEC-1", "CVE-PYSEC-1"):
        monkeypatch.setattr(audit, "ACCEPTED", {accepted: "no code of ours calls it"})
        lines, wrong = audit.told("requirements.txt", report)
        assert not wrong
        assert lines[1].endswith("; accepted: no code of ours calls it")


def test_all_lists_of_packages_are_audited() -> None:
    lists = {str(path.relative_to(ROOT)) for path in ROOT.glob("requirements*.txt")}
    lists |= {str(path.relative_to(ROOT)) for path in ROOT.glob("[a-z]*/requirements*.txt")}
    assert lists == set(audit.LISTS)
