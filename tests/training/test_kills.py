"""Trainings that are killed end with the bits of an undisturbed one: the short form of benchmarks/kills.py."""

from __future__ import annotations

import os
import re
from pathlib import Path

import nursery

from hptui import registry

KILLS = Path(__file__).parents[1] / "benchmarks" / "kills.py"


def test_a_dozen_kills_leave_no_trace(tmp_path: Path) -> None:
    """In a process of its own: its forks must not inherit what torch keeps of other tests."""
    variables = os.environ | {"TMPDIR": str(tmp_path)}
    done = nursery.run("--kills", "12", "--most", "3", program=[str(KILLS)], env=variables, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^12 kills in .*; 0 differ$", done.stdout, re.MULTILINE)
    for strategy in registry.names("strategies"):
        assert re.search(rf"^{strategy} +[1-9]", done.stdout, re.MULTILINE), done.stdout
    assert list(tmp_path.glob("hptui-*")) == []
