"""Random schedules of faults for one job: from none at all to more than it can bear."""

from __future__ import annotations

from random import Random
from typing import Any

# Where faults hit: of requests to S3, and how often each is drawn. The last is what the state machine does.
TARGETS: list[dict[str, str]] = [
    {"operation": "GetObject"},
    {"operation": "GetObject", "key": "/stage-"},
    {"operation": "PutObject"},
    {"operation": "CopyObject"},
    {"operation": "HeadObject"},
    {"operation": "ListObjectsV2"},
    {},
    {},
]
MILD, HARSH = (0.02, 0.15), (0.2, 0.5)  # probabilities
# What ends a job if it happens each time: tasks are tried again a few times only.
DEADLY = ["kill", "error", "corrupt", "throttle"]


def schedule(rng: Random, name: str) -> dict[str, Any]:
    """Return a schedule that hits nothing but requests of the job of that name and for its input."""
    level = rng.choices(["none", "mild", "harsh", "deadly"], [5, 65, 20, 10])[0]
    if level == "none":
        rules = []
    elif level == "deadly":
        rules = [_deadly(rng)]
    else:
        probabilities = MILD if level == "mild" else HARSH
        rules = [
            _rule(rng, rng.uniform(*probabilities), lasting=level == "mild")
            for _ in range(rng.randrange(1, 5))
        ]
    return {"seed": rng.randrange(2**32), "rules": [_of_job(rule, name) for rule in rules]}


def _rule(rng: Random, probability: float, *, lasting: bool) -> dict[str, Any]:
    """Return a rule; one that does not last hits each request a few times only."""
    kind = rng.choice(
        ["delay", "slow", "break", "truncate", "throttle", "error", "corrupt"] + ["kill", "duplicate"] * 2
    )
    of_lambda = kind in {"kill", "duplicate"} or (kind != "corrupt" and rng.random() < 0.3)
    match = {"service": "lambda"} if of_lambda else {"service": "s3"} | rng.choice(TARGETS)
    if kind == "corrupt":
        match = {"service": "s3", "operation": rng.choice(["GetObject", "PutObject"])}
    longest = {"delay": 1.0, "slow": 1.0, "kill": 0.15, "duplicate": 2.0}.get(kind, 0.0)
    rule = {
        "fault": kind,
        "match": match,
        "probability": probability,
        "when": rng.choice(["before", "after"]),
    }
    rule["seconds"] = [0, rng.choice([longest, longest / 4])]
    if not lasting:
        rule["times"] = rng.randrange(1, 4)
    return rule


def _deadly(rng: Random) -> dict[str, Any]:
    """Return a rule by which some task can hardly succeed, and others do."""
    kind = rng.choice(DEADLY)
    which = {
        "kill": {"payload": rng.choice(['"task": ?0', '"partition": ?0', '"publish"'])},
        "error": {"service": "lambda", "payload": rng.choice(['"task": ?1', '"step": ?1', '"publish"'])},
        "corrupt": {"operation": "GetObject", "key": rng.choice(["/map/0$", "/step-1/"])},
        "throttle": {"service": "s3", "key": rng.choice(["/map/0$", "/step-1/0/0$", "/result/"])},
    }[kind]
    return {"fault": kind, "match": which, "seconds": [0, 0.03] if kind == "kill" else 0.0}


def _of_job(rule: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the rule with only the job's requests in it: all of them name the job."""
    match = dict(rule["match"])
    of_lambda = match.get("service") == "lambda" or "payload" in match
    field, own = ("payload", f'"id": ?"{name}"') if of_lambda else ("key", f"(^|/){name}/")
    match[field] = f"(?s)^(?=.*{own}).*{match.get(field, '')}"
    return rule | {"match": match}
