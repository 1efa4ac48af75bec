import base64
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from botocore.stub import Stubber
from mypy_boto3_s3.client import S3Client

from mapreduce.errors import InputNotReadable, MarlaError, StorageRefused, StorageUnavailable
from mapreduce.storage import INTERMEDIATE, RECORD, UPLOAD_PART_BYTES, ObjectStore, Range, read_ahead
from tests.unit.flaky_s3 import FlakyS3, client_of, error, flaky_s3
from tests.unit.pipeline import JOBS

KEYS = ["plain", "with space", "a+b", "100%", "한글/객체", "jobs/id/stage-0/map/0"]
LARGE = b"0123456789abcdef" * (UPLOAD_PART_BYTES // 16) + b"the rest"


def keys(s3: S3Client) -> list[str]:
    return [item["Key"] for item in s3.list_objects_v2(Bucket=JOBS).get("Contents", [])]


def uploads(s3: S3Client) -> list[Any]:
    return list(s3.list_multipart_uploads(Bucket=JOBS).get("Uploads", []))


def content(s3: S3Client, key: str) -> bytes:
    return s3.get_object(Bucket=JOBS, Key=key)["Body"].read()


def tags(s3: S3Client, key: str) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in s3.get_object_tagging(Bucket=JOBS, Key=key)["TagSet"]}


def refuse(code: str = "SlowDown") -> Callable[..., Any]:
    def refused(**_: Any) -> Any:
        raise ClientError({"Error": {"Code": code, "Message": "no"}}, "Any")

    return refused


# Reading


@pytest.mark.parametrize("key", KEYS)
def test_a_range_is_read_and_the_size_of_the_whole_is_told(
    s3: S3Client, store: ObjectStore, key: str
) -> None:
    s3.put_object(Bucket=JOBS, Key=key, Body=b"0123456789")
    assert store.read(JOBS, key, 2, 5) == Range(b"234", 10)
    assert store.read(JOBS, key, 8, 100) == Range(b"89", 10)
    assert store.read_tail(JOBS, key, 3) == Range(b"789", 10)
    assert store.read_tail(JOBS, key, 100) == Range(b"0123456789", 10)


@pytest.mark.parametrize("code", ["SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout"])
def test_an_s3_that_does_not_answer_is_worth_another_try(s3: S3Client, code: str) -> None:
    with Stubber(s3) as stub:
        stub.add_client_error("get_object", code, "please wait", 503)
        with pytest.raises(StorageUnavailable, match=rf"s3://{JOBS}/key \(bytes=0-9\): {code}: please wait"):
            ObjectStore(s3).read(JOBS, "key", 0, 10)
    assert not issubclass(StorageUnavailable, MarlaError)  # which the state machine does not retry


