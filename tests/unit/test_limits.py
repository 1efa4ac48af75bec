from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from cfnlint.decode import cfn_yaml

from mapreduce.errors import MarlaError, OutOfMemory, OutOfTime
from mapreduce.limits import named_limits

TEMPLATE = Path(__file__).parents[2] / "template.yaml"


class Context:
    """Lambda's, of a function that has so many seconds left."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return int(self._seconds * 1000)


@pytest.mark.parametrize(
    ("kind", "remedies"),
    [
        ("map", ["lower splitBytes", "WorkerTimeout", "MapperMemory"]),
        ("reduce", ["raise partitions", "WorkerTimeout", "ReducerMemory"]),
    ],
)
def test_a_task_that_takes_too_long_is_ended_in_time_and_told_what_to_do(
    kind: str, remedies: list[str]
) -> None:
    began = time.monotonic()
    with pytest.raises(OutOfTime) as caught, named_limits(kind, Context(2)):
        time.sleep(10)
    assert 1.5 < time.monotonic() - began < 2  # a tenth is left to clear away what was begun
    assert all(remedy in str(caught.value) for remedy in remedies)


def test_code_that_catches_every_exception_does_not_catch_the_end_of_time() -> None:
    def swallow() -> None:
        try:
            while True:
                time.sleep(0.01)
        except Exception:
            pytest.fail("a job's code took the end of its time for an error of its own")

    with pytest.raises(OutOfTime), named_limits("map", Context(0.3)):
        swallow()


def test_memory_that_is_not_there_is_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1769")
    with (
        pytest.raises(OutOfMemory, match=r"1769 MiB.*lower splitBytes.*MapperMemory"),
        named_limits("map", None),
    ):
        bytearray(1 << 62)


def test_other_errors_pass() -> None:
    with pytest.raises(MarlaError, match="of the job"), named_limits("map", Context(60)):
        raise MarlaError("of the job")


def test_a_task_that_ends_in_time_is_not_interrupted_later() -> None:
    with named_limits("map", Context(0.2)):
        pass
    time.sleep(0.25)


def test_beside_the_main_thread_there_are_no_signals_and_no_limit() -> None:
    done: list[bool] = []

    def work() -> None:
        with named_limits("map", Context(0.05)):
            time.sleep(0.1)
        done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [True]


def test_what_the_messages_name_is_in_the_template() -> None:
    parameters = cfn_yaml.load(str(TEMPLATE))["Parameters"]
    assert {"WorkerTimeout", "MapperMemory", "ReducerMemory"} <= parameters.keys()
    assert parameters["WorkerTimeout"]["MaxValue"] == 900
