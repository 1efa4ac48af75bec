"""The MapReduce engine: objects, records and keys. It knows nothing of Step Functions."""

from .checking import check_combiner
from .errors import BadRecord, InvalidParameter, MarlaError
from .formats import Csv, Fixed, JsonLines, Text, Whole
from .in_memory import run
from .job import Job, parameter, required
from .pipeline import Pipeline, Stage, counter, param, result
from .sqljob import SqlInput, SqlJob

__all__ = [
    "BadRecord",
    "Csv",
    "Fixed",
    "InvalidParameter",
    "Job",
    "JsonLines",
    "MarlaError",
    "Pipeline",
    "SqlInput",
    "SqlJob",
    "Stage",
    "Text",
    "Whole",
    "check_combiner",
    "counter",
    "param",
    "parameter",
    "required",
    "result",
    "run",
]
