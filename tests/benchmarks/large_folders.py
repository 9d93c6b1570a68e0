"""What a large folder of images costs: to the first step, in memory, and per image; not a test, run by hand:

    python tests/benchmarks/large_folders.py FOLDER --images 3000 --rounds 3
    python tests/benchmarks/large_folders.py FOLDER --images 30000

FOLDER gets JPEG files of 224 pixels in colour, drawn where it is missing, about 20 kB each. Each variant is a process
of its own: hptui where nothing is kept from an earlier start, hptui where the decoded images are, hptui where batches
are brought ahead, and torchvision's ImageFolder with a DataLoader of two workers; one after the other, in each round.
The network is one pooling and one linear layer, so that what is timed is the way of the images; all train on one
thread, in batches of 32. Memory is what the process takes beyond its imports, pages of the mapped file included;
those of the two workers are not in it.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

SIDE = 224
BATCH = 32
EPOCHS = 3


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
    random = np.random.default_rng(0)
    for number in range(images):
        path = folder / ("healthy", "ill")[number % 2] / f"{number:06}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        coarse = Image.fromarray(random.integers(0, 256, (14, 14, 3), np.uint8)).resize((SIDE, SIDE))
        noisy = np.asarray(coarse, np.int16) + random.integers(-20, 21, (SIDE, SIDE, 1), np.int16)
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(path, quality=85)


def peak_bytes() -> int:
    """The most memory that this process had, in main memory."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


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
    """One variant in a process of its own; its memory is beyond what imports and the network take."""
    command = [sys.executable, __file__, str(folder), "--variant", variant]
    environment = os.environ | {"XDG_CACHE_HOME": cache}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def run_variant(variant: str, folder: Path) -> None:
    import torchvision

    import hptui.training  # noqa: F401

    del torchvision
    before = peak_bytes()
    figures = dict(VARIANTS[variant](folder))
    print(json.dumps(figures | {"memory": float(peak_bytes() - before)}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--variant", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.variant:
        run_variant(options.variant, options.folder)
        return
    if not options.folder.exists():
        draw(options.folder, options.images)
    pixels = options.images * 3 * SIDE**2
    print(f"{options.images} images, {pixels / 2**20:.0f} MB of pixels, n = {options.rounds}; mean ± sd")
    found: dict[str, list[dict[str, float]]] = {variant: [] for variant in VARIANTS}
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory() as cache:
            for variant in VARIANTS:
                found[variant].append(measure(variant, options.folder, cache))
    for variant, rounds in found.items():
        print(row(variant, rounds, found["ImageFolder"], pixels), flush=True)


def row(variant: str, rounds: Sequence[dict[str, float]], plain: Sequence[dict[str, float]], pixels: int) -> str:
    """A line of the table: figures, and the later epochs as a multiple of ImageFolder's, round by round."""
    later = [(one["epoch 2"] + one["epoch 3"]) / 2 for one in rounds]
    ratios = [mine / ((one["epoch 2"] + one["epoch 3"]) / 2) for mine, one in zip(later, plain, strict=True)]
    return " | ".join(
        [
            variant,
            spread([one["first step"] for one in rounds], 1),
            spread([one["memory"] / pixels for one in rounds], 2),
            spread([one["epoch 1"] for one in rounds], 0),
            spread(later, 0),
            spread(ratios, 1),
        ]
    )


def spread(values: Sequence[float], digits: int) -> str:
    """Mean ± sample deviation; the value alone of a single round."""
    mean = f"{statistics.mean(values):,.{digits}f}"
    return f"{mean} ± {statistics.stdev(values):,.{digits}f}" if len(values) > 1 else mean


if __name__ == "__main__":
    main()
