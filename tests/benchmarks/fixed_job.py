"""A search that has 200,000 training images in all; not a test, run by hand.

    python tests/benchmarks/fixed_job.py --data DIR --seeds 0-4

The job on which other methods were measured (Optuna with pruners, Ray Tune's PBT, random search, Schedule-Free,
Prodigy): MNIST, one split of 10,000 training and 5,000 validation images (the first of a permutation with seed 0), the
10,000 test images, a LeNet-like network of 65,558 weights, SGD with momentum 0.9, batch 100, one thread. All training
images of all candidates count together: 13 epochs at a budget of 1.5. Searched are the learning rate, 1e-4 to 1, and
weight decay, 1e-6 to 1e-2; in the second job dropout, 0 to 0.6, and augmentation, 0 to 1, too. `DIR` has
MNIST/raw/*.gz.

Variants for comparison: `--variant screen_at=0.3 ties=0.0` sets attributes of the strategy.

CPU time is told apart: inside training, probes and evaluation, and all else after the imports.
"""

from __future__ import annotations

import argparse
import ast
import gzip
import resource
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn import gaussian_process  # noqa: F401 (an import, and no cost of the search)

from hptui.datasets import ImageDataset, Images
from hptui.record.events import BatchesTrained, CandidateScored, Evaluated
from hptui.strategies.adaptive import Adaptive
from hptui.training import train
from hptui.training.run.control import Control

TRAIN, VALIDATION = 10_000, 5_000
MOST_IMAGES = 200_000
RATE = {"lr": "1e-4:1:log:7", "weight_decay": "1e-6:1e-2:log:5"}
JOBS = {
    "learning rate and weight decay": RATE,
    "dropout and augmentation too": RATE | {"dropout": "0:0.6:lin:5", "augmentation": "0:1:lin:5"},
}


class CpuTime(Control):
    """Tells how long things took in time of the processor."""

    def clock(self) -> float:
        return time.process_time()


def part(folder: Path, name: str) -> Images:
    """One half of MNIST as it is distributed."""

    def read(kind: str, offset: int) -> npt.NDArray[np.uint8]:
        return np.frombuffer(
            gzip.decompress((folder / f"{name}-{kind}-ubyte.gz").read_bytes()), np.uint8, offset=offset
        )

    return Images(read("images-idx3", 16).reshape(-1, 1, 28, 28), read("labels-idx1", 8).astype(np.int64))


def dataset(folder: Path) -> ImageDataset:
    """The split that all methods share."""
    whole, test = part(folder / "MNIST" / "raw", "train"), part(folder / "MNIST" / "raw", "t10k")
    order = np.random.default_rng(0).permutation(len(whole.pixels))
    train_part, validation = order[:TRAIN], order[TRAIN : TRAIN + VALIDATION]
    return ImageDataset(
        "mnist",
        tuple("0123456789"),
        Images(whole.pixels[train_part], whole.labels[train_part]),
        test,
        Images(whole.pixels[validation], whole.labels[validation]),
    )


def one(data: ImageDataset, search: dict[str, str], seed: int, variant: dict[str, Any]) -> dict[str, Any]:
    """Train once, with the clock of the process."""
    began = time.process_time()
    done = train(
        dataset=data,
        model="lenet",
        optimizer="sgd",
        strategy=type("Adaptive", (Adaptive,), variant),
        epochs=13,
        budget=1.5,
        search=search,
        seed=seed,
        threads=1,
        control=CpuTime(),
    )
    whole = time.process_time() - began
    inside = sum(e.seconds for e in done.events if isinstance(e, (BatchesTrained, CandidateScored, Evaluated)))
    images = round((done.cost or 0) * 13 * TRAIN)
    assert images <= MOST_IMAGES, images
    return {
        "test": 100 * (done.test_accuracy or 0),
        "validation": 100 * (done.validation_accuracy or 0),
        "images": images,
        "outside": (whole - inside) / inside,
        "values": {name: float(f"{done.values[name]:.3g}") for name in search},
    }


def main() -> None:
    """Print one line per run and one per job."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", default="0-4")
    parser.add_argument("--jobs", nargs="+", type=int, default=[0, 1], help="the first, the second, or both")
    parser.add_argument("--variant", nargs="*", default=[])
    options = parser.parse_args()
    variant = {name: ast.literal_eval(value) for name, _, value in (pair.partition("=") for pair in options.variant)}
    first, _, last = options.seeds.partition("-")
    data = dataset(options.data)
    for name, search in [list(JOBS.items())[index] for index in options.jobs]:
        runs = []
        for seed in range(int(first), int(last or first) + 1):
            runs.append(one(data, search, seed, variant))
            print(seed, runs[-1], flush=True)
        tests = [found["test"] for found in runs]
        spread = f" ± {statistics.stdev(tests):.2f}" if len(tests) > 1 else ""
        print(
            f"{name} {variant or ''}: test accuracy {statistics.mean(tests):.2f}{spread} %, n = {len(tests)}, "
            f"worst {min(tests):.2f}, "
            f"validation {statistics.mean(found['validation'] for found in runs):.2f} %; "
            f"at most {max(found['images'] for found in runs):,} images; "
            f"CPU outside / inside {max(found['outside'] for found in runs):.3f} at most; "
            f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB"
        )


if __name__ == "__main__":
    main()
