"""What goes wrong before or beside a job: each message says what, and what to do."""


class UsageError(Exception):
    """The command cannot be carried out as given: exit status 2."""


class CloudError(Exception):
    """A stack or the local cloud is not there or does not answer: exit status 1."""
