"""What a large folder of images costs: to the first step, in memory, and per image; not a test, run by hand:

    python tests/benchmarks/large_folders.py FOLDER --images 3000 30000 --rounds 3 1

FOLDER gets a folder for each number of JPEG files of 224 pixels in colour, drawn where they are missing, about 20 kB
each. Each variant is a process of its own: hptui where nothing is kept from an earlier start, hptui where the decoded
images are, hptui where batches are brought ahead, and torchvision's ImageFolder with a DataLoader of two workers; one
after the other in each round, in every second one ImageFolder first, so that no variant has the quiet hours alone. The
network is one pooling and one linear layer, so that what is timed is the way of the images; all train on one thread, in
batches of 32. Printed is a table for each number of images:

- first step after: seconds from when the images are asked for; in brackets from when the process is started.
- memory: the most that all processes of the variant had at a time, beyond its imports, each page shared among
  those that have it (PSS, looked at four times a second), as a multiple of the pixels; pages of a mapped file included.
- ahead: epochs after which hptui has trained more images than ImageFolder since both were started.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import psutil
import torch
from PIL import Image
from torch import nn

SIDE = 224
BATCH = 32
EPOCHS = 3
LOOK_SECONDS = 0.25
Figures = dict[str, float]
Found = dict[str, list[Figures]]


class Pooled(nn.Module):
    """(B, 3, 224, 224) -> (B, 2)."""

    def __init__(self) -> None:
        super().__init__()
        self.pool, self.output = nn.AvgPool2d(16), nn.Linear(3 * 14 * 14, 2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.output(self.pool(images).flatten(1))
        return logits


def draw(folder: Path, images: int) -> None:
    """Photographs they are not: smooth colours and a little noise, which compress to about the same."""
    for number in range(images):
        path = folder / ("healthy", "ill")[number % 2] / f"{number:06}.jpg"
        if path.exists():
            continue
        random = np.random.default_rng(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        coarse = Image.fromarray(random.integers(0, 256, (14, 14, 3), np.uint8)).resize((SIDE, SIDE))
        noisy = np.asarray(coarse, np.int16) + random.integers(-20, 21, (SIDE, SIDE, 1), np.int16)
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(path, quality=85)


def with_hptui(folder: Path, images_on: str = "auto") -> Iterator[tuple[str, float]]:
    """Names and seconds, or images per second."""
    from hptui.config import Layer, resolve
    from hptui.training import prepare_inputs
    from hptui.training.engine.building import new_state
    from hptui.training.engine.loop import Trainer

    settings = {
        "dataset": f"folder:{folder}",
        "image_size": SIDE,
        "device": "cpu",
        "threads": 1,
        "images_on": images_on,
    }
    config = resolve([Layer("benchmark", settings | {"set": {"batch_size": BATCH}})]).config
    start = time.perf_counter()
    inputs = prepare_inputs(config, factory=Pooled)
    trainer = Trainer(new_state(inputs, config, 0), inputs.data, inputs.loss, average_window=1, precision="float32")
    trainer.step()
    yield "first step", time.perf_counter() - start
    for epoch in range(1, EPOCHS + 1):
        trainer.state.order.start_epoch()
        start, images = time.perf_counter(), 0
        while trainer.state.order.batches_left(BATCH):
            images += trainer.step()[1]
        yield f"epoch {epoch}", images / (time.perf_counter() - start)


def with_loader(folder: Path) -> Iterator[tuple[str, float]]:
    """The same by what people write themselves."""
    from torchvision import datasets, transforms

    torch.set_num_threads(1)
    steps = [transforms.Resize((SIDE, SIDE)), transforms.ToTensor(), transforms.Normalize([0.5] * 3, [0.25] * 3)]
    start = time.perf_counter()
    loader = torch.utils.data.DataLoader(
        datasets.ImageFolder(str(folder), transforms.Compose(steps)),
        BATCH,
        shuffle=True,
        num_workers=2,
        persistent_workers=True,
    )
    network = Pooled()
    optimizer = torch.optim.Adam(network.parameters(), fused=True)
    for epoch in range(1, EPOCHS + 1):
        begun, images = time.perf_counter(), 0
        for batch, labels in loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(batch), labels).backward()
            optimizer.step()
            if epoch == 1 and not images:
                yield "first step", time.perf_counter() - start
            images += len(labels)
        yield f"epoch {epoch}", images / (time.perf_counter() - begun)


VARIANTS: dict[str, Callable[[Path], Iterator[tuple[str, float]]]] = {
    "hptui, first start": with_hptui,
    "hptui, later start": with_hptui,
    "hptui, brought ahead": partial(with_hptui, images_on="host"),
    "ImageFolder": with_loader,
}


def measure(variant: str, folder: Path, cache: str) -> dict[str, float]:
    """One variant in a process of its own: what it tells of itself, and its memory as seen from here."""
    command = [sys.executable, __file__, str(folder), "--variant", variant]
    begun, most, before = time.time(), 0, 0
    with tempfile.TemporaryFile() as told:
        child = psutil.Popen(command, env=os.environ | {"XDG_CACHE_HOME": cache}, stdout=told)
        while child.poll() is None:
            time.sleep(LOOK_SECONDS)
            most = max(most, memory_of(child))
            if not before and os.fstat(told.fileno()).st_size:
                before = most  # it has said that its imports are done
        told.seek(0)
        lines = told.read().decode().splitlines()
    if child.returncode:
        raise SystemExit(f"{variant} failed")
    figures: dict[str, float] = json.loads(lines[-1])
    return figures | {"memory": float(most - before), "since start": figures["at"] - begun}


def memory_of(process: psutil.Process) -> int:
    """Bytes of a process and those that it started; of pages that several have, each has its share."""
    total = 0
    for one in [process, *process.children(recursive=True)]:
        try:
            total += one.memory_full_info().pss
        except psutil.Error:  # it ended meanwhile
            continue
    return total


def run_variant(variant: str, folder: Path) -> None:
    """Import what the variant needs, say so, train, and print the figures."""
    if variant == "ImageFolder":
        import torchvision  # noqa: F401
    else:
        import hptui.training  # noqa: F401
    print("imported", flush=True)
    time.sleep(2 * LOOK_SECONDS)  # to be looked at
    figures: dict[str, float] = {}
    for name, figure in VARIANTS[variant](folder):
        figures[name] = figure
        if name == "first step":
            figures["at"] = time.time() - 2 * LOOK_SECONDS
    print(json.dumps(figures))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, nargs="+", default=[3000])
    parser.add_argument("--rounds", type=int, nargs="+", default=[1], help="for each number of images")
    parser.add_argument("--variant", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.variant:
        run_variant(options.variant, options.folder)
        return
    rounds = options.rounds + options.rounds[-1:] * (len(options.images) - len(options.rounds))
    for images, times in zip(options.images, rounds, strict=True):
        folder = options.folder / str(images)
        draw(folder, images)
        print_table(images, compare(folder, times))


def compare(folder: Path, rounds: int) -> Found:
    """Figures of all rounds, by variant."""
    found: Found = {variant: [] for variant in VARIANTS}
    plain = [variant for variant in VARIANTS if variant == "ImageFolder"]
    own = [variant for variant in VARIANTS if variant not in plain]
    for number in range(rounds):
        with tempfile.TemporaryDirectory() as cache:
            for variant in plain + own if number % 2 else own + plain:
                found[variant].append(measure(variant, folder, cache))
    return found


def print_table(images: int, found: Found) -> None:
    """The table of one number of images, as RESULTS.md has it."""
    pixels = images * 3 * SIDE**2
    title = f"{images:,} images, {pixels / 1e9:.2f} GB of pixels, n = {len(found['ImageFolder'])}"
    print(f"| {' | '.join([title, *COLUMNS])} |\n|{' --- |' * (1 + len(COLUMNS))}")
    for variant, rounds in found.items():
        print(f"| {' | '.join(row(variant, rounds, found['ImageFolder'], images))} |", flush=True)
    print()


COLUMNS = (
    "first step after, s (since the process began)",
    "memory, times the pixels",
    "images/s, epoch 1",
    "images/s, epochs 2 and 3",
    "the same, times ImageFolder",
    "ahead after epochs",
)


def row(variant: str, rounds: Sequence[Figures], plain: Sequence[Figures], images: int) -> list[str]:
    """A line of the table; what is compared with ImageFolder is, round by round."""
    pairs = list(zip(rounds, plain, strict=True))
    is_plain = variant == "ImageFolder"
    starts = (spread([one[name] for one in rounds], 1) for name in ("first step", "since start"))
    return [
        variant,
        "{} ({})".format(*starts),
        spread([one["memory"] / (images * 3 * SIDE**2) for one in rounds], 2),
        spread([one["epoch 1"] for one in rounds], 0),
        spread([later(one) for one in rounds], 0),
        "1" if is_plain else spread([later(one) / later(other) for one, other in pairs], 1),
        "" if is_plain else spread([epochs_until_ahead(one, other, images) for one, other in pairs], 1),
    ]


def later(figures: Figures) -> float:
    """Images per second once the first epoch is over."""
    return (figures["epoch 2"] + figures["epoch 3"]) / 2


def epochs_until_ahead(one: Figures, other: Figures, images: int) -> float:
    """Epochs after which `one` has trained as many images as `other` since both began; infinite: never."""

    def first(figures: Figures) -> float:
        return figures["since start"] + images / figures["epoch 1"]

    gained = images / later(other) - images / later(one)
    behind = first(one) - first(other)
    if behind <= 0:
        return 1.0
    return 1 + behind / gained if gained > 0 else math.inf


def spread(values: Sequence[float], digits: int) -> str:
    """Mean ± sample deviation; the value alone of a single round."""
    mean = f"{statistics.mean(values):,.{digits}f}"
    return f"{mean} ± {statistics.stdev(values):,.{digits}f}" if len(values) > 1 else mean


if __name__ == "__main__":
    main()
