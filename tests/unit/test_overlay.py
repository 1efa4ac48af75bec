"""How the states of a machine fare: what its history, its map runs and its records say together."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from mapreduce.record import TaskRecord
from marla.graph.definition import graph_of
from marla.graph.status import StateStatus
from marla.overlay import MapCounts, counts_of, has_backups, of_children, overlay_of
from marla.phase import Phase
from marla.pipelines import DEFINITION
from marla.visits import StateVisits

BEGAN = datetime(2026, 11, 21, 12, tzinfo=UTC)
OURS = graph_of(DEFINITION.read_text())


def test_the_counts_of_a_map_are_those_of_all_its_runs() -> None:
    map_runs = {"Map": ["wave"], "Reduce": ["one", "two"]}
    phases = [
        Phase("Map", BEGAN, total=7),  # whose map run has not begun
        Phase("Reduce step 1", BEGAN, map_run="one", total=8, succeeded=8),
        Phase("Reduce step 2", BEGAN, map_run="two", total=4, succeeded=1, running=2, failed=1),
        Phase("Reduce step 3", BEGAN, map_run="other", total=9),
    ]
    assert counts_of(map_runs, phases) == {"Map": MapCounts(), "Reduce": MapCounts(12, 9, 2, 1)}


def test_records_tell_of_a_map_with_backups_and_of_no_other_state() -> None:
    assert has_backups(OURS, ["Plan stages", "Reduce with backups"])
    assert not has_backups(OURS, ["Plan stages", "Map", "Reduce"])


def record(task: int, *, kind: str = "map", backup: bool = False, error: str = "") -> TaskRecord:
    return TaskRecord(
        kind=kind,
        stage=0,
        step=int(kind == "reduce"),
        partition=0,
        task=task,
        started=0.0,
        ended=1.0,
        output="",
        backup=backup,
        error=error,
    )


def visited(name: str, status: str = "running", **more: Any) -> dict[str, StateVisits]:
    return {name: StateVisits(name, "Map", 2, 3.0, status, BEGAN, **more)}


def test_a_picture_shows_each_state_of_the_machine() -> None:
    overlay = overlay_of(OURS, visited("Map"), {"Map": MapCounts(23, 5, 8)})
    assert set(overlay) == {node.name for node in OURS.walk()}
    assert overlay["Map"] == StateStatus("running", 2, 3.0, 5, 23, 0)
    assert overlay["Mapper"] == StateStatus("running", done=5, total=23, failed=0)
    assert overlay["Reduce"] == StateStatus()
    assert overlay["Reducer"] == StateStatus()


def test_the_error_of_a_retry_that_went_well_is_not_shown() -> None:
    overlay = overlay_of(OURS, visited("Map", "succeeded", error="Lambda.Unknown", retries=1))
    assert (overlay["Map"].error, overlay["Map"].retries) == ("", 1)
    assert overlay_of(OURS, visited("Map", "failed", error="E"))["Map"].error == "E"


def test_a_map_of_which_no_run_has_been_counted_says_nothing_of_its_children() -> None:
    overlay = overlay_of(OURS, visited("Map"))
    assert overlay["Map"].done is None
    assert overlay["Mapper"] == StateStatus(known=False)


def test_a_failed_item_shows_in_its_worker_before_the_map_is_over() -> None:
    overlay = of_children(OURS, "Map", MapCounts(23, 5, 2, 1))
    assert overlay["Mapper"] == StateStatus("failed", done=5, total=23, failed=1)


def test_backups_are_counted_by_their_records() -> None:
    records = [
        record(0, backup=True),
        record(1, backup=True, error="StorageUnavailable"),
        record(1, backup=True),
        record(2),
        record(3, kind="reduce", backup=True),
    ]
    overlay = of_children(OURS, "Map with backups", MapCounts(4, 4), records, "succeeded")
    assert overlay["First mapper"] == StateStatus("succeeded", done=4, total=4, failed=0)
    assert overlay["Mapper race"].done == 4
    assert overlay["Backup mapper"] == StateStatus("succeeded", done=2)
    assert overlay["Watch mapper"] == StateStatus("succeeded")
    assert overlay["How long do mappers take?"] == StateStatus(known=False)
    lost = of_children(OURS, "Map with backups", MapCounts(4, 4), records[1:2], "succeeded")
    assert lost["Backup mapper"] == StateStatus("caught", done=0)
    assert not of_children(OURS, "Map with backups", MapCounts(4, 4), [], "succeeded")["Backup mapper"].known
    assert not of_children(OURS, "Map with backups", MapCounts(4, 4))["Backup mapper"].known
