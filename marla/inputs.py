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
    """What the INPUT arguments of one name stand for, in their order: URIs, and files that go together."""

    name: str
    places: list[str | list[Upload]]

    @property
    def uris(self) -> list[str]:
        """Those of objects that are in S3 already."""
        return [place for place in self.places if isinstance(place, str)]

    @property
    def uploads(self) -> list[Upload]:
        """All of its files."""
        return [each for place in self.places if not isinstance(place, str) for each in place]


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
        if not place:  # as a path it is the folder that one is in, which an unset variable does not mean
            got = f"nothing behind {name}=" if name else "an empty text"
            raise UsageError(f"INPUT: got {got}; give files, folders or s3:// URIs ($VARIABLE may be unset)")
        places.setdefault(name, []).append(place)
    return [_plan_one(name, some) for name, some in places.items()]


def _plan_one(name: str, places: list[str]) -> Input:
    planned: list[str | list[Upload]] = []
    for in_s3, some in itertools.groupby(places, lambda place: place.startswith("s3://")):
        if in_s3:
            planned += map(_checked, some)
        else:
            planned.append(plan_uploads(list(some)))
    return Input(name, planned)


def _checked(uri: str) -> str:
    if not _BUCKET.fullmatch(_bucket(uri)):
        raise UsageError(f"INPUT: got {uri!r}; give a URI such as s3://bucket/folder/")
    return uri


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
    return [Located(one.name, _uri(place, stack)) for one in inputs for place in one.places]


def _uri(place: str | list[Upload], stack: Stack) -> str:
    return place if isinstance(place, str) else f"s3://{stack.job_bucket}/{place[0].folder}"


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
    found again at the same keys and not uploaded twice. They are in the order of the arguments.
    """
    groups = [list(_files(path)) for argument in arguments for path in _paths(argument)]
    files = list(_in_order([group for group in groups if group]))
    if not files:
        raise UsageError(f"INPUT: no files under {', '.join(arguments)}")
    states = [path.stat() for path, _ in files]
    digest = hashlib.blake2b(digest_size=8)
    for (path, name), state in zip(files, states, strict=True):
        digest.update(
            f"{path.resolve()}\0{name}\0{state.st_size}\0{state.st_mtime_ns}\n".encode(
                errors="surrogateescape"
            )
        )
    prefix = f"input/{digest.hexdigest()}/"
    return [
        Upload(path, prefix + name, state.st_size) for (path, name), state in zip(files, states, strict=True)
    ]


def _paths(argument: str) -> list[Path]:
    """Return the files and folders that an argument stands for."""
    paths = (
        [Path(argument)]
        if Path(argument).exists()
        else [Path(found) for found in sorted(glob.glob(argument))]
    )
    if not paths:
        raise UsageError(
            f"INPUT: got {argument!r}, which is no file, folder or glob with matches; nor an s3:// URI"
        )
    return paths


def _files(path: Path) -> Iterator[tuple[Path, str]]:
    """Yield a file, or all below a folder, each with a name relative to it."""
    if path.is_dir():
        below = sorted(file for file in path.rglob("*") if file.is_file())
        relative = [(file, file.relative_to(path)) for file in below]
        yield from (
            (file, name.as_posix())
            for file, name in relative
            if not any(p.startswith(".") for p in name.parts)
        )
    elif path.is_file():
        yield path, path.name
    else:  # a pipe, as of <(command), can be read only once, and its size is not known
        raise UsageError(
            f"INPUT: got {str(path)!r}, which is no regular file; write it to a file, and give that"
        )


def _in_order(groups: list[list[tuple[Path, str]]]) -> Iterator[tuple[Path, str]]:
    """Yield all files, with names whose order is that of the groups: in numbered folders if it takes them.

    Objects are read in the order of their keys, and jobs such as `sort` promise that of the input.
    """
    by_name = sorted(
        (name.encode(errors="surrogateescape"), number)
        for number, group in enumerate(groups)
        for _, name in group
    )
    distinct = len({name for name, _ in by_name}) == len(by_name)
    if distinct and all(before <= after for (_, before), (_, after) in itertools.pairwise(by_name)):
        yield from itertools.chain.from_iterable(groups)
        return
    width = len(str(len(groups)))
    for number, group in enumerate(groups, 1):
        yield from ((path, f"{number:0{width}}/{name}") for path, name in group)


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
