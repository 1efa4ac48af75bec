"""Which cloud a command works in: a stack on AWS, or the one on this machine."""

from __future__ import annotations

import argparse

from . import stack as stacks
from .console import say
from .errors import CloudError
from .local.cloud import LocalCloud
from .stack import Stack


def connect(options: argparse.Namespace, *, start: bool = False, patience: float = 60) -> Stack:
    """Return the stack on AWS that is named, or the local one, started if it has to be and `start` is set.

    Args:
        patience: seconds in which AWS has to answer a request, before it is tried again.
    """
    if options.stack:
        return stacks.on_aws(options.stack, options.region, patience)
    cloud = LocalCloud(say=say)
    if start:
        return cloud.start()
    if death := cloud.died():
        raise CloudError(f"{death}. Executions that were in it are lost: run the job again")
    return cloud.stack()
