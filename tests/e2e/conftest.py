"""One stack for all end-to-end tests: a private Valkey, the API and one CPU worker as real processes."""

import pytest

from tests.rig import running_stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory):
    with running_stack(tmp_path_factory.mktemp("stack")) as rig:
        yield rig