def test_a_request_that_gets_no_answer_is_worth_another_try(
    s3: S3Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(**_: Any) -> Any:
        raise ReadTimeoutError(endpoint_url="https://s3")

    monkeypatch.setattr(s3, "get_object", silent)
    with pytest.raises(StorageUnavailable, match=f"s3://{JOBS}/key"):
        ObjectStore(s3).read(JOBS, "key", 0, 10)


def test_a_range_behind_the_end_says_that_the_object_is_shorter(s3: S3Client, store: ObjectStore) -> None:
    s3.put_object(Bucket=JOBS, Key="key", Body=b"0123456789")
    with pytest.raises(
        InputNotReadable, match=rf"s3://{JOBS}/key: shorter .*bytes=10-11.*start the job again"
    ):
        store.read(JOBS, "key", 10, 12)


@pytest.mark.parametrize("data", [b"", b"0123456789"])
def test_a_small_object_is_found_whole(s3: S3Client, store: ObjectStore, data: bytes) -> None:
    s3.put_object(Bucket=JOBS, Key="receipts/map/0", Body=data)
    assert store.find(JOBS, "receipts/map/0") == data


def test_an_object_that_is_not_there_is_not_found(store: ObjectStore) -> None:
    assert store.find(JOBS, "receipts/map/0") is None


def test_an_object_is_not_found_where_s3_does_not_say_whether_there_is_one(s3: S3Client) -> None:
    with Stubber(s3) as stub:
        stub.add_client_error("get_object", "AccessDenied", "not you", 403)
        assert ObjectStore(s3).find(JOBS, "receipts/map/0") is None


@pytest.mark.parametrize("code", ["SlowDown", "InternalError"])
def test_an_s3_that_does_not_answer_does_not_say_that_there_is_no_object(s3: S3Client, code: str) -> None:
    with Stubber(s3) as stub:
        stub.add_client_error("get_object", code, "please wait", 503)
        with pytest.raises(StorageUnavailable, match=f"s3://{JOBS}/receipts/map/0.*{code}"):
            ObjectStore(s3).find(JOBS, "receipts/map/0")


# Writing


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("data", [b"", b"small", LARGE], ids=["empty", "small", "large"])
def test_an_object_is_written_with_its_metadata_in_one_request_or_many(
    s3: S3Client, store: ObjectStore, key: str, data: bytes
) -> None:
    with store.write(JOBS, key, tag=INTERMEDIATE, metadata={"marla-format": "csv"}) as writer:
        for start in range(0, len(data), 5_000_000):
            writer.write(data[start : start + 5_000_000])
    assert writer.size == len(data)
    assert content(s3, key) == data
    assert store.describe(JOBS, key).metadata == {"marla-format": "csv"}
    assert uploads(s3) == []


def test_an_object_of_exactly_one_part_is_whole(s3: S3Client, store: ObjectStore) -> None:
    with store.write(JOBS, "key", tag=INTERMEDIATE) as writer:
        writer.write(LARGE[:UPLOAD_PART_BYTES])
    assert content(s3, "key") == LARGE[:UPLOAD_PART_BYTES]


@pytest.mark.parametrize("data", [b"small", LARGE], ids=["small", "large"])
@pytest.mark.parametrize(
    ("tag", "expected"), [(INTERMEDIATE, {"marla": "intermediate"}), (RECORD, {"marla": "record"}), ("", {})]
)
def test_what_expires_carries_the_tag_that_says_so(
    s3: S3Client, store: ObjectStore, data: bytes, tag: str, expected: dict[str, str]
) -> None:
    with store.write(JOBS, "key", tag=tag) as writer:
        writer.write(data)
    assert tags(s3, "key") == expected


@pytest.mark.parametrize("data", [b"small", LARGE], ids=["small", "large"])
def test_an_object_is_not_there_before_it_is_whole(s3: S3Client, store: ObjectStore, data: bytes) -> None:
    with store.write(JOBS, "key", tag=INTERMEDIATE) as writer:
        writer.write(data)
        assert keys(s3) == []
    assert keys(s3) == ["key"]


@pytest.mark.parametrize("data", [b"small", LARGE], ids=["small", "large"])
def test_an_error_leaves_nothing_behind(s3: S3Client, store: ObjectStore, data: bytes) -> None:
    def write_and_fail() -> None:
        with store.write(JOBS, "key", tag=INTERMEDIATE) as writer:
            writer.write(data)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_fail()
    assert keys(s3) == []
    assert uploads(s3) == []


@pytest.mark.parametrize(
    ("operation", "data"),
    [
        ("put_object", b"small"),
        ("create_multipart_upload", LARGE),
        ("upload_part", LARGE),
        ("complete_multipart_upload", LARGE),
    ],
)
def test_a_write_that_s3_does_not_take_is_worth_another_try_and_leaves_nothing_behind(
    s3: S3Client, monkeypatch: pytest.MonkeyPatch, operation: str, data: bytes
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(s3, operation, refuse())
        with (
            pytest.raises(StorageUnavailable, match=f"s3://{JOBS}/some/key: .*SlowDown"),
            ObjectStore(s3).write(JOBS, "some/key", tag=INTERMEDIATE) as writer,
        ):
            writer.write(data)
    assert keys(s3) == []
    assert uploads(s3) == []


# Writing, to an S3 that fails as real ones do

CREATED = b"<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>"
COMPLETED = b'<CompleteMultipartUploadResult><ETag>"whole"</ETag></CompleteMultipartUploadResult>'
LOST = (0, b"")


@pytest.fixture
def flaky(monkeypatch: pytest.MonkeyPatch) -> Iterator[FlakyS3]:
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)
    with flaky_s3() as server:
        yield server


def write_to(flaky: FlakyS3, data: bytes) -> None:
    with ObjectStore(client_of(flaky)).write("bucket", "key", tag=INTERMEDIATE) as writer:
        writer.write(data)


def test_every_write_has_a_checksum(flaky: FlakyS3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required")
    flaky.answers.extend([(200, b""), (200, CREATED), (200, b""), (200, COMPLETED)])
    write_to(flaky, b"small")
    write_to(flaky, LARGE)
    put, created, part, _ = [headers for _, _, headers in flaky.written]
    assert put["x-amz-checksum-crc32"] == base64.b64encode(zlib.crc32(b"small").to_bytes(4, "big")).decode()
    assert created["x-amz-checksum-algorithm"] == "CRC32"
    assert part["x-amz-checksum-crc32"] == base64.b64encode(zlib.crc32(LARGE).to_bytes(4, "big")).decode()


def test_a_copy_has_a_checksum(s3: S3Client, store: ObjectStore) -> None:
    s3.put_object(Bucket=JOBS, Key="from", Body=b"rows")
    asked: list[Any] = []
    store._client.meta.events.register_first(
        "provide-client-params.s3.CopyObject", lambda params, **_: asked.append(params["ChecksumAlgorithm"])
    )
    store.copy(JOBS, "from", "to", "text/csv")
    assert asked == ["CRC32"]


@pytest.mark.parametrize("code", ["BadDigest", "XAmzContentChecksumMismatch", "InvalidDigest"])
def test_bytes_that_were_damaged_on_their_way_are_worth_another_try(flaky: FlakyS3, code: str) -> None:
    flaky.answers.extend([(400, error(code))])
    with pytest.raises(StorageUnavailable, match=f"s3://bucket/key: .*{code}"):
        write_to(flaky, b"small")


def test_an_upload_that_s3_accepts_and_then_fails_to_complete_is_no_success(flaky: FlakyS3) -> None:
    failed = (200, error("InternalError"))
    flaky.answers.extend([(200, CREATED), (200, b""), failed, failed, (204, b"")])
    with pytest.raises(StorageUnavailable, match=r"s3://bucket/key: .*InternalError"):
        write_to(flaky, LARGE[:UPLOAD_PART_BYTES])
    assert [command for command, _, _ in flaky.written] == ["POST", "PUT", "POST", "POST", "DELETE"]


def test_an_upload_that_s3_completes_at_its_second_attempt_is_a_success(flaky: FlakyS3) -> None:
    flaky.answers.extend([(200, CREATED), (200, b""), (200, error("InternalError")), (200, COMPLETED)])
    write_to(flaky, LARGE[:UPLOAD_PART_BYTES])
    assert not flaky.answers


def test_an_upload_of_which_no_one_knows_whether_it_is_complete_is_worth_another_try(flaky: FlakyS3) -> None:
    gone = (404, error("NoSuchUpload"))
    flaky.answers.extend([(200, CREATED), (200, b""), LOST, gone, gone])
    with pytest.raises(StorageUnavailable, match=r"s3://bucket/key: .*CompleteMultipartUpload.*NoSuchUpload"):
        write_to(flaky, LARGE[:UPLOAD_PART_BYTES])
    assert not flaky.answers


# Other requests


def test_a_copy_has_its_own_content_type_and_neither_tags_nor_metadata(
    s3: S3Client, store: ObjectStore
) -> None:
    with store.write(JOBS, "from here", tag=INTERMEDIATE, metadata={"marla-format": "csv"}) as writer:
        writer.write(b"rows")
    store.copy(JOBS, "from here", "to/there+한글", "text/csv; charset=utf-8")
    assert content(s3, "to/there+한글") == b"rows"
    assert tags(s3, "to/there+한글") == {}
    assert store.describe(JOBS, "to/there+한글").metadata == {}
    copied = s3.head_object(Bucket=JOBS, Key="to/there+한글")
    assert copied["ContentType"] == "text/csv; charset=utf-8"


def test_a_copy_may_be_intermediate_too(s3: S3Client, store: ObjectStore) -> None:
    with store.write(JOBS, "from") as writer:
        writer.write(b"rows")
    store.copy(JOBS, "from", "to", "text/csv", tag=INTERMEDIATE)
    assert tags(s3, "to") == {"marla": "intermediate"}
    assert tags(s3, "from") == {}


def test_deleting_what_is_not_there_is_no_error(s3: S3Client, store: ObjectStore) -> None:
    s3.put_object(Bucket=JOBS, Key="key", Body=b"")
    store.delete(JOBS, "key")
    store.delete(JOBS, "key")
    assert keys(s3) == []


@pytest.mark.parametrize(
    ("operation", "request_of"),
    [
        ("head_object", lambda store: store.describe(JOBS, "key")),
        ("copy", lambda store: store.copy(JOBS, "from", "key", "text/csv")),
        ("delete_object", lambda store: store.delete(JOBS, "key")),
    ],
)
def test_other_requests_that_s3_does_not_answer_are_worth_another_try(
    s3: S3Client,
    monkeypatch: pytest.MonkeyPatch,
    operation: str,
    request_of: Callable[[ObjectStore], object],
) -> None:
    def refused(*_: Any, **__: Any) -> Any:
        refuse()()

    monkeypatch.setattr(s3, operation, refused)
    with pytest.raises(StorageUnavailable, match=f"s3://{JOBS}/key: .*SlowDown"):
        request_of(ObjectStore(s3))


@pytest.mark.parametrize(
    ("operation", "code", "request_of"),
    [
        ("put_object", "AccessDenied", lambda store: store.write(JOBS, "key", tag=INTERMEDIATE).publish()),
        ("head_object", "403", lambda store: store.describe(JOBS, "key")),
        ("delete_object", "AccessDenied", lambda store: store.delete(JOBS, "key")),
    ],
)
def test_what_a_role_may_not_do_is_not_tried_again(
    s3: S3Client, operation: str, code: str, request_of: Callable[[ObjectStore], object]
) -> None:
    with Stubber(s3) as stub:
        stub.add_client_error(operation, code, "not you", 403)
        with pytest.raises(
            StorageRefused, match=rf"s3://{JOBS}/key: .*\({code}\).*not you.*deploy the stack"
        ):
            request_of(ObjectStore(s3))
    assert issubclass(StorageRefused, MarlaError)  # which the state machine does not retry


# Reading ahead


def test_responses_come_in_the_order_of_requests(pool: ThreadPoolExecutor) -> None:
    assert list(read_ahead(lambda number: number * 2, range(50), 3, pool)) == list(range(0, 100, 2))


@pytest.mark.parametrize("used", [1, 4, 10])
def test_no_more_is_fetched_than_the_window_and_the_one_in_use(pool: ThreadPoolExecutor, used: int) -> None:
    asked: list[int] = []
    responses = read_ahead(asked.append, range(100), 3, pool)
    for _ in range(used):
        next(responses)
    assert len(asked) <= used + 3


def test_an_error_comes_in_its_turn(pool: ThreadPoolExecutor) -> None:
    responses = read_ahead(lambda number: 6 // (2 - number), range(5), 3, pool)
    assert [next(responses), next(responses)] == [3, 6]
    with pytest.raises(ZeroDivisionError):
        next(responses)
