"""A console whose local cloud was started anew shows nothing of the other one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from marla.web import command
from marla.web.app import create_app
from tests.unit.console_cloud import BASE, SECRET, Console


def state(home: Path, born: float) -> None:
    servers = [{"name": "ministack", "port": 1, "pid": 1, "born": born}]
    (home / "local.json").write_text(json.dumps({"servers": servers}))


@pytest.mark.parametrize("path", ["/", "/executions/job", "/api/executions", "/api/executions/job"])
def test_what_is_there_of_another_cloud_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, path: str
) -> None:
    monkeypatch.setenv("MARLA_HOME", str(tmp_path))
    console = Console()
    console.states.add("job")
    local = replace(console.stack, local=True)
    state(tmp_path, 100.0)
    browser = create_app(local, SECRET, is_there=command.whether_it_is_there(local)).test_client()
    browser.get(f"/?token={SECRET}", base_url=BASE)
    assert browser.get(path, base_url=BASE).status_code == 200
    state(tmp_path, 200.0)
    answer = browser.get(path, base_url=BASE)
    assert answer.status_code == 410
    assert "start `marla console` again" in answer.text
    (tmp_path / "local.json").unlink()
    assert browser.get(path, base_url=BASE).status_code == 410
    assert browser.get("/static/icon.svg", base_url=BASE).status_code == 200


def test_a_stack_on_aws_stays_where_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MARLA_HOME", str(tmp_path))
    is_there = command.whether_it_is_there(replace(Console().stack, local=False))
    state(tmp_path, 100.0)
    assert is_there()
