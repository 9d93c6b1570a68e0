"""From which epoch on can a slow hyperparameter be judged? Not a test, run by hand.

    python tests/benchmarks/horizons.py --data DIR --seeds 0-2

MNIST, 10,000 training and 5,000 validation images, lenet, SGD with momentum 0.9 and a rate of 0.03, batch 100, 14
epochs. Each regulariser alone at some levels, everything else fixed; validation loss of the averaged weights after each
epoch. Told are the level with the lowest mean loss after each epoch, and from which epoch on that is, and stays, the
one that is best at the end.
"""

from __future__ import annotations

import argparse
import statistics
from typing import Any

from hptui.record.events import Evaluated
from hptui.training import train

EPOCHS = 14
LEVELS: dict[str, tuple[float, ...]] = {
    "dropout": (0.0, 0.25, 0.5),
    "weight_decay": (0.0, 1e-4, 1e-3, 1e-2),
    "augmentation": (0.0, 0.25, 0.5, 0.75),
}


def losses(data: str, seed: int, values: dict[str, float]) -> list[float]:
    """After each epoch, of the averaged weights."""
    job: dict[str, Any] = {
        "dataset": "mnist",
        "data_dir": data,
        "train_size": 10_000,
        "validation_size": 5_000,
        "model": "lenet",
        "optimizer": "sgd",
        "strategy": "fixed",
        "epochs": EPOCHS,
        "threads": 1,
        "seed": seed,
        "set": {"lr": 0.03} | values,
    }
    events = train(**job).events
    found = [e for e in events if isinstance(e, Evaluated) and (e.split, e.weights) == ("validation", "averaged")]
    return [e.loss if e.loss is not None else float("inf") for e in found]


def main() -> None:
    """One line per level, one line per hyperparameter."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--seeds", default="0-2")
    options = parser.parse_args()
    first, _, last = options.seeds.partition("-")
    seeds = range(int(first), int(last or first) + 1)
    for name, levels in LEVELS.items():
        means: dict[float, list[float]] = {}
        for level in levels:
            runs = [losses(options.data, seed, {"dropout": 0.0, name: level}) for seed in seeds]
            means[level] = [statistics.mean(run[epoch] for run in runs) for epoch in range(EPOCHS)]
            print(f"{name} {level:g}: {' '.join(f'{loss:.4f}' for loss in means[level])}", flush=True)
        best = [min(levels, key=lambda level, epoch=epoch: means[level][epoch]) for epoch in range(EPOCHS)]
        other = [epoch for epoch in range(EPOCHS) if best[epoch] != best[-1]]
        since = max(other, default=-1) + 2
        print(
            f"{name}: best after each epoch {best}; the one of the end, {best[-1]:g}, from epoch {since} on", flush=True
        )


if __name__ == "__main__":
    main()
