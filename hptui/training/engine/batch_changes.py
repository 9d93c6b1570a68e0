"""What hyperparameters do to a batch of training images: before it is normalised, and after."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from functools import cache

from torch import Generator, Tensor

from hptui.hyperparameters import Batch, Hyperparameter, hyperparameters
from hptui.training.engine.device_data import DeviceDataset
from hptui.training.engine.geometry import joined, moved


def training_batch(
    data: DeviceDataset, chosen: Tensor, held: Mapping[str, float], generator: Generator, step: int
) -> Batch:
    """Training images as the network sees them in a step.

    Args:
        data: that is trained on.
        chosen: (B,) indices.
        held: values in force.
        generator: the run's own for images, on the CPU; its seed is the run's.
        step: of the run.
    """
    pixels = change_images(data.scaled(data.train.pixels[chosen]), held, generator)  # (B, C, H, W)
    batch = Batch(data.normalise(pixels), data.train.labels[chosen])
    return change_batch(batch, held, generator.initial_seed(), step)


def change_images(pixels: Tensor, held: Mapping[str, float], generator: Generator) -> Tensor:
    """Let those that change images have a batch (B, C, H, W), with the values that are `held`."""
    for entry in with_own("on_images"):
        if entry.name in held:
            pixels = entry.on_images(pixels, held[entry.name], generator)
    return pixels


def change_batch(batch: Batch, held: Mapping[str, float], seed: int, step: int) -> Batch:
    """Let those that change batches have one; all that they draw follows from the run's `seed` and the `step`."""
    images, sides = len(batch.inputs), (batch.inputs.shape[2], batch.inputs.shape[3])
    maps = [
        entry.on_geometry(images, sides, held[entry.name], _generator(entry.name, seed, step))
        for entry in with_own("on_geometry")
        if entry.name in held
    ]
    if (joint := joined(maps)) is not None:
        batch = replace(batch, inputs=moved(batch.inputs, joint))
    for entry in with_own("on_batch"):
        if entry.name in held:
            batch = entry.on_batch(batch, held[entry.name], _generator(entry.name, seed, step))
    return batch


def _generator(name: str, seed: int, step: int) -> Generator:
    """Generator of one hyperparameter in one step of a run (12 us): it needs no place in a snapshot."""
    digest = hashlib.blake2b(f"{name} {seed} {step}".encode(), digest_size=4).digest()
    return Generator().manual_seed(int.from_bytes(digest, "big"))


@cache
def with_own(hook: str) -> tuple[Hyperparameter, ...]:
    """Hyperparameters whose class has another `hook` than the base; the loop need not ask the others at every step."""
    base = getattr(Hyperparameter, hook)
    return tuple(entry for entry in hyperparameters().values() if getattr(type(entry), hook) is not base)
