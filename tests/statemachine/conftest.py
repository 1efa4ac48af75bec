"""A cloud without objects, for each test."""

import pytest

pytest.register_assert_rewrite("tests.statemachine.stub_cloud")

from tests.statemachine.stub_cloud import Cloud  # noqa: E402 (its assertions are rewritten only then)


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()
