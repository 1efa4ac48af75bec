"""The console's server: on loopback, at a port that is had before anything else is done."""

from __future__ import annotations

import errno
import logging
import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import waitress  # type: ignore[import-untyped]
from waitress import wasyncore

from ..errors import UsageError
from ..stack import Stack
from .app import LARGEST_REQUEST, create_app
from .security import own_host

HOST = "127.0.0.1"
PORT = 14580  # taken if it is free
THREADS = 32  # most of them wait for the cloud
WAITING = 128  # connections that are not accepted yet
# Who has no secret can keep connections open too: there are more of them than a browser's, and those on which
# nothing is asked are closed soon.
CONNECTIONS = 500
IDLE_SECONDS = 10
END_SECONDS = 2.0  # that answers under way have, when it ends


def listener(port: int | None) -> socket.socket:
    """Return a socket that listens on loopback.

    Args:
        port: 0 for any free one; None for the usual one, or any if that is taken.

    Raises UsageError for a port that cannot be had.
    """
    try:
        return _listening(PORT if port is None else port)
    except OSError as error:
        if error.errno not in {errno.EADDRINUSE, errno.EACCES}:
            raise
        if port is None:
            return _listening(0)
        raise UsageError(
            f"--port: {port} cannot be had ({error.strerror}); give another, or leave it out for a free one"
        ) from error
    except OverflowError as error:
        raise UsageError(f"--port: got {port}; give a number from 0 to 65535") from error


def _listening(port: int) -> socket.socket:
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        # The port of a console that has just ended can be had again.
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((HOST, port))
        found.listen(WAITING)
    except BaseException:
        found.close()
        raise
    return found


@contextmanager
def serving(
    stack: Stack, listener: socket.socket, is_there: Callable[[], bool] = lambda: True
) -> Iterator[tuple[str, threading.Thread]]:
    """Serve the console of a stack; yield the URL of its first page, with the secret, and the thread.

    The server has a thread of its own, for waitress would take an interruption for its end, and tell nobody.

    Args:
        is_there: whether the stack is still the one that was given.
    """
    # That more is asked at once than there are threads, or connections that are kept, is no matter for the
    # terminal.
    for noisy in ("waitress.queue", "urllib3.connectionpool"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    secret = secrets.token_urlsafe(32)
    sockets: dict[int, Any] = {}
    server = waitress.create_server(
        create_app(stack, secret, is_there=is_there),
        map=sockets,
        sockets=[listener],
        threads=THREADS,
        connection_limit=CONNECTIONS,
        channel_timeout=IDLE_SECONDS,
        cleanup_interval=IDLE_SECONDS // 2,
        ident=None,
        max_request_body_size=LARGEST_REQUEST,
    )
    thread = threading.Thread(target=server.run, name="console", daemon=True)
    thread.start()
    try:
        yield f"http://{own_host(secret)}:{listener.getsockname()[1]}/?token={secret}", thread
    finally:
        pulled = threading.Event()

        def end() -> None:
            # For the thread may be awake already, and what is closed here is what is pulled.
            pulled.wait(END_SECONDS)
            wasyncore.close_all(sockets, ignore_all=True)

        # In its own thread, for no other may close what it waits for; without sockets it ends.
        server.trigger.pull_trigger(end)
        pulled.set()
        thread.join(END_SECONDS)
        server.task_dispatcher.shutdown(timeout=END_SECONDS)
