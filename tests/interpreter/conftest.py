"""An interpreter without a cloud."""

import pytest

from marla.local.interpreter import Interpreter
from tests.interpreter.stubs import Clients


@pytest.fixture
def clients() -> Clients:
    """The stub clients of `interpreter`."""
    return Clients()


@pytest.fixture
def interpreter(clients: Clients) -> Interpreter:
    """An interpreter over `clients`."""
    return Interpreter(clients)
