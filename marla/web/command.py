"""`marla console`: the console is served on this machine, until it is interrupted."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import webbrowser
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from ..clouds import connect
from ..console import say
from ..local.cloud import LocalCloud
from ..outcome import FAILED
from ..stack import Stack
from . import server

# Seconds in which AWS has to answer a request of the console, whose user waits for it.
PATIENCE = 5
_REDIRECTION = (
    '<!doctype html><meta name="referrer" content="no-referrer">'
    '<meta http-equiv="refresh" content="0;url={}">\n'
)


def run(options: argparse.Namespace) -> int:
    """Serve the console until it is interrupted, which is raised; a server that ends by itself has failed."""
    with closing(server.listener(options.port)) as listener:
        stack = connect(options, start=True, patience=PATIENCE)
        with (
            tempfile.TemporaryDirectory(prefix="marla-console-") as folder,
            server.serving(stack, listener, whether_it_is_there(stack)) as (url, thread),
        ):
            say(f"The console of {'the local cloud' if stack.local else f'the stack {stack.name}'}: {url}")
            say("Ctrl-C ends it. Executions go on by themselves")
            if not options.no_browser and _has_display():
                webbrowser.open(_redirection(Path(folder), url))
            thread.join()
    return FAILED


def whether_it_is_there(stack: Stack) -> Callable[[], bool]:
    """Return what says whether a stack is still the one that it is now."""
    if not stack.local:
        return lambda: True
    cloud = LocalCloud()
    began = cloud.began()
    return lambda: cloud.began() == began


def _redirection(folder: Path, url: str) -> str:
    """Return the address of a file that leads a browser to a URL, whose secret its command line would show.

    Args:
        folder: nobody else may read it.
    """
    file = folder / "console.html"
    file.write_text(_REDIRECTION.format(url), encoding="utf-8")
    file.chmod(0o600)
    return file.as_uri()


def _has_display() -> bool:
    """Say whether a browser would have a window, and not take the terminal."""
    named = any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
    return named or sys.platform in {"darwin", "win32"}
