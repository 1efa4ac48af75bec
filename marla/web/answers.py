"""What the console answers when something cannot be done: an error with a status, as JSON or as a page."""

from __future__ import annotations

import argparse
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, EndpointConnectionError
from flask import Flask, Response, current_app, jsonify, make_response, render_template, request
from werkzeug.exceptions import HTTPException

from ..console import say
from ..errors import CloudError, UsageError
from ..execution import is_throttled
from ..following import unanswered
from ..stack import Stack

API = "/api/"
UNKNOWN = {"ExecutionDoesNotExist", "InvalidArn", "ResourceNotFound", "NoSuchBucket", "NoSuchKey"}
RETRY_SECONDS = 2
# A local cloud that is started anew has other buckets, and maybe ports; a console keeps those it began with.
ELSEWHERE = (
    "The local cloud was stopped, or started anew, and what was in it is gone: end this console (Ctrl-C) and "
    "start `marla console` again."
)
LONGEST_WAIT = 30.0  # seconds, for another request that asks the cloud for the same


class Refused(Exception):  # noqa: N818 - it is an answer
    """A request that is not carried out.

    Args:
        status: of HTTP, 4xx; or 503 for what may be tried again.
        message: for people: what is wrong and what to do.
        more: other fields of the answer, such as `field`.
    """

    def __init__(self, status: int, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.more = more


@contextmanager
def waiting(lock: threading.Lock) -> Iterator[None]:
    """Hold a lock, for which another is waited for a while. Raises Refused after that.

    For a request that waits has one of the server's threads, of which a slow cloud would soon have them all.
    """
    if not lock.acquire(timeout=LONGEST_WAIT):
        raise Refused(503, "The cloud takes long to answer what was asked for already; try again")
    try:
        yield
    finally:
        lock.release()


def install(app: Flask, stack: Stack) -> None:
    """Have an app answer errors so: its own, those of the cloud, and those that are bugs."""

    def refused(error: Refused) -> Response:
        return _answer(error.status, str(error), **error.more)

    def wrong(error: UsageError) -> Response:
        field, colon, _ = str(error).partition(": ")
        return _answer(400, str(error), **({"field": field.lower()} if colon and field.isupper() else {}))

    def impossible(error: CloudError) -> Response:
        if isinstance(error.__cause__, ClientError):
            return of_cloud(error.__cause__, str(error))
        return _answer(409, str(error))

    def of_cloud(error: ClientError, said: str = "") -> Response:
        told = error.response.get("Error", {})
        code, message = told.get("Code", ""), said or told.get("Message") or str(error)
        if code in UNKNOWN or code == "404":
            return _answer(404, message)
        say(f"marla: {request.method} {request.path}: {error}")
        if is_throttled(error):
            return _answer(503, f"{code}: there are more requests than the account may make; try again")
        return _answer(502, f"{code}: {message}")

    def silent(error: BotoCoreError | Boto3Error) -> Response:
        if stack.local and isinstance(error, EndpointConnectionError | ConnectTimeoutError):
            text = ELSEWHERE
        else:
            text = unanswered(argparse.Namespace(stack=None if stack.local else stack.name), error)
        say(f"marla: {request.method} {request.path}: {text}")
        return _answer(504, text)

    def of_http(error: HTTPException) -> Response:
        return _answer(error.code or 500, error.description or error.name)

    def bug(error: Exception) -> Response:
        traceback.print_exception(error, file=sys.stderr)
        return _answer(500, f"The console itself failed ({type(error).__name__}): its terminal says where")

    for kind, handler in (
        (Refused, refused),
        (UsageError, wrong),
        (CloudError, impossible),
        (ClientError, of_cloud),
        (BotoCoreError, silent),
        (Boto3Error, silent),
        (HTTPException, of_http),
        (Exception, bug),
    ):
        app.register_error_handler(kind, handler)


def _answer(status: int, message: str, **more: Any) -> Response:
    if request.path.startswith(API):
        answer = jsonify({"error": message, **more})
    else:
        title = {403: "Not open to you", 404: "Not found"}.get(status, "This did not work")
        cloud = None if status == 403 else current_app.config["CLOUD"]
        answer = make_response(
            render_template("refused.html", page="refused", cloud=cloud, title=title, message=message)
        )
    answer.status_code = status
    if status == 503:
        answer.headers["Retry-After"] = str(RETRY_SECONDS)
    return answer
