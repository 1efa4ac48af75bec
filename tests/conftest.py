"""What the tests of all folders may ask for."""

import pytest

pytest_plugins = ["tests.local_cloud"]


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Name long data by its length, if it is no text: what gzip writes is other bytes each second.

    The processes of pytest-xdist must all find tests of the same names.
    """
    if isinstance(val, bytes) and len(val) > 16 and not (val.isascii() and val.decode().isprintable()):
        return f"{argname} of {len(val)} bytes"
    return None
