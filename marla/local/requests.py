"""Requests to the local cloud's S3 and Lambda, as far as schedules of faults go by them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

INVOKE = "Invoke"
# Of S3, those that workers and the state machine use: by method, by whether there is a key, and by the first
# of these that the request has: a field of its query, or that it copies.
UPLOAD_ID, COPY = "uploadId", "x-amz-copy-source"
S3_OPERATIONS = {
    ("GET", False): [("list-type", "ListObjectsV2")],
    ("POST", False): [("delete", "DeleteObjects")],
    ("GET", True): [("tagging", ""), ("acl", ""), (UPLOAD_ID, ""), ("", "GetObject")],
    ("HEAD", True): [("", "HeadObject")],
    ("PUT", True): [("tagging", ""), ("partNumber", "UploadPart"), (COPY, "CopyObject"), ("", "PutObject")],
    ("POST", True): [("uploads", "CreateMultipartUpload"), (UPLOAD_ID, "CompleteMultipartUpload")],
    ("DELETE", True): [("tagging", ""), (UPLOAD_ID, "AbortMultipartUpload"), ("", "DeleteObject")],
}
OPERATIONS = {
    "lambda": {INVOKE},
    "s3": {name for names in S3_OPERATIONS.values() for _, name in names if name},
}

# Of the objects that jobs read, MARLA's own checksums cover these. That others come whole is TLS's to see to:
# here requests are plain HTTP, and S3 sends no checksum with a range.
INTERMEDIATE = re.compile(r"jobs/[^/]+/stage-\d+/(sample/)?(map|step-\d+)/")
INVOCATIONS = re.compile(r"/2015-03-31/functions/([^/]+)/invocations")
SCOPE = re.compile(r"Credential=[^/]*/[^/]*/[^/]*/([^/]+)/aws4_request")


@dataclass(frozen=True)
class Request:
    """A request to S3 or Lambda, as far as rules go by it.

    Attributes:
        key: of the object, or the prefix that is listed.
        function: its name or ARN.
        payload: of an invocation.
        identity: equal for requests that ask for the same.
    """

    service: str
    operation: str
    bucket: str = ""
    key: str = ""
    function: str = ""
    payload: str = ""
    identity: str = ""

    @property
    def covered(self) -> bool:
        """Whether a flipped bit is found by checksums that exist on AWS too."""
        reads = self.operation == "GetObject" and INTERMEDIATE.match(self.key) is not None
        return reads or self.operation in {"PutObject", "UploadPart"}


def service_of(headers: Mapping[bytes, bytes]) -> str:
    """Return the service that a request was signed for; nothing if it is not signed."""
    scope = SCOPE.search(headers.get(b"authorization", b"").decode("latin-1"))
    return scope[1] if scope else ""


def request_of(
    method: str, path: str, query: str, headers: Mapping[bytes, bytes], payload: bytes = b""
) -> Request | None:
    """Return what a request asks for; None if it is not to S3 or Lambda, or of no known operation.

    Args:
        method: in capitals.
        path: with `/bucket/key` for S3; quoted or not for Lambda.
        query: as it is in the URL.
        headers: by names in small letters.
        payload: of an invocation; the bodies of other requests say nothing that counts.
    """
    service = service_of(headers)
    if service == "lambda" and (invocation := INVOCATIONS.fullmatch(path)):
        text = payload.decode(errors="replace")
        asked_of_worker = path + _without_attempt(text)
        return Request(
            service, INVOKE, function=unquote(invocation[1]), payload=text, identity=asked_of_worker
        )
    if service != "s3":
        return None
    bucket, _, key = path.removeprefix("/").partition("/")
    fields = dict(parse_qsl(query, keep_blank_values=True))
    operation = _operation(method, bool(key), fields, copies=COPY.encode() in headers)
    if not operation:
        return None
    # The id of an upload is new each time.
    asked = sorted((name, value) for name, value in fields.items() if name != UPLOAD_ID)
    identity = f"{method} {path} {asked} {headers.get(b'range', b'').decode('latin-1')}"
    return Request(service, operation, bucket, key or fields.get("prefix", ""), identity=identity)


def _without_attempt(payload: str) -> str:
    """Return what an invocation asks for: the same each time that it is tried again."""
    try:
        event = json.loads(payload)
    except ValueError:
        return payload
    if not isinstance(event, dict) or "attempt" not in event:
        return payload
    return json.dumps({name: value for name, value in event.items() if name != "attempt"})


def _operation(method: str, has_key: bool, query: Mapping[str, str], *, copies: bool) -> str:
    """Return the name of an operation of S3; nothing for those that jobs do not use."""
    has = {"", *query} | ({COPY} if copies else set())
    return next((name for field, name in S3_OPERATIONS.get((method, has_key), []) if field in has), "")
