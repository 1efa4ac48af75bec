"""Reads from an S3 that breaks off, stalls and lies, by a real client."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.exceptions import ResponseStreamingError
from botocore.response import StreamingBody
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mypy_boto3_s3.client import S3Client

from mapreduce import reads, storage
from mapreduce.errors import InputChanged, InputNotReadable, StorageUnavailable
from mapreduce.reads import RESUMES
from mapreduce.storage import ObjectStore, Range
from tests.unit.flaky_s3 import READ_TIMEOUT, Fault, FlakyS3, client_of, etag_of, flaky_s3

DATA = random.Random(5).randbytes(2000)
OTHER = random.Random(6).randbytes(2000)
ETAG = etag_of(DATA).strip('"')
PATH = "/bucket/key"


@pytest.fixture(scope="module", autouse=True)
def small_and_quick() -> Iterator[None]:
    """Chunks are small, and nothing waits before it tries again, neither here nor in the SDK."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reads, "CHUNK_BYTES", 64)
        patch.setattr(reads, "PAUSE", 0.0)
        patch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)
        yield


@pytest.fixture
def s3() -> Iterator[FlakyS3]:
    """One for each test: requests that a test before it left under way do not come here."""
    with flaky_s3() as server:
        server.objects = {PATH: DATA}
        yield server


@pytest.fixture
def client(s3: FlakyS3) -> S3Client:
    return client_of(s3)


@pytest.fixture
def store(client: S3Client) -> ObjectStore:
    return ObjectStore(client)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A read is slow after some hundredths of a second; the client's own timeout comes later."""
    for name in ("reads.LEAST_PATIENCE", "pace.LEAST_PATIENCE", "pace.START_PATIENCE"):
        monkeypatch.setattr(f"mapreduce.{name}", 0.05)


