"""How a listing becomes batches: every byte once, in batches of about one size, whatever the objects are."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marla.local.jsonata import JSON, evaluate
from tests.statemachine.machine import expressions
from tests.statemachine.stub_cloud import ETAG, Cloud, Event, assert_covers_once, objects

PAYLOAD = 256 * 1024
CONTROLS = "\x01" * 1000  # six times as long in JSON
FIXED_COST = 256 * 1024  # of an object, in bytes
MIB = 1024 * 1024
GIB = 1024 * MIB
FOLDER = {"bucket": "data", "prefix": "in/", "open": True, "splittable": True}


def batch_bytes(event: Event) -> int:
    return sum(piece["end"] - piece["start"] for piece in event["pieces"])


def plan_page(sizes: dict[str, int], split_bytes: int, page_keys: int = 22) -> tuple[bool, list[Event]]:
    """Plan a page by itself: whether it fits, and its batches. One of 22 keys is not halved for its size."""
    contents = [{"Key": key, "Size": size, "ETag": ETAG} for key, size in sorted(sizes.items())]
    bindings: dict[str, JSON] = {
        "config": {"splitBytes": split_bytes, "inputs": [FOLDER]},
        "inputIndex": 0,
        "pageKeys": page_keys,
        "wave": [],
        "states": {"result": {"IsTruncated": False, "Contents": contents}},
    }
    bindings["page"] = evaluate(expressions()["List input.Assign.page"], bindings)
    batches = evaluate(expressions()["Cut into batches.Assign.wave"], bindings)
    return bindings["page"]["fits"], batches


def test_one_object_becomes_one_piece(cloud: Cloud) -> None:
    cloud.buckets = {"data": {"in/only.csv": 12345}}
    assert cloud.run().status == "SUCCEEDED"
    assert [event["pieces"] for event in cloud.maps] == [
        [{"key": "in/only.csv", "etag": ETAG.strip('"'), "start": 0, "end": 12345}]
    ]


def test_an_object_of_one_byte_is_mapped(cloud: Cloud) -> None:
    cloud.buckets = {"data": {"in/a": 1, "in/b": 1}}
    cloud.run(splitBytes=1)
    assert_covers_once(cloud.covered(), cloud.buckets["data"])


def test_all_pages_of_a_listing_are_mapped(cloud: Cloud) -> None:
    cloud.buckets = {"data": objects(500)}
    outcome = cloud.run()
    assert outcome.status == "SUCCEEDED"
    assert [request.get("StartAfter") for request in cloud.listed] == [None, "in/00179.csv", "in/00359.csv"]
    assert_covers_once(cloud.covered(), cloud.buckets["data"])


def test_a_listing_that_ends_with_a_full_page_asks_for_no_other(cloud: Cloud) -> None:
    cloud.buckets = {"data": objects(360)}
    cloud.run()
    assert len(cloud.listed) == 2
    assert_covers_once(cloud.covered(), cloud.buckets["data"])


def test_a_page_without_objects_that_count_does_not_end_the_listing(cloud: Cloud) -> None:
    cloud.buckets = {"data": {f"in/{number:05d}/": 0 for number in range(400)} | {"in/z.csv": 5}}
    cloud.run()
    assert_covers_once(cloud.covered(), cloud.buckets["data"])


def test_empty_objects_and_folders_of_the_console_are_skipped(cloud: Cloud) -> None:
    cloud.buckets = {"data": {"in/": 0, "in/a.csv": 10, "in/empty.csv": 0, "in/sub/": 0, "in/sub/b.csv": 20}}
    cloud.run()
    assert cloud.covered() == {"in/a.csv": [(0, 10)], "in/sub/b.csv": [(0, 20)]}


def test_several_inputs_are_mapped_each_from_its_bucket_in_its_format(cloud: Cloud) -> None:
    cloud.buckets = {"one": {"in/a": 10}, "two": {"x.jsonl": 20, "y": 30}, "three": {"t/c.csv": 40 * MIB}}
    cloud.run(
        input=[
            "s3://one/in/",
            {"uri": "s3://two/x.jsonl", "format": "jsonl"},
            {"uri": "s3://three", "format": "csv", "splittable": False},
        ],
        splitBytes=16 * MIB,
    )
    seen = [
        (e["bucket"], e["format"], [(p["key"], p["start"], p["end"]) for p in e["pieces"]])
        for e in cloud.maps
    ]
    assert seen == [
        ("one", None, [("in/a", 0, 10)]),
        ("two", "jsonl", [("x.jsonl", 0, 20)]),
        ("three", "csv", [("t/c.csv", 0, 40 * MIB)]),
    ]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_input_of_several_without_objects_is_an_error_not_a_smaller_result(
    cloud: Cloud, place: int
) -> None:
    cloud.buckets = {"one": {"a": 10, "empty": 0}, "two": {f"b{number:03}": 20 for number in range(200)}}
    inputs = ["s3://one/", "s3://two/"]
    inputs.insert(place, "s3://one/tpyo/")
    outcome = cloud.run(input=inputs)
    assert (outcome.status, outcome.error) == ("FAILED", "NoInput")
    assert "s3://one/tpyo/" in str(outcome.cause)
    assert cloud.maps == []


def test_a_page_of_empty_objects_is_no_empty_input(cloud: Cloud) -> None:
    empty = {f"in/a{number:03}": 0 for number in range(200)}
    cloud.buckets = {"data": empty | {"in/b": 5} | {f"in/c{number:03}": 0 for number in range(400)}}
    outcome = cloud.run()
    assert outcome.status == "SUCCEEDED", outcome.cause
    assert cloud.covered() == {"in/b": [(0, 5)]}


def test_a_listing_that_is_an_empty_list_is_no_input(cloud: Cloud) -> None:
    cloud.list_objects_v2 = lambda **_: {"IsTruncated": False, "Contents": []}  # type: ignore[method-assign]
    assert cloud.run().error == "NoInput"


def test_objects_are_listed_fewer_at_once_before_batches_grow_more_than_fourfold(cloud: Cloud) -> None:
    cloud.buckets = {"data": objects(180, size=4 * GIB)}
    assert cloud.run(splitBytes=64 * MIB, concurrency=16).status == "SUCCEEDED"
    largest = max(sum(p["end"] - p["start"] for p in event["pieces"]) for event in cloud.maps)
    assert largest <= 4 * 64 * MIB
    assert {request["MaxKeys"] for request in cloud.listed} == {180, 90, 45}
    assert_covers_once(cloud.covered(), cloud.buckets["data"])


@pytest.mark.parametrize(
    ("uri", "keys"),
    [
        ("s3://data/a.csv", {"a.csv", "a.csv/part-0", "a.csv/sub/part-1"}),
        ("s3://data/a.csv/", {"a.csv/part-0", "a.csv/sub/part-1"}),
        ("s3://data/pre*", {"pre", "prefix/x", "pre.csv"}),
        ("s3://data/pre", {"pre"}),
        ("s3://data/prefix", {"prefix/x"}),
        ("s3://data/a.csv*", {"a.csv", "a.csv.bak", "a.csv/part-0", "a.csv/sub/part-1"}),
    ],
)
def test_a_uri_takes_an_object_a_folder_or_a_prefix(cloud: Cloud, uri: str, keys: set[str]) -> None:
    every = ["a.csv", "a.csv.bak", "a.csv/part-0", "a.csv/sub/part-1", "pre", "pre.csv", "prefix/x", "z"]
    cloud.buckets = {"data": dict.fromkeys(every, 10)}
    cloud.run(input=uri)
    assert cloud.covered().keys() == keys


@pytest.mark.parametrize("uri", ["s3://data", "s3://data/", "s3://data/*"])
def test_a_uri_of_a_bucket_takes_all_of_it(cloud: Cloud, uri: str) -> None:
    cloud.buckets = {"data": {"a": 1, "b/c": 2, "d/e/f.csv": 3}}
    cloud.run(input=uri)
    assert_covers_once(cloud.covered(), cloud.buckets["data"])


def test_a_big_object_is_split_into_pieces_of_split_bytes(cloud: Cloud) -> None:
    cloud.buckets = {"data": {"in/big.csv": GIB}}
    cloud.run()
    assert_covers_once(cloud.covered(), cloud.buckets["data"])
    sizes = [batch_bytes(event) for event in cloud.maps]
    assert len(sizes) == 17  # 16 of 64 MiB, and the fixed cost of the object pushes it over
    assert max(sizes) == 64 * MIB


def test_small_objects_share_a_mapper(cloud: Cloud) -> None:
    cloud.buckets = {"data": objects(180)}
    cloud.run()
    assert len(cloud.maps) == 1
    assert len(cloud.maps[0]["pieces"]) == 180


def test_the_fixed_cost_of_an_object_keeps_tiny_ones_from_landing_on_one_mapper(cloud: Cloud) -> None:
    cloud.buckets = {"data": objects(180, size=1)}
    cloud.run(splitBytes=8 * MIB)
    counts = [len(event["pieces"]) for event in cloud.maps]
    assert max(counts) <= 32  # 32 times 256 KiB
    assert len(counts) <= 7


@pytest.mark.parametrize("suffix", [".gz", ".GZ", ".bz2", ".zst", ".Zst", ".csv.gz"])
def test_an_object_that_cannot_be_split_stays_whole(cloud: Cloud, suffix: str) -> None:
    cloud.buckets = {"data": {f"in/a{suffix}": GIB, "in/b.csv": GIB}}
    cloud.run()
    assert cloud.covered()[f"in/a{suffix}"] == [(0, GIB)]
    assert len(cloud.covered()["in/b.csv"]) > 15
    assert_covers_once(cloud.covered(), cloud.buckets["data"])


@pytest.mark.parametrize("key", ["in/a.gz.csv", "in/gz", "in/agz", "in/x.gz/y", "in/a.parquet"])
def test_only_the_end_of_a_key_says_that_it_cannot_be_split(cloud: Cloud, key: str) -> None:
    cloud.buckets = {"data": {key: GIB}}
    cloud.run()
    assert len(cloud.covered()[key]) > 15


def test_an_input_that_is_not_splittable_stays_whole(cloud: Cloud) -> None:
    cloud.buckets = {"data": {"in/a.csv": GIB, "in/b.csv": GIB}}
    cloud.run(input={"uri": "s3://data/in/", "splittable": False})
    assert cloud.covered() == {"in/a.csv": [(0, GIB)], "in/b.csv": [(0, GIB)]}
    assert len(cloud.maps) == 2


def test_batches_are_about_the_same_size(cloud: Cloud) -> None:
    cloud.buckets = {"data": {f"in/{number:03d}": (number * 7919 % 97 + 1) * MIB for number in range(60)}}
    cloud.run(splitBytes=32 * MIB)
    assert_covers_once(cloud.covered(), cloud.buckets["data"])
    for event in cloud.maps[:-1]:
        fixed = FIXED_COST * (len(event["pieces"]) + 1)
        assert 32 * MIB - fixed <= batch_bytes(event) <= 32 * MIB


def test_split_bytes_of_one_makes_a_mapper_of_each_byte(cloud: Cloud) -> None:
    cloud.buckets = {"data": {"in/a": 5, "in/b": 7}}
    outcome = cloud.run(splitBytes=1)
    assert outcome.status == "SUCCEEDED"
    assert_covers_once(cloud.covered(), cloud.buckets["data"])
    assert [batch_bytes(event) for event in cloud.maps] == [1] * 12


def test_giant_inputs_get_bigger_batches_rather_than_more_than_a_page_can_hold() -> None:
    fits, batches = plan_page({f"in/{number:05d}": 5 * 1024 * GIB for number in range(180)}, 1)
    assert fits
    assert 700 <= len(batches) <= 1180


def test_a_large_input_is_mapped_in_several_waves_with_one_numbering(cloud: Cloud) -> None:
    cloud.buckets = {"data": objects(300, size=60_000_000)}
    outcome = cloud.run(splitBytes=10_000_000, concurrency=16)
    assert outcome.status == "SUCCEEDED"
    waves = [len(run.children) for run in outcome.map_runs if ":mapRun:machine/Map:" in run.arn]
    assert len(waves) == 2
    assert waves[0] > 500  # a task that is slow to end delays few others
    assert [event["task"] for event in cloud.maps] == list(range(sum(waves)))
    assert_covers_once(cloud.covered(), cloud.buckets["data"])
    assert outcome.output["steps"][0]["tasks"] == sum(waves)


def test_many_pages_of_small_objects_are_one_wave(cloud: Cloud) -> None:
    cloud.buckets = {"data": objects(900)}
    outcome = cloud.run()
    assert len(cloud.listed) == 5
    assert len(cloud.maps) == 5
    assert ["/Map:" in run.arn for run in outcome.map_runs] == [True, False]


@pytest.mark.parametrize(
    ("stem", "size"),
    [
        ("k" * 1000, 10),
        ("😀" * 250, 10),
        ("한" * 100, GIB),
        ('"\\' * 500, 10),
        ("\x01" * 1000, GIB),
    ],
    ids=["long", "emoji", "korean-big", "escaped", "control-big"],
)
def test_pages_of_very_long_keys_are_listed_again_at_half_size(cloud: Cloud, stem: str, size: int) -> None:
    cloud.buckets = {"data": {f"in/{stem}{number:05d}": size for number in range(300)}}
    outcome = cloud.run(concurrency=16)
    assert outcome.status == "SUCCEEDED", outcome.cause
    assert_covers_once(cloud.covered(), cloud.buckets["data"])
    assert cloud.listed[0]["MaxKeys"] == 180
    assert cloud.listed[1]["MaxKeys"] <= 90
    assert cloud.largest_variable(outcome) <= PAYLOAD


def test_a_listing_too_large_for_a_payload_is_no_obstacle_after_another_page(cloud: Cloud) -> None:
    plain, escaped = objects(180), {f"in/z{CONTROLS}{number}": 10 for number in range(100)}
    cloud.buckets = {"data": plain | escaped}
    assert cloud.run().status == "SUCCEEDED"
    assert_covers_once(cloud.covered(), cloud.buckets["data"])


@pytest.mark.parametrize(
    "name",
    [
        "with space.csv",
        "plus+percent%20%2F.csv",
        "한국어/자료.csv",
        "quote\"and'apostrophe",
        "back\\slash",
        "{% $brackets %}",
        "new\nline\ttab",
        "emoji 😀",
        "b0",
        "$states",
        "a?b#c&d=e",
    ],
)
def test_keys_reach_the_mapper_unchanged(cloud: Cloud, name: str) -> None:
    cloud.buckets = {"data": {f"in/{name}": 100, "in/other": 100}}
    assert cloud.run(input="s3://data/in/").status == "SUCCEEDED"
    assert_covers_once(cloud.covered(), cloud.buckets["data"])


def test_a_uri_with_an_unusual_key_takes_that_object(cloud: Cloud) -> None:
    key = "한국 자료/100% +\"'\\.csv"
    cloud.buckets = {"data": {key: 100, "other": 100}}
    cloud.run(input=f"s3://data/{key}")
    assert cloud.covered() == {key: [(0, 100)]}


def test_the_same_input_gives_the_same_plan() -> None:
    plans = []
    for _ in range(2):
        cloud = Cloud(buckets={"data": {f"in/{n}": n * 100_003 for n in range(200)}})
        cloud.run(splitBytes=40_000_000)
        plans.append(cloud.maps)
    assert plans[0] == plans[1]
    assert len(plans[0]) > 20


sizes_of_objects = st.lists(
    st.one_of(st.integers(0, 3), st.integers(0, 3 * MIB), st.integers(0, 6 * GIB)), min_size=1, max_size=24
)
split_sizes = st.one_of(st.integers(1, 10), st.integers(1, 2 * FIXED_COST), st.integers(1, 4 * GIB))
suffixes = st.sampled_from(["", ".csv", ".gz", ".parquet"])


@settings(max_examples=50, deadline=None)
@given(sizes_of_objects, split_sizes, suffixes, st.integers(1, 7), st.integers(1, 700))
def test_a_page_covers_each_byte_once_within_its_share_of_a_wave(
    sizes: list[int], split_bytes: int, suffix: str, times: int, key_length: int
) -> None:
    page = {
        f"in/{'k' * key_length}{number:05d}{suffix if number % 2 else ''}": size
        for number, size in enumerate(sizes * times)
    }
    fits, batches = plan_page(page, split_bytes)
    if not fits:
        assert key_length > 300
        assert batches == []
        return
    covered: dict[str, list[tuple[int, int]]] = {}
    for batch in batches:
        for piece in batch["pieces"]:
            covered.setdefault(piece["key"], []).append((piece["start"], piece["end"]))
            assert piece["start"] < piece["end"]
    assert_covers_once(covered, page)
    assert len(str(batches).replace(" ", "")) <= 160_000
    whole = [key for key in covered if key.endswith(".gz")]
    assert all(len(covered[key]) == 1 for key in whole)


def test_objects_that_all_lie_across_a_cut_still_fit_a_wave() -> None:
    # The first object shifts the others so that each is cut in two: the worst that can happen to a page.
    size, key = 100, "k" * 690
    page = {f"in/{key}{number:05d}": 150 if number == 0 else size for number in range(180)}
    fits, batches = plan_page(page, FIXED_COST + size)
    assert not fits or len(str(batches).replace(" ", "")) <= 160_000


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(1, 200), st.integers(0, 2 * MIB), st.integers(1, 8 * MIB), st.sampled_from([1, 3]))
def test_every_byte_reaches_one_mapper_and_then_the_result(
    count: int, size: int, split_bytes: int, partitions: int
) -> None:
    sizes = {f"in/{n:04d}": size + n * 31 for n in range(count)} | {"in/x": 1}
    cloud = Cloud(buckets={"data": sizes})
    least = sum(sizes.values()) // 100  # no more mappers than a test has time for
    outcome = cloud.run(splitBytes=max(split_bytes, least), partitions=partitions, concurrency=16)
    assert outcome.status == "SUCCEEDED", outcome.cause
    assert_covers_once(cloud.covered(), sizes)
    assert [event["task"] for event in cloud.maps] == list(range(len(cloud.maps)))
    assert outcome.output["counters"]["resultRecords"] == sum(sizes.values())
