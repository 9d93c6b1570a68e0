"""Does it pay on data that nobody tuned on? Small, noisy and unbalanced sets, paired by seed; not a test, run by hand.

    python tests/benchmarks/elsewhere.py run --data DIR --out results.jsonl [--half design] [--methods last one-se]
    python tests/benchmarks/elsewhere.py report results.jsonl

`--data` is a folder with MNIST/raw/*.gz and MedMNIST/*.npz. The settings stand in `_elsewhere.py`, the methods below;
the first method is what all others are compared with. A run that is in the file is not trained again.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import time
from pathlib import Path
from typing import Any

from _elsewhere import SETTINGS
from scipy import stats

from hptui.metrics.classification import metric
from hptui.record.events import EpochCompleted, RunCompleted
from hptui.training import train

SEARCH = {
    "lr": "1e-4:1e-2:log:5",
    "weight_decay": "1e-6:1e-2:log:3",
    "dropout": "0:0.8:lin:5",
    "augmentation": "0:1:lin:5",
}
RACED = {name: SEARCH[name] for name in ("dropout", "augmentation")}
SCREENED = Path(__file__).with_name("screened.py")
NO_WINDOW = 1e-9
"""epochs: less than a step, so that the averaged weights are the last ones"""
METHODS: dict[str, dict[str, Any]] = {
    "last": {"strategy": "fixed", "deliver": "last"},
    "one-se": {"strategy": "fixed", "deliver": "one-se"},
    "last, not averaged": {"strategy": "fixed", "deliver": "last", "average_window": NO_WINDOW},
    "one-se, not averaged": {"strategy": "fixed", "deliver": "one-se", "average_window": NO_WINDOW},
    "one-se, running": {"strategy": "fixed", "deliver": "one-se", "batchnorm": "running"},
    "stop": {"strategy": "fixed", "stop": "auto", "longest": 1.0},
    "stop, 1.5": {"strategy": "fixed", "stop": "auto", "longest": 1.5},
    "late_decay": {"strategy": "fixed", "deliver": "last", "schedule": "late_decay"},
    "late_decay one-se": {"strategy": "fixed", "deliver": "one-se", "schedule": "late_decay"},
    "3 times the epochs": {"strategy": "fixed", "deliver": "one-se", "times": 3},
    "adaptive 1.5": {"strategy": "adaptive", "deliver": "one-se", "budget": 1.5, "search": SEARCH},
    "adaptive 3": {"strategy": "adaptive", "deliver": "one-se", "budget": 3.0, "search": SEARCH},
    "adaptive 6": {"strategy": "adaptive", "deliver": "one-se", "budget": 6.0, "search": SEARCH},
    "adaptive 10": {"strategy": "adaptive", "deliver": "one-se", "budget": 10.0, "search": SEARCH},
    "adaptive 3, running": {
        "strategy": "adaptive",
        "deliver": "one-se",
        "budget": 3.0,
        "batchnorm": "running",
        "search": SEARCH,
    },
    "adaptive 3, by AUC": {
        "strategy": "adaptive",
        "deliver": "one-se",
        "budget": 3.0,
        "score": "auc",
        "search": SEARCH,
    },
    "adaptive 3, constant": {
        "strategy": "adaptive",
        "deliver": "one-se",
        "budget": 3.0,
        "schedule": "constant",
        "search": SEARCH,
    },
    "pbt": {"strategy": "pbt", "deliver": "one-se", "search": SEARCH},
    "adaptive 3, no race": {
        "strategy": f"{SCREENED}:Screened",
        "deliver": "one-se",
        "budget": 3.0,
        "search": SEARCH,
    },
    "race": {"strategy": "adaptive", "deliver": "one-se", "budget": 3.0, "search": RACED},
}
MEASURES = ("auc", "accuracy")
Line = dict[str, Any]


def one(task: tuple[str, str, int, Path]) -> Line:
    """Train once; what the delivered network says of the test images, and what it cost."""
    setting, method, seed, data = task
    began = time.process_time()
    job = SETTINGS[setting].job(data, seed) | {"stop": "never", "allow_overlap": True} | METHODS[method]
    times = job.pop("times", 1)
    job["epochs"] *= times
    done = train(**job)
    end = done.events[-1]
    assert isinstance(end, RunCompleted)
    answers = done.predictions["final", "test"]
    return {
        "setting": setting,
        "method": method,
        "seed": seed,
        "delivered": end.delivered_epoch,
        "epochs": sum(isinstance(event, EpochCompleted) for event in done.events),
        "cost": times * end.cost,
        "seconds": time.process_time() - began,
        **{name: metric(name, answers) for name in MEASURES},
    }


def run(options: argparse.Namespace) -> None:
    """Append one line for each run."""
    there = {(line["setting"], line["method"], line["seed"]) for line in lines_of(options.out)}
    names = [name for name, setting in SETTINGS.items() if options.half in (setting.half, "all")]
    tasks = [
        (setting, method, seed, options.data)
        for seed in range(options.seeds)
        for setting in options.settings or names
        for method in options.methods or METHODS
        if (setting, method, seed) not in there
    ]
    with multiprocessing.get_context("spawn").Pool(options.workers) as pool:
        for line in pool.imap_unordered(one, tasks):
            with options.out.open("a") as file:
                file.write(json.dumps(line) + "\n")
            print(f"{line['setting']:<20} {line['method']:<18} {line['seed']:>2} {line['auc']:.4f}", flush=True)


def lines_of(path: Path) -> list[Line]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def report(options: argparse.Namespace) -> None:
    """Print a table for each measure: mean and spread of each method, and its difference to the first, by seed."""
    lines = lines_of(options.out)
    first, *_ = METHODS
    for measure in MEASURES:
        print(f"\n| setting | method | n | {measure} % (mean ± sd) | worst | cost | difference (95 % interval) |")
        print("| --- | --- | --- | --- | --- | --- | --- |")
        for setting in SETTINGS:
            base = values_of(lines, setting, first, measure)
            for method in METHODS:
                found = values_of(lines, setting, method, measure)
                if found:
                    print(row(setting, method, found, base, costs_of(lines, setting, method)))


def values_of(lines: list[Line], setting: str, method: str, measure: str) -> dict[int, float]:
    """Percent by seed."""
    chosen = [line for line in lines if (line["setting"], line["method"]) == (setting, method)]
    return {line["seed"]: 100 * line[measure] for line in chosen}


def costs_of(lines: list[Line], setting: str, method: str) -> float:
    return statistics.mean(line["cost"] for line in lines if (line["setting"], line["method"]) == (setting, method))


def row(setting: str, method: str, found: dict[int, float], base: dict[int, float], cost: float) -> str:
    """One line of a table."""
    values = list(found.values())
    spread = statistics.stdev(values) if len(values) > 1 else 0.0
    pairs = [found[seed] - base[seed] for seed in found if seed in base]
    difference = "-"
    if len(pairs) > 1 and any(pairs):
        mean, error = statistics.mean(pairs), stats.sem(pairs)
        low, high = stats.t.interval(0.95, len(pairs) - 1, mean, error)
        difference = f"{mean:+.2f} ({low:+.2f} to {high:+.2f})"
    mean_sd = f"{statistics.mean(values):.2f} ± {spread:.2f}"
    return f"| {setting} | {method} | {len(values)} | {mean_sd} | {min(values):.2f} | {cost:.2f} | {difference} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    training = commands.add_parser("run")
    training.set_defaults(do=run)
    training.add_argument("--data", type=Path, required=True)
    training.add_argument("--out", type=Path, required=True)
    training.add_argument("--half", default="all", choices=["design", "judge", "fresh", "all"])
    training.add_argument("--settings", nargs="*", choices=SETTINGS)
    training.add_argument("--methods", nargs="*", choices=METHODS)
    training.add_argument("--seeds", type=int, default=10)
    training.add_argument("--workers", type=int, default=2)
    reporting = commands.add_parser("report")
    reporting.set_defaults(do=report)
    reporting.add_argument("out", type=Path)
    options = parser.parse_args()
    options.do(options)


if __name__ == "__main__":
    main()
