"""An S3 on loopback that fails as real ones do: its answers break off, stall, trickle, lie or are errors."""

from __future__ import annotations

import base64
import socket
import struct
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any

import boto3
from botocore.config import Config
from mypy_boto3_s3.client import S3Client

READ_TIMEOUT = 0.4  # seconds, of the client


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one answer; by default nothing.

    Attributes:
        silent: it never begins.
        breaks: after so many bytes of its body the connection ends; `reset` is a hard end.
        stalls: after so many bytes no more come, but the connection stays.
        pause: seconds before the body goes on after each 100 bytes.
        status: the answer is this error, of this code; `breaks` is of its message then.
        damaged: a byte of the body is wrong, and the checksum of what it was is told.
        before: is called first, and may change the object.
    """

    silent: bool = False
    breaks: int | None = None
    reset: bool = False
    stalls: int | None = None
    pause: float = 0
    status: int = 0
    code: str = ""
    damaged: bool = False
    before: Callable[[], None] = lambda: None


class FlakyS3:
    """Objects by their path, faults for the coming answers in their order, and what was asked for."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.faults: deque[Fault] = deque()
        self.asked: list[tuple[str, str]] = []  # Range and If-Match
        self.answers: deque[tuple[int, bytes]] = deque()  # to PUT, POST and DELETE
        self.written: list[tuple[str, str, dict[str, str]]] = []
        self.released = Event()  # ends silence and stalls
        self.closed = Lock()
        self.gone = 0  # answers whose reader went away before their end
        self.url = ""

    def fault(self, asked: tuple[str, str]) -> Fault:
        with self.closed:
            self.asked.append(asked)
            return self.faults.popleft() if self.faults else Fault()


def etag_of(data: bytes) -> str:
    return f'"{zlib.crc32(data):08x}"'


def error(code: str) -> bytes:
    return f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>no {code}</Message></Error>".encode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    s3: FlakyS3

    def do_GET(self) -> None:
        asked = self.headers.get("Range", ""), self.headers.get("If-Match", "")
        fault = self.s3.fault(asked)
        fault.before()
        released = self.s3.released
        if fault.silent:
            released.wait()
            self.close_connection = True
            return
        data = self.s3.objects.get(self.path)
        if fault.status:
            message = error(fault.code)
            self._head(fault.status, len(message), {})
            self.wfile.write(message[: fault.breaks])
            if fault.breaks is not None:
                self._hang_up(fault.reset)
        elif data is None:
            self._answer(404, error("NoSuchKey"))
        elif asked[1] and asked[1] != etag_of(data):
            self._answer(412, error("PreconditionFailed"))
        else:
            self._send(data, asked[0].removeprefix("bytes="), fault, released)

    def _send(self, data: bytes, byte_range: str, fault: Fault, released: Event) -> None:
        start, stop = 0, len(data)
        if byte_range:
            first, _, last = byte_range.partition("-")
            start = int(first) if first else max(0, stop - int(last))
            stop = min(int(last) + 1, stop) if first else stop
        if byte_range and start >= stop:
            self._answer(416, error("InvalidRange"))
            return
        body = data[start:stop]
        headers = {"ETag": etag_of(data)}
        if byte_range:
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(data)}"
        if fault.damaged:
            headers["x-amz-checksum-crc32"] = base64.b64encode(struct.pack(">I", zlib.crc32(body))).decode()
            body = bytes([body[0] ^ 1]) + body[1:]
        self._head(206 if byte_range else 200, len(body), headers)
        ends = [edge for edge in (fault.breaks, fault.stalls) if edge is not None]
        end = min([len(body), *ends])
        try:
            step = 100 if fault.pause else max(end, 1)
            for position in range(0, end, step):
                self.wfile.write(body[position : min(position + step, end)])
                released.wait(fault.pause) if fault.pause else None
            if ends and end == fault.stalls and end < len(body):
                released.wait()
            if end < len(body):
                self._hang_up(fault.reset)
        except OSError:
            with self.s3.closed:
                self.s3.gone += 1
            self.close_connection = True

    def _hang_up(self, reset: bool) -> None:
        self.close_connection = True
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.rfile.close()
            self.wfile.close()
            self.connection.close()

    def _other(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.s3.written.append((self.command, self.path, dict(self.headers.items())))
        status, body = self.s3.answers.popleft()
        if status:
            self._answer(status, body)
        else:
            self.close_connection = True  # the answer is lost

    do_PUT = do_POST = do_DELETE = _other  # noqa: N815 - names that http.server looks for

    def _head(self, status: int, length: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(length)}).items():
            self.send_header(name, value)
        self.end_headers()

    def _answer(self, status: int, body: bytes) -> None:
        self._head(status, len(body), {"ETag": '"written"'})
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that went away: that is what is tested."""


@contextmanager
def flaky_s3() -> Iterator[FlakyS3]:
    """Run one."""
    s3 = FlakyS3()
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"s3": s3}))
    thread = Thread(target=lambda: server.serve_forever(poll_interval=0.02), daemon=True)
    thread.start()
    s3.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield s3
    finally:
        s3.released.set()
        server.shutdown()
        server.server_close()
        thread.join()


def client_of(s3: FlakyS3, attempts: int = 2) -> S3Client:
    """Return a real client of it, with short timeouts."""
    return boto3.client(
        "s3",
        endpoint_url=s3.url,
        region_name="us-east-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
        config=Config(
            connect_timeout=1,
            read_timeout=READ_TIMEOUT,
            max_pool_connections=64,
            retries={"mode": "standard", "total_max_attempts": attempts},
            s3={"addressing_style": "path"},
        ),
    )
