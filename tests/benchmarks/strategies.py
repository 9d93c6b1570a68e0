"""Strategies against each other on real images; not a test, run by hand.

    python tests/benchmarks/strategies.py run --data DIR --out results.jsonl --methods default adaptive --seeds 0-9
    python tests/benchmarks/strategies.py report results.jsonl

`--data` is a folder with MNIST/raw/*.gz. 20,000 training, 5,000 validation and 10,000 test images; dtu_cnn, Adam,
batch 100, 10 epochs, one thread. What a method has to find by retraining is chosen by validation accuracy of one run
each, with a seed of its own (100), and then trained with all seeds; its cost counts all of that. The test images are
read once, of the weights that validation preferred after the last epoch, in every method alike.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scipy import stats

from hptui.space import parse_range
from hptui.strategies import Strategy
from hptui.training import train

SELECTION_SEED = 100
RATES = "1e-4:1e-2:log:5"
DECAYS = "1e-6:1e-2:log:5"
JOB: dict[str, Any] = {
    "dataset": "mnist",
    "train_size": 20_000,
    "validation_size": 5_000,
    "model": "dtu_cnn",
    "optimizer": "adam",
    "epochs": 10,
    "threads": 1,
}
TWO = {"lr": RATES, "weight_decay": DECAYS}
FOUR = {**TWO, "dropout": "0:0.8:lin:5", "augmentation": "0:1:lin:5"}

Settings = dict[str, Any]


def fixed(strategy: str = "fixed", **values: float) -> Settings:
    """Values that stay, apart from a schedule."""
    return {"strategy": strategy, "set": values}


def retrained(candidates: list[Settings]) -> Callable[[Settings], tuple[Settings, float]]:
    """The best of several settings by validation, and what finding it cost."""

    def find(job: Settings) -> tuple[Settings, float]:
        found = [(one(job, settings, SELECTION_SEED)["validation"], settings) for settings in candidates]
        return max(found, key=lambda pair: pair[0])[1], float(len(candidates))

    return find


class Decay(Strategy):
    """Only what `adaptive` does in its second half: what of its gain is the search, and what the schedule?"""

    def rate_factor(self, progress: float) -> float:
        return min(1.0, 2 * (1 - progress))


METHODS: dict[str, Settings | Callable[[Settings], tuple[Settings, float]]] = {
    "default": fixed(),
    "default with decay": {"strategy": Decay},
    "best fixed of 25": retrained(
        [
            fixed(lr=lr, weight_decay=decay)
            for lr in parse_range("lr", RATES).values()
            for decay in parse_range("weight_decay", DECAYS).values()
        ]
    ),
    "best cosine of 5": retrained([fixed("cosine", lr=lr) for lr in parse_range("lr", RATES).values()]),
    "Schedule-Free": fixed("schedule_free"),
    "Prodigy": fixed("prodigy"),
    "grid": {"strategy": "grid", "search": {"lr": RATES, "weight_decay": "1e-6:1e-2:log:3"}},
    "adaptive lr": {"strategy": "adaptive", "search": {"lr": RATES}},
    "adaptive": {"strategy": "adaptive", "search": TWO},
    "adaptive of 4": {"strategy": "adaptive", "search": FOUR},
}


def one(job: Settings, settings: Settings, seed: int) -> dict[str, Any]:
    """Train once; shares of right answers, and what it cost."""
    done = train(**{**job, **settings, "seed": seed})
    return {
        "test": done.test_accuracy,
        "validation": done.validation_accuracy,
        "cost": done.cost,
        "values": {name: float(f"{value:.3g}") for name, value in done.values.items()},
    }


def run(options: argparse.Namespace) -> None:
    """Append one line per method and seed; what is there already is not trained again."""
    first, _, last = options.seeds.partition("-")
    job = JOB | {"data_dir": options.data}
    lines = [json.loads(line) for line in options.out.read_text().splitlines()] if options.out.exists() else []
    there = {(line["method"], line["seed"]) for line in lines}
    for name in options.methods:
        seeds = [seed for seed in range(int(first), int(last or first) + 1) if (name, seed) not in there]
        method, searched = METHODS[name], 0.0
        if seeds and callable(method):
            method, searched = method(job)
        for seed in seeds:
            assert isinstance(method, dict)
            line = {"method": name, "seed": seed, "searched": searched, "settings": method, **one(job, method, seed)}
            with options.out.open("a") as file:
                file.write(json.dumps(line, default=lambda strategy: strategy.__name__) + "\n")
            print(f"{name:<20} {seed:>3} {100 * line['test']:.2f} cost {line['cost']:.2f}", flush=True)


def report(options: argparse.Namespace) -> None:
    """A table in Markdown, each method paired by seed with the first one."""
    found: dict[str, dict[int, dict[str, Any]]] = {}
    for path in options.files:
        for line in map(json.loads, path.read_text().splitlines()):
            found.setdefault(line["method"], {})[line["seed"]] = line
    base = found.get(options.base, {})
    print(f"| method | n | test accuracy % | worst | cost | against {options.base} (95 % interval) |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, lines in found.items():
        tests = [100 * line["test"] for line in lines.values()]
        cost = statistics.mean(line["cost"] for line in lines.values()) + next(iter(lines.values()))["searched"]
        spread = f" ± {statistics.stdev(tests):.2f}" if len(tests) > 1 else ""
        pairs = [100 * (lines[seed]["test"] - base[seed]["test"]) for seed in sorted(lines.keys() & base.keys())]
        words = interval(pairs) if name != options.base and len(pairs) > 1 else "-"
        mean = statistics.mean(tests)
        print(f"| {name} | {len(tests)} | {mean:.2f}{spread} | {min(tests):.2f} | {cost:.2f} | {words} |")


def interval(differences: list[float]) -> str:
    """Mean of paired differences with Student's interval."""
    mean, n = statistics.mean(differences), len(differences)
    half = float(stats.t.ppf(0.975, n - 1)) * statistics.stdev(differences) / math.sqrt(n)
    return f"{mean:+.2f} ({mean - half:+.2f} to {mean + half:+.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    running = commands.add_parser("run")
    running.add_argument("--data", required=True)
    running.add_argument("--out", type=Path, required=True)
    running.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    running.add_argument("--seeds", default="0-9")
    running.set_defaults(do=run)
    reporting = commands.add_parser("report")
    reporting.add_argument("files", nargs="+", type=Path)
    reporting.add_argument("--base", default="default")
    reporting.set_defaults(do=report)
    options = parser.parse_args()
    options.do(options)


if __name__ == "__main__":
    sys.exit(main())
