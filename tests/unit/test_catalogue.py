import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import jobs
from jobs.uservisits import UserVisits
from jobs.wordcount import WordCount
from mapreduce import Job, Pipeline, SqlJob, catalogue
from mapreduce.errors import InvalidParameter, UnknownJob, described
from marla import pipelines


@pytest.fixture
def catalogue_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder whose modules are in the catalogue too."""
    before = set(sys.modules)
    folder = tmp_path / "jobs"
    folder.mkdir()
    monkeypatch.setattr(jobs, "__path__", [*jobs.__path__, str(folder)])
    yield folder
    for name in set(sys.modules) - before:
        del sys.modules[name]


def class_name(job: str) -> str:
    found = catalogue.find(job)
    assert isinstance(found, type)
    return found.__name__


def test_the_catalogue_has_a_job_for_each_module_that_is_not_shared() -> None:
    modules = [path.stem for path in Path(jobs.__file__).parent.glob("*.py")]
    names = {name.replace("_", "-") for name in modules if not name.startswith("_")}
    assert set(catalogue.names()) == names
    assert catalogue.names() == sorted(names)
    assert {"uservisits", "wordcount", "aggregate", "scan"} <= names


def test_a_job_is_found_by_its_name() -> None:
    assert catalogue.find("wordcount") is WordCount
    assert isinstance(catalogue.load("uservisits", {}), UserVisits)


def test_a_job_is_loaded_with_its_parameters() -> None:
    job = catalogue.load("uservisits", {"prefix": 3})
    assert isinstance(job, UserVisits)
    assert job.prefix == 3
    with pytest.raises(
        InvalidParameter, match=r"params\.prefx: this job has no such parameter; it takes prefix"
    ):
        catalogue.load("uservisits", {"prefx": 3})


@pytest.mark.parametrize("job", ["wordcount", "uservisits", "grep", "uservisits-sql"])
def test_a_parameter_named_self_is_one_that_a_job_does_not_have(job: str) -> None:
    with pytest.raises(InvalidParameter, match=r"params\.self: this job has no such parameter; it takes "):
        catalogue.load(job, {"self": 1})


@pytest.mark.parametrize(
    "name", ["", "WordCount", "wordcount.py", "os", "..catalogue", "__init__", "jobs.wordcount"]
)
def test_what_is_not_in_the_catalogue_is_not_imported(name: str) -> None:
    before = set(sys.modules)
    with pytest.raises(
        UnknownJob, match=f"job: there is no '{name}'; the jobs are .*uservisits, .*wordcount"
    ):
        catalogue.find(name)
    assert set(sys.modules) == before


def test_a_new_module_is_a_new_job_with_hyphens_for_underscores(catalogue_folder: Path) -> None:
    (catalogue_folder / "my_own_count.py").write_text(
        "from jobs.wordcount import WordCount\n\n\nclass MyOwnCount(WordCount):\n    'Count.'\n"
    )
    assert "my-own-count" in catalogue.names()
    assert class_name("my-own-count") == "MyOwnCount"


def test_a_module_without_a_job_of_its_own_says_so(catalogue_folder: Path) -> None:
    (catalogue_folder / "no_job.py").write_text("from jobs.wordcount import WordCount\n")
    with pytest.raises(
        UnknownJob,
        match=r"jobs/no_job\.py has to define .* Job, or one SqlJob, or one Pipeline; it defines none",
    ):
        catalogue.find("no-job")


def test_a_class_that_the_job_builds_on_is_not_taken_for_the_job(catalogue_folder: Path) -> None:
    (catalogue_folder / "built.py").write_text(
        "from mapreduce import Job\nclass Base(Job): reduce = print\nclass Main(Base): map = print\n"
    )
    assert class_name("built") == "Main"


def test_two_jobs_in_one_file_are_refused_with_their_names(catalogue_folder: Path) -> None:
    (catalogue_folder / "two_jobs.py").write_text(
        "from mapreduce import Job\nclass One(Job): pass\nclass Two(Job): pass\n"
    )
    with pytest.raises(UnknownJob, match="it defines One, Two"):
        catalogue.find("two-jobs")


SQL_JOB = (
    "'Count rows.'\n"
    "from mapreduce import SqlJob, parameter\n"
    "job = SqlJob(map='SELECT k, n FROM input WHERE n > $least', columns='k VARCHAR, n INTEGER',\n"
    "             params={'least': parameter(5, 'the least', minimum=0)})\n"
)


def test_a_module_may_define_a_sql_job(catalogue_folder: Path) -> None:
    (catalogue_folder / "count_rows.py").write_text(SQL_JOB)
    job = catalogue.load("count-rows", {})
    assert isinstance(job, SqlJob)
    assert job.arguments == {"least": 5}
    assert catalogue.summary("count-rows") == "Count rows."
    with pytest.raises(InvalidParameter, match=r"params\.least: got -1; give at least 0 \(the least\)"):
        catalogue.load("count-rows", {"least": -1})
    with pytest.raises(InvalidParameter, match=r"params\.most: this job has no such parameter"):
        catalogue.load("count-rows", {"most": 1})


def test_the_arguments_of_a_sql_job_are_those_of_one_execution(catalogue_folder: Path) -> None:
    (catalogue_folder / "count_rows.py").write_text(SQL_JOB)
    assert catalogue.load("count-rows", {"least": 9}) != catalogue.load("count-rows", {})
    assert catalogue.load("count-rows", {}) == catalogue.load("count-rows", {"least": 5})


def test_a_module_defines_one_job_of_whatever_kind(catalogue_folder: Path) -> None:
    both = "class Other(Job):\n    map = reduce = print\n"
    (catalogue_folder / "both.py").write_text(SQL_JOB + "from mapreduce import Job\n" + both)
    with pytest.raises(UnknownJob, match="it defines Other, a SqlJob"):
        catalogue.find("both")
    (catalogue_folder / "pair.py").write_text(SQL_JOB + "other = SqlJob(map='FROM input')\n")
    with pytest.raises(UnknownJob, match="it defines a SqlJob, a SqlJob"):
        catalogue.find("pair")


def test_a_module_whose_name_begins_with_an_underscore_is_no_job(catalogue_folder: Path) -> None:
    (catalogue_folder / "_shared.py").write_text(SQL_JOB)
    assert not [name for name in catalogue.names() if "shared" in name]
    for name in ("-shared", "_shared"):
        with pytest.raises(UnknownJob, match="there is no"):
            catalogue.find(name)


def test_statements_are_a_job_without_a_name() -> None:
    job = catalogue.load({"map": "FROM input", "key": ["k"]}, {"least": 1})
    assert job == SqlJob(map="FROM input", key=("k",), arguments={"least": 1})


def test_a_job_without_a_map_is_refused_before_it_reads_anything(catalogue_folder: Path) -> None:
    (catalogue_folder / "typo.py").write_text(
        "from mapreduce import Job\nclass Typo(Job):\n    mapp = print\n    reduce = print\n"
    )
    with pytest.raises(UnknownJob, match=r"Typo in jobs/typo\.py has no map"):
        catalogue.find("typo")


def test_an_error_of_a_job_names_its_file_and_line(catalogue_folder: Path) -> None:
    (catalogue_folder / "slip.py").write_text(
        "from mapreduce import Job\nclass Slip(Job):\n    reduce = print\n"
        "    def map(self, record):\n        yield recrod, 1\n"
    )
    job = catalogue.load("slip", {})
    assert isinstance(job, Job)
    with pytest.raises(NameError) as caught:
        list(job.map("x"))
    assert described(caught.value) == "NameError: name 'recrod' is not defined (jobs/slip.py line 5)"


# ---- chains ----------------------------------------------------------------------------------------------

CHAIN = """'Count words, then words of each count.'
from jobs.wordcount import WordCount
from mapreduce import Csv, Job, Pipeline, SqlJob, Stage, counter, param, parameter, result

