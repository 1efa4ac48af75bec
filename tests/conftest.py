"""What the tests of all folders may ask for."""

pytest_plugins = ["tests.local_cloud"]
