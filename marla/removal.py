"""`marla rm`: the objects of a job are deleted, all of them or all that is no result."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from .errors import CloudError
from .stack import Stack

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import ObjectTypeDef

DELETED_AT_ONCE = 1000  # what a request to S3 may name
ERRORS_TOLD = 3


@dataclass(frozen=True)
class Removed:
    """What is gone, and how many objects were kept.

    Attributes:
        bytes: of the objects.
        uploads: multipart uploads that a worker had begun and not completed.
    """

    objects: int = 0
    bytes: int = 0
    uploads: int = 0
    kept: int = 0

    def to_json(self) -> dict[str, int]:
        """Return the counts, for the JSON document."""
        return asdict(self)


def remove(stack: Stack, job: str, *, keep_result: bool) -> Removed:
    """Delete all objects of a job, and abort multipart uploads of its workers.

    Args:
        job: the job's id.
        keep_result: whether the results of its stages stay, and records that were set aside.

    Raises:
        CloudError: for objects that could not be deleted, when all others are.
    """
    prefix = f"jobs/{job}/"
    result = re.compile(re.escape(prefix) + r"stage-\d+/(result|rejects)/.*", re.DOTALL)
    removed = Removed(uploads=_abort_uploads(stack, prefix))
    refused: list[Any] = []
    listed = _objects(stack, prefix)
    while some := list(itertools.islice(listed, DELETED_AT_ONCE)):
        doomed = [each for each in some if not (keep_result and result.fullmatch(each["Key"]))]
        errors = _delete(stack, doomed)
        still = {error["Key"] for error in errors}
        gone = [each["Size"] for each in doomed if each["Key"] not in still]
        refused += errors
        removed = replace(
            removed,
            objects=removed.objects + len(gone),
            bytes=removed.bytes + sum(gone),
            kept=removed.kept + len(some) - len(doomed),
        )
    if refused:
        told = "; ".join(f"{one['Key']}: {one['Code']}: {one['Message']}" for one in refused[:ERRORS_TOLD])
        raise CloudError(
            f"{removed.objects:,} objects are deleted, and {len(refused):,} could not be: {told}. Mend that, "
            "and give the command again"
        )
    return removed


def _objects(stack: Stack, prefix: str) -> Iterator[ObjectTypeDef]:
    """Yield the objects under a prefix: each page behind the last key, for those before it may be gone."""
    after: dict[str, Any] = {}
    while True:
        page = stack.s3.list_objects_v2(Bucket=stack.job_bucket, Prefix=prefix, **after)
        contents = page.get("Contents", [])
        yield from contents
        if not (contents and page.get("IsTruncated")):
            return
        after = {"StartAfter": contents[-1]["Key"]}


def _delete(stack: Stack, objects: list[ObjectTypeDef]) -> list[Any]:
    """Delete some objects; return the errors of those that could not be."""
    if not objects:
        return []
    request: Any = {"Objects": [{"Key": each["Key"]} for each in objects], "Quiet": True}
    return list(stack.s3.delete_objects(Bucket=stack.job_bucket, Delete=request).get("Errors", []))


def _abort_uploads(stack: Stack, prefix: str) -> int:
    """Abort the multipart uploads under a prefix, whose parts are paid for; return how many there were."""
    pages = stack.s3.get_paginator("list_multipart_uploads").paginate(Bucket=stack.job_bucket, Prefix=prefix)
    uploads = [each for page in pages for each in page.get("Uploads", []) if each["Key"].startswith(prefix)]
    for upload in uploads:
        try:
            stack.s3.abort_multipart_upload(
                Bucket=stack.job_bucket, Key=upload["Key"], UploadId=upload["UploadId"]
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchUpload":  # the worker has completed it
                raise
    return len(uploads)
