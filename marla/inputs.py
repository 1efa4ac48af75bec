"""What INPUT arguments mean: S3 URIs, or files, folders and globs that are uploaded to the job bucket."""

from __future__ import annotations

import glob
import hashlib
import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from botocore.exceptions import ClientError

from .errors import UsageError
from .operands import Operand
from .stack import Stack

UPLOAD_THREADS = 4
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


class Upload(NamedTuple):
    """A local file, and the key that it gets in the job bucket."""

    path: Path
    key: str
    size: int

    @property
    def folder(self) -> str:
        """The folder of all uploads that go together."""
        return "/".join(self.key.split("/")[:2]) + "/"


class Input(NamedTuple):
    """What the INPUT arguments of one name stand for."""

    name: str
    uris: list[str]
    uploads: list[Upload]


class Located(NamedTuple):
    """Where an input is: its name, or nothing, and the URI of its objects."""

    name: str
    uri: str


Advance = Callable[[int, int], None]  # bytes uploaded so far, of


def plan(operands: Iterable[Operand]) -> list[Input]:
    """Return what INPUT arguments stand for, by name in the order of their first ones.

    Raises UsageError for what is neither an S3 URI nor a file.
    """
    places: dict[str, list[str]] = {}
    for name, place in operands:
        places.setdefault(name, []).append(place)
    return [_plan_one(name, some) for name, some in places.items()]


def _plan_one(name: str, places: list[str]) -> Input:
    uris = [place for place in places if place.startswith("s3://")]
    for uri in uris:
        if not _BUCKET.fullmatch(_bucket(uri)):
            raise UsageError(f"INPUT: got {uri!r}; give a URI such as s3://bucket/folder/")
    local = [place for place in places if not place.startswith("s3://")]
    return Input(name, uris, plan_uploads(local) if local else [])


def resolve(
    inputs: list[Input], stack: Stack, advance: Advance, *, cross_region: bool = False
) -> list[Located]:
    """Return where all of an input is in S3, with its local files uploaded.

    Args:
        advance: called with the bytes uploaded so far and in all.
        cross_region: whether buckets in another Region than the stack are allowed; a UsageError if not.
    """
    if not cross_region:
        for bucket in dict.fromkeys(_bucket(uri) for one in inputs for uri in one.uris):
            _check_region(stack, bucket)
    upload([each for one in inputs for each in one.uploads], stack, advance)
    return [Located(one.name, uri) for one in inputs for uri in [*one.uris, *_uploaded_to(one, stack)]]


def _uploaded_to(input: Input, stack: Stack) -> list[str]:
    return [f"s3://{stack.job_bucket}/{input.uploads[0].folder}"] if input.uploads else []


def uploaded(inputs: list[Input], stack: Stack) -> dict[str, Path]:
    """Return the local files of an input, by the URIs that they are uploaded to."""
    return {f"s3://{stack.job_bucket}/{each.key}": each.path for one in inputs for each in one.uploads}


def _bucket(uri: str) -> str:
    return uri.removeprefix("s3://").partition("/")[0]


def _check_region(stack: Stack, bucket: str) -> None:
    try:
        headers = stack.s3.head_bucket(Bucket=bucket)["ResponseMetadata"]["HTTPHeaders"]
    except (
        ClientError
    ) as error:  # a missing bucket, or one that the user may not list, is for the job to judge
        headers = error.response["ResponseMetadata"].get("HTTPHeaders", {})
    region = headers.get("x-amz-bucket-region", stack.region)
    if region != stack.region:
        raise UsageError(
            f"the bucket {bucket} is in {region}, the stack {stack.name} in {stack.region}: moving the data "
            f"would cost more than computing on it. Deploy a stack in {region}, or insist with --cross-region"
        )


def plan_uploads(arguments: list[str]) -> list[Upload]:
    """Return the uploads for files, folders (all files below) and globs; hidden files are left out.

    The keys begin with a digest of the files' paths, sizes and times of change, so that the same files are
    found again at the same keys and not uploaded twice.
    """
    files = [(path, name) for argument in arguments for path, name in _files(argument)]
    if not files:
        raise UsageError(f"INPUT: no files under {', '.join(arguments)}")
    names = _distinct_names(files)
    states = [path.stat() for path, _ in files]
    digest = hashlib.blake2b(digest_size=8)
    for (path, _), name, state in zip(files, names, states, strict=True):
        digest.update(
            f"{path.resolve()}\0{name}\0{state.st_size}\0{state.st_mtime_ns}\n".encode(
                errors="surrogateescape"
            )
        )
    prefix = f"input/{digest.hexdigest()}/"
    return [
        Upload(path, prefix + name, state.st_size)
        for (path, _), name, state in zip(files, names, states, strict=True)
    ]


def _files(argument: str) -> Iterator[tuple[Path, str]]:
    """Yield the files that an argument stands for, each with a name relative to it."""
    paths = (
        [Path(argument)]
        if Path(argument).exists()
        else [Path(found) for found in sorted(glob.glob(argument))]
    )
    if not paths:
        raise UsageError(
            f"INPUT: got {argument!r}, which is no file, folder or glob with matches; nor an s3:// URI"
        )
    for path in paths:
        if path.is_dir():
            below = sorted(file for file in path.rglob("*") if file.is_file())
            relative = [(file, file.relative_to(path)) for file in below]
            yield from (
                (file, name.as_posix())
                for file, name in relative
                if not any(p.startswith(".") for p in name.parts)
            )
        else:
            yield path, path.name


def _distinct_names(files: list[tuple[Path, str]]) -> list[str]:
    """Number names that occur twice (a/x.csv and b/x.csv given as two files)."""
    used: set[str] = set()
    names = []
    for _, name in files:
        candidates = itertools.chain([name], (f"{number}/{name}" for number in itertools.count(1)))
        distinct = next(candidate for candidate in candidates if candidate not in used)
        used.add(distinct)
        names.append(distinct)
    return names


def upload(uploads: list[Upload], stack: Stack, advance: Advance) -> None:
    """Upload what is not there yet."""
    by_key = {one.key: one for one in uploads}  # the same files may be inputs of several names
    there: dict[str, int] = {}
    for folder in dict.fromkeys(one.folder for one in uploads):
        there |= _sizes_under(stack, folder)
    missing = [one for one in by_key.values() if there.get(one.key) != one.size]
    total = sum(one.size for one in missing)
    done = 0

    def count(sent: int) -> None:
        nonlocal done
        done += sent
        advance(done, total)

    with ThreadPoolExecutor(UPLOAD_THREADS) as pool:
        futures = [
            pool.submit(stack.s3.upload_file, str(one.path), stack.job_bucket, one.key, Callback=count)
            for one in missing
        ]
        for future in futures:
            future.result()


def _sizes_under(stack: Stack, prefix: str) -> dict[str, int]:
    pages = stack.s3.get_paginator("list_objects_v2").paginate(Bucket=stack.job_bucket, Prefix=prefix)
    return {item["Key"]: item["Size"] for page in pages for item in page.get("Contents", [])}
