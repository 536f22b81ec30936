"""One stack for all fault tests: each must leave it as good as it found it, which is what a fault test proves."""

from collections.abc import Iterator

import pytest

from tests.faults.stack import FaultRig, fault_stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultRig]:
    """Two workers; hangs are noticed after 10 s (a killed child is replaced in up to 6)."""
    with fault_stack(tmp_path_factory.mktemp("faults"), workers=2, DARKROOM_STEP_TIMEOUT_S="10") as rig:
        yield rig


@pytest.fixture
def rig(stack: FaultRig) -> FaultRig:
    """The stack, with all its workers alive."""
    return stack.wait_until_ready()
