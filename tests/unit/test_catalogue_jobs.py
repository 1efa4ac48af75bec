import importlib
import math
import random
from collections import Counter, defaultdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.uservisits import UserVisits
from jobs.wordcount import WordCount
from mapreduce import Job, Pipeline, SqlJob, catalogue, check_combiner, run
from mapreduce.check import check
from mapreduce.errors import BadRecord
from mapreduce.pipeline import Reference
from tests.unit.job_runs import jobs_of_catalogue
from tests.unit.memory_s3 import memory_store
from tests.unit.pipeline import INPUT, run_on, run_pipeline

ALL_JOBS = jobs_of_catalogue()
PIPELINES = {name: found for name in catalogue.names() if isinstance(found := catalogue.find(name), Pipeline)}


def visits(count: int) -> list[bytes]:
    """Lines of the Pavlo table `uservisits`, whose user agents hold quotes at times."""
    numbers = random.Random(7)
    return [
        f"{numbers.randrange(30)}.{numbers.randrange(256)}.{numbers.randrange(256)}.1,http://a/{number},"
        f'2009-01-01,{numbers.random() * 500},Mozilla "5",KOR,ko-KR,word,{numbers.randrange(10)}\n'.encode()
        for number in range(count)
    ]


def revenues(lines: list[bytes], prefix: int) -> dict[str, float]:
    amounts: defaultdict[str, list[float]] = defaultdict(list)
    for line in lines:
        address, _, _, revenue, *_ = line.decode().split(",")
        amounts[address[:prefix]].append(float(revenue))
    return {address: math.fsum(some) for address, some in amounts.items()}


# Conventions

EXAMPLES = {str: "x", int: 1}  # values of parameters that have no default


@pytest.mark.parametrize("name", catalogue.names())
def test_a_job_says_in_one_line_what_it_does(name: str) -> None:
    summary = catalogue.summary(name)
    assert summary.endswith(".")
    assert len(summary) <= 100


@pytest.mark.parametrize("name", catalogue.names())
def test_a_jobs_module_says_more_than_its_name(name: str) -> None:
    module = importlib.import_module(f"jobs.{name.replace('-', '_')}")
    assert module.__doc__


@pytest.mark.parametrize("job", ALL_JOBS.values(), ids=ALL_JOBS)
def test_each_parameter_of_a_job_has_a_line_of_help(job: type[Job] | SqlJob) -> None:
    for parameter in job.parameters().values():
        assert parameter.help
        assert "\n" not in parameter.help


@pytest.mark.parametrize("name", ALL_JOBS)
def test_a_job_runs_with_no_more_than_the_parameters_that_it_requires(name: str) -> None:
    job = ALL_JOBS[name]
    params = {parameter: EXAMPLES[spec.type] for parameter, spec in job.parameters().items() if spec.required}
    inputs = [{"name": input} for input in job.inputs]
    checked = check({"job": name, "params": params, "inputs": inputs})
    assert checked["columns"]
    assert set(checked["params"]) == set(job.parameters())


@pytest.mark.parametrize("name", PIPELINES)
def test_the_stages_of_a_pipeline_take_what_it_gives_them(name: str) -> None:
    pipeline = PIPELINES[name]
    used = set()
    for number, stage in enumerate(pipeline.stages):
        declared = stage.job.parameters()
        assert set(stage.params) <= set(declared)
        assert {parameter for parameter, spec in declared.items() if spec.required} <= set(stage.params)
        for parameter, reference in stage.params.items():
            assert isinstance(reference, Reference)
            kind, _, of_kind = reference.path.partition(".")
            if kind == "params":
                used.add(of_kind)
                # One declaration: the stage's default is the one that the pipeline shows.
                assert pipeline.params[of_kind] == declared[parameter]
            else:
                assert int(of_kind.partition(".")[0]) < number
    assert used == set(pipeline.params)


# Combiners

COMBINED: dict[str, tuple[dict[str, Any], list[Any]]] = {
    "wordcount": ({}, ["a b a", "b c a", "a"]),
    "uservisits": ({"prefix": 1}, [line.decode().split(",") for line in visits(60)]),
    "distinct": ({"field": 1}, ["a b", "a c", "a", "b"]),
    "top:count": ({}, ["a", "b", "a", "a", "b"]),
    "top:largest": ({"k": 3}, [[f"w{row}", str(row * 7 % 5)] for row in range(20)]),
    "url-frequency:count": ({}, [f'h - - [t] "GET /{row % 3} HTTP/1.1" 200 1' for row in range(12)]),
    "inverted-index": ({}, ["a b a", "A c", "a a a", "c"]),
    "reverse-links": ({}, ["a x", "b x", "a x", "a y", "a x"]),
}


