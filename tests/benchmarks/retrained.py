"""What a random search finds that trains anew for each draw: what `elsewhere.py` is to be held against.

    python tests/benchmarks/retrained.py run --data DIR --out retrained.jsonl [--half design] [--seeds 3] [--trials 25]
    python tests/benchmarks/retrained.py report retrained.jsonl

The first trial is the default, the others draw the four values of `elsewhere.SEARCH`, rate and weight decay by their
logarithms; each delivers `one-se`. Of k trials the one is taken whose delivered network has the lowest calibrated loss
of the validation images, so that one file tells all costs up to the number of trials plus one.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
from pathlib import Path
from typing import Any

import numpy as np
from _elsewhere import SETTINGS
from elsewhere import MEASURES, SEARCH, lines_of, row

from hptui.metrics.classification import metric
from hptui.metrics.temperature import calibrated_losses
from hptui.record.events import EpochCompleted
from hptui.space import parse_range
from hptui.training import train

COUNTS = (1, 2, 3, 4, 6, 10, 16, 26)
Line = dict[str, Any]


def drawn(seed: int, trial: int) -> dict[str, float]:
    """The values of one trial; the first has those of the default."""
    if trial == 0:
        return {}
    random = np.random.default_rng([seed, trial])
    return {name: parse_range(name, text).at(random.random()) for name, text in SEARCH.items()}


def one(task: tuple[str, int, int, Path]) -> Line:
    """Train once."""
    setting, seed, trial, data = task
    values = drawn(seed, trial)
    job = SETTINGS[setting].job(data, seed) | {"stop": "never", "allow_overlap": True}
    done = train(**job, strategy="fixed", deliver="one-se", set=values)
    answers = done.predictions["final", "test"]
    return {
        "setting": setting,
        "seed": seed,
        "trial": trial,
        "values": values,
        "losses": [event.calibrated_loss for event in done.events if isinstance(event, EpochCompleted)],
        "loss": float(np.mean(calibrated_losses(done.predictions["final", "validation"]))),
        **{name: metric(name, answers) for name in MEASURES},
    }


def run(options: argparse.Namespace) -> None:
    """Append one line for each trial."""
    there = {(line["setting"], line["seed"], line["trial"]) for line in lines_of(options.out)}
    names = [name for name, setting in SETTINGS.items() if options.half in (setting.half, "all")]
    tasks = [
        (setting, seed, trial, options.data)
        for seed in range(options.seeds)
        for setting in options.settings or names
        for trial in range(options.trials + 1)
        if (setting, seed, trial) not in there
    ]
    with multiprocessing.get_context("spawn").Pool(options.workers) as pool:
        for line in pool.imap_unordered(one, tasks):
            with options.out.open("a") as file:
                file.write(json.dumps(line) + "\n")


def report(options: argparse.Namespace) -> None:
    """Print what the best of k trials has, for each k, and its difference to the default, by seed."""
    lines = lines_of(options.out)
    for measure in MEASURES:
        print(f"\n| setting | trials | n | {measure} % (mean ± sd) | worst | cost | difference (95 % interval) |")
        print("| --- | --- | --- | --- | --- | --- | --- |")
        for setting in SETTINGS:
            seeds = trials_of(lines, setting)
            for count in COUNTS:
                whole = {seed: trials for seed, trials in seeds.items() if len(trials) >= count}
                found = {seed: 100 * best_of(trials, count)[measure] for seed, trials in whole.items()}
                base = {seed: 100 * trials[0][measure] for seed, trials in whole.items()}
                if found:
                    print(row(setting, str(count), found, base, count))


def trials_of(lines: list[Line], setting: str) -> dict[int, list[Line]]:
    """The trials of each seed, in their order, up to the first that is missing."""
    found: dict[int, list[Line]] = {}
    for line in sorted((line for line in lines if line["setting"] == setting), key=lambda line: line["trial"]):
        trials = found.setdefault(line["seed"], [])
        if line["trial"] == len(trials):
            trials.append(line)
    return {seed: trials for seed, trials in found.items() if trials}


def best_of(trials: list[Line], count: int) -> Line:
    """Of the first of them, the one with the lowest loss; what has diverged has none."""
    return min(trials[:count], key=lambda line: line["loss"] if math.isfinite(line["loss"]) else math.inf)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    training = commands.add_parser("run")
    training.set_defaults(do=run)
    training.add_argument("--data", type=Path, required=True)
    training.add_argument("--out", type=Path, required=True)
    training.add_argument("--half", default="all", choices=["design", "judge", "fresh", "all"])
    training.add_argument("--settings", nargs="*", choices=SETTINGS)
    training.add_argument("--seeds", type=int, default=3)
    training.add_argument("--trials", type=int, default=25)
    training.add_argument("--workers", type=int, default=2)
    reporting = commands.add_parser("report")
    reporting.set_defaults(do=report)
    reporting.add_argument("out", type=Path)
    options = parser.parse_args()
    options.do(options)


if __name__ == "__main__":
    main()
