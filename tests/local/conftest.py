"""What these tests import from here; the fixtures are in tests/local_cloud.py, for other folders too."""

from tests.local_cloud import JOB_SECONDS, READABLE, UNREADABLE, Job, Put, Run

__all__ = ["JOB_SECONDS", "READABLE", "UNREADABLE", "Job", "Put", "Run"]
