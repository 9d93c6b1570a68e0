"""What the engine costs beside a bare loop, and what its dropout saves; not a test, run by hand:

    python tests/benchmarks/training_speed.py --model dtu_cnn
    python tests/benchmarks/training_speed.py --model lenet

Every round times a block of steps of each variant in turn, on one thread, on random images of MNIST's shape; the
ratio to the bare loop is taken within the round, so that a machine whose speed drifts does not matter.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from hptui.config import Layer, resolve
from hptui.datasets import ImageDataset, Images
from hptui.models._layers import Dropout
from hptui.training import Control, gather
from hptui.training.engine.building import build_network, build_optimizer
from hptui.training.engine.loop import LossSum, Trainer
from hptui.training.run.run import Ingredients, new_state

BLOCK = 20
"""steps between two looks at the clock"""


def random_images(count: int) -> Images:
    """(count, 1, 28, 28) noise with labels."""
    random = np.random.default_rng(0)
    return Images(random.integers(0, 256, (count, 1, 28, 28), dtype=np.uint8), random.integers(0, 10, count))


def make_ingredients(model: str) -> Ingredients:
    """Course settings: Adam, batch 100, one thread."""
    names = tuple(str(digit) for digit in range(10))
    data = ImageDataset("noise", names, random_images(20_000), random_images(200), random_images(200))
    settings = {"dataset": "digits", "model": model, "threads": 1, "set": {"dropout": 0.5}}
    return gather(resolve([Layer("benchmark", settings)]).config, dataset=data)


def plain_dropout(network: nn.Module) -> nn.Module:
    """The same network with torch's own dropout."""
    for name, module in network.named_modules():
        if isinstance(module, Dropout):
            network.set_submodule(name, nn.Dropout(module.p))
    return network


def bare_loop(ingredients: Ingredients, *, own_dropout: bool) -> Callable[[], None]:
    """A block of steps as a script would write them: one tensor on the device, fused Adam, nothing else."""
    network = build_network(ingredients.factory, "model", ingredients.data, seed=0).train()
    for module in network.modules():
        if isinstance(module, Dropout):
            module.p = 0.5
    if not own_dropout:
        network = plain_dropout(network)
    optimizer = build_optimizer("adam", network, ingredients.config.start_values)
    train = ingredients.data.train

    def block() -> None:
        for _ in range(BLOCK):
            chosen = torch.randint(0, len(train), (100,))
            loss = F.cross_entropy(network(ingredients.data.normalise(train.pixels[chosen])), train.labels[chosen])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()

    return block


def engine(ingredients: Ingredients) -> Callable[[], None]:
    """The same number of steps by hptui, averaged weights and loss sum included."""
    trainer = Trainer(new_state(ingredients, 0), ingredients.data, average_window=0.5, precision="float32")
    losses, check = LossSum(ingredients.device), Control().check
    return lambda: trainer.train(BLOCK, check, rate_factor=lambda _: 1.0, after_step=losses.add)


def main() -> None:
    """Print median, minimum and maximum of the ratios to the bare loop."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="dtu_cnn")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    ingredients = make_ingredients(options.model)
    variants = {
        "bare loop": bare_loop(ingredients, own_dropout=True),
        "hptui engine": engine(ingredients),
        "bare loop, nn.Dropout": bare_loop(ingredients, own_dropout=False),
    }
    for block in variants.values():
        block()
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(options.rounds):
        for name, block in variants.items():
            began = time.perf_counter()
            block()
            seconds[name].append(time.perf_counter() - began)
    for name, taken in seconds.items():
        ratios = sorted(own / bare for own, bare in zip(taken, seconds["bare loop"], strict=True))
        print(
            f"{options.model:<13}{name:<24}{1000 * statistics.median(taken) / BLOCK:7.2f} ms/step   "
            f"ratio to bare {statistics.median(ratios):.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f}), n = {options.rounds}"
        )


if __name__ == "__main__":
    main()
