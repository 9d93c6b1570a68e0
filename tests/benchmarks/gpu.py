"""What a GPU makes of one training, and of many candidates side by side; not a test, run by hand:

    python tests/benchmarks/gpu.py run results.jsonl --data DIR --seconds 300    # a GPU; goes on where it was ended
    python tests/benchmarks/gpu.py run tiny.jsonl --tiny                          # any machine: whether it works at all
    python tests/benchmarks/gpu.py agree agree.jsonl                              # any machine: float64, see `agree`
    python tests/benchmarks/gpu.py report results.jsonl                           # the tables

One step is what `Trainer.step` does: gather 100 uint8 images on the device, normalise, forward, loss, backward, Adam,
averaged weights, sum of the losses. What is measured, the most valuable first, each in blocks of about 60 ms:

- trainer: hptui's own step as it is. single: the same by hand, so that a CUDA graph can hold it (rate as a tensor).
- stacked: K candidates as one network. The images are shared, so the first layer is one wide convolution; what follows
  is grouped convolutions, batched matrix products and BatchNorm over K x C channels. The network's own forward runs
  unchanged: its layers are replaced, and what lies between them sees (B, K C, H, W).
- vmap: the same by torch.func. streams: K singles on eight streams within one graph, so bit for bit what each is alone.
"""

from __future__ import annotations

import argparse
import copy
import gc
import json
import math
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.func import functional_call, stack_module_state
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from hptui.config import Layer, StudyConfig, resolve
from hptui.datasets import ImageDataset, Images
from hptui.models._layers import Dropout
from hptui.training import Control, prepare_inputs
from hptui.training.engine import building
from hptui.training.engine.averaging import STATISTICS
from hptui.training.engine.building import StudyInputs, new_state
from hptui.training.engine.device_data import DeviceDataset
from hptui.training.engine.evaluation import forward_precision
from hptui.training.engine.loop import LossSum, Trainer
from hptui.training.engine.plug_ins import load_factory

try:
    import triton
    import triton.language as tl
except ImportError:  # torch for machines without a GPU comes without it
    triton = None