class Again(WordCount):
    'Count counts.'
    format = Csv(columns=("word", "count"))
    least: int = parameter(1, "the least count", minimum=1)
    words: int = parameter(0, "how many words there are")
    partitioning = "range"

pipeline = Pipeline(
    stages=(
        Stage("words", WordCount),
        Stage(
            "counts",
            Again,
            {"least": param("least"), "words": counter(0, "resultRecords")},
            {"partitions": 1},
        ),
        Stage("rows", SqlJob(map="FROM input", columns="a VARCHAR, b INTEGER"), {"from": result(0)}),
    ),
    params={"least": Again.parameters()["least"]},
)
"""


def test_a_module_may_define_a_chain_of_jobs(catalogue_folder: Path) -> None:
    (catalogue_folder / "my_chain.py").write_text(CHAIN)
    assert isinstance(catalogue.find("my-chain"), Pipeline)
    assert catalogue.summary("my-chain") == "Count words, then words of each count."
    assert catalogue.pipelines()["my-chain"] == [
        {"job": "my-chain:words"},
        {
            "job": "my-chain:counts",
            "params": {
                "least": {"from": "params.least"},
                "words": {"from": "stages.0.counters.resultRecords"},
            },
            "partitioning": "range",
            "partitions": 1,
        },
        {"job": "my-chain:rows", "params": {"from": {"from": "stages.0.result"}}},
    ]


def test_a_stage_of_a_chain_is_a_job_by_the_names_of_both(catalogue_folder: Path) -> None:
    (catalogue_folder / "my_chain.py").write_text(CHAIN)
    assert type(catalogue.load("my-chain:words", {})) is WordCount
    counts = catalogue.load("my-chain:counts", {"least": 3})
    assert (type(counts).__name__, getattr(counts, "least", None)) == ("Again", 3)
    assert isinstance(catalogue.load("my-chain:rows", {}), SqlJob)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "my-chain",
            r"got 'my-chain', a chain of jobs .* `make pipelines` .*: my-chain:words, my-chain:counts",
        ),
        ("my-chain:other", "got 'my-chain:other', .*my-chain:words, my-chain:counts, my-chain:rows"),
        ("wordcount:words", "wordcount has no stages, so there is no 'wordcount:words'"),
        ("nonsense:words", "there is no 'nonsense'"),
    ],
)
def test_what_is_no_stage_is_refused(catalogue_folder: Path, name: str, message: str) -> None:
    (catalogue_folder / "my_chain.py").write_text(CHAIN)
    with pytest.raises(UnknownJob, match=message):
        catalogue.load(name, {})


def test_a_stage_has_the_methods_of_a_job(catalogue_folder: Path) -> None:
    (catalogue_folder / "my_chain.py").write_text(CHAIN.replace("class Again(WordCount)", "class Again(Job)"))
    with pytest.raises(UnknownJob, match=r"Again in jobs/my_chain\.py has no map"):
        catalogue.find("my-chain")


def test_two_chains_in_one_file_are_refused(catalogue_folder: Path) -> None:
    (catalogue_folder / "my_chain.py").write_text(CHAIN + "other = Pipeline(stages=())\n")
    with pytest.raises(UnknownJob, match="it defines Again, a Pipeline, a Pipeline"):
        catalogue.find("my-chain")


def test_only_jobs_that_the_coordinator_has_to_know_more_of_are_in_its_table() -> None:
    table = catalogue.pipelines()
    assert table["sort"] == [{"job": "sort", "partitioning": "range"}]
    assert "wordcount" not in table
    assert "aggregate" not in table


def test_a_chains_parameters_are_checked() -> None:
    chain = catalogue.find("url-frequency")
    assert isinstance(chain, Pipeline)
    assert chain.check({}) == {"strip_query": False}
    with pytest.raises(InvalidParameter, match=r"params\.strip_query: got 1; give true or false"):
        chain.check({"strip_query": 1})
    with pytest.raises(
        InvalidParameter, match=r"params\.k: this job has no such parameter; it takes strip_query"
    ):
        chain.check({"k": 1})


def test_a_definition_gets_the_table_and_says_if_it_has_no_place_for_it() -> None:
    definition = pipelines.DEFINITION.read_text()
    without = re.sub(r"(?s)(?<=      pipelines:).*?(?=      # End)", " {}\n", definition)
    assert without != definition
    assert pipelines.with_table(without) == definition
    with pytest.raises(ValueError, match="has no table"):
        pipelines.with_table("StartAt: Done")
