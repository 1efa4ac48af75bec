import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import jobs
from jobs.uservisits import UserVisits
from jobs.wordcount import WordCount
from mapreduce import catalogue
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


def test_the_catalogue_has_a_job_for_each_module() -> None:
    modules = Path(jobs.__file__).parent.glob("*.py")
    names = {path.stem.replace("_", "-") for path in modules} - {"--init--"}
    assert set(catalogue.names()) == names
    assert catalogue.names() == sorted(names)
    assert {"uservisits", "wordcount"} <= names


def test_a_job_is_found_by_its_name() -> None:
    assert catalogue.job_class("wordcount") is WordCount
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
        catalogue.job_class(name)
    assert set(sys.modules) == before


def test_a_new_module_is_a_new_job_with_hyphens_for_underscores(catalogue_folder: Path) -> None:
    (catalogue_folder / "my_own_count.py").write_text(
        "from jobs.wordcount import WordCount\n\n\nclass MyOwnCount(WordCount):\n    'Count.'\n"
    )
    assert "my-own-count" in catalogue.names()
    assert catalogue.job_class("my-own-count").__name__ == "MyOwnCount"


def test_a_module_without_a_job_of_its_own_says_so(catalogue_folder: Path) -> None:
    (catalogue_folder / "no_job.py").write_text("from jobs.wordcount import WordCount\n")
    with pytest.raises(
        UnknownJob, match=r"jobs/no_job\.py has to define one subclass of Job; it defines none"
    ):
        catalogue.job_class("no-job")


def test_a_class_that_the_job_builds_on_is_not_taken_for_the_job(catalogue_folder: Path) -> None:
    (catalogue_folder / "built.py").write_text(
        "from mapreduce import Job\nclass Base(Job): reduce = print\nclass Main(Base): map = print\n"
    )
    assert catalogue.job_class("built").__name__ == "Main"


def test_two_jobs_in_one_file_are_refused_with_their_names(catalogue_folder: Path) -> None:
    (catalogue_folder / "two_jobs.py").write_text(
        "from mapreduce import Job\nclass One(Job): pass\nclass Two(Job): pass\n"
    )
    with pytest.raises(UnknownJob, match="it defines One, Two"):
        catalogue.job_class("two-jobs")


def test_a_job_without_a_map_is_refused_before_it_reads_anything(catalogue_folder: Path) -> None:
    (catalogue_folder / "typo.py").write_text(
        "from mapreduce import Job\nclass Typo(Job):\n    mapp = print\n    reduce = print\n"
    )
    with pytest.raises(UnknownJob, match=r"Typo in jobs/typo\.py has no map"):
        catalogue.job_class("typo")


def test_an_error_of_a_job_names_its_file_and_line(catalogue_folder: Path) -> None:
    (catalogue_folder / "slip.py").write_text(
        "from mapreduce import Job\nclass Slip(Job):\n    reduce = print\n"
        "    def map(self, record):\n        yield recrod, 1\n"
    )
    job = catalogue.load("slip", {})
    with pytest.raises(NameError) as caught:
        list(job.map("x"))
    assert described(caught.value) == "NameError: name 'recrod' is not defined (jobs/slip.py line 5)"
