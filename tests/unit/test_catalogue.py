import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import jobs
from jobs.uservisits import UserVisits
from jobs.wordcount import WordCount
from mapreduce import Job, SqlJob, catalogue
from mapreduce.errors import InvalidParameter, UnknownJob, described


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
        UnknownJob, match=r"jobs/no_job\.py has to define one subclass of Job, or one SqlJob; it defines none"
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
