"""What a search costs against what it brings, as a picture: hptui, retraining, successive halving, population, time.

    python tests/benchmarks/costs.py results.jsonl retrained.jsonl --setting mnist-300 --out costs.png

`results.jsonl` is of `elsewhere.py`, `retrained.jsonl` of `retrained.py`. Means over the seeds that a method has, with
standard errors. Successive halving (Jamieson and Talwalkar 2016, arXiv 1502.07943) is reckoned from the validation
losses that the retrained trials had after each epoch: a third goes on to three times as many epochs, twice.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path
from typing import Any

import matplotlib as mpl
from elsewhere import MEASURES, lines_of
from retrained import best_of, trials_of

mpl.use("Agg")
from matplotlib import pyplot as plt

Line = dict[str, Any]
Points = list[tuple[float, float, float]]
"""cost, mean and standard error"""
HALVINGS = (9, 25)
"""trials that successive halving begins with"""
CURVES = {
    "adaptive": ("adaptive 1.5", "adaptive 3", "adaptive 6"),
    "default": ("one-se",),
    "default, 3 times the epochs": ("3 times the epochs",),
    "population of 4": ("pbt",),
}
TITLES = {"auc": "AUC of test images, %", "accuracy": "accuracy of test images, %"}


def mean_point(cost: float, values: list[float]) -> tuple[float, float, float]:
    error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0
    return cost, statistics.mean(values), error


def measured(lines: list[Line], methods: tuple[str, ...], measure: str) -> Points:
    """A point for each method that was trained."""
    found = [[line for line in lines if line["method"] == method] for method in methods]
    costs = [statistics.mean(line["cost"] for line in one) if one else 0.0 for one in found]
    values = [[100 * line[measure] for line in one] for one in found]
    return [mean_point(cost, one) for cost, one in zip(costs, values, strict=True) if one]


def halved(trials: list[Line], count: int) -> tuple[float, Line]:
    """What successive halving of the first `count` trials costs, in plain trainings, and takes."""
    left, cost, before = trials[:count], 0.0, 0.0
    for share in (1 / 9, 1 / 3):
        cost += len(left) * (share - before)
        order = sorted(left, key=lambda line: lowest(line["losses"], share))
        left, before = order[: max(1, len(order) // 3)], share
    return cost + len(left) * (1 - before), best_of(left, len(left))


def lowest(losses: list[float | None], share: float) -> float:
    """The lowest loss within this share of the epochs."""
    return min(loss for loss in (*losses[: max(1, round(share * len(losses)))], float("inf")) if loss is not None)


def draw(options: argparse.Namespace) -> None:
    """Draw one setting."""
    lines = [line for line in lines_of(options.results) if line["setting"] == options.setting]
    seeds = [
        one for one in trials_of(lines_of(options.retrained), options.setting).values() if len(one) >= HALVINGS[-1]
    ]
    figure, axes = plt.subplots(figsize=(6.4, 4.0), layout="constrained")
    curves = {name: measured(lines, methods, options.measure) for name, methods in CURVES.items()}
    if seeds:
        counts = range(1, min(map(len, seeds)) + 1)
        curves["random search, retrained"] = [
            mean_point(count, [100 * best_of(trials, count)[options.measure] for trials in seeds]) for count in counts
        ]
        curves["successive halving"] = [
            mean_point(
                halved(seeds[0], count)[0], [100 * halved(trials, count)[1][options.measure] for trials in seeds]
            )
            for count in HALVINGS
        ]
    for (name, points), marker in zip(curves.items(), "osD^.v", strict=False):
        if points:
            costs, means, errors = zip(*points, strict=True)
            axes.errorbar(costs, means, errors, marker=marker, capsize=2, label=name, linewidth=1)
            print(f"{name}: " + ", ".join(f"{mean:.2f} ± {error:.2f} at {cost:.2f}" for cost, mean, error in points))
    axes.set(xscale="log", xlabel="cost, plain trainings", ylabel=TITLES[options.measure], title=options.setting)
    axes.set_xticks([1, 2, 3, 5, 10, 25], ["1", "2", "3", "5", "10", "25"], minor=False)
    axes.minorticks_off()
    axes.legend(fontsize="small")
    figure.savefig(options.out, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path)
    parser.add_argument("retrained", type=Path)
    parser.add_argument("--setting", required=True)
    parser.add_argument("--measure", default="accuracy", choices=MEASURES)
    parser.add_argument("--out", type=Path, required=True)
    draw(parser.parse_args())


if __name__ == "__main__":
    main()
