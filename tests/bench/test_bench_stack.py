"""What the bench compares: workers as shipped, against a bare loop at its best."""

import json
import os
import subprocess
from pathlib import Path
from types import SimpleNamespace

from tests.bench import bare_loop, bench_stack
from tests.rig import Rig


def test_the_benched_workers_measure_their_threads_as_shipped(tmp_path):
    assert Rig(tmp_path, **bench_stack.AS_SHIPPED).settings.cpu_threads == 0


def test_the_bare_loop_inherits_no_setting_of_ours_and_gives_a_rate_for_each_count(monkeypatch):
    seen = {}

    def run(command, env, **_):
        seen.update(env=env, command=command)
        return SimpleNamespace(stdout='a warning\n{"1": 3.0, "2": 2.0}\n')

    monkeypatch.setattr(subprocess, "run", run)
    for name in ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "MKL_NUM_THREADS", "GOMP_SPINCOUNT"):
        monkeypatch.setitem(os.environ, name, "1")

    assert bare_loop.pictures_per_s(Path("toy"), bench_stack.JOB, 3) == {1: 3.0, 2: 2.0}
    assert not [name for name in seen["env"] if name.startswith(bare_loop.OURS)]
    assert json.loads(seen["command"][-2]) == bench_stack.JOB
