"""What a search costs against what it brings, as a picture: hptui, retraining, successive halving, population, time.

    python tests/benchmarks/costs.py results.jsonl retrained.jsonl --setting mnist-300 retina:auc --out costs.png

`results.jsonl` is of `elsewhere.py`, `retrained.jsonl` of `retrained.py`. Means over the seeds that were retrained,
with standard errors. Successive halving (Jamieson and Talwalkar 2016, arXiv 1502.07943) is reckoned from the validation
losses that the retrained trials had after each epoch: a third goes on to three times as many epochs, twice.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path
from typing import Any

import matplotlib as mpl
from elsewhere import lines_of
from retrained import COUNTS, best_of, trials_of

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
    "default, the same decay": ("late_decay one-se",),
    "default, 3 times the epochs": ("3 times the epochs",),
    "population of 4": ("pbt",),
}
MARKERS = "osPD^.v"
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


def curves_of(options: argparse.Namespace, setting: str, measure: str) -> dict[str, Points]:
    """Curves of one setting, over the seeds that were also retrained for it."""
    trials = trials_of(lines_of(options.retrained), setting)
    seeds = {seed: one for seed, one in trials.items() if len(one) >= HALVINGS[-1]}
    lines = [line for line in lines_of(options.results) if line["setting"] == setting and line["seed"] in seeds]
    whole = list(seeds.values())
    curves = {name: measured(lines, methods, measure) for name, methods in CURVES.items()}
    counts = [count for count in COUNTS if count <= min(map(len, whole), default=0)]
    curves["random search, retrained"] = [
        mean_point(count, [100 * best_of(one, count)[measure] for one in whole]) for count in counts
    ]
    curves["successive halving, retrained"] = [
        mean_point(halved(whole[0], count)[0], [100 * halved(one, count)[1][measure] for one in whole])
        for count in HALVINGS
        if whole
    ]
    print(f"{setting}: {measure}, n = {len(whole)}")
    return curves


def draw(options: argparse.Namespace) -> None:
    """Draw a panel for each setting."""
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "costs"})
    figure, row = plt.subplots(1, len(options.setting), figsize=(4.2 * len(options.setting), 4.2), squeeze=False)
    for axes, asked in zip(row[0], options.setting, strict=True):
        setting, _, measure = asked.partition(":")
        curves = curves_of(options, setting, measure or "accuracy")
        for number, (name, points) in enumerate(curves.items()):
            if points:
                costs, means, errors = zip(*points, strict=True)
                look = {"marker": MARKERS[number], "color": f"C{number}", "capsize": 2, "linewidth": 1}
                axes.errorbar(costs, means, errors, label=name, **look)
                told = ", ".join(f"{mean:.2f} ± {error:.2f} at {cost:.2f}" for cost, mean, error in points)
                print(f"  {name}: {told}")
        title = options.title.pop(0) if options.title else setting
        axes.set(xscale="log", xlabel="cost, plain trainings", ylabel=TITLES[measure or "accuracy"], title=title)
        axes.set_xticks([1, 2, 3, 5, 10, 25], ["1", "2", "3", "5", "10", "25"], minor=False)
        axes.minorticks_off()
    handles, labels = row[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, ncols=4, loc="lower center", fontsize="small", frameon=False)
    figure.tight_layout(rect=(0, 0.1, 1, 1))
    figure.savefig(options.out, dpi=150, metadata={"Date": None} if options.out.suffix == ".svg" else None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path)
    parser.add_argument("retrained", type=Path)
    parser.add_argument("--setting", nargs="+", required=True, help="NAME, or NAME:auc; a panel each")
    parser.add_argument("--title", nargs="*", default=[], help="of each panel")
    parser.add_argument("--out", type=Path, required=True)
    draw(parser.parse_args())


if __name__ == "__main__":
    main()
