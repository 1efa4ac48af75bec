"""What all tables have in common."""

import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from marla.generate import TABLES, GenerateError, keys, links, logs, terasort, text

Table = Callable[..., list[Path]]

VARIANTS: dict[str, Table] = {
    "text": partial(text, words=2_000),
    "combined logs": partial(logs, urls=2_000),
    "common logs": partial(logs, urls=2_000, format="common"),
    "links": partial(links, urls=2_000),
    "terasort": terasort,
    "ascii terasort": partial(terasort, ascii=True),
    "keys": partial(keys, keys=2_000),
    "steep keys": partial(keys, keys=2_000, exponent=1.3),
}
HASHES = {
    "text": "87dd1e0a02b08c33f62c3d71f234c615c190de6e6849b5506bddf5cac2d1ffc0",
    "combined logs": "b36169f25f6c544a5a5eea9a5e01175811608e6461b5ea0f6456ddc321157ff2",
    "common logs": "f880f2cacaca1194d895434a7e95bbed3c5ba2c320b8352186888b27f0de6053",
    "links": "85016b87f0aa77b28dd43dd55a64d28e7f57003985201dc1abcc8909e93abc65",
    "terasort": "9b3d78a9579758c8431404dd185f5200611c469e0b14ea43c89f8af1ef1b8a9e",
    "ascii terasort": "a5db090b558c96566d908f93762c6804db1669a006e763aea391c1fd5663f9d9",
    "keys": "fbab8bc9eb0e7d3c93aa6678ad8869ae836ff80a49334c103758cdb45a251318",
    "steep keys": "efa279d6c5fb464d2fddf0328d12dd4e1b148a18011f2d60e034bef14f4bede9",
}


@pytest.fixture(params=VARIANTS)
def table(request: pytest.FixtureRequest) -> Table:
    return VARIANTS[request.param]


def digest(paths: list[Path]) -> str:
    """Names and bytes of some files."""
    return hashlib.sha256(b"".join(path.name.encode() + path.read_bytes() for path in paths)).hexdigest()


def inodes(paths: list[Path]) -> list[int]:
    return [path.stat().st_ino for path in paths]


# The same bytes everywhere


@pytest.mark.parametrize("name", VARIANTS)
def test_files_of_a_seed_never_change(tmp_path: Path, name: str) -> None:
    assert digest(VARIANTS[name](tmp_path, 100_000, 2, seed=7)) == HASHES[name]


def test_the_number_of_processes_does_not_change_the_files(tmp_path: Path, table: Table) -> None:
    alone = table(tmp_path / "alone", 300_000, 3, processes=1)
    assert digest(alone) == digest(table(tmp_path / "shared", 300_000, 3, processes=2))


def test_adding_files_keeps_the_earlier_ones_as_they_were(tmp_path: Path, table: Table) -> None:
    few = table(tmp_path / "few", 50_000, 1) + table(tmp_path / "few", 50_000, 2, start=1)
    many = table(tmp_path / "many", 50_000, 3)
    assert digest(sorted(few)) == digest(sorted(many))


def test_files_and_seeds_differ_from_each_other(tmp_path: Path, table: Table) -> None:
    paths = table(tmp_path / "0", 50_000, 2, seed=0) + table(tmp_path / "1", 50_000, 2, seed=1)
    assert len({path.read_bytes() for path in paths}) == len(paths) >= 4


# Sizes


@pytest.mark.parametrize("size", [40_000, 1_000_003])
def test_a_file_is_full_to_within_a_row(tmp_path: Path, table: Table, size: int) -> None:
    for path in table(tmp_path, size, 2, processes=1):
        if path.name.startswith("links"):  # these have the pages that fit in the file beside them
            assert size / 5 < path.stat().st_size <= size
        else:
            longest = max(map(len, path.read_bytes().splitlines(keepends=True)))
            assert size - max(longest, 1_000) < path.stat().st_size <= size


