"""Whether a SQL job can be run, as far as that can be told before any data is read."""

from __future__ import annotations

from typing import Any

from ..errors import InvalidParameter
from ..results import output_format
from ..sqljob import SqlJob
from .database import Database
from .plan import bind, nothing, plan_of
from .table import table_format


def check_sql(job: SqlJob, output: object, formats: list[Any], partitions: int) -> dict[str, Any]:
    """Return what a job makes of its parameters, and its result's columns if they are known yet.

    Args:
        output: the result's format, if the execution asks for one.
        formats: those of the inputs that say one.

    Raises InvalidQuery or InvalidParameter, with DuckDB's message and the place in the statement.
    """
    plan = plan_of(job)
    for requested in [None, *formats]:
        table_format(requested, job.format, key="")
    output_format(job, output)
    if partitions > 1 and plan.one_partition:
        raise InvalidParameter(
            f"partitions: got {partitions}; the job cannot have several: {plan.one_partition}"
        )
    columns: list[str] = []
    if plan.columns is not None:
        with Database(job.arguments) as database:
            shape = bind(plan, database, nothing(plan.columns))
            columns = [column.name for column in shape.result]
    return {"params": dict(job.arguments), "columns": columns}
