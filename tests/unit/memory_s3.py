"""An S3 in memory for property tests, where moto would take too long."""

from __future__ import annotations

import io
from collections import Counter
from typing import Any, NamedTuple, cast

from botocore.exceptions import ClientError

from mapreduce.storage import ObjectStore


class Stored(NamedTuple):
    data: bytes
    metadata: dict[str, str]
    tags: str


class MemoryS3:
    """What `ObjectStore` asks of boto3's client; it counts what is asked of it."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], Stored] = {}
        self.requests: Counter[str] = Counter()
        self.bytes_sent = 0
        self.largest_response = 0
        self._uploads: dict[str, tuple[dict[str, Any], dict[int, bytes]]] = {}

    def get_object(self, **request: Any) -> dict[str, Any]:
        self.requests["get_object"] += 1
        data = self._find(request).data
        if "Range" not in request:
            return {"Body": io.BytesIO(data), "ContentLength": len(data), "ETag": _etag(data)}
        first, last = request["Range"].removeprefix("bytes=").split("-")
        start = int(first) if first else max(0, len(data) - int(last))
        stop = min(int(last) + 1, len(data)) if first else len(data)
        if start >= len(data):
            raise _error("InvalidRange")
        self.bytes_sent += stop - start
        self.largest_response = max(self.largest_response, stop - start)
        return {
            "Body": io.BytesIO(data[start:stop]),
            "ContentRange": f"bytes {start}-{stop - 1}/{len(data)}",
            "ContentLength": stop - start,
            "ETag": _etag(data),
        }

    def head_object(self, **request: Any) -> dict[str, Any]:
        stored = self._find(request)
        return {"Metadata": stored.metadata, "ContentLength": len(stored.data)}

    def put_object(self, **request: Any) -> None:
        stored = Stored(request["Body"], request.get("Metadata", {}), request.get("Tagging", ""))
        self.objects[request["Bucket"], request["Key"]] = stored

    def create_multipart_upload(self, **request: Any) -> dict[str, str]:
        upload = f"upload-{len(self._uploads)}"
        self._uploads[upload] = (request, {})
        return {"UploadId": upload}

    def upload_part(self, **request: Any) -> dict[str, str]:
        self._uploads[request["UploadId"]][1][request["PartNumber"]] = request["Body"]
        return {"ETag": str(request["PartNumber"])}

    def complete_multipart_upload(self, **request: Any) -> None:
        created, parts = self._uploads.pop(request["UploadId"])
        body = b"".join(parts[part["PartNumber"]] for part in request["MultipartUpload"]["Parts"])
        self.put_object(**created, Body=body)

    def abort_multipart_upload(self, **request: Any) -> None:
        del self._uploads[request["UploadId"]]

    def copy(self, source: dict[str, str], bucket: str, key: str, **_: Any) -> None:
        self.objects[bucket, key] = Stored(self._find(source).data, {}, "")

    def delete_object(self, **request: Any) -> None:
        self.objects.pop((request["Bucket"], request["Key"]), None)

    def _find(self, request: dict[str, Any]) -> Stored:
        try:
            return self.objects[request["Bucket"], request["Key"]]
        except KeyError:
            raise _error("NoSuchKey") from None


def memory_store(bucket: str, objects: dict[str, bytes]) -> tuple[MemoryS3, ObjectStore]:
    """Return an S3 in memory with some objects in a bucket, and the store on it."""
    s3 = MemoryS3()
    for key, data in objects.items():
        s3.objects[bucket, key] = Stored(data, {}, "")
    return s3, ObjectStore(cast(Any, s3))


def _etag(data: bytes) -> str:
    return f'"{id(data):x}"'  # another one when the object is written again, which is all that matters


def _error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, "GetObject")
