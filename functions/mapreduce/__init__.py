"""The MapReduce engine: objects, records and keys. It knows nothing of Step Functions."""

from .errors import BadRecord, MarlaError
from .formats import Csv, JsonLines, Text
from .job import Job, parameter, run
from .sqljob import SqlJob

__all__ = ["BadRecord", "Csv", "Job", "JsonLines", "MarlaError", "SqlJob", "Text", "parameter", "run"]
