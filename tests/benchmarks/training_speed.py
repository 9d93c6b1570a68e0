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

from hptui.config import Layer, StudyConfig, resolve
from hptui.datasets import ImageDataset, Images
from hptui.hyperparameters import default_values
from hptui.models._layers import Dropout
from hptui.training import Control, prepare_inputs
from hptui.training.engine.building import StudyInputs, build_network, new_state
from hptui.training.engine.loop import LossSum, Trainer

BLOCK = 20
"""steps between two looks at the clock"""


def random_images(count: int) -> Images:
    """(count, 1, 28, 28) noise with labels."""
    random = np.random.default_rng(0)
    return Images(random.integers(0, 256, (count, 1, 28, 28), dtype=np.uint8), random.integers(0, 10, count))


def prepare(model: str) -> tuple[StudyInputs, StudyConfig]:
    """Course settings: Adam, batch 100, one thread."""
    names = tuple(str(digit) for digit in range(10))
    data = ImageDataset("noise", names, random_images(20_000), random_images(200), random_images(200))
    settings = {"dataset": "digits", "model": model, "threads": 1, "set": {"dropout": 0.5}}
    config = resolve([Layer("benchmark", settings)]).config
    return prepare_inputs(config, dataset=data), config


def plain_dropout(network: nn.Module) -> nn.Module:
    """The same network with torch's own dropout."""
    for name, module in network.named_modules():
        if isinstance(module, Dropout):
            network.set_submodule(name, nn.Dropout(module.p))
    return network


def bare_loop(inputs: StudyInputs, *, own_dropout: bool) -> Callable[[], None]:
    """A block of steps as a script would write them: one tensor on the device, fused Adam, nothing else."""
    network = build_network(inputs.factory, "model", inputs.data, seed=0).train()
    for module in network.modules():
        if isinstance(module, Dropout):
            module.p = 0.5
    if not own_dropout:
        network = plain_dropout(network)
    optimizer = inputs.optimizer(network, default_values())
    train = inputs.data.train

    def block() -> None:
        for _ in range(BLOCK):
            chosen = torch.randint(0, len(train), (100,))
            loss = F.cross_entropy(network(inputs.data.normalise(train.pixels[chosen])), train.labels[chosen])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()

    return block


def engine(inputs: StudyInputs, config: StudyConfig) -> Callable[[], None]:
    """The same number of steps by hptui, averaged weights and loss sum included."""
    state = new_state(inputs, config, 0)
    trainer = Trainer(state, inputs.data, inputs.loss, average_window=0.5, precision="float32")
    losses, check = LossSum(inputs.device), Control().check

    def block() -> None:
        for _ in range(BLOCK):
            check()
            state.values.scale_rate(1.0)
            losses.add(*trainer.step())

    return block


def main() -> None:
    """Print median, minimum and maximum of the ratios to the bare loop."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="dtu_cnn")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    inputs, config = prepare(options.model)
    variants = {
        "bare loop": bare_loop(inputs, own_dropout=True),
        "hptui engine": engine(inputs, config),
        "bare loop, nn.Dropout": bare_loop(inputs, own_dropout=False),
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