def until(condition: Callable[[], object]) -> None:
    """Wait for something that is about to happen."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


# Answers that break off


@pytest.mark.parametrize("reset", [False, True], ids=["ended", "reset"])
def test_a_body_that_breaks_off_is_resumed_from_its_last_byte(
    s3: FlakyS3, store: ObjectStore, reset: bool
) -> None:
    s3.faults.extend([Fault(breaks=640, reset=reset), Fault(breaks=320, reset=reset)])
    assert store.read("bucket", "key", 100, 1900) == Range(DATA[100:1900], 2000)
    assert len(s3.asked) == 3
    firsts = [int(byte_range.removeprefix("bytes=").partition("-")[0]) for byte_range, _ in s3.asked]
    # A hard end may lose what was not taken from the connection yet.
    assert firsts == [100, 740, 1060] or (reset and firsts == sorted(firsts) and firsts[0] == 100)
    assert {byte_range.partition("-")[2] for byte_range, _ in s3.asked} == {"1899"}


def test_a_body_that_stalls_is_resumed_when_the_connection_times_out(s3: FlakyS3, store: ObjectStore) -> None:
    s3.faults.append(Fault(stalls=640))
    assert store.read("bucket", "key", 0, 2000) == Range(DATA, 2000)
    assert [byte_range for byte_range, _ in s3.asked] == ["bytes=0-1999", "bytes=640-1999"]


def test_a_tail_is_resumed_by_absolute_offsets(s3: FlakyS3, store: ObjectStore) -> None:
    s3.faults.append(Fault(breaks=128))
    assert store.read_tail("bucket", "key", 500) == Range(DATA[-500:], 2000)
    assert [byte_range for byte_range, _ in s3.asked] == ["bytes=-500", "bytes=1628-1999"]


def test_a_whole_object_is_resumed_too(s3: FlakyS3, store: ObjectStore) -> None:
    s3.faults.append(Fault(breaks=128))
    assert store.find("bucket", "key") == DATA
    assert [byte_range for byte_range, _ in s3.asked] == ["", "bytes=128-1999"]


def test_a_read_behind_the_end_is_resumed_to_the_end(s3: FlakyS3, store: ObjectStore) -> None:
    s3.faults.append(Fault(breaks=128))
    assert store.read("bucket", "key", 1000, 9000) == Range(DATA[1000:], 2000)
    assert [byte_range for byte_range, _ in s3.asked] == ["bytes=1000-8999", "bytes=1128-1999"]


def test_as_long_as_there_are_new_bytes_a_read_goes_on(s3: FlakyS3, store: ObjectStore) -> None:
    s3.faults.extend([Fault(breaks=64)] * (5 * RESUMES))
    assert store.read("bucket", "key", 0, 2000).data == DATA


def test_a_read_without_a_new_byte_is_given_up_in_the_end(s3: FlakyS3, store: ObjectStore) -> None:
    s3.faults.extend([Fault(breaks=128)] + [Fault(breaks=0)] * 50)
    with pytest.raises(StorageUnavailable, match=r"s3://bucket/key \(bytes=0-1999\): breaks off after 128"):
        store.read("bucket", "key", 0, 2000)
    assert len(s3.asked) == 1 + RESUMES


def test_a_read_without_a_new_byte_is_given_up_after_some_time(
    s3: FlakyS3, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reads, "SECONDS_WITHOUT_A_BYTE", READ_TIMEOUT / 2)
    s3.faults.extend([Fault(stalls=0)] * 50)
    with pytest.raises(StorageUnavailable, match="breaks off after 0 bytes"):
        store.read("bucket", "key", 0, 2000)
    assert len(s3.asked) == 1


def test_bytes_of_two_versions_are_never_mixed(s3: FlakyS3, store: ObjectStore) -> None:
    s3.faults.extend([Fault(breaks=640), Fault(before=lambda: s3.objects.update({PATH: OTHER}))])
    with pytest.raises(InputChanged, match="s3://bucket/key: another object than when the job listed it"):
        store.read("bucket", "key", 0, 2000, ETAG)
    assert {condition for _, condition in s3.asked} == {etag_of(DATA)}


def test_without_an_etag_a_read_of_what_is_overwritten_may_be_tried_again(
    s3: FlakyS3, store: ObjectStore
) -> None:
    s3.faults.extend([Fault(breaks=640), Fault(before=lambda: s3.objects.update({PATH: OTHER}))])
    with pytest.raises(StorageUnavailable, match=r"s3://bucket/key .*: overwritten while it was read"):
        store.read("bucket", "key", 0, 2000)
    assert [condition for _, condition in s3.asked] == ["", etag_of(DATA)]
    assert store.read("bucket", "key", 0, 2000).data == OTHER


def test_an_object_that_is_deleted_while_it_is_read_is_gone(s3: FlakyS3, store: ObjectStore) -> None:
    s3.faults.extend([Fault(breaks=640), Fault(before=s3.objects.clear)])
    with pytest.raises(InputNotReadable, match="s3://bucket/key: no longer there"):
        store.read("bucket", "key", 0, 2000)


def test_a_body_that_is_not_what_its_checksum_says_is_no_data(s3: FlakyS3, store: ObjectStore) -> None:
    s3.faults.append(Fault(damaged=True))
    with pytest.raises(StorageUnavailable, match=r"s3://bucket/key: damaged on its way: .*checksum"):
        store.find("bucket", "key")
    assert store.find("bucket", "key") == DATA


@pytest.mark.parametrize("reset", [False, True], ids=["ended", "reset"])
def test_a_refusal_whose_message_breaks_off_is_no_refusal(
    s3: FlakyS3, store: ObjectStore, reset: bool
) -> None:
    s3.faults.append(Fault(status=403, code="AccessDenied", breaks=20, reset=reset))
    assert store.read("bucket", "key", 0, 2000).data == DATA


def test_a_connection_that_breaks_after_the_last_byte_does_not_matter(
    s3: FlakyS3, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = StreamingBody.read

    def read(body: StreamingBody, count: int | None = None) -> bytes:
        if count == 1:
            raise ResponseStreamingError(error="broken")
        return real(body, count)

    monkeypatch.setattr(StreamingBody, "read", read)
    assert store.read("bucket", "key", 0, 2000) == Range(DATA, 2000)
    assert len(s3.asked) == 1


# Answers that are slow


@pytest.mark.parametrize("fault", [Fault(silent=True), Fault(stalls=0)], ids=["silent", "stalls"])
def test_a_read_that_is_slow_is_repeated_beside_itself(
    s3: FlakyS3, store: ObjectStore, impatient: None, fault: Fault
) -> None:
    s3.faults.append(fault)
    started = time.monotonic()
    assert store.read("bucket", "key", 10, 2000) == Range(DATA[10:], 2000)
    assert time.monotonic() - started < READ_TIMEOUT  # so it did not wait for the first answer to time out
    assert [byte_range for byte_range, _ in s3.asked] == ["bytes=10-1999"] * 2


def test_only_the_missing_bytes_are_asked_for_again(s3: FlakyS3, store: ObjectStore, impatient: None) -> None:
    s3.faults.append(Fault(stalls=1280))
    assert store.read("bucket", "key", 0, 2000).data == DATA
    assert s3.asked == [("bytes=0-1999", ""), ("bytes=1280-1999", etag_of(DATA))]


def test_the_copy_that_is_done_first_ends_the_read_and_the_other_goes_away_soon(
    s3: FlakyS3, store: ObjectStore, impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reads, "CHUNK_BYTES", 4000)  # which trickles in for six seconds
    s3.faults.append(Fault(pause=0.3))
    assert store.read("bucket", "key", 0, 2000).data == DATA
    assert len(s3.asked) == 2
    until(lambda: s3.gone)


def test_what_one_copy_brings_is_no_trouble_for_the_other(
    s3: FlakyS3, store: ObjectStore, impatient: None
) -> None:
    s3.faults.extend([Fault(pause=0.01), Fault(breaks=500), Fault(silent=True)])
    assert store.read("bucket", "key", 0, 2000).data == DATA
    assert len(s3.asked) == 3


def test_a_first_copy_that_catches_up_wins(s3: FlakyS3, store: ObjectStore, impatient: None) -> None:
    s3.faults.extend([Fault(pause=0.01), Fault(silent=True)])
    assert store.read("bucket", "key", 0, 2000).data == DATA
    assert len(s3.asked) == 2


def test_a_copy_that_has_lost_holds_no_bytes(
    s3: FlakyS3, store: ObjectStore, impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    all_reads: list[Any] = []
    real = reads._Read

    def made(*arguments: Any) -> Any:
        all_reads.append(real(*arguments))
        return all_reads[-1]

    monkeypatch.setattr(reads, "_Read", made)
    s3.faults.append(Fault(silent=True))
    store.read("bucket", "key", 0, 2000)
    assert [len(read._buffer.getvalue()) for read in all_reads] == [0]


def test_a_copy_that_breaks_off_leaves_the_read_to_the_other(
    s3: FlakyS3, store: ObjectStore, impatient: None
) -> None:
    s3.faults.append(Fault(pause=0.01))
    s3.faults.extend([Fault(status=503, code="SlowDown")] * 2)
    assert store.read("bucket", "key", 0, 2000).data == DATA
    assert len(s3.asked) >= 2


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (403, "AccessDenied", InputNotReadable),
        (404, "NoSuchKey", InputNotReadable),
        (412, "PreconditionFailed", InputChanged),
        (416, "InvalidRange", InputNotReadable),
    ],
)
def test_what_is_final_ends_a_read_though_the_other_copy_is_under_way(
    s3: FlakyS3, store: ObjectStore, impatient: None, status: int, code: str, expected: type[Exception]
) -> None:
    s3.faults.extend([Fault(silent=True), Fault(status=status, code=code)])
    started = time.monotonic()
    with pytest.raises(expected, match="s3://bucket/key: "):
        store.read("bucket", "key", 0, 2000, ETAG)
    assert time.monotonic() - started < READ_TIMEOUT


def test_if_no_copy_is_answered_the_read_is_given_up(
    s3: FlakyS3, store: ObjectStore, impatient: None
) -> None:
    s3.faults.extend([Fault(status=503, code="SlowDown")] * 50)
    with pytest.raises(StorageUnavailable, match="SlowDown"):
        store.read("bucket", "key", 0, 2000)


def test_if_all_of_s3_is_slow_few_reads_are_repeated(
    s3: FlakyS3, store: ObjectStore, impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mapreduce.pace.MOST_REPEATS", 2.0)
    slow = ObjectStore(store._client)
    s3.faults.extend([Fault(pause=0.01)] * 100)
    threads = [threading.Thread(target=slow.read, args=("bucket", "key", 0, 2000)) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 10 < len(s3.asked) <= 13


def test_reads_at_the_same_time_by_more_threads_than_there_are_copies(
    s3: FlakyS3, client: S3Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reads, "COPIES", 2)
    store = ObjectStore(client)
    found: list[Range] = []
    threads = [
        threading.Thread(target=lambda: found.append(store.read("bucket", "key", 0, 2000))) for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [Range(DATA, 2000)] * 20


# Whatever happens

BREAKS = st.one_of(
    st.builds(Fault, breaks=st.integers(0, 2000), reset=st.booleans()),
    st.sampled_from([Fault(status=503, code="SlowDown"), Fault(status=500, code="InternalError"), Fault()]),
    st.sampled_from([Fault(status=404, code="NoSuchKey"), Fault(status=403, code="AccessDenied")]),
    st.builds(Fault, status=st.sampled_from([503, 403]), breaks=st.integers(0, 50), reset=st.booleans()),
)
RANGES = st.tuples(st.integers(0, 1999), st.integers(1, 2500))


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    faults=st.lists(BREAKS, max_size=8),
    byte_range=RANGES,
    overwritten=st.sampled_from([None, None, 1, 2]),
    etag=st.sampled_from(["", ETAG]),
)
def test_whatever_breaks_where_the_bytes_are_right_or_the_error_has_a_name(
    s3: FlakyS3,
    store: ObjectStore,
    faults: list[Fault],
    byte_range: tuple[int, int],
    overwritten: int | None,
    etag: str,
) -> None:
    s3.faults.clear()
    s3.objects = {PATH: DATA}
    s3.faults.extend(faults)
    if overwritten is not None:
        s3.faults.insert(overwritten, Fault(before=lambda: s3.objects.update({PATH: OTHER})))
    start, count = byte_range
    versions = [DATA] if etag or overwritten is None else [DATA, OTHER]
    try:
        found: Range | None = store.read("bucket", "key", start, start + count, etag)
    except (StorageUnavailable, InputChanged, InputNotReadable):
        found = None
    allowed: list[Range | None] = [Range(version[start : start + count], 2000) for version in versions]
    assert found in ([*allowed, None] if faults or s3.objects[PATH] == OTHER else allowed)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    first=st.sampled_from([Fault(silent=True), Fault(stalls=0), Fault(stalls=700), Fault(pause=0.005)]),
    others=st.lists(st.builds(Fault, breaks=st.integers(0, 2000), reset=st.booleans()), max_size=3),
    count=st.integers(1, 2000),
)
def test_two_copies_of_a_read_give_the_right_bytes_whichever_breaks(
    s3: FlakyS3, client: S3Client, impatient: None, first: Fault, others: list[Fault], count: int
) -> None:
    s3.faults.clear()
    s3.faults.extend([first, *others])
    assert ObjectStore(client).read("bucket", "key", 0, count) == Range(DATA[:count], 2000)


# Timeouts


def test_a_request_and_a_read_are_given_up_long_before_a_function_is() -> None:
    pauses = sum(2**attempt for attempt in range(storage.ATTEMPTS - 1))  # at most, in the SDK's standard mode
    request = storage.ATTEMPTS * (storage.CONNECT_SECONDS + storage.SILENT_SECONDS) + pauses
    read = reads.SECONDS_WITHOUT_A_BYTE + request + storage.SILENT_SECONDS
    assert (request, read) == (67, 97)  # as the comment says
    assert read < 0.9 * least_worker_timeout()


def least_worker_timeout() -> int:
    class Loader(yaml.SafeLoader):
        """CloudFormation's tags do not matter here."""

    Loader.add_multi_constructor("!", lambda *_: None)
    template = Path(__file__).parents[2] / "template.yaml"
    document = yaml.load(template.read_text(), Loader)
    least: int = document["Parameters"]["WorkerTimeout"]["MinValue"]
    return least


def test_the_client_has_those_timeouts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    config: Any = storage.connect()._client.meta.config
    assert (config.connect_timeout, config.read_timeout) == (storage.CONNECT_SECONDS, storage.SILENT_SECONDS)
    assert config.retries == {"mode": "standard", "total_max_attempts": storage.ATTEMPTS}


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=503, code="SlowDown"),
        Fault(status=500, code="InternalError"),
        Fault(status=400, code="RequestTimeout"),
        Fault(silent=True),
    ],
    ids=["SlowDown", "InternalError", "RequestTimeout", "silent"],
)
def test_the_sdk_tries_a_request_again(s3: FlakyS3, store: ObjectStore, fault: Fault) -> None:
    s3.faults.append(fault)
    assert store.read("bucket", "key", 0, 2000).data == DATA
    assert len(s3.asked) == 2
