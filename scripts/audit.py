"""Asks for known vulnerabilities of all packages that the project pins: `make audit`.

pip-audit says "no known vulnerabilities" too when the service knew none of the packages, as a mirror of the
index that has files only; so what it could not look up is counted here.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LISTS = (
    "functions/requirements.txt",
    "requirements.txt",
    "requirements-scan.txt",
    "bench/requirements-peers.txt",
)
# Findings that do not concern this project, by their ids, each with the reason.
ACCEPTED: dict[str, str] = {}

Report = dict[str, Any]


def ask(requirements: Path) -> Report | None:
    """Return pip-audit's report of a list of pinned packages, or None if no service answered."""
    command = [str(Path(sys.executable).with_name("pip-audit")), "--requirement", str(requirements)]
    command += ["--no-deps", "--disable-pip", "--format", "json", "--progress-spinner", "off"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - beside us
    try:
        return dict(json.loads(found.stdout))
    except ValueError:
        sys.stderr.write(found.stderr.rstrip().rpartition("\n")[2][:300] + "\n")
        return None


def told(name: str, report: Report | None) -> tuple[list[str], bool]:
    """Return what is to be said of a list, in lines, and whether something in it must be mended."""
    if report is None:
        return [f"{name}: not audited: the vulnerability service did not answer"], False
    packages = report["dependencies"]
    skipped = [package["name"] for package in packages if "skip_reason" in package]
    if len(skipped) == len(packages):
        return [f"{name}: not audited: the vulnerability service is not reachable from here"], False
    lines = [f"{name}: {len(packages) - len(skipped)} packages audited"]
    if skipped:
        lines.append(f"{name}: unknown to the service, and not audited: {', '.join(skipped)}")
    wrong = False
    for package in packages:
        for finding in package.get("vulns", []):
            ids = [finding["id"], *finding.get("aliases", [])]
            reason = next((ACCEPTED[one] for one in ids if one in ACCEPTED), "")
            fixed = " or ".join(finding.get("fix_versions", [])) or "no version yet"
            wrong = wrong or not reason
            lines.append(
                f"{name}: {package['name']} {package['version']} has {finding['id']}, mended in {fixed}"
                + (f"; accepted: {reason}" if reason else "")
            )
    return lines, wrong


def main() -> int:
    """Audit all lists; return 1 if there is a finding that is not accepted."""
    findings = 0
    for name in LISTS:
        lines, wrong = told(name, ask(ROOT / name))
        findings += wrong
        sys.stdout.write("\n".join(lines) + "\n")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
