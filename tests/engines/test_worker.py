"""A process of its own: started behind a screen, deaf to the terminal, gone when nobody wants it."""

from __future__ import annotations

from pathlib import Path

from fabricate import ended_early, make_study, python, whole_run, write_run

from hptui.engines import RunPlan
from hptui.engines._elsewhere import is_done

START = """
import os, signal, sys, time
from unittest.mock import MagicMock
from hptui.engines import _worker
_worker.IMPORTED = ()  # nothing is trained here

class Screen:
    '''What Textual puts in place of stderr.'''
    def fileno(self): return -1
    def flush(self): pass
    def write(self, text): pass

sys.stderr = Screen()
if len(sys.argv) > 1:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
worker = _worker.Worker(0, MagicMock)
while not worker.is_started:
    time.sleep(0.01)
assert worker._process.pid is not None, worker._said
if len(sys.argv) > 1:
    time.sleep(1)
    os.killpg(0, signal.SIGINT)
    os.killpg(0, signal.SIGHUP)
    time.sleep(1)
    assert worker._process.is_alive()
worker.let_go()
worker.join()
print(worker._process.exitcode)
"""


def test_it_is_started_behind_a_screen_whose_stderr_has_no_number() -> None:
    done = python(START)
    assert (done.stdout, done.returncode) == ("0\n", 0), done.stderr


def test_what_reaches_all_in_front_of_a_terminal_is_left_to_whoever_trains_the_study() -> None:
    done = python(START, "signals", start_new_session=True)
    assert (done.stdout, done.returncode) == ("0\n", 0), done.stderr


def test_a_run_that_its_losses_ended_early_is_done(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study", epochs=4, runs=3)
    begun = [whole_run("baseline", 0, epochs=4)[:-1], ended_early("baseline", 1, epochs=2, asked=4), whole_run()]
    runs = [write_run(study, "baseline", seed, events) for seed, events in enumerate(begun)]
    plans = [RunPlan(study.config, "baseline", seed, str(run)) for seed, run in enumerate(runs)]
    assert [is_done(plan) for plan in plans] == [False, True, False]