def test_every_job_that_combines_has_samples() -> None:
    combining = {
        name for name, job in ALL_JOBS.items() if isinstance(job, type) and job.combine is not Job.combine
    }
    assert combining == set(COMBINED)


@pytest.mark.parametrize("name", COMBINED)
def test_a_combine_changes_no_result(name: str) -> None:
    params, samples = COMBINED[name]
    job = catalogue.load(name, params)
    assert isinstance(job, Job)
    check_combiner(job, samples)


# wordcount


@given(st.lists(st.text("ab \t한\u3000,", max_size=12)))
def test_wordcount_counts_words(lines: list[str]) -> None:
    expected = Counter(word for line in lines for word in line.split())
    assert list(run(WordCount(), lines)) == sorted(expected.items())


# uservisits


@pytest.mark.parametrize("prefix", [1, 8, 100])
def test_uservisits_sums_revenue_by_the_first_characters_of_the_address(prefix: int) -> None:
    lines = visits(2000)
    records: list[Any] = [line.decode().split(",") for line in lines]
    found = dict(run(UserVisits(prefix=prefix), records))
    assert found == pytest.approx(revenues(lines, prefix), rel=1e-12)


def test_uservisits_gives_the_same_sums_from_files_in_any_split() -> None:
    lines = visits(500)
    data = b"".join(lines)
    expected = revenues(lines, 8)
    for split_bytes in (997, len(data)):
        s3, _ = memory_store(INPUT, {"visits.csv": data})
        outcome = run_pipeline(
            s3, "uservisits", {"visits.csv": len(data)}, split_bytes=split_bytes, partitions=3
        )
        rows = [line.split(",") for part in outcome.parts for line in part.decode().splitlines()]
        assert {address: float(sum) for address, sum in rows} == pytest.approx(expected, rel=1e-12)
        assert len(rows) == len(expected)


@pytest.mark.parametrize("name", ["uservisits-sql", "aggregate"])
@pytest.mark.parametrize("prefix", [3, 8, 12])
def test_the_same_sums_in_sql_are_those_of_the_python_job(name: str, prefix: int) -> None:
    lines = visits(400)
    data = b"".join(lines)
    outcome = run_on({"visits.csv": data}, name, params={"prefix": prefix}, split_bytes=9973, partitions=3)
    found = [line.split(",") for part in outcome.parts for line in part.decode().splitlines()]
    assert {address: float(total) for address, total in found} == pytest.approx(
        revenues(lines, prefix), rel=1e-9
    )
    assert len(found) == len(revenues(lines, prefix))
    assert all(part == b"".join(sorted(part.splitlines(keepends=True))) for part in outcome.parts)


def test_scan_finds_the_pages_above_a_rank() -> None:
    pages = {f"http://{number}": number * 7919 % 3000 for number in range(500)}
    data = "".join(f"{page},{rank},{rank % 9}\n" for page, rank in pages.items()).encode()
    outcome = run_on({"rankings.csv": data}, "scan", params={"rank": 1000}, split_bytes=997, fan_in=5)
    rows = [line.split(",") for line in outcome.parts[0].decode().splitlines()]
    assert rows == sorted([page, str(rank)] for page, rank in pages.items() if rank > 1000)


@pytest.mark.parametrize(
    "line", [b"1.2.3.4,http://a,2009-01-01\n", visits(1)[0].replace(b",http", b",much,http")]
)
def test_uservisits_refuses_a_line_of_another_shape(line: bytes) -> None:
    s3, _ = memory_store(INPUT, {"visits.csv": line})
    with pytest.raises(BadRecord, match=r"visits\.csv at byte 0: LineError: .* fields where 9 are expected"):
        run_pipeline(s3, "uservisits", {"visits.csv": len(line)})


def test_uservisits_refuses_revenue_that_is_no_number() -> None:
    line = b"1.2.3.4,http://a,2009-01-01,much,agent,KOR,ko,word,1\n"
    s3, _ = memory_store(INPUT, {"visits.csv": line})
    with pytest.raises(
        BadRecord, match=r"visits\.csv at byte 0: ValueError: could not convert string to float"
    ):
        run_pipeline(s3, "uservisits", {"visits.csv": len(line)})
