"""Some random jobs under random faults; `make soak` runs many more."""

from __future__ import annotations

from collections import Counter

from marla.local.cloud import LocalCloud
from tests.soak.soak import injected, soak

JOBS, SEED = 12, 3


def test_random_jobs_under_random_faults_are_right_or_fail_by_a_name_that_the_faults_explain(
    cloud: LocalCloud,
) -> None:
    verdicts = list(soak(cloud, SEED, range(JOBS), at_once=6, patience=120))
    assert [f"{one.case.name}: {one.why}" for one in verdicts if one.what in {"wrong", "hung"}] == []
    # Nothing would be wrong with jobs that all fail, either, nor with faults that hit nothing.
    assert Counter(one.what for one in verdicts)["succeeded"] > JOBS / 2
    assert len(injected(verdicts)) >= 6
