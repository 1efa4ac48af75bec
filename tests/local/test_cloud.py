"""The local cloud itself: it is found again, mends itself, listens on loopback only, and goes away."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from marla.errors import CloudError
from marla.local import cloud as cloud_module
from marla.local.cloud import HOST, LocalCloud
from marla.local.lifelines import clear
from marla.stack import Stack

Said = list[str]


@pytest.fixture
def said() -> Said:
    return []


@pytest.fixture
def own(tmp_path: Path, said: Said) -> Iterator[LocalCloud]:
    """A local cloud of one test's own, for tests that break it."""
    cloud = LocalCloud(tmp_path / "home", say=said.append)
    yield cloud
    cloud.stop()


def pids(cloud: LocalCloud) -> dict[str, int]:
    return {server["name"]: server["pid"] for server in cloud.status()["servers"]}


def family(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 10
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, f"process {pid} is still there"
        time.sleep(0.02)


def test_it_listens_on_loopback_only(cloud: LocalCloud) -> None:
    addresses = {
        connection.laddr.ip
        for pid in pids(cloud).values()
        for process in family(pid)
        for connection in process.net_connections()
        if connection.status == psutil.CONN_LISTEN
    }
    assert addresses == {HOST}


@pytest.mark.parametrize("server", ["ministack", "engine"])
@pytest.mark.parametrize(
    ("method", "header", "value"),
    [
        ("POST", "Origin", "http://page.example"),
        ("POST", "Sec-Fetch-Site", "cross-site"),
        ("OPTIONS", "X", "y"),
    ],
)
def test_web_pages_get_no_answer(
    cloud: LocalCloud, server: str, method: str, header: str, value: str
) -> None:
    url = next(s["url"] for s in cloud.status()["servers"] if s["name"] == server)
    request = urllib.request.Request(url, method=method, headers={header: value}, data=b"{}")
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(request, timeout=10)
    assert refusal.value.code in {403, 501}


def test_a_page_whose_name_points_here_gets_no_answer(cloud: LocalCloud) -> None:
    url = next(s["url"] for s in cloud.status()["servers"] if s["name"] == "ministack")
    request = urllib.request.Request(url, headers={"Host": "page.example:14566"})
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(request, timeout=10)
    assert refusal.value.code == 403


def test_starting_it_again_finds_it_running_and_deploys_nothing(home: Path, cloud: LocalCloud) -> None:
    said: Said = []
    before = pids(cloud)
    LocalCloud(home, say=said.append).start()  # with the parameters that it was started with
    assert pids(cloud) == before
    assert said == []


def test_a_dead_server_is_noticed_and_the_cloud_begins_anew(own: LocalCloud, said: Said) -> None:
    assert own.began() == 0
    own.start()
    began = own.began()
    assert own.died() == ""
    before = pids(own)
    os.kill(before["engine"], signal.SIGKILL)
    wait_until_gone(before["ministack"])  # they end together
    death = f"engine (process {before['engine']}) has died"
    assert own.died().startswith(death)
    assert own.status()["running"] is False
    with pytest.raises(CloudError, match="marla local start"):
        own.environment()

    own.start()

    assert own.status()["running"] is True
    assert own.began() > began > 0
    assert own.died() == ""
    assert any(text.startswith(death) for text in said)


def test_a_server_that_does_not_answer_is_replaced(
    own: LocalCloud, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    own.start()
    before = pids(own)
    monkeypatch.setattr(cloud_module, "ANSWER_SECONDS", 0.5)
    os.kill(before["ministack"], signal.SIGSTOP)
    own.start()
    assert own.status()["running"] is True
    assert any("ministack" in text and "does not answer" in text for text in said)
    wait_until_gone(before["ministack"])


def test_stopping_leaves_no_process_no_port_and_no_state(own: LocalCloud, tmp_path: Path) -> None:
    own.start()
    processes = [process.pid for pid in pids(own).values() for process in family(pid)]
    ports = [int(server["url"].rpartition(":")[2]) for server in own.status()["servers"]]
    assert own.stop() is True
    for pid in processes:
        wait_until_gone(pid)
    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # closed connections linger
            probe.bind((HOST, port))
    assert {path.suffix for path in (tmp_path / "home").iterdir()} == {"", ".log"}
    assert not (tmp_path / "home" / "tmp").exists()
    assert own.stop() is False
    assert "does not run" in own.died()


def test_clearing_a_folder_ends_what_runs_from_it_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "cleared"
    folder.mkdir()
    script = folder / "worker.py"
    script.write_text("import sys; sys.stdin.read()")
    commands = [[sys.executable, str(script)], [sys.executable, "-c", script.read_text()]]
    worker, bystander = (subprocess.Popen(command, stdin=subprocess.PIPE, cwd=folder) for command in commands)
    try:
        clear(folder)
        assert worker.wait(10) == -signal.SIGKILL
        assert not folder.exists()
        assert bystander.poll() is None
    finally:
        bystander.communicate()
    assert bystander.returncode == 0


def test_nothing_of_the_users_aws_reaches_its_servers(
    own: LocalCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_PROFILE", "production")
    own.start()
    for pid in pids(own).values():
        environment = psutil.Process(pid).environ()
        assert {name for name in environment if name.startswith("AWS_")} == set(cloud_module.CREDENTIALS)


def test_a_taken_port_is_said_and_another_is_used(
    own: LocalCloud, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as squatter:
        squatter.bind((HOST, 0))
        squatter.listen()
        taken = squatter.getsockname()[1]
        monkeypatch.setitem(cloud_module.PORTS, "engine", taken)
        own.start()
        engine = next(server for server in own.status()["servers"] if server["name"] == "engine")
        assert engine["url"] != f"http://{HOST}:{taken}"
        assert any(f"port {taken} is taken" in text for text in said)


@pytest.mark.parametrize("name", ["ministack", "engine"])
def test_a_port_that_is_taken_before_the_server_listens_is_given_up_for_another(
    own: LocalCloud, stack: Stack, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Two local clouds are started at once: what answers is then the other's server."""
    of_other = {"ministack": stack.s3.meta.endpoint_url, "engine": stack.sfn.meta.endpoint_url}[name]
    taken = int(of_other.rsplit(":", 1)[1])
    answers = iter([True])
    is_free = cloud_module._is_free
    monkeypatch.setitem(cloud_module.PORTS, name, taken)
    monkeypatch.setattr(
        cloud_module, "_is_free", lambda port: next(answers, False) if port == taken else is_free(port)
    )
    started = own.start()
    assert of_other not in (started.s3.meta.endpoint_url, started.sfn.meta.endpoint_url)
    assert next(answers, None) is None


def test_a_state_file_whose_processes_are_others_now_harms_none_of_them(
    own: LocalCloud, tmp_path: Path
) -> None:
    bystander = subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE
    )
    try:
        home = tmp_path / "home"
        home.mkdir()
        servers = [
            {"name": name, "port": 1, "pid": bystander.pid, "born": 1.0} for name in ("ministack", "engine")
        ]
        (home / "local.json").write_text(json.dumps({"servers": servers, "deployed": "", "parameters": {}}))
        assert own.status()["running"] is False
        own.stop()
        assert bystander.poll() is None
    finally:
        assert bystander.stdin
        bystander.stdin.close()
        bystander.wait()


def test_a_damaged_state_file_is_said_and_replaced(own: LocalCloud, said: Said, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "local.json").write_text('{"servers": [{"na')
    own.start()
    assert own.status()["running"] is True
    assert any("damaged" in text for text in said)


def test_a_deployment_that_fails_shows_the_end_of_its_log(own: LocalCloud) -> None:
    with pytest.raises(CloudError, match="sam deploy ended with status"):
        own.start({"Runtime": "cobol"})


def test_without_it_its_environment_is_an_error_that_says_what_to_do(own: LocalCloud) -> None:
    with pytest.raises(CloudError, match="marla local start"):
        own.environment()
    assert own.status() == {"running": False, "servers": []}
