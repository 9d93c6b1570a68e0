"""Runs as jobs of a SLURM that this script starts, against `processes`; not a test, run by hand, by root:

    PYTHONPATH=tests/engines python tests/benchmarks/slurm.py limit --epochs 600    # jobs of two minutes, longer runs
    PYTHONPATH=tests/engines python tests/benchmarks/slurm.py overhead --pairs 5    # the same study by both, in turns

`limit` says how often SLURM itself sent its warning ahead of the time limit, and whether the weights are those of a
study without it, to the bit. `overhead` takes the ratio within the pair; nothing waits in a queue for other jobs.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from slurm_cluster import Cluster, missing

from hptui.record.events import RunStopped
from hptui.record.run_reader import RunReader
from hptui.record.study_directory import open_study

JOB = ["--dataset", "digits", "--model", "lenet", "--threads", "1", "--device", "cpu"]
JOB += ["--strategy", "grid", "--search", "lr=1e-3:1e-1:log:2"]


def train(folder: Path, *words: str) -> float:
    """Seconds from start to comparison."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "hptui", "run", *JOB, *words, "--headless", "--out", str(folder)]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"exit code {done.returncode}: {done.stderr[-500:]}")
    return time.perf_counter() - began


def differing(one: Path, other: Path) -> list[str]:
    """Runs whose final weights are not equal to the bit."""

    def weights(study: Path, run: str) -> dict[str, torch.Tensor]:
        return dict(torch.load(study / run / "model.pt", weights_only=True)["network"])

    names = [run.name for _, _, run in open_study(one).runs()]
    pairs = {name: (weights(one, name), weights(other, name)) for name in names}
    return [name for name, (a, b) in pairs.items() if not all(torch.equal(a[key], b[key]) for key in a)]


def limit(place: Path, chosen: argparse.Namespace) -> None:
    """Jobs that are shorter than their runs."""
    same = ["--runs", "1", "--decide-at", "1", "--epochs", chosen.epochs]
    asked = ["--engine-args", "time=2", "--engine-args", "signal_delay=30", "--engine-args", "cpus=1"]
    seconds = train(place / "jobs", *same, "--engine", "slurm", *asked)
    train(place / "alone", *same)
    for _, _, run in open_study(place / "jobs").runs():
        stops = [event.reason for event in RunReader(run).read() if isinstance(event, RunStopped)]
        print(f"{run.name}: {len(stops)} times at its limit ({'; '.join(sorted(set(stops)))})")
    print(f"{seconds:.0f} s; not equal to the bit: {', '.join(differing(place / 'jobs', place / 'alone')) or 'none'}")


def overhead(place: Path, chosen: argparse.Namespace) -> None:
    """The same study by both engines, in turns."""
    same = ["--runs", chosen.runs, "--epochs", chosen.epochs]
    ways = {
        "processes": ["--parallel", chosen.parallel],
        "slurm": ["--engine", "slurm", "--parallel", chosen.parallel, "--engine-args", "cpus=1"],
    }
    ratios = []
    for pair in range(chosen.pairs):
        order = list(ways) if pair % 2 == 0 else list(ways)[::-1]
        seconds = {name: train(place / f"{name}-{pair}", *same, *ways[name]) for name in order}
        if wrong := differing(place / f"processes-{pair}", place / f"slurm-{pair}"):
            raise SystemExit(f"not equal to the bit: {', '.join(wrong)}")
        ratios.append(seconds["slurm"] / seconds["processes"])
        print(f"pair {pair + 1}: processes {seconds['processes']:.1f} s, slurm {seconds['slurm']:.1f} s", flush=True)
    spread = statistics.stdev(ratios) if len(ratios) > 1 else 0.0
    mean, low, high = statistics.mean(ratios), min(ratios), max(ratios)
    print(f"ratio {mean:.3f}, sd {spread:.3f}, {low:.3f} to {high:.3f}, n = {len(ratios)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("limit", "overhead"))
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--runs", default="2", help="of each arm")
    parser.add_argument("--epochs", default="60")
    parser.add_argument("--parallel", default="2", help="runs at a time")
    chosen = parser.parse_args()
    if why := missing():
        raise SystemExit(why)
    cluster = Cluster()
    try:
        cluster.start()
        os.environ["SLURM_CONF"] = str(cluster.configuration)
        with tempfile.TemporaryDirectory() as place:
            os.environ["XDG_STATE_HOME"] = f"{place}/state"
            {"limit": limit, "overhead": overhead}[chosen.what](Path(place), chosen)
    finally:
        cluster.stop()


if __name__ == "__main__":
    main()
