"""A study whose runs are trained side by side, against one after another; not a test, run by hand:

    HPTUI_TEST_DATA=FOLDER python tests/benchmarks/parallel.py --parallel 2 --pairs 5

Both are the command that a user types, from start to comparison, in turns, so that a machine whose speed drifts does
not matter; the ratio is taken within the pair. The final weights of both studies are compared to the bit. Memory is
looked at in a pair of its own, which is not timed: the kernel counts pages for that, and holds the processes up
meanwhile (four of them by a fifth). Ten times a second, of each process what is its own (USS) and all that it sees
(RSS), at its highest.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import torch

from hptui.record.study_directory import open_study

MIB = 2**20
LOOK_SECONDS = 0.1


@dataclass
class Start:
    """One command, from its start to its end."""

    seconds: float = 0.0
    own: dict[int, int] = field(default_factory=dict)
    """highest USS by process, in bytes"""
    seen: dict[int, int] = field(default_factory=dict)
    """highest RSS by process"""
    first: int = 0
    """the process of the study itself"""

    @property
    def memory(self) -> str:
        others = sorted((pid for pid in self.own if pid != self.first), key=lambda pid: -self.own[pid])
        return "own (seen) MiB: " + ", ".join(
            f"{self.own[pid] / MIB:.0f} ({self.seen[pid] / MIB:.0f})" for pid in (self.first, *others)
        )


def train(folder: Path, words: list[str], parallel: str, *, looked_at: bool = False) -> Start:
    """Start a study, and wait until it has ended."""
    command = [sys.executable, "-m", "hptui", "run", *words, "--parallel", parallel, "--headless", "--out", str(folder)]
    start, began = Start(), time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        start.first = process.pid
        while looked_at and process.poll() is None:
            look(psutil.Process(process.pid), start)
            time.sleep(LOOK_SECONDS)
    start.seconds = time.perf_counter() - began
    if process.returncode:
        raise SystemExit(f"exit code {process.returncode}: {' '.join(command)}")
    return start


def look(parent: psutil.Process, start: Start) -> None:
    """Take in what each process has now; those of multiprocessing that train nothing are among them."""
    try:
        processes = [parent, *parent.children(recursive=True)]
    except psutil.Error:
        return
    for one in processes:
        try:
            memory = one.memory_full_info()
        except psutil.Error:
            continue
        start.own[one.pid] = max(start.own.get(one.pid, 0), memory.uss)
        start.seen[one.pid] = max(start.seen.get(one.pid, 0), memory.rss)


def differing(one: Path, other: Path) -> list[str]:
    """Runs whose final weights are not equal to the bit."""
    found = []
    for _, _, run in open_study(one).runs():
        left, right = (
            torch.load(study / run.name / "model.pt", weights_only=True)["network"] for study in (one, other)
        )
        if not all(torch.equal(left[name], right[name]) for name in left):
            found.append(run.name)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parallel", default="2", help="runs at a time")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--runs", default="4", help="of each arm")
    parser.add_argument("--images", default="10000")
    parser.add_argument("--epochs", default="2")
    parser.add_argument("--model", default="dtu_cnn")
    chosen = parser.parse_args()
    data = os.environ.get("HPTUI_TEST_DATA")
    words = ["--dataset", "mnist", "--train-size", chosen.images, "--epochs", chosen.epochs, "--runs", chosen.runs]
    words += ["--model", chosen.model, "--threads", "1", *(["--data-dir", data] if data else [])]
    words += ["--strategy", "grid", "--search", "lr=1e-4:1e-1:log:5", "--search", "weight_decay=1e-5:1e-2:log:3"]
    ratios = []
    for pair in range(chosen.pairs + 1):
        looked_at = pair == chosen.pairs
        with tempfile.TemporaryDirectory() as place:
            ways = ("1", chosen.parallel) if pair % 2 == 0 else (chosen.parallel, "1")
            done = {name: train(Path(place) / name, words, name, looked_at=looked_at) for name in ways}
            if wrong := differing(Path(place) / "1", Path(place) / chosen.parallel):
                raise SystemExit(f"not equal to the bit: {', '.join(wrong)}")
        if not looked_at:
            ratios.append(done[chosen.parallel].seconds / done["1"].seconds)
        for parallel, start in done.items():
            told = f"memory {start.memory}" if looked_at else f"{start.seconds:7.1f} s"
            print(f"pair {pair + 1}  --parallel {parallel:<4} {told}", flush=True)
    if not ratios:
        return
    spread = statistics.stdev(ratios) if len(ratios) > 1 else 0.0
    mean, low, high = statistics.mean(ratios), min(ratios), max(ratios)
    print(f"ratio {mean:.3f}, sd {spread:.3f}, {low:.3f} to {high:.3f}, n = {len(ratios)}")


if __name__ == "__main__":
    main()