@pytest.mark.parametrize(
    ("name", "least"),
    [("text", 1_024), ("logs", 1_024), ("links", 32_768), ("terasort", 100), ("keys", 64)],
)
def test_the_smallest_file_holds_a_row(tmp_path: Path, name: str, least: int) -> None:
    for path in TABLES[name](tmp_path, least, 3):
        assert path.stat().st_size > 0
    with pytest.raises(GenerateError, match=f"size: {least - 1} is too small .* use {least} or more"):
        TABLES[name](tmp_path, least - 1, 3)


# Files that are there already


def test_existing_files_are_kept_on_request(tmp_path: Path, table: Table) -> None:
    before = table(tmp_path, 50_000, 2)
    kept = inodes(before)
    assert inodes(table(tmp_path, 50_000, 2, skip_existing=True)) == kept
    assert inodes(table(tmp_path, 50_000, 2)) != kept


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("text", {"words": 1_999}),
        ("combined logs", {"format": "alternate"}),
        ("common logs", {"urls": 1_999}),
        ("links", {"urls": 1_999}),
        ("ascii terasort", {"seed": 1}),
        ("keys", {"keys": 1_999}),
        ("steep keys", {"exponent": 1.4}),
        ("keys", {"size": 50_001}),
    ],
)
def test_existing_files_of_other_arguments_are_replaced(
    tmp_path: Path, name: str, change: dict[str, Any]
) -> None:
    options = {"size": 50_000, "files": 2} | change
    VARIANTS[name](tmp_path / "kept", 50_000, 2)
    kept = VARIANTS[name](tmp_path / "kept", **options, skip_existing=True)
    assert digest(kept) == digest(VARIANTS[name](tmp_path / "fresh", **options))


def test_an_existing_file_that_was_cut_short_is_replaced(tmp_path: Path, table: Table) -> None:
    path = table(tmp_path, 50_000, 1)[-1]
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    table(tmp_path, 50_000, 1, skip_existing=True)
    assert path.read_bytes() == whole


# Failures


@pytest.mark.parametrize("files", [1, 2])
def test_a_full_disk_leaves_no_part_of_a_file(
    tmp_path: Path, table: Table, small_disk: int, files: int
) -> None:
    with pytest.raises(OSError, match="File too large"):
        table(tmp_path, 4 * small_disk, files)
    left = {path.name for path in tmp_path.iterdir()}
    whole = {name for name in left if not name.startswith(".")}
    assert left == whole | {f".{name}.json" for name in whole}
    assert all(name.startswith("links") for name in whole)  # which are smaller than their pages


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("text", {"files": 0}, "files: 0 .* use 1 or more"),
        ("terasort", {"start": -1}, "start: -1 .* use 0 or more"),
        ("text", {"words": 0}, "words: 0 .* use 1 to 1000000"),
        ("text", {"words": 1_000_001}, "words: 1000001 .* use 1 to 1000000"),
        ("logs", {"urls": 0}, "urls: 0 .* use 1 to 1000000"),
        ("links", {"urls": 0}, "urls: 0 .* use 1 to 1000000"),
        ("logs", {"format": "w3c"}, "format: 'w3c' .* use combined, common, alternate"),
        ("keys", {"keys": 0}, "keys: 0 .* use 1 to 1000000"),
        ("keys", {"exponent": -0.1}, "exponent: -0.1 .* use 0 to 3"),
        ("keys", {"exponent": 3.1}, "exponent: 3.1 .* use 0 to 3"),
        ("keys", {"exponent": float("nan")}, "exponent: nan .* use 0 to 3"),
    ],
)
def test_what_is_out_of_range_is_named_with_a_remedy(
    tmp_path: Path, name: str, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(GenerateError, match=message):
        TABLES[name](tmp_path / "new", **{"size": 50_000, "files": 1} | change)
    assert not (tmp_path / "new").exists()
