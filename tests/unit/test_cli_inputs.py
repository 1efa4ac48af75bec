"""INPUT arguments: which files they stand for, where those are uploaded, and what is refused."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from marla import inputs
from marla.errors import UsageError
from marla.operands import Operand
from marla.stack import Stack

BUCKET = "job-bucket"


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        yield Stack("marla", "us-east-1", "arn:machine", BUCKET, lambda service: client)


def plan(places: list[str], name: str = "") -> list[inputs.Input]:
    return inputs.plan([Operand(name, place) for place in places])


def make(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def names(uploads: list[inputs.Upload]) -> list[str]:
    return [upload.key.split("/", 2)[2] for upload in uploads]


def nothing(done: int, total: int) -> None:
    """Show no progress."""


def uploaded(stack: Stack) -> dict[str, bytes]:
    contents = stack.s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])
    return {c["Key"]: stack.s3.get_object(Bucket=BUCKET, Key=c["Key"])["Body"].read() for c in contents}


def test_a_folder_stands_for_all_files_below_it_but_hidden_ones(tmp_path: Path) -> None:
    folder = make(tmp_path, a_dot_csv="1", sub__b_dot_csv="2", _dot_hidden="3", _dot_git__config="4")
    assert names(inputs.plan_uploads([str(folder)])) == ["a.csv", "sub/b.csv"]


def test_a_glob_stands_for_its_matches(tmp_path: Path) -> None:
    folder = make(tmp_path, a_dot_csv="1", b_dot_csv="2", c_dot_txt="3")
    assert names(inputs.plan_uploads([f"{folder}/*.csv"])) == ["a.csv", "b.csv"]


def test_files_of_one_name_in_two_folders_are_both_uploaded(tmp_path: Path) -> None:
    folder = make(tmp_path, x__a_dot_csv="1", y__a_dot_csv="2")
    assert names(inputs.plan_uploads([f"{folder}/x/a.csv", f"{folder}/y/a.csv"])) == ["1/a.csv", "2/a.csv"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["a.txt", "b.txt"], ["a.txt", "b.txt"]),
        (["b.txt", "a.txt"], ["1/b.txt", "2/a.txt"]),
        (["b.txt", "sub", "a.txt"], ["1/b.txt", "2/c.txt", "3/a.txt"]),
        (["b.txt"] * 10, [f"{number:02}/b.txt" for number in range(1, 11)]),
    ],
)
def test_files_are_in_the_order_of_the_arguments(
    tmp_path: Path, arguments: list[str], expected: list[str]
) -> None:
    folder = make(tmp_path, a_dot_txt="1", b_dot_txt="2", sub__c_dot_txt="3")
    found = names(inputs.plan_uploads([f"{folder}/{name}" for name in arguments]))
    assert found == expected == sorted(found)


@pytest.mark.parametrize(
    ("name", "message"), [("", "got an empty text"), ("left", "got nothing behind left=")]
)
def test_an_empty_argument_is_not_the_folder_that_one_is_in(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=rf"^INPUT: {message}; give files, folders or s3:// URIs"):
        plan([""], name)


def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(
        UsageError, match=r"^INPUT: got '.*/pipe', which is no regular file; write it to a file"
    ):
        plan([str(tmp_path / "pipe")])


def test_no_two_files_get_one_name_whatever_their_folders_are_called(tmp_path: Path) -> None:
    folder = make(tmp_path, a__x="1", a__1__x="2", b__x="3", b__1__x="4")
    found = names(inputs.plan_uploads([f"{folder}/a", f"{folder}/b"]))
    assert len(set(found)) == 4


def test_a_file_whose_name_has_the_characters_of_a_glob_is_itself(tmp_path: Path) -> None:
    (tmp_path / "a[1].txt").write_text("x")
    assert names(inputs.plan_uploads([str(tmp_path / "a[1].txt")])) == ["a[1].txt"]


def test_what_is_no_file_is_refused_with_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nope\.csv.*no file, folder or glob"):
        inputs.plan_uploads([str(tmp_path / "nope.csv")])


def test_a_folder_without_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no files under"):
        inputs.plan_uploads([str(tmp_path)])


def test_local_files_are_uploaded_and_stand_for_their_folder(stack: Stack, tmp_path: Path) -> None:
    folder = make(tmp_path, a_dot_csv="1", sub__b_dot_csv="22")
    shown: list[tuple[int, int]] = []
    [(name, uri)] = inputs.resolve(
        plan([str(folder)]), stack, lambda done, total: shown.append((done, total))
    )
    assert name == ""
    prefix = uri.removeprefix(f"s3://{BUCKET}/")
    assert uploaded(stack) == {prefix + "a.csv": b"1", prefix + "sub/b.csv": b"22"}
    assert shown[-1] == (3, 3)


def test_the_same_files_are_not_uploaded_twice_and_changed_ones_are(stack: Stack, tmp_path: Path) -> None:
    folder = make(tmp_path, a_dot_csv="1")
    shown: list[tuple[int, int]] = []

    def resolve() -> list[inputs.Located]:
        given = plan([str(folder)])
        return inputs.resolve(given, stack, lambda done, total: shown.append((done, total)))

    first = resolve()
    shown.clear()
    assert resolve() == first
    assert shown == []
    (folder / "a.csv").write_text("changed")
    second = resolve()
    assert second != first
    assert b"changed" in uploaded(stack).values()


def test_uris_and_files_go_together(stack: Stack, tmp_path: Path) -> None:
    make(tmp_path, a_dot_csv="1")
    places = [f"s3://{BUCKET}/x/", str(tmp_path), f"s3://{BUCKET}/a/"]
    located = inputs.resolve(plan(places), stack, nothing)
    assert [located[0], located[2]] == [("", f"s3://{BUCKET}/x/"), ("", f"s3://{BUCKET}/a/")]
    assert uploaded(stack) == {located[1].uri.removeprefix(f"s3://{BUCKET}/") + "a.csv": b"1"}


def test_inputs_of_several_names_are_uploaded_together_each_to_a_folder(stack: Stack, tmp_path: Path) -> None:
    folder = make(tmp_path, pages__a_dot_csv="1", visits__a_dot_csv="22", visits__b_dot_csv="333")
    operands = [
        Operand("visits", f"{folder}/visits/b.csv"),
        Operand("pages", f"{folder}/pages"),
        Operand("visits", f"s3://{BUCKET}/x/"),
        Operand("visits", f"{folder}/visits/a*"),
    ]
    shown: list[tuple[int, int]] = []
    given = inputs.plan(operands)
    located = inputs.resolve(given, stack, lambda done, total: shown.append((done, total)))
    assert [name for name, _ in located] == ["visits", "visits", "visits", "pages"]
    first, other, last, pages = (one.uri.removeprefix(f"s3://{BUCKET}/") for one in located)
    assert other == "x/"
    assert uploaded(stack) == {pages + "a.csv": b"1", last + "a.csv": b"22", first + "b.csv": b"333"}
    assert max(shown) == (6, 6)
    assert {total for _, total in shown} == {6}
    assert set(inputs.uploaded(given, stack)) == {f"s3://{BUCKET}/{key}" for key in uploaded(stack)}


def test_files_that_are_inputs_of_two_names_are_uploaded_once(stack: Stack, tmp_path: Path) -> None:
    folder = make(tmp_path, a_dot_csv="1")
    operands = [Operand("left", str(folder)), Operand("right", str(folder))]
    shown: list[tuple[int, int]] = []
    left, right = inputs.resolve(
        inputs.plan(operands), stack, lambda done, total: shown.append((done, total))
    )
    assert (left.name, right.name) == ("left", "right")
    assert left.uri == right.uri
    assert shown[-1] == (1, 1)


def test_a_copy_is_told_apart_by_the_file_that_it_is_of(stack: Stack, tmp_path: Path) -> None:
    folder = make(tmp_path, a_dot_csv="1", sub__b_dot_csv="22")
    given = plan([str(folder)])
    [(_, uri)] = inputs.resolve(given, stack, nothing)
    assert inputs.uploaded(given, stack) == {
        f"{uri}a.csv": folder / "a.csv",
        f"{uri}sub/b.csv": folder / "sub" / "b.csv",
    }


def test_what_is_no_uri_of_a_bucket_is_refused() -> None:
    with pytest.raises(UsageError, match="INPUT: got 's3://B/x/'; give a URI"):
        plan(["s3://B/x/"])


class OtherRegion:
    """An S3 client whose buckets are in another Region; one that is not ours says so in its refusal."""

    def __init__(self, *, refuses: bool) -> None:
        self.refuses = refuses

    def head_bucket(self, Bucket: str) -> dict[str, Any]:  # noqa: N803
        metadata: Any = {"HTTPHeaders": {"x-amz-bucket-region": "eu-west-1"}, "HTTPStatusCode": 403}
        if self.refuses:
            response: Any = {"Error": {"Code": "403", "Message": "Forbidden"}, "ResponseMetadata": metadata}
            raise ClientError(response, "HeadBucket")
        return {"ResponseMetadata": metadata}


@pytest.mark.parametrize("refuses", [False, True])
def test_a_bucket_in_another_region_is_refused_with_the_reason(refuses: bool) -> None:
    client = OtherRegion(refuses=refuses)
    stack = Stack("marla", "us-east-1", "arn:machine", BUCKET, lambda service: client)
    with pytest.raises(
        UsageError, match=r"far is in eu-west-1, the stack marla in us-east-1.*--cross-region"
    ):
        inputs.resolve(plan(["s3://far/x/"]), stack, nothing)
    found = inputs.resolve(plan(["s3://far/x/"]), stack, nothing, cross_region=True)
    assert found == [("", "s3://far/x/")]
