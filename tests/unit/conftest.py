import resource
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import boto3
import pytest
from hypothesis import settings
from moto import mock_aws
from moto.backends import get_backend
from mypy_boto3_s3.client import S3Client

from mapreduce import Job, Pipeline, SqlJob, catalogue
from mapreduce.storage import ObjectStore, connect
from tests.unit.explained import explaining
from tests.unit.pipeline import INPUT, JOBS
from tests.unit.sample_jobs import SAMPLE_JOBS

# The same examples in each run: a run that fails is a change that fails.
settings.register_profile("stable", deadline=None, derandomize=True, database=None, print_blob=False)
settings.load_profile("stable")


class Moto(NamedTuple):
    """A client of moto's S3 for tests, and the store as the functions make it."""

    client: S3Client
    store: ObjectStore


@pytest.fixture(scope="module")
def moto_s3() -> Iterator[Moto]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
            patch.delenv(name, raising=False)
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        with mock_aws():
            yield Moto(boto3.client("s3"), connect())


@pytest.fixture
def s3(moto_s3: Moto) -> Iterator[S3Client]:
    """moto's S3 with nothing but the buckets JOBS and INPUT."""
    moto_s3.client.create_bucket(Bucket=JOBS)
    moto_s3.client.create_bucket(Bucket=INPUT)
    yield moto_s3.client
    get_backend("s3").reset()


@pytest.fixture
def store(s3: S3Client, moto_s3: Moto) -> ObjectStore:
    return moto_s3.store


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as executor:
        yield executor


@pytest.fixture(scope="module")
def sample_jobs() -> Iterator[None]:
    """The catalogue has the sample jobs besides its own."""
    real = catalogue.find

    def find(name: str) -> type[Job] | SqlJob | Pipeline:
        return SAMPLE_JOBS[name] if name in SAMPLE_JOBS else real(name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalogue, "find", find)
        yield


@pytest.fixture
def failures_are_explained() -> Iterator[None]:
    """Each error of a task of a job in memory is held against what `marla explain` makes of it."""
    with explaining():
        yield


@pytest.fixture
def small_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sample is small, so that it is but a part of what tests can afford as an input."""
    monkeypatch.setattr("mapreduce.sampled_parts.LEAST_BYTES", 128 << 10)
    monkeypatch.setattr("mapreduce.sampled_parts.BYTES_PER_PARTITION", 1 << 10)
    monkeypatch.setattr("mapreduce.sampled_parts.START_BYTES", 1 << 10)


@pytest.fixture
def small_disk() -> Iterator[int]:
    """No file may grow beyond this many bytes, as if the disk were full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, before[1]))
    yield 1_000_000
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
