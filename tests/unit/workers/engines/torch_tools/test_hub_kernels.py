"""A worker asks no hub for kernels, whatever its CPU has and whatever is installed beside it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

#: Imports an engine as a worker does, on a CPU that is said to have AVX-512-BF16 or not: bitsandbytes asks its own
#: library for that, through ctypes.
CODE = """
import ctypes, importlib.util, sys
real = ctypes.CDLL.__getattr__
ctypes.CDLL.__getattr__ = lambda self, name: (lambda: {has}) if name == "has_avx512bf16_cpu" else real(self, name)
from workers.engines.registry import engine_kind
engine_kind("moondream")
import bitsandbytes.functional
print(bitsandbytes.functional.has_avx512bf16(), importlib.util.find_spec("kernels"))
"""


@pytest.mark.parametrize("has_avx512bf16", [True, False])
def test_an_engine_is_imported_without_a_look_at_a_hub_and_without_a_warning(tmp_path: Path, has_avx512bf16):
    asked = tmp_path / "asked"
    (tmp_path / "kernels.py").write_text(f"open({str(asked)!r}, 'w')\ndef get_kernel(*_, **__): raise OSError\n")
    path = os.pathsep.join([str(tmp_path), *sys.path])

    done = subprocess.run(
        [sys.executable, "-c", CODE.format(has=has_avx512bf16)],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.split() == [str(has_avx512bf16), "None"]
    assert not asked.exists()
    assert "kernels" not in done.stderr
