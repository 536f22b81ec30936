"""`make quick` leaves out what imports torch, and nothing else."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILES = {
    "test_heavy.py": "import torch\ndef test_never_run(): assert False",
    "test_late.py": "def test_late():\n    import diffusers\n    assert False\ndef test_light(): pass",
    "test_asking.py": "from importlib.util import find_spec\ndef test_asking(): assert find_spec('torch').origin",
    "with_conftest/conftest.py": "import transformers",
    "with_conftest/test_below.py": "def test_never_run(): assert False",
}


def test_what_imports_torch_is_left_out_and_the_rest_runs(tmp_path):
    for name, source in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(source)
    command = [sys.executable, "-m", "pytest", "-p", "tests.without_torch", "-p", "no:cacheprovider", str(tmp_path)]

    run = subprocess.run(
        command, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, cwd=tmp_path
    )

    assert " 2 passed, 3 skipped in " in run.stdout, run.stdout
