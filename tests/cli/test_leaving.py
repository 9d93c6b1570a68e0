"""A process that has imported torch ends without taking it apart, and loses nothing that Python would have kept."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import atexit, ctypes, sys, threading, time, types
from hptui.cli.leaving import leave
if sys.argv[1] == "torch":
    sys.modules["torch"] = types.ModuleType("torch")
class Late:
    def __del__(self):
        print("taken apart", flush=True)
late = Late()
kept = open("kept.txt", "w")
kept.write("written")
atexit.register(lambda: print("at exit"))
ctypes.CDLL(None).printf(b"from C\\n")
def work():
    time.sleep(0.2)
    print("a thread's last words")
threading.Thread(target=work).start()
leave(3)
"""


@pytest.mark.parametrize("imported", ["torch", "nothing"])
def test_what_was_written_is_kept(imported: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, imported]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (3, "")
    ended = [] if imported == "torch" else ["taken apart"]
    assert sorted(done.stdout.splitlines()) == sorted(["a thread's last words", "at exit", "from C", *ended])
    assert (tmp_path / "kept.txt").read_text() == "written"
