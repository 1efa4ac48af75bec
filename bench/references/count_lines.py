"""MARLA's mapper, with the job `count-lines` in the catalogue of its process."""

from pathlib import Path

import jobs
from mapper import handler

__all__ = ["handler"]

jobs.__path__.append(str(Path(__file__).with_name("jobs")))
