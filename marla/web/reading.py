"""What is read about an execution beside its summary: why it failed, its result, what it took and cost."""

from __future__ import annotations

from typing import Any

from .. import outcome, results, resume
from ..explain.extras import Extras
from .executions import Watched, can_resume
from .tasks import Tasks
from .totals import totals_of


def explanation(watched: Watched) -> dict[str, Any]:
    """Return why an execution failed, as `marla explain` has it; nothing if it did not.

    `canResume` says whether it helps to resume the job, now that the cause is found.
    """
    seen = watched.look()
    if not seen.summary["failed"]:
        return {}
    found: dict[str, Any] = watched.in_the_end("explanation", lambda: _explained(watched))
    # Whatever was found before, the job may have been resumed since, or removed.
    if found.get("canResume") and (hindrance := _hindrance(watched, seen.summary["stages"])):
        return {name: told for name, told in found.items() if name != "command"} | {
            "canResume": False,
            "unresumable": hindrance,
        }
    return found


def _hindrance(watched: Watched, stages: int) -> str:
    """Return why an execution's job cannot be resumed any more; nothing if it can, or if nobody tells."""
    stack, before = watched.stack, watched.before
    return Extras().read(
        "whether it can be resumed",
        lambda: resume.hindrance(stack, before.name, before.job, stages, stack.options),
        "",
    )


def _explained(watched: Watched) -> dict[str, Any]:
    from ..explain.search import explain  # noqa: PLC0415 - imports DuckDB for some objects

    found = explain(watched.stack, watched.before.arn, watched.progress)
    if found is None:
        return {}
    error, cause = found.failure.name, found.failure.cause
    return found.to_json() | {"canResume": can_resume(watched.now, error, cause)}


def result(watched: Watched, rows: int) -> dict[str, Any]:
    """Return the first rows of a result; no `columns` and `uris` while there is none.

    Raises CloudError for one that has no rows to show.
    """
    output = watched.look().summary.get("output")
    if not output or not output.get("result"):
        return {"columns": [], "rows": [], "total": 0, "uris": []}
    uris = output["result"]
    found = results.head(watched.stack, uris, rows)
    return {
        "columns": output.get("columns") or found.columns,
        "rows": found.rows,
        "total": output["counters"]["resultRecords"],
        "uris": uris,
        **({"text": True} if outcome.is_text(uris) else {}),
    }


def totals(watched: Watched) -> dict[str, Any]:
    """Return what the tasks of an execution took in all, and what it cost.

    Of one that runs, what its tasks have taken so far, without the cost. Where the records that would be
    added up are deleted, or have expired, only that they are `gone`.
    """
    seen = watched.look()
    if not seen.finished:
        return totals_of(Tasks.of(watched).records())
    found: dict[str, Any] = watched.in_the_end("totals", lambda: _with_costs(watched))
    return found


def _with_costs(watched: Watched) -> dict[str, Any]:
    from ..costs.of_execution import of_execution  # noqa: PLC0415 - only this asks for costs

    tasks = Tasks.of(watched)
    if tasks.are_gone():
        return {"gone": True}
    found = tasks.records()
    costs = of_execution(watched.stack, watched.before.arn, found)
    told = costs.to_json()
    return totals_of(found) | {
        "dollars": told["bill"],
        "incomplete": costs.bill.incomplete,
        "alternatives": told["alternatives"],
        "advice": told["advice"],
    }
