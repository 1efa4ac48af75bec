"""A session: the plan, the cloud that several steps share, and where progress is told."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import cached_property
from typing import Self

from . import clouds
from .clouds import Cloud
from .places import HOME, OUTPUT
from .plan import Plan


class Session:
    """What the steps of one run of the benchmark share.

    Args:
        plan: how much is measured.
        peers: whether the peers are.
        say: told how far it is.
    """

    def __init__(self, plan: Plan, say: Callable[[str], None], *, peers: bool) -> None:
        self.plan = plan
        self.say = say
        self.peers = peers
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        OUTPUT.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @cached_property
    def cloud(self) -> Cloud:
        """The local cloud, started when it is first asked for."""
        return self._stack.enter_context(clouds.fresh(HOME / "cloud", self.say))

    def close(self) -> None:
        """Stop the cloud, if it runs; another is started if it is asked for again."""
        self._stack.close()
        self.__dict__.pop("cloud", None)
