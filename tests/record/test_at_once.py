"""What several threads read at once, for the first time in a process: a study is followed while it is trained."""

from __future__ import annotations

from pathlib import Path

from fabricate import make_study, python

TOGETHER = """
import sys, threading, time
from pathlib import Path
sys.setswitchinterval(1e-6)
from hptui.record.study_directory import open_study
barrier = threading.Barrier(8)

def read(number):
    barrier.wait()
    time.sleep(number * 2e-4)
    open_study(Path(sys.argv[1]))

threads = [threading.Thread(target=read, args=(number,)) for number in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


def test_threads_that_open_a_study_at_once_get_it(tmp_path: Path) -> None:
    """The process ended with a segmentation fault: msgspec's first look at a struct is not for two threads."""
    study = make_study(tmp_path / "s")
    for _ in range(5):
        done = python(TOGETHER, study.directory)
        assert done.returncode == 0, done.stderr