BATCH, LEVELS, STREAMS, REPETITIONS = 100, 1 << 16, 8, 7
FIRST = 12
"""measurements before agreement is looked at"""
NETWORKS = ("dtu_cnn", "lenet", "small_resnet", "resnet18")


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with BatchNorm beside a shortcut (He et al. 2016)."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, width, 3, stride, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(width)
        self.second = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(width)
        self.shortcut = nn.Sequential()
        if channels != width:
            self.shortcut = nn.Sequential(nn.Conv2d(channels, width, 1, stride, bias=False), nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        inner = F.relu(self.first_norm(self.first(x)))
        return F.relu(self.second_norm(self.second(inner)) + self.shortcut(x))


class ResNet18(nn.Module):
    """ResNet-18 as it is used for small images: a 3x3 stem without pooling, four stages of two blocks."""

    memory_format = torch.channels_last

    def __init__(self, in_channels: int, num_classes: int, width: int = 64) -> None:
        super().__init__()
        self.stem = nn.Conv2d(in_channels, width, 3, padding=1, bias=False)
        self.stem_norm = nn.BatchNorm2d(width)
        widths = [width * factor for factor in (1, 1, 2, 2, 4, 4, 8, 8)]
        pairs = zip([width, *widths], widths, strict=False)
        self.blocks = nn.Sequential(*(BasicBlock(before, after, 1 + (before != after)) for before, after in pairs))
        self.output = nn.Linear(widths[-1], num_classes)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.output(self.blocks(F.relu(self.stem_norm(self.stem(x)))).mean((2, 3)))
        return output


# ---------------------------------------------------------------------------------------- K networks as one


class StackedConvolution(nn.Module):
    """(B, K C, H, W), or (B, C, H, W) shared by all, -> (B, K C', H', W')."""

    def __init__(self, layers: Sequence[nn.Conv2d]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.cat([layer.weight.detach() for layer in layers]))
        biases = [layer.bias.detach() for layer in layers if layer.bias is not None]
        self.bias = nn.Parameter(torch.cat(biases)) if biases else None
        self.channels, self.count = layers[0].in_channels, len(layers)
        self.stride, self.padding = layers[0].stride, layers[0].padding

    def forward(self, x: Tensor) -> Tensor:
        groups = 1 if x.shape[1] == self.channels else self.count
        return F.conv2d(x, self.weight, self.bias, self.stride, self.padding, groups=groups)


class StackedLinear(nn.Module):
    """(B, K F) -> (B, K F') by one batched product."""

    def __init__(self, layers: Sequence[nn.Linear]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.stack([layer.weight.detach() for layer in layers]))  # (K, F', F)
        self.bias = nn.Parameter(torch.stack([layer.bias.detach() for layer in layers]).unsqueeze(1))  # (K, 1, F')

    def forward(self, x: Tensor) -> Tensor:
        each = x.unflatten(1, (len(self.weight), -1)).transpose(0, 1)  # (K, B, F)
        return torch.baddbmm(self.bias, each, self.weight.transpose(1, 2)).transpose(0, 1).flatten(1)


class StackedBatchNorm(nn.BatchNorm2d):
    """BatchNorm over K C channels: each has statistics of its own anyway."""

    def __init__(self, layers: Sequence[nn.BatchNorm2d]) -> None:
        super().__init__(len(layers) * layers[0].num_features, layers[0].eps, layers[0].momentum)
        for name in ("weight", "bias", "running_mean", "running_var"):
            getattr(self, name).data = torch.cat([getattr(layer, name).detach() for layer in layers])
        self.num_batches_tracked = layers[0].num_batches_tracked.clone()


class StackedDropout(nn.Module):
    """hptui's Dropout with a rate per candidate, in a tensor; (B, K C, ...) -> the same."""

    def __init__(self, layers: Sequence[Dropout]) -> None:
        super().__init__()
        dropped = torch.tensor([min(round(layer.p * LEVELS), LEVELS - 1) for layer in layers])
        self.active = bool(dropped.any())
        self.register_buffer("threshold", (dropped - LEVELS // 2).to(torch.int16))
        self.register_buffer("scale", LEVELS / (LEVELS - dropped).float())

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not self.active:
            return x
        each = x.unflatten(1, (len(self.threshold), -1))  # (B, K, C, ...)
        shape = (-1, *(1 for _ in each.shape[2:]))
        words = torch.empty((x.numel() + 3) // 4, dtype=torch.int64, device=x.device).random_(-(2**63), None)
        keep = words.view(torch.int16)[: x.numel()].view(each.shape) >= self.threshold.view(shape)
        return (each * (keep * self.scale.view(shape).to(x.dtype))).flatten(1, 2)


STACKED: dict[type[nn.Module], Callable[[Any], nn.Module]] = {
    nn.Conv2d: StackedConvolution,
    nn.Linear: StackedLinear,
    nn.BatchNorm2d: StackedBatchNorm,
    Dropout: StackedDropout,
}


def build_network(*arguments: Any, **keywords: Any) -> nn.Module:
    """One of hptui's networks without the hook on its answer, which takes no answers of several at once."""
    network = building.build_network(*arguments, **keywords)
    network._forward_hooks.clear()
    return network


def stack_by_hand(networks: Sequence[nn.Module]) -> nn.Module:
    """One network of the same forward whose layers hold those of all; (B, C, H, W) -> (B, K classes)."""
    whole = copy.deepcopy(networks[0])
    for name, module in networks[0].named_modules():
        if type(module) in STACKED:
            layers = [network.get_submodule(name) for network in networks]
            whole.set_submodule(name, STACKED[type(module)](layers).to(next(networks[0].parameters()).device))
        elif next(module.parameters(recurse=False), None) is not None:
            raise TypeError(f"{name}: a {type(module).__name__} cannot be stacked")
    return whole.train()


class RatedDropout(nn.Module):
    """Dropout whose rate is a buffer, so that vmap can give each candidate its own."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.active = rate > 0
        self.register_buffer("rate", torch.tensor(rate))

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not self.active:
            return x
        return x * ((torch.rand_like(x, dtype=torch.float32) >= self.rate) / (1 - self.rate)).to(x.dtype)


# -------------------------------------------------------------------------------------------------- optimizers

if triton is not None:

    @triton.jit
    def adam_kernel(weight, gradient, mean, square, average, values, share, total, each, BLOCK: tl.constexpr):
        """One step of Adam and of the averaged weights; element i belongs to candidate i // each."""
        at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
        inside = at < total
        own = values + 7 * (at // each)
        w = tl.load(weight + at, mask=inside)
        m = tl.load(mean + at, mask=inside)
        v = tl.load(square + at, mask=inside)
        a = tl.load(average + at, mask=inside)
        g = tl.load(gradient + at, mask=inside) + tl.load(own + 1, mask=inside) * w
        m += (g - m) * tl.load(own + 2, mask=inside)
        v += (g * g - v) * tl.load(own + 3, mask=inside)
        scaled = tl.sqrt(v / tl.load(own + 5, mask=inside)) + tl.load(own + 6, mask=inside)
        w -= tl.load(own, mask=inside) * (m / tl.load(own + 4, mask=inside)) / scaled
        tl.store(weight + at, w, mask=inside)
        tl.store(mean + at, m, mask=inside)
        tl.store(square + at, v, mask=inside)
        tl.store(average + at, a + (w - a) * tl.load(share), mask=inside)


class Average:
    """The averaged weights of hptui, with the share of the newest as a tensor."""

    def __init__(self, live: Sequence[Tensor], window: float) -> None:
        self.live = [tensor.detach() for tensor in live]
        like = self.live[0] if self.live else torch.zeros(())
        self.average = [tensor.clone() for tensor in self.live]
        self.steps = torch.zeros((), device=like.device, dtype=like.dtype)
        self.window = window

    def share(self) -> Tensor:
        self.steps += 1
        return 1 / self.steps.clamp(max=self.window)

    def update(self, share: Tensor) -> None:
        gap = torch._foreach_sub(self.live, self.average)
        torch._foreach_mul_(gap, share)
        torch._foreach_add_(self.average, gap)


def in_form_of(weight: Tensor, gradient: Tensor) -> Tensor:
    """The gradient with the weight's strides, without which fused steps are wrong."""
    same = gradient.stride() == weight.stride()
    return gradient if same else torch.empty_like(weight).copy_(gradient)


class CandidateAdam:
    """Adam on tensors whose first dimension is K times something, rate, decay and betas per candidate.

    kernel: one Triton kernel per tensor. fused: torch's, a group of views per candidate. plain: element by element.
    """

    def __init__(self, weights: Sequence[Tensor], rates: Tensor, decays: Tensor, kind: str, window: float) -> None:
        self.weights, self.count, self.kind = list(weights), len(rates), kind
        first = self.weights[0]
        self.mean = [torch.zeros_like(weight) for weight in self.weights]
        self.square = [torch.zeros_like(weight) for weight in self.weights]
        self.averages = Average(self.weights, window)
        columns = torch.tensor([0.0, 0.0, 0.1, 0.001, 1.0, 1.0, 1e-8], dtype=torch.float64).repeat(self.count, 1)
        columns[:, 0], columns[:, 1] = rates, decays  # rate, decay, 1 - beta 1, 1 - beta 2, corrections, epsilon
        self.values = columns.to(first.device, first.dtype)
        self.betas = 1 - self.values[:, 2:4]
        self.groups: list[list[Tensor]] = []
        if kind == "fused":
            self.groups = [[self.rows(weight.detach())[k] for weight in self.weights] for k in range(self.count)]
            groups = [
                {"params": views, "lr": self.values[k, 0], "weight_decay": float(decays[k])}
                for k, views in enumerate(self.groups)
            ]
            self.optimizer = torch.optim.Adam(groups, fused=True, capturable=first.is_cuda)

    def rows(self, tensor: Tensor) -> Tensor:
        return tensor.unflatten(0, (self.count, -1))

    @torch.no_grad()
    def step(self) -> None:
        share = self.averages.share()
        if self.kind == "fused":
            for k, views in enumerate(self.groups):
                for view, weight in zip(views, self.weights, strict=True):
                    view.grad = self.rows(in_form_of(weight, weight.grad))[k]
            self.optimizer.step()
            self.averages.update(share)
            return
        self.values[:, 4:6] = 1 - self.betas**self.averages.steps
        for number, weight in enumerate(self.weights):
            gradient = in_form_of(weight, weight.grad)
            (self.kernel if self.kind == "kernel" else self.plain)(number, weight, gradient, share)
        if self.kind == "plain":
            self.averages.update(share)

    def kernel(self, number: int, weight: Tensor, gradient: Tensor, share: Tensor) -> None:
        total, tensors = weight.numel(), (self.mean[number], self.square[number], self.averages.average[number])
        grid = (triton.cdiv(total, 1024),)
        adam_kernel[grid](weight, gradient, *tensors, self.values, share, total, total // self.count, BLOCK=1024)

    def plain(self, number: int, weight: Tensor, gradient: Tensor, share: Tensor) -> None:
        rows = self.rows(weight)
        column = self.values.t().reshape(7, self.count, *(1 for _ in rows.shape[1:]))
        g = self.rows(gradient) + column[1] * rows
        m, v = self.rows(self.mean[number]), self.rows(self.square[number])
        m.lerp_(g, column[2])
        v.lerp_(g * g, column[3])
        rows.sub_(column[0] * (m / column[4]) / ((v / column[5]).sqrt_() + column[6]))


# ---------------------------------------------------------------------------------------------------- programs


@dataclass(frozen=True)
class Job:
    """One measurement."""

    network: str
    form: str
    """trainer, single, stacked, vmap, streams; evaluate: stacked, 5,000 validation images twice (last, averaged)"""
    count: int = 1
    precision: str = "tf32"
    """float32: nowhere less. torch: as torch has it, tf32 in convolutions alone. tf32. bfloat16: by autocast"""
    graph: bool = True
    compiled: bool = False
    optimizer: str = "kernel"
    channels_last: bool = False
    """stacked alone; a single has the format that its model asks for"""
    autotuned: bool = False
    """cuDNN's benchmark mode"""

    @property
    def key(self) -> str:
        return " ".join(f"{name}={value}" for name, value in asdict(self).items())

    @property
    def words(self) -> str:
        form = self.form + (", graph" if self.graph else ", eager") + (", compiled" if self.compiled else "")
        form += f", {self.optimizer} Adam" if self.optimizer != "kernel" else ""
        return form + (", channels_last" if self.channels_last else "") + (", autotuned" if self.autotuned else "")


class Source:
    """The batches of a training, in one tensor of indices that is written into: a graph reads it where it lies."""

    def __init__(self, data: DeviceDataset, dtype: torch.dtype = torch.float32) -> None:
        self.data, self.dtype = data, dtype
        self.order = torch.randperm(len(data.train), generator=torch.Generator().manual_seed(1))
        self.order = self.order.to(data.train.pixels.device)
        self.chosen, self.position = self.order[:BATCH].clone(), 0

    def advance(self) -> None:
        self.position = (self.position + BATCH) % (len(self.order) - BATCH)
        self.chosen.copy_(self.order[self.position : self.position + BATCH])

    def batch(self) -> tuple[Tensor, Tensor]:
        train = self.data.train
        return self.data.normalise(train.pixels[self.chosen]).to(self.dtype), train.labels[self.chosen]


def live_statistics(network: nn.Module) -> list[Tensor]:
    return [buffer for name, buffer in network.named_buffers() if name.endswith(STATISTICS)]


class Single:
    """One candidate; the same computation as `Trainer.step`, without Python numbers that change."""

    def __init__(self, network: nn.Module, rate: float, decay: float, source: Source, precision: str) -> None:
        self.network, self.source, self.precision = network.train(), source, precision
        self.weights = list(network.parameters())
        first = self.weights[0]
        own = torch.tensor(rate, device=first.device, dtype=first.dtype)
        self.optimizer = torch.optim.Adam(self.weights, own, weight_decay=decay, fused=True, capturable=first.is_cuda)
        self.average = Average([*self.weights, *live_statistics(network)], window=275.0)
        self.losses = torch.zeros((), dtype=torch.float64, device=first.device)

    def step(self) -> None:
        self.train(*self.source.batch())

    def train(self, x: Tensor, labels: Tensor) -> None:
        with forward_precision(self.precision, x.device):
            output = self.network(x)
        loss = F.cross_entropy(output.to(self.weights[0].dtype), labels)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.average.update(self.average.share())
        self.losses += loss.detach() * len(labels)


class Streams:
    """K singles, each on one of eight streams."""

    def __init__(self, singles: Sequence[Single], source: Source) -> None:
        self.singles, self.source = singles, source
        self.side = [torch.cuda.Stream() for _ in range(STREAMS)] if torch.cuda.is_available() else []

    def step(self) -> None:
        x, labels = self.source.batch()
        if not self.side:
            for single in self.singles:
                single.train(x, labels)
            return
        main = torch.cuda.current_stream()
        for stream in self.side:
            stream.wait_stream(main)
        for number, single in enumerate(self.singles):
            with torch.cuda.stream(self.side[number % STREAMS]):
                single.train(x, labels)
        for stream in self.side:
            main.wait_stream(stream)


class Together:
    """K candidates as one computation."""

    def __init__(self, networks: Sequence[nn.Module], values: tuple[Tensor, Tensor], source: Source, job: Job) -> None:
        self.source, self.precision, self.count = source, job.precision, len(networks)
        self.forward: Callable[[Tensor], Tensor]
        if job.form == "vmap":
            self.weights, statistics = self._vmap(networks)
        else:
            self.network = stack_by_hand(networks)
            layout = torch.channels_last if job.channels_last else torch.contiguous_format
            self.network.to(memory_format=layout)
            self.weights, statistics = list(self.network.parameters()), live_statistics(self.network)
            inner = torch.compile(self.network, dynamic=False) if job.compiled else self.network
            self.forward = lambda x: inner(x).unflatten(1, (self.count, -1)).transpose(0, 1)
        self.layout = torch.channels_last if job.channels_last else torch.contiguous_format
        self.statistics = Average(statistics, 275.0)
        self.optimizer = CandidateAdam(self.weights, *values, job.optimizer, 275.0)
        self.losses = torch.zeros(self.count, dtype=torch.float64, device=self.weights[0].device)

    def _vmap(self, networks: Sequence[nn.Module]) -> tuple[list[Tensor], list[Tensor]]:
        for network in networks:
            network.to(memory_format=torch.contiguous_format)
            for name, module in list(network.named_modules()):
                if isinstance(module, Dropout):
                    network.set_submodule(name, RatedDropout(module.p).to(next(network.parameters()).device))
        parameters, self.buffers = stack_module_state(list(networks))  # type: ignore[arg-type]
        skeleton = copy.deepcopy(networks[0]).to("meta").train()

        def one(own: dict[str, Tensor], buffers: dict[str, Tensor], x: Tensor) -> Tensor:
            return functional_call(skeleton, (own, buffers), (x,))

        mapped = torch.vmap(one, in_dims=(0, 0, None), randomness="different")
        self.forward = lambda x: mapped(parameters, self.buffers, x)
        statistics = [buffer for name, buffer in self.buffers.items() if name.endswith(STATISTICS)]
        return list(parameters.values()), statistics

    def use_mask(self, layer: str, mask: Tensor) -> None:
        """Give a `Masked` layer under vmap its mask (K, B, ...)."""
        self.buffers[f"{layer}.mask"] = mask

    def step(self) -> None:
        x, labels = self.source.batch()
        with forward_precision(self.precision, x.device):
            logits = self.forward(x.to(memory_format=self.layout))  # (K, B, classes)
        logits = logits.to(self.weights[0].dtype).flatten(0, 1)
        losses = F.cross_entropy(logits, labels.repeat(self.count), reduction="none").view(self.count, -1).mean(1)
        for weight in self.weights:
            weight.grad = None
        losses.sum().backward()  # each candidate's gradient is that of its own loss
        self.optimizer.step()
        if self.statistics.live:
            self.statistics.update(self.statistics.share())
        self.losses += losses.detach() * len(labels)

    @torch.no_grad()
    def evaluate(self) -> Tensor:
        """(K, 2) mean losses on the validation images, of the last weights and (as costly) once more."""
        validation, device = self.source.data.validation, self.weights[0].device
        found = []
        self.network.eval()
        for _ in range(2):
            sums = torch.zeros(self.count, device=device)
            for start in range(0, len(validation), 500):
                x = self.source.data.normalise(validation.pixels[start : start + 500])
                with forward_precision(self.precision, device):
                    logits = self.forward(x.to(memory_format=self.layout)).float()
                labels = validation.labels[start : start + 500].repeat(self.count)
                losses = F.cross_entropy(logits.flatten(0, 1), labels, reduction="none")
                sums += losses.view(self.count, -1).sum(1)
            found.append(sums / len(validation))
        return torch.stack(found, 1)


# ------------------------------------------------------------------------------------------------- measurement


def noise(count: int) -> Images:
    random = np.random.default_rng(0)
    return Images(random.integers(0, 256, (count, 1, 28, 28), dtype=np.uint8), random.integers(0, 10, count))


def prepare(device: str, data_dir: str | None, tiny: bool) -> tuple[StudyInputs, StudyConfig]:
    """MNIST from `data_dir`, or noise of its shape, on the device; and the settings of the proof of concept."""
    settings = {"dataset": "mnist", "model": "dtu_cnn", "device": device}
    if data_dir is not None:
        settings["data_dir"] = data_dir
    config = resolve([Layer("benchmark", settings)]).config
    sizes = (2_000, 500, 500) if tiny else (55_000, 5_000, 5_000)
    names = tuple(str(digit) for digit in range(10))
    data = None if data_dir is not None else ImageDataset("noise", names, *map(noise, sizes))
    return prepare_inputs(config, dataset=data), config


def with_network(inputs: StudyInputs, name: str) -> StudyInputs:
    """The same data for another network."""
    return replace(inputs, factory=ResNet18 if name == "resnet18" else load_factory(name))


def candidates(count: int) -> tuple[Tensor, Tensor]:
    """Rates and weight decays of a grid."""
    steps = math.isqrt(count) if math.isqrt(count) ** 2 == count else 5
    number = torch.arange(count)
    rates = 10 ** (-4 + 2 * (number % steps) / max(steps - 1, 1)).double()
    return rates, 10 ** (-6 + 4 * (number // steps) / max((count - 1) // steps, 1)).double()


def build(job: Job, inputs: StudyInputs, config: StudyConfig) -> tuple[Callable[[], object], Callable[[], object]]:
    """What advances the batches, and the step."""
    if job.form == "trainer":
        state = new_state(inputs, config, 0)
        precision = "bfloat16" if job.precision == "bfloat16" else "float32"
        trainer = Trainer(state, inputs.data, inputs.loss, average_window=0.5, precision=precision)
        losses, check = LossSum(inputs.device), Control().check

        def step() -> None:
            check()
            state.values.scale_rate(1.0)
            losses.add(*trainer.step())

        return int, step
    source, values = Source(inputs.data), candidates(job.count)
    first = build_network(inputs.factory, job.network, inputs.data, seed=0).train()
    networks = [copy.deepcopy(first) for _ in range(job.count)]
    if job.form in ("single", "streams"):
        if job.compiled:
            for network in networks:
                network.compile(dynamic=False)
        singles = [
            Single(network, float(rate), float(decay), source, job.precision)
            for network, rate, decay in zip(networks, *values, strict=True)
        ]
        return source.advance, (singles[0] if job.form == "single" else Streams(singles, source)).step
    if inputs.device.type == "cpu" and job.optimizer == "kernel":
        job = replace(job, optimizer="plain")
    together = Together(networks, values, source, job)
    return source.advance, together.evaluate if job.form == "evaluate" else together.step


def synchronize() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def captured(step: Callable[[], object], warm: int) -> Callable[[], object]:
    """The step as a CUDA graph."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(warm):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


def set_precision(job: Job) -> None:
    torch.backends.cuda.matmul.allow_tf32 = job.precision in ("tf32", "bfloat16")
    torch.backends.cudnn.allow_tf32 = job.precision != "float32"
    torch.backends.cudnn.benchmark = job.autotuned


def measure(job: Job, inputs: StudyInputs, config: StudyConfig, tiny: bool) -> dict[str, Any]:
    """Milliseconds per step in each repetition, the time before the first, and memory."""
    cuda = inputs.device.type == "cuda"
    set_precision(job)
    before = torch.cuda.memory_allocated() if cuda else 0
    if cuda:
        torch.cuda.reset_peak_memory_stats()
    began = time.perf_counter()
    advance, step = build(job, inputs, config)
    built = time.perf_counter()
    step()
    synchronize()
    first = time.perf_counter() - built
    step()
    synchronize()
    slow = time.perf_counter() - built - first > 0.3
    run = captured(step, 1 if slow else 3) if job.graph and cuda else step

    def block(steps: int) -> float:
        synchronize()
        start = time.perf_counter()
        for _ in range(steps):
            advance()
            run()
        synchronize()
        return (time.perf_counter() - start) / steps

    rough = block(1 if tiny or slow else 3)
    warm_up = time.perf_counter() - began
    steps = 1 if tiny else max(1, min(400, round(0.06 / rough)))
    repetitions = 2 if tiny else 5 if slow else REPETITIONS
    peak = (torch.cuda.max_memory_allocated() - before) / 1e9 if cuda else 0.0
    taken = [1000 * block(steps) for _ in range(repetitions)]
    return {"ms": taken, "steps": steps, "warm_up_s": warm_up, "first_s": first, "peak_gb": peak}


def footprint(inputs: StudyInputs, name: str) -> dict[str, float]:
    """Operations of one step of one candidate, its weights, and bytes of what the backward pass needs."""
    network = build_network(inputs.factory, name, inputs.data, seed=0).train()
    x, labels = Source(inputs.data).batch()
    own = {weight.untyped_storage().data_ptr() for weight in network.parameters()}
    saved: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        if tensor.untyped_storage().data_ptr() not in own:
            saved[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with FlopCounterMode(display=False) as counter, saved_tensors_hooks(pack, lambda tensor: tensor):
        F.cross_entropy(network(x), labels).backward()
    weights = sum(weight.numel() for weight in network.parameters())
    return {"gflop": counter.get_total_flops() / 1e9, "weights": weights, "saved_mb": sum(saved.values()) / 1e6}


def ceilings(device: torch.device) -> dict[str, float]:
    """What this card reaches on large matrix products (TFLOP/s) and a large copy (TB/s, read and written)."""

    def seconds(run: Callable[[], object]) -> float:
        times = []
        for _ in range(6):
            synchronize()
            start = time.perf_counter()
            run()
            synchronize()
            times.append(time.perf_counter() - start)
        return statistics.median(times[1:])

    size, found = 8192 if device.type == "cuda" else 256, {}
    for name, dtype in (("float32", torch.float32), ("tf32", torch.float32), ("bfloat16", torch.bfloat16)):
        set_precision(Job("", "", precision=name))
        left, right = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
        found[name] = 2 * size**3 / seconds(lambda left=left, right=right: left @ right) / 1e12
    source, target = (torch.randn(size * size * 8, device=device) for _ in range(2))
    found["copy"] = 8 * source.numel() / seconds(lambda: target.copy_(source)) / 1e12
    return found


def jobs() -> Iterator[Job]:
    """The most valuable first."""
    precisions = ("tf32", "bfloat16", "float32")
    for name in NETWORKS:
        yield Job(name, "trainer", graph=False, precision="torch")
        yield Job(name, "single")
        yield Job(name, "stacked", 25)
    for name in NETWORKS:
        yield from (Job(name, "trainer", graph=False, precision=p) for p in precisions)
        yield from (Job(name, "single", precision=p) for p in precisions[1:])
        yield Job(name, "stacked", 25, "bfloat16")
        yield Job(name, "streams", 25)
        yield Job(name, "vmap", 25)
        yield Job(name, "single", graph=False)
        yield from (Job(name, "stacked", 25, p, channels_last=True) for p in precisions[: 2 * (name != "dtu_cnn")])
    yield from (Job(name, form, 25, graph=False) for name in NETWORKS[:3] for form in ("stacked", "vmap"))
    yield from (Job(name, "streams", 25, "bfloat16") for name in NETWORKS)
    yield from (Job("dtu_cnn", "stacked", 25, optimizer=kind) for kind in ("fused", "plain"))
    yield from (Job("dtu_cnn", "evaluate", count, graph=False) for count in (25, 250))
    for name in NETWORKS[:3]:
        yield from (Job(name, "stacked", count) for count in (100, 250, 9, 5, 1))
    yield from (Job("dtu_cnn", "stacked", 25, p, compiled=True) for p in precisions[:2])
    yield from (Job("dtu_cnn", "stacked", count, "bfloat16") for count in (250, 100, 9, 5))
    yield from (Job(name, "single", compiled=True, graph=graph) for name in NETWORKS for graph in (True, False))
    yield Job("small_resnet", "stacked", 25, compiled=True)
    yield from (Job(name, "stacked", 25, "float32") for name in NETWORKS)
    for name in NETWORKS[:3]:
        yield from (Job(name, form, count) for form in ("vmap", "streams") for count in (100, 5, 9))
    yield from (Job("resnet18", form, count) for form in ("stacked", "streams") for count in (5, 9))
    yield from (Job(name, "stacked", 25, autotuned=True) for name in NETWORKS[1:3])
    yield from (Job(name, "stacked", count, "bfloat16") for name in NETWORKS[1:3] for count in (100, 250, 9, 5))
    yield from (Job(name, "vmap", 250) for name in NETWORKS[:3])


def tiny_jobs() -> Iterator[Job]:
    seen = set()
    for whole in jobs():
        job = replace(whole, count=min(whole.count, 3), graph=whole.graph and torch.cuda.is_available())
        if job.key not in seen and not (job.compiled and job.form == "single"):
            seen.add(job.key)
            yield job


class Results:
    """One JSON object per line; what is held already is not measured again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        lines = path.read_text().splitlines() if path.exists() else []
        self.held: dict[str, dict[str, Any]] = {entry["key"]: entry for entry in map(json.loads, lines)}

    def add(self, key: str, entry: dict[str, Any]) -> None:
        self.held[key] = {"key": key, **entry}
        with self.path.open("a") as file:
            file.write(json.dumps(self.held[key]) + "\n")


def run(options: argparse.Namespace) -> None:
    """Measure until all is done, or the time is up."""
    ends = time.monotonic() + options.seconds
    results, device = Results(options.results), "cuda" if torch.cuda.is_available() else "cpu"
    card = torch.cuda.get_device_name() if device == "cuda" else "cpu"
    inputs, config = prepare(device, options.data, options.tiny)
    if "ceilings" not in results.held:
        results.add("ceilings", {"card": card, "torch": torch.__version__, **ceilings(torch.device(device))})
    print(results.held["ceilings"], flush=True)
    for number, job in enumerate(tiny_jobs() if options.tiny else jobs()):
        if number == FIRST:
            checks(results, inputs, ends, options.tiny)
        if job.key in results.held or (options.only and options.only not in job.key):
            continue
        if time.monotonic() > ends:
            print("The time is up.", flush=True)
            return
        own = with_network(inputs, job.network)
        if f"footprint {job.network}" not in results.held:
            results.add(f"footprint {job.network}", footprint(own, job.network))
        print(line(results, attempt(results, job, (own, config), card, options.tiny)), flush=True)
        torch._dynamo.reset()
        gc.collect()
        with suppress(RuntimeError):
            torch.cuda.empty_cache()


def attempt(results: Results, job: Job, prepared: Any, card: str, tiny: bool) -> dict[str, Any]:
    """Measure one; an error is a result, too. After one that the card does not get over the program begins anew."""
    entry = {**asdict(job), "card": card}
    try:
        entry |= measure(job, *prepared, tiny)
    except Exception as error:
        entry["error"] = f"{type(error).__name__}: {error}"[:600]
    results.add(job.key, entry)
    if "error" in entry:
        try:
            synchronize()
            torch.ones(1, device="cuda" if torch.cuda.is_available() else "cpu").sum().item()
        except RuntimeError:
            print(f"{job.words}: {entry['error'][:200]}: anew", flush=True)
            os.execv(sys.executable, [sys.executable, *sys.argv])
    return entry


def roofline_ms(results: Results, job: dict[str, Any]) -> float:
    """The larger of two times: operations over the matrix units' rate, fewest bytes over the memory's.

    Bytes: weights and both moments and averages read and written, gradients too; what the backward pass needs, twice.
    """
    limits, each = results.held["ceilings"], results.held[f"footprint {job['network']}"]
    rate = limits["tf32" if job["precision"] == "torch" else job["precision"]]
    saved = each["saved_mb"] * (0.5 if job["precision"] == "bfloat16" else 1)
    compute = each["gflop"] / rate  # GFLOP / (TFLOP/s) = ms
    memory = (40e-9 * each["weights"] + 2e-3 * saved) / limits["copy"]  # GB / (TB/s) = ms
    return job["count"] * max(compute, memory)


def line(results: Results, entry: dict[str, Any]) -> str:
    """One measurement as a row of a table."""
    known = {name: value for name, value in entry.items() if name in Job.__dataclass_fields__}
    job = Job(**known)
    head = f"| {job.network} | {job.words} | {job.precision} | {job.count} |"
    if "error" in entry:
        return f"{head} {entry['error'][:120]!r} |"
    taken = sorted(entry["ms"])
    median = statistics.median(taken)
    spread = f"{median:.3f} ({taken[0]:.3f} to {taken[-1]:.3f}), n = {len(taken)}"
    if job.form == "evaluate":
        return f"{head} {spread} | | | {entry['peak_gb']:.2f} | |"
    ratios = []
    for one in (Job(job.network, "trainer", graph=False, precision="torch"), Job(job.network, "single")):
        base = results.held.get(one.key, {}).get("ms")
        ratios.append(f"{median / statistics.median(base):.2f}" if base else "-")
    share = f"{100 * roofline_ms(results, entry) / median:.0f} %"
    rate = 1000 * job.count * BATCH / median
    warm = f" | warm-up {entry['warm_up_s']:.0f} s" if job.compiled else ""
    return f"{head} {spread} | {rate:,.0f} | {' | '.join(ratios)} | {entry['peak_gb']:.2f} | {share} |{warm}"


# --------------------------------------------------------------------------------------------------- agreement


class Masked(nn.Module):
    """Dropout with a mask that is given."""

    def __init__(self, mask: Tensor) -> None:
        super().__init__()
        self.register_buffer("mask", mask)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.mask


def dropout_shapes(network: nn.Module, x: Tensor) -> dict[str, torch.Size]:
    """What each dropout layer sees of a batch."""
    shapes: dict[str, torch.Size] = {}
    for name, module in network.named_modules():
        if isinstance(module, Dropout):
            module.register_forward_hook(lambda _module, given, _out, name=name: shapes.update({name: given[0].shape}))
    network(x)
    return shapes


def tensors_of(program: Together | Streams) -> list[list[Tensor]]:
    """Weights, statistics and the averages of both, of each candidate."""
    if isinstance(program, Streams):
        return [[*single.average.live, *single.average.average] for single in program.singles]
    averages, statistics = program.optimizer.averages, program.statistics
    stacked = [*averages.live, *statistics.live, *averages.average, *statistics.average]
    return [[program.optimizer.rows(tensor)[k] for tensor in stacked] for k in range(program.count)]


def plainly(singles: Sequence[Single], rates: Tensor, decays: Tensor) -> None:
    """Give them torch's Adam without fused kernels."""
    for single, rate, decay in zip(singles, rates.tolist(), decays.tolist(), strict=True):
        single.optimizer = torch.optim.Adam(single.weights, rate, weight_decay=decay, foreach=False)


def agree(job: Job, inputs: StudyInputs, steps: int) -> float:
    """The largest difference between the candidates of `job` and the same one after another, in float64.

    Of any weight, statistic or average after `steps`, where each has a rate, a decay and dropout masks of its own.
    """
    set_precision(job)
    source, device = Source(inputs.data, torch.float64), inputs.device
    networks = [network.double() for network in alike(job.network, inputs, job.count)]
    masks = {}
    keep = torch.linspace(0.8, 0.4, job.count, device=device, dtype=torch.float64)
    for layer, shape in dropout_shapes(copy.deepcopy(networks[0]), source.batch()[0]).items():
        masks[layer] = torch.empty(BATCH, job.count, *shape[1:], device=device, dtype=torch.float64)

    def draw() -> None:
        for mask in masks.values():
            rates = keep.view(-1, *(1 for _ in mask.shape[2:]))
            mask.copy_((torch.rand_like(mask) < rates) / rates)

    def masked(own: Sequence[nn.Module]) -> Sequence[nn.Module]:
        for k, network in enumerate(own):
            for layer, mask in masks.items():
                network.set_submodule(layer, Masked(mask[:, k]))
        return own

    def singles(own: Sequence[nn.Module]) -> list[Single]:
        found = zip(masked(own), *(values.tolist() for values in candidates(job.count)), strict=True)
        return [Single(network, rate, decay, source, "float32") for network, rate, decay in found]

    draw()
    loop = Streams(singles(copy.deepcopy(networks)), source)
    loop.side = []
    plainly(loop.singles, *candidates(job.count))
    other: Together | Streams
    if job.form == "streams":
        other = Streams(singles(networks), source)
    else:
        other = Together(masked(networks), candidates(job.count), source, job)
        for layer, mask in masks.items():
            if job.form == "vmap":
                other.use_mask(layer, mask.transpose(0, 1))
            else:
                other.network.set_submodule(layer, Masked(mask.flatten(1, 2)))
    replay = other.step
    if job.graph:
        replay = captured(other.step, 3)
        for _ in range(3):
            loop.step()
    for _ in range(steps):
        source.advance()
        draw()
        loop.step()
        replay()
    synchronize()
    both = zip(chain(*tensors_of(loop)), chain(*tensors_of(other)), strict=True)
    return max(float((one.flatten() - another.flatten()).abs().max()) for one, another in both)


def alike(name: str, inputs: StudyInputs, count: int) -> list[nn.Module]:
    """Networks with the same weights, of ResNet-18 with an eighth of the width."""
    torch.manual_seed(0)
    narrow = ResNet18(inputs.data.channels, 10, 8).to(inputs.device)
    own = with_network(inputs, name)
    first = narrow if name == "resnet18" else build_network(own.factory, name, own.data, seed=0)
    return [copy.deepcopy(first).train() for _ in range(count)]


def checks(results: Results, inputs: StudyInputs, ends: float, tiny: bool) -> None:
    """Measure agreement, with CUDA graphs where there is a GPU."""
    device = inputs.device.type
    cuda = device == "cuda"
    forms = [("stacked", "kernel" if cuda else "plain"), ("vmap", "plain"), ("streams", "fused"), ("stacked", "fused")]
    for name in NETWORKS:
        for form, optimizer in forms:
            key = f"agree {name} {form} {optimizer} {device}"
            if key in results.held or time.monotonic() > ends:
                continue
            entry: dict[str, Any] = {"steps": 3 if tiny else 30}
            job = Job(name, form, 3, "float32", graph=cuda, optimizer=optimizer)
            try:
                entry["difference"] = agree(job, inputs, entry["steps"])
            except Exception as error:
                entry["error"] = f"{type(error).__name__}: {error}"[:600]
            results.add(key, entry)
            print(key, {name: value for name, value in entry.items() if name != "key"}, flush=True)


def report(options: argparse.Namespace) -> None:
    """Print all rows, network by network."""
    results = Results(options.results)
    print(results.held["ceilings"])
    for key, entry in results.held.items():
        if key.startswith(("footprint", "agree")):
            print(key, {name: value for name, value in entry.items() if name != "key"})
    order = {"trainer": 0, "single": 1, "streams": 2, "vmap": 3, "stacked": 4, "evaluate": 5}
    rows = [entry for entry in results.held.values() if "form" in entry]
    rows.sort(key=lambda row: (NETWORKS.index(row["network"]), order[row["form"]], row["count"], row["precision"]))
    print("| network | what | precision | K | ms a step | images/s | / trainer | / single | GB | of the roofline |")
    print("|" + " --- |" * 10)
    for row in rows:
        print(line(results, row))


def main() -> None:
    """Run one of the commands."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    runs = commands.add_parser("run")
    runs.add_argument("results", type=Path)
    runs.add_argument("--data", help="folder with MNIST/raw; without it the images are noise")
    runs.add_argument("--seconds", type=float, default=math.inf, help="begin nothing more after so many")
    runs.add_argument("--only", help="only measurements with these words in their key, as `network=lenet`")
    runs.add_argument("--tiny", action="store_true")
    runs.set_defaults(command=run)
    agreement = commands.add_parser("agree")
    agreement.add_argument("results", type=Path)
    agreement.set_defaults(
        command=lambda own: checks(Results(own.results), prepare("cpu", None, tiny=True)[0], math.inf, tiny=False)
    )
    reports = commands.add_parser("report")
    reports.add_argument("results", type=Path)
    reports.set_defaults(command=report)
    options = parser.parse_args()
    options.command(options)


if __name__ == "__main__":
    main()
