"""What the documentation shows is run as it stands: commands on the local cloud, Python, and JSON inputs."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mapreduce import catalogue
from marla.local.cloud import ROOT, LocalCloud
from tests.statemachine.stub_cloud import Cloud

MARLA = Path(sys.executable).with_name("marla")
DEPLOYED = ("functions", "marla", "statemachine", "template.yaml", "samconfig.toml", "pyproject.toml")


def blocks(document: str, language: str) -> list[str]:
    """The blocks of a language in a document."""
    text = (ROOT / document).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def commands(document: str) -> list[list[str]]:
    """The commands that a document shows, as words."""
    lines = [line for block in blocks(document, "sh") for line in block.splitlines()]
    return [shlex.split(line) for line in lines]


def parts(folder: Path) -> str:
    """All of a result, in order."""
    paths = sorted(folder.glob("part-*"))
    assert paths, folder
    return "".join(path.read_bytes().decode("latin-1") for path in paths)


def test_every_job_has_its_lines_and_an_example() -> None:
    text = (ROOT / "docs" / "jobs.md").read_text()
    run = {words[2] for words in commands("docs/jobs.md") if words[:2] == ["marla", "run"]}
    assert run == set(catalogue.names()) - {"uservisits-sql"}
    assert "`uservisits-sql`" in text


def test_the_catalogues_examples_run(cloud: LocalCloud, tmp_path: Path) -> None:
    for words in commands("docs/jobs.md"):
        assert words[0] == "marla"
        done = subprocess.run([MARLA, *words[1:]], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{shlex.join(words)}\n{done.stderr}"
        if "--out" in words:
            assert parts(tmp_path / words[words.index("--out") + 1]), words
    # Two ways to the same links.
    assert parts(tmp_path / "from-pairs") == parts(tmp_path / "from-html")
    shares = [float(line.rpartition(",")[2]) for line in parts(tmp_path / "shares").splitlines()]
    assert sum(shares) == pytest.approx(1, abs=1e-12)
    assert parts(tmp_path / "revenue").count("\n") == parts(tmp_path / "by-address").count("\n")


def test_the_walk_through_a_job_can_be_followed(cloud: LocalCloud, tmp_path: Path) -> None:
    script = "".join(blocks("docs/console.md", "sh"))
    path = f"{MARLA.parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "visits-2026.html").stat().st_size > 0
    assert (tmp_path / "visits-2026.svg").read_text().startswith("<svg")


@pytest.mark.parametrize(
    "document", ["README.md", *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]
)
def test_pictures_that_are_shown_are_there(document: str) -> None:
    text = (ROOT / document).read_text()
    shown = re.findall(r'!\[[^\]]+\]\(([^)]+)\)|<img src="([^"]+)"[^>]* alt="[^"]+"', text)
    for path in (one or other for one, other in shown):
        assert ((ROOT / document).parent / path).is_file(), path
    assert len(shown) == text.count("![") + text.count("<img")


def files_of_the_guide() -> dict[str, str]:
    """The files that the guide has its reader write, by path."""
    found = {}
    for block in blocks("docs/writing-jobs.md", "python"):
        test = re.search(r"^from jobs\.(\w+) import", block, re.MULTILINE)
        job = re.search(r"^class (\w+)\(Job\)", block, re.MULTILINE)
        if test:
            found[f"tests/test_{test[1]}.py"] = block
        elif job:
            found[f"functions/jobs/{job[1].lower()}.py"] = block
    return found


def test_the_guide_leads_from_an_empty_file_to_a_deployed_job(tmp_path: Path) -> None:
    files = files_of_the_guide()
    assert sorted(files) == [
        "functions/jobs/means.py",
        "functions/jobs/sessions.py",
        "tests/test_means.py",
        "tests/test_sessions.py",
    ]
    for name in DEPLOYED:
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, tmp_path / name)
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "visits.txt").write_text("ann 100 /\nbob 0 /\nann 160 /a\nann 4000 /b\n")
    environment = os.environ | {
        "PYTHONPATH": f"{tmp_path}:{tmp_path / 'functions'}",
        "MARLA_HOME": str(tmp_path / "home"),
    }

    def python(*words: str) -> None:
        done = subprocess.run(
            [sys.executable, *words],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"

    python("-m", "pytest", "-q", "-c", "/dev/null", "--rootdir", str(tmp_path), "tests")
    [command] = commands("docs/writing-jobs.md")
    assert command[0] == "marla"
    try:
        python("-m", *command, "--out", "result")
    finally:
        python("-m", "marla", "local", "stop")
    assert parts(tmp_path / "result") == "ann,2,60\nbob,1,0\n"


@pytest.mark.parametrize("text", [*blocks("docs/execution-input.md", "json"), *blocks("README.md", "json")])
def test_inputs_that_are_shown_are_valid(text: str) -> None:
    document = json.loads(text)
    if "result" in document:
        return  # an output
    if "map" in document:
        document = {"sql": document, "input": "s3://data/in/"}
    assert "InvalidInput" not in str(Cloud().execute(document).error)
