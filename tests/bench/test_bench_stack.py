"""What the bench compares: workers as shipped, against bare loops at their best."""

import io
import os
import subprocess
from types import SimpleNamespace

from tests.bench import bench_stack
from tests.bench.bare_process import MARK, OURS, BareProcess
from tests.rig import Rig


def test_the_benched_workers_measure_their_threads_as_shipped(tmp_path):
    assert Rig(tmp_path, **bench_stack.AS_SHIPPED).settings.cpu_threads == 0


def test_the_bare_loop_inherits_no_setting_of_ours_and_libraries_may_say_things(monkeypatch):
    seen = {}

    def start(command, env, **_):
        seen.update(env=env, command=command)
        said = io.StringIO(f"a warning\n{MARK}ready\nanother\n{MARK}[3.0, 2]\n")
        return SimpleNamespace(stdin=io.StringIO(), stdout=said)

    monkeypatch.setattr(subprocess, "Popen", start)
    for name in ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "MKL_NUM_THREADS", "GOMP_SPINCOUNT"):
        monkeypatch.setitem(os.environ, name, "1")

    bare = BareProcess("a_loop", "toy")

    assert (bare.seconds([bench_stack.JOB]), bare.threads) == (3.0, {2})
    assert not [name for name in seen["env"] if name.startswith(OURS)]
    assert seen["command"][-2:] == ["a_loop", "toy"]
