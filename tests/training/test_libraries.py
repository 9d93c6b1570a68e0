"""Torch's libraries, loaded while Python goes on."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from fabricate import python

LIBRARIES = Path(__file__).parents[2] / "hptui" / "training" / "libraries.py"
CODE = """
import os, sys, threading
exec(compile(open(sys.argv[1]).read(), sys.argv[1], "exec"))
sys.setswitchinterval(1e-4)
steps, ended = [0], threading.Event()
def count():
    while not ended.is_set():
        steps[0] += 1
        ended.wait(0.001)
thread = threading.Thread(target=count)
thread.start()
load_torch_libraries()
ended.set()
thread.join()
mapped = open("/proc/self/maps").read()
import torch
print("libtorch_cpu" in mapped, steps[0] > 1, torch.zeros(2).sum().item())
"""
"""the module by itself: the package would load torch before it can be looked at"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere torch loads them itself")
def test_another_thread_goes_on_while_they_are_loaded_and_torch_finds_them() -> None:
    done = python(CODE, LIBRARIES)
    assert done.stdout.split() == ["True", "True", "0.0"], done.stderr


def test_without_torch_nothing_happens() -> None:
    code = (
        "import sys\nsys.modules['torch'] = None\nexec(open(sys.argv[1]).read())\nload_torch_libraries()\nprint('well')"
    )
    done = python(code, LIBRARIES)
    assert done.stdout == "well\n", done.stderr
