"""What becomes of a training whose terminal is lost; not a test, run by hand (half an hour on two idle cores):

    python tests/benchmarks/lost_terminal.py closed --moments 50
    python tests/benchmarks/lost_terminal.py frozen --pairs 3

- closed: terminals are closed at moments spread evenly from the start of the process to after the end of its study, in
  turns with the dashboard, with --headless and while `hptui resume` goes on. Seconds until the process is gone; whether
  its exit code says what is on the disk; whether `hptui resume` ends with the numbers of an undisturbed study.
- frozen: a pseudo-terminal takes nothing for a minute and more, from the first epoch to the last. Images per second by
  the run's own clock, against --headless, in turns.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from screen import headless, images_per_second, summary
from test_terminal import Terminal, events, hptui

from hptui.record.events import EpochCompleted, RunCompleted, RunResumed
from hptui.record.log_backwards import last_event

JOB = ["--dataset", "digits", "--model", "lenet", "--baseline", "none", "--runs", "1", "--threads", "1"]
SEARCH = ["--search", "lr=1e-4:1e-2:log:5", "--search", "weight_decay=1e-6:1e-2:log:3"]
SHORT, LONG = [*JOB, *SEARCH, "--epochs", "2"], [*JOB, *SEARCH, "--epochs", "120"]
KINDS = ("screen", "headless", "resume")
SLACK = 1.2
"""the last moments lie after the end of an undisturbed study"""


def is_done(study: Path) -> bool:
    return (study / "optimized-0").exists() and isinstance(last_event(study / "optimized-0"), RunCompleted)


def end_of(study: Path) -> tuple[float, float]:
    """Test accuracy and loss."""
    end = last_event(study / "optimized-0")
    assert isinstance(end, RunCompleted)
    return end.test_accuracy, end.test_loss


def interrupted(study: Path) -> Path:
    """A study that was stopped after its first epoch."""
    command = [sys.executable, "-m", "hptui", "run", *SHORT, "--out", str(study), "--headless"]
    trainer = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (study / "optimized-0").exists() or not events(study, EpochCompleted):
        time.sleep(0.02)
    trainer.send_signal(signal.SIGTERM)
    assert trainer.wait() == 3
    return study


def begin(kind: str, study: Path) -> Terminal:
    """A training of this kind in a terminal of its own."""
    if kind == "resume":
        return Terminal("resume", interrupted(study))
    return Terminal("run", *SHORT, "--out", study, *(["--headless"] if kind == "headless" else []))


def undisturbed(kind: str, folder: Path) -> tuple[float, tuple[float, float]]:
    """Seconds from the start of the process to the end of the study, and what the study comes to."""
    study = folder / f"undisturbed-{kind}"
    terminal = begin(kind, study)
    began = time.monotonic()
    while not is_done(study):
        terminal.read()
    seconds = time.monotonic() - began
    terminal.close()
    terminal.ended()
    return seconds, end_of(study)


def close_at(kind: str, moment: float, study: Path) -> tuple[int, float]:
    """The exit code, and the seconds from closing the terminal until the process is gone."""
    terminal = begin(kind, study)
    end = time.monotonic() + moment
    while time.monotonic() < end and terminal.process.poll() is None:
        terminal.read()
    terminal.close()
    began = time.monotonic()
    code = terminal.process.wait()
    return code, time.monotonic() - began


def verdict(code: int, study: Path, expected: tuple[float, float]) -> str:
    """Whether the exit code is right, and what becomes of the study; empty if all is well."""
    if is_done(study):
        return "" if code == 0 and end_of(study) == expected else f"exit code {code}, all done"
    if not (study / "study.toml").exists():  # nothing had begun: before the first line of hptui, a signal kills
        return "" if code in (130, -signal.SIGHUP) else f"exit code {code}, nothing begun"
    before_anything = "resume" in study.name and not events(study, RunResumed)
    resumed = hptui("resume", study, "--json")
    if resumed.returncode != 0 or end_of(study) != expected:
        return f"resume: {resumed.returncode} {resumed.stderr}"
    return "" if code == 3 or (before_anything and code == -signal.SIGHUP) else f"exit code {code}, resumable"


def closed(folder: Path, moments: int) -> None:
    """Print seconds and exit codes of all moments."""
    whole = {kind: undisturbed(kind, folder) for kind in KINDS}
    gone, codes, wrong = [], Counter[int](), 0
    for number in range(moments):
        kind = KINDS[number % len(KINDS)]
        seconds, expected = whole[kind]
        moment = SLACK * seconds * number / max(moments - 1, 1)
        study = folder / f"closed-{kind}-{number}"
        code, took = close_at(kind, moment, study)
        problem = verdict(code, study, expected)
        wrong += bool(problem)
        gone.append(took)
        codes[code] += 1
        print(f"{kind:<9} closed after {moment:5.2f} s: gone in {took:.2f} s, exit code {code} {problem}", flush=True)
    summary("s from closing the terminal to the end of the process", gone, 2)
    print(f"exit codes {dict(codes)}; wrong in {wrong} of {moments}")


def unread(study: Path) -> float:
    """Train with the dashboard on a terminal that takes nothing any more."""
    terminal = Terminal("run", *LONG, "--out", study, columns=120, lines=40)
    terminal.until(lambda: (study / "optimized-0").exists() and events(study, EpochCompleted))
    terminal.freeze(frozen=True)
    while not is_done(study):
        time.sleep(0.1)
    terminal.freeze(frozen=False)
    terminal.until(lambda: "finished" in terminal.shown)
    terminal.press("q")
    terminal.ended()
    terminal.close()
    return images_per_second(study)


def frozen(folder: Path, pairs: int) -> None:
    """Print the ratio of both speeds."""
    ratios = []
    for pair in range(pairs):
        speed = unread(folder / f"frozen-{pair}")
        ratios.append(speed / headless(folder / f"headless-{pair}", LONG))
        print(f"frozen / headless {ratios[-1]:.3f}", flush=True)
    summary("training speed, frozen dashboard / headless", ratios)


def main() -> None:
    """Print all figures of one kind of loss."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("loss", choices=["closed", "frozen"])
    parser.add_argument("--moments", type=int, default=50)
    parser.add_argument("--pairs", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        if options.loss == "closed":
            closed(Path(name), options.moments)
        else:
            frozen(Path(name), options.pairs)


if __name__ == "__main__":
    main()
