"""The console's server: where it listens, what it prints, and how it ends."""

from __future__ import annotations

import argparse
import http.client
import re
import socket
import stat
import sys
import threading
import webbrowser
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from waitress.trigger import trigger  # type: ignore[import-untyped]

from marla import cli, clouds
from marla import stack as stacks
from marla.stack import Stack
from marla.web import command, server
from tests.unit.console_cloud import Console


@pytest.fixture
def console(monkeypatch: pytest.MonkeyPatch) -> Console:
    console = Console()
    monkeypatch.setattr(command, "connect", lambda options, start, patience: console.stack)
    return console


def ask(url: str, path: str, **headers: str) -> http.client.HTTPResponse:
    address = urlsplit(url)
    connection = http.client.HTTPConnection("127.0.0.1", address.port, timeout=10)
    connection.request("GET", path, headers={"Host": address.netloc} | headers)
    return connection.getresponse()


def test_it_listens_on_loopback_only(console: Console) -> None:
    with closing(server.listener(0)) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"


def test_the_printed_url_opens_it_and_each_session_has_a_secret_of_its_own(console: Console) -> None:
    secrets = set()
    for _ in range(2):
        with (
            closing(server.listener(0)) as listener,
            server.serving(console.stack, listener) as (url, _),
        ):
            secrets.add(url.partition("token=")[2])
            assert ask(url, "/api/cloud").status == 403
            opened = ask(url, url[url.index("/?") :])
            assert opened.status == 302
            cookie = str(opened.headers["Set-Cookie"]).partition(";")[0]
            assert ask(url, "/api/cloud", Cookie=cookie).status == 200
            assert ask(url, "/api/cloud", Cookie=cookie, Host="evil.example").status == 403
            assert "waitress" not in str(opened.headers).lower()
    assert len(secrets) == 2
    assert min(map(len, secrets)) >= 40


def test_no_other_server_of_this_machine_has_a_name_to_which_a_browser_sends_the_cookie(
    console: Console,
) -> None:
    """What a browser sends to a port of a host it sends to all: 127.0.0.1 is everybody's."""
    names = set()
    for _ in range(2):
        with closing(server.listener(0)) as listener, server.serving(console.stack, listener) as (url, _):
            address = urlsplit(url)
            assert address.hostname
            names.add(address.hostname)
            assert address.hostname.endswith(".localhost")
            opened = ask(url, url[url.index("/?") :])
            assert "domain" not in str(opened.headers["Set-Cookie"]).lower()
            assert address.query.removeprefix("token=") not in address.hostname
            # Who is led there does not learn the name.
            assert address.hostname not in ask(url, "/", Host=f"127.0.0.1:{address.port}").read().decode()
    assert len(names) == 2


def test_connections_on_which_nothing_is_asked_keep_nobody_out(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "CONNECTIONS", 8)
    monkeypatch.setattr(server, "IDLE_SECONDS", 2)
    with (
        closing(server.listener(0)) as listener,
        server.serving(console.stack, listener) as (url, _),
        ExitStack() as stack,
    ):
        for _ in range(12):
            stack.enter_context(socket.create_connection(("127.0.0.1", listener.getsockname()[1])))
        assert ask(url, "/api/cloud").status == 403


def test_it_ends_though_its_thread_is_awake_as_it_is_asked_to(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    pull = trigger._physical_pull

    def late(self: Any) -> None:
        """The thread is at what it was asked before the one who asked has woken it up."""
        if threading.current_thread() is threading.main_thread():
            pull(self)
            threading.Event().wait(0.2)
        pull(self)

    monkeypatch.setattr(trigger, "_physical_pull", late)
    with closing(server.listener(0)) as listener, server.serving(console.stack, listener) as (_, thread):
        assert thread.is_alive()
    assert not thread.is_alive()


def test_a_request_that_is_too_large_is_refused_before_it_is_sent(console: Console) -> None:
    with closing(server.listener(0)) as listener, server.serving(console.stack, listener) as (url, _):
        assert ask(url, "/api/check", **{"Content-Length": str(300_000_000)}).status == 413


def test_on_aws_the_console_waits_some_seconds_for_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setattr(
        stacks,
        "find",
        lambda name, make_client, region: Stack(name, region, "machine", "bucket", make_client),
    )
    options = argparse.Namespace(stack="marla", region=None)
    config = clouds.connect(options, patience=command.PATIENCE).make_client("stepfunctions").meta.config
    assert (config.connect_timeout, config.read_timeout) == (5, 5)


def test_without_port_a_free_one_is_taken_if_the_usual_one_is_not_free(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(server.listener(0)) as taken:
        monkeypatch.setattr(server, "PORT", taken.getsockname()[1])
        with closing(server.listener(None)) as other:
            assert other.getsockname()[1] not in {0, taken.getsockname()[1]}


def test_a_port_that_is_asked_for_and_taken_is_an_error_of_usage(
    console: Console, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        assert cli.main(["console", "--no-browser", "--port", str(port)]) == 2
    assert f"--port: {port} cannot be had (Address already in use); give another" in capsys.readouterr().err


@pytest.mark.parametrize("port", ["-1", "65536", "99999999999"])
def test_a_port_that_there_is_not_is_an_error_of_usage(
    console: Console, capsys: pytest.CaptureFixture[str], port: str
) -> None:
    assert cli.main(["console", "--no-browser", f"--port={port}"]) == 2
    assert "give a number from 0 to 65535" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("display", "flag", "opened"), [(":0", [], 1), (":0", ["--no-browser"], 0), ("", [], 0)]
)
def test_a_browser_is_opened_where_there_is_a_display(
    console: Console,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    display: str,
    flag: list[str],
    opened: int,
) -> None:
    join = threading.Thread.join

    def interrupted(thread: Any, timeout: float | None = None) -> None:
        if timeout is None:
            raise KeyboardInterrupt
        join(thread, timeout)

    urls: list[str] = []
    files: list[Path] = []

    def open_browser(url: str) -> None:
        """Other users see the command line of a browser, and files that they may read."""
        file = Path(url.removeprefix("file://"))
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
        urls.extend(re.findall(r"url=(http://marla-[^\"]+)", file.read_text()))
        files.append(file)

    monkeypatch.setenv("DISPLAY", display)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(webbrowser, "open", open_browser)
    monkeypatch.setattr(threading.Thread, "join", interrupted)
    assert cli.main(["console", "--port", "0", *flag]) == 130
    said = capsys.readouterr()
    assert len(urls) == opened
    assert "The console of the local cloud: http://marla-" in said.err
    assert all(url in said.err for url in urls)
    assert not any(file.exists() for file in files)
    assert said.out == ""
