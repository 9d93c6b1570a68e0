"""Does it pay to let a run's losses say when it ends? Rules replayed on recorded curves; not a test, run by hand.

    python tests/benchmarks/endings.py record --data DIR --out CURVES [--half design] [--seeds 3]
    python tests/benchmarks/endings.py report CURVES [--half judge] [--longest 1.5] [--asked 0.5]

Every setting of `_elsewhere.py` is trained once per seed, twice as long as it says, without a search; of each epoch the
calibrated validation losses of all images and the test scores are kept. At a constant rate a shorter run is the
beginning of a longer one, so that every rule can be read off these: `report` asks hptui's own for its end, and compares
what is delivered there with what all epochs that were asked for deliver. `--asked 2` asks for twice as many as the
setting says, `--asked 0.5` for half.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np
from _elsewhere import SETTINGS
from scipy import stats

from hptui.metrics.classification import metric
from hptui.metrics.temperature import calibrated_losses, is_within_error
from hptui.schedules.constant import constant
from hptui.training import train
from hptui.training.run.delivery import Delivery
from hptui.training.run.ending import Ending

TIMES = 2
"""as many epochs as the setting says are recorded"""
TEST_IMAGES = 1_000
"""at most, the first ones: they are read after every epoch"""
MEASURES = ("auc", "accuracy")


def record_one(task: tuple[str, int, str, Path, Path]) -> str:
    """Train once, and write what every epoch comes to."""
    setting, seed, schedule, data, out = task
    epochs: list[tuple[Any, ...]] = []
    inner = Delivery.epoch_completed

    def spy(self: Delivery, state: Any, epoch: int, result: Any, weights: Any = None) -> float | None:
        scores = [metric(name, result.predictions["test"]) for name in MEASURES]
        epochs.append((calibrated_losses(result.predictions["validation"], weights), *scores))
        return inner(self, state, epoch, result, weights)

    with patch.object(Delivery, "epoch_completed", spy), patch("_elsewhere.MOST_TEST_IMAGES", TEST_IMAGES):
        job = SETTINGS[setting].job(data, seed) | {"strategy": "fixed", "stop": "never", "schedule": schedule}
        job["epochs"] *= TIMES
        train(**job, allow_overlap=True)
    losses, *scores = zip(*epochs, strict=True)
    file = out / f"{setting}.{schedule}.{seed}.npz"
    np.savez_compressed(file, losses=np.array(losses), **dict(zip(MEASURES, map(np.array, scores), strict=True)))
    return file.name


def record(options: argparse.Namespace) -> None:
    """Record what is not there yet."""
    options.out.mkdir(parents=True, exist_ok=True)
    tasks = [
        (name, seed, options.schedule, options.data, options.out)
        for seed in range(options.seeds)
        for name, setting in SETTINGS.items()
        if options.half in (setting.half, "all")
        and not (options.out / f"{name}.{options.schedule}.{seed}.npz").exists()
    ]
    with multiprocessing.get_context("spawn").Pool(options.workers) as pool:
        for done in pool.imap_unordered(record_one, tasks):
            print(done, flush=True)


@dataclass
class Curve:
    """One recorded run: what it would deliver after each epoch, and how good that is."""

    losses: np.ndarray[Any, Any]
    """(epochs, validation images)"""
    scores: dict[str, np.ndarray[Any, Any]]

    def __post_init__(self) -> None:
        self.lowest, self.chosen = [0], [0]
        """epochs by the epoch after which they are so, from index 1 on"""
        means = self.losses.mean(1)
        for epoch, losses in enumerate(self.losses, 1):
            lowest = self.lowest[-1]
            lower = not lowest or means[epoch - 1] < means[lowest - 1]
            near = lower or is_within_error(losses, self.losses[lowest - 1])
            self.lowest.append(epoch if lower else lowest)
            self.chosen.append(epoch if near else self.chosen[-1])

    def end(self, asked: int, longest: float) -> int:
        """Epochs that the rule trains where so many are asked for, as far as they were recorded."""
        ending, end = Ending(longest), asked
        for epoch in range(1, len(self.losses) + 1):
            so_far = SimpleNamespace(epoch=self.chosen[epoch])
            delivery: Any = SimpleNamespace(lowest=self.losses[self.lowest[epoch] - 1], chosen=so_far)
            end = ending.moved(delivery, epoch, asked, end, constant)
            if end <= epoch:
                return end
        return len(self.losses)

    def delivers(self, epochs: int, measure: str) -> float:
        """Test score, in percent, of what so many epochs deliver."""
        return 100 * float(self.scores[measure][self.chosen[epochs] - 1])


def report(options: argparse.Namespace) -> None:
    """Print a table: what the rule delivers, and how many epochs it trains, against all that are asked for."""
    for measure in MEASURES:
        print(f"\n| setting | n | {measure} %, all epochs | the rule | worst | epochs | difference (95 % interval) |")
        print("| --- | --- | --- | --- | --- | --- | --- |")
        for name, setting in SETTINGS.items():
            curves = read_curves(options.curves, name)
            if options.half in (setting.half, "all") and curves:
                print(row_of(name, curves, round(options.asked * setting.epochs), options.longest, measure))


def read_curves(folder: Path, setting: str) -> list[Curve]:
    files = sorted(folder.glob(f"{setting}.constant.*.npz"))
    found = [np.load(file) for file in files]
    return [Curve(one["losses"], {measure: one[measure] for measure in MEASURES}) for one in found]


def row_of(setting: str, curves: list[Curve], asked: int, longest: float, measure: str) -> str:
    """One line of the table."""
    ends = [curve.end(asked, longest) for curve in curves]
    whole = [curve.delivers(asked, measure) for curve in curves]
    ruled = [curve.delivers(end, measure) for curve, end in zip(curves, ends, strict=True)]
    shares = [end / asked for end in ends]
    epochs = f"x {statistics.mean(shares):.2f} ({min(shares):.2f} to {max(shares):.2f})"
    told = [spread(whole), spread(ruled), f"{min(ruled):.2f}", epochs, difference(whole, ruled)]
    return f"| {setting} | {len(curves)} | {' | '.join(told)} |"


def spread(values: list[float]) -> str:
    return f"{statistics.mean(values):.2f} ± {statistics.stdev(values) if len(values) > 1 else 0:.2f}"


def difference(before: list[float], after: list[float]) -> str:
    """Paired, with Student's interval."""
    pairs = [b - a for a, b in zip(before, after, strict=True)]
    if len(pairs) < 2 or not any(pairs):
        return "0"
    low, high = stats.t.interval(0.95, len(pairs) - 1, statistics.mean(pairs), stats.sem(pairs))
    return f"{statistics.mean(pairs):+.2f} ({low:+.2f} to {high:+.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    recording = commands.add_parser("record")
    recording.set_defaults(do=record)
    recording.add_argument("--data", type=Path, required=True)
    recording.add_argument("--out", type=Path, required=True)
    recording.add_argument("--seeds", type=int, default=5)
    recording.add_argument("--schedule", default="constant")
    recording.add_argument("--workers", type=int, default=2)
    reporting = commands.add_parser("report")
    reporting.set_defaults(do=report)
    reporting.add_argument("curves", type=Path)
    reporting.add_argument("--longest", type=float, default=1.0)
    reporting.add_argument("--asked", type=float, default=1.0)
    for one in (recording, reporting):
        one.add_argument("--half", default="all", choices=["design", "judge", "fresh", "all"])
    options = parser.parse_args()
    do: Callable[[argparse.Namespace], None] = options.do
    do(options)


if __name__ == "__main__":
    main()
