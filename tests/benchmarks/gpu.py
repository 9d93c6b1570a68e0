"""What a GPU makes of one training, and of many candidates side by side; not a test, run by hand:

    python tests/benchmarks/gpu.py run results.jsonl --data DIR --seconds 300    # a GPU; goes on where it was ended
    python tests/benchmarks/gpu.py run tiny.jsonl --tiny                          # any machine: whether it works at all
    python tests/benchmarks/gpu.py report results.jsonl                           # the tables
    python tests/benchmarks/gpu.py cpu --data DIR                                 # one core: whether stacks pay

What is measured, the most valuable first, each in blocks of about 60 ms (of a decision: each as it is):

- trainer: hptui's own step as it is, of one training.
- stacked: hptui's own step of K candidates as stacked replicas.
- decision: a whole decision of K candidates, 0.05 epochs each, one after another or stacked, their scores included.
- single: the step of one training by hand, so that a CUDA graph can hold it (rate as a tensor), also compiled.

Whether both ways give the same is tested: tests/training/test_replicas.py.
"""

from __future__ import annotations

import argparse
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
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from hptui.config import Layer, StudyConfig, resolve
from hptui.datasets import ImageDataset, Images
from hptui.planning import new_strategy
from hptui.training import Control, prepare_inputs
from hptui.training.engine.averaging import STATISTICS
from hptui.training.engine.building import StudyInputs, build_network, new_state
from hptui.training.engine.device_data import DeviceDataset
from hptui.training.engine.evaluation import forward_precision
from hptui.training.engine.loop import LossSum, Trainer
from hptui.training.engine.plug_ins import load_factory
from hptui.training.engine.replicas.moments import Moments
from hptui.training.engine.replicas.stack import Skeleton, Stack
from hptui.training.run.run import Run

BATCH, REPETITIONS, PROBE, PAIRS = 100, 7, 0.05, 7
"""images of a step, blocks, epochs of a probe, pairs on a CPU"""
KINDS = ("one", "stacked")
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


# ---------------------------------------------------------------------------------------------------- programs


@dataclass(frozen=True)
class Job:
    """One measurement."""

    network: str
    form: str
    """trainer, stacked, decision, single"""
    count: int = 1
    precision: str = "tf32"
    """float32: nowhere less. torch: as torch has it, tf32 in convolutions alone. tf32. bfloat16: by autocast"""
    graph: bool = False
    """of a single, in a CUDA graph"""
    compiled: bool = False
    replicas: str = ""
    """of a decision: one or stacked"""

    @property
    def key(self) -> str:
        return " ".join(f"{name}={value}" for name, value in asdict(self).items())

    @property
    def words(self) -> str:
        return f"{self.form} {self.replicas}".strip() + ", graph" * self.graph + ", compiled" * self.compiled


class Source:
    """The batches of a training, in one tensor of indices that is written into: a graph reads it where it lies."""

    def __init__(self, data: DeviceDataset) -> None:
        self.data = data
        self.order = torch.randperm(len(data.train), generator=torch.Generator().manual_seed(1))
        self.order = self.order.to(data.train.pixels.device)
        self.chosen, self.position = self.order[:BATCH].clone(), 0

    def advance(self) -> None:
        self.position = (self.position + BATCH) % (len(self.order) - BATCH)
        self.chosen.copy_(self.order[self.position : self.position + BATCH])

    def batch(self) -> tuple[Tensor, Tensor]:
        train = self.data.train
        return self.data.normalise(train.pixels[self.chosen]), train.labels[self.chosen]


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
        x, labels = self.source.batch()
        with forward_precision(self.precision, x.device):
            output = self.network(x)
        loss = F.cross_entropy(output.to(self.weights[0].dtype), labels)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.average.update(self.average.share())
        self.losses += loss.detach() * len(labels)


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


def with_network(inputs: StudyInputs, name: str, tiny: bool) -> StudyInputs:
    """The same data for another network."""
    resnet = partial(ResNet18, width=4) if tiny else ResNet18
    return replace(inputs, factory=resnet if name == "resnet18" else load_factory(name))


def ranges(count: int) -> dict[str, str]:
    """Of a square grid, or of a line."""
    side = math.isqrt(count)
    if side**2 != count or side == 1:
        return {"lr": f"1e-4:1e-2:log:{count}"}
    return {"lr": f"1e-4:1e-2:log:{side}", "weight_decay": f"1e-6:1e-2:log:{side}"}


def build(job: Job, inputs: StudyInputs, config: StudyConfig) -> tuple[Callable[[], object], Callable[[], object]]:
    """What advances the batches, and the step."""
    if job.form == "single":
        network, source = build_network(inputs.factory, job.network, inputs.data, seed=0), Source(inputs.data)
        if job.compiled:
            network.compile(dynamic=False)
        return source.advance, Single(network, 1e-3, 1e-4, source, job.precision).step
    precision = "bfloat16" if job.precision == "bfloat16" else "float32"
    if job.form == "decision":
        search = {"search": ranges(job.count), "strategy": "grid", "horizon": PROBE, "precision": precision}
        own = msgspec.structs.replace(config, **search, replicas=job.replicas, wrong_images=0)
        run = Run(own, inputs, new_strategy(own, "optimized"), "optimized", 0, emit=id, control=Control())
        return int, lambda: run._decision_maker().decide(1)
    state = new_state(inputs, config, 0)
    trainer = Trainer(state, inputs.data, inputs.loss, average_window=0.5, precision=precision)
    return int, stacked_step(trainer, job.count) if job.form == "stacked" else plain_step(trainer)


def plain_step(trainer: Trainer) -> Callable[[], object]:
    losses, check = LossSum(trainer.state.device), Control().check

    def step() -> None:
        check()
        trainer.state.values.scale_rate(1.0)
        losses.add(*trainer.step())

    return step


def stacked_step(trainer: Trainer, count: int) -> Callable[[], object]:
    start, moments = trainer.state.snapshot(), Moments(trainer)
    values = [{"lr": 10 ** (-4 + 2 * number / count), "weight_decay": 1e-4} for number in range(count)]
    return Stack(trainer, Skeleton(trainer.state.network), [moments.begun(start, one) for one in values]).step


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
    precisions = ("torch", "bfloat16", "tf32", "float32")
    for name in NETWORKS:
        yield Job(name, "trainer", precision="torch")
        yield Job(name, "stacked", 25, "torch")
    for name in NETWORKS[:3]:
        yield from (Job(name, "decision", 25, "torch", replicas=kind) for kind in ("one", "stacked"))
    for name in NETWORKS:
        yield Job(name, "stacked", 25, "bfloat16")
        yield Job(name, "trainer", precision="bfloat16")
        yield from (Job(name, "stacked", count, "torch") for count in (5, 9, 2))
    for name in NETWORKS[:3]:
        yield from (Job(name, "stacked", count, "torch") for count in (100, 250))
        yield from (Job(name, "decision", count, "torch", replicas=kind) for count in (9, 100) for kind in KINDS)
    for name in NETWORKS:
        yield from (Job(name, "single", precision=p, graph=True) for p in precisions[1:])
        yield from (Job(name, "single", compiled=True, graph=graph) for graph in (True, False))
        yield from (Job(name, "trainer", precision=p) for p in precisions[2:])
        yield from (Job(name, "stacked", 25, p) for p in precisions[2:])
    yield from (Job("resnet18", "decision", 9, "torch", replicas=kind) for kind in KINDS)


def tiny_jobs() -> Iterator[Job]:
    seen = set()
    for whole in jobs():
        few = 4 if whole.form == "decision" else 3
        job = replace(whole, count=min(whole.count, few), graph=whole.graph and torch.cuda.is_available())
        if job.key not in seen and not job.compiled and (job.network, job.form) != ("resnet18", "decision"):
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
    for job in tiny_jobs() if options.tiny else jobs():
        if job.key in results.held or (options.only and options.only not in job.key):
            continue
        if time.monotonic() > ends:
            print("The time is up.", flush=True)
            return
        own = with_network(inputs, job.network, options.tiny)
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
    if job.form == "decision":
        base = results.held.get(replace(job, replicas="one").key, {}).get("ms")
        times = f"{median / statistics.median(base):.2f}" if base else "-"
        return f"{head} {spread} | | {times} of one after another | | {entry['peak_gb']:.2f} | |"
    ratios = []
    for one in (Job(job.network, "trainer", precision="torch"), Job(job.network, "single", graph=True)):
        base = results.held.get(one.key, {}).get("ms")
        ratios.append(f"{median / statistics.median(base):.2f}" if base else "-")
    share = f"{100 * roofline_ms(results, entry) / median:.0f} %"
    rate = 1000 * job.count * BATCH / median
    warm = f" | warm-up {entry['warm_up_s']:.0f} s" if job.compiled else ""
    return f"{head} {spread} | {rate:,.0f} | {' | '.join(ratios)} | {entry['peak_gb']:.2f} | {share} |{warm}"


def on_cpu(options: argparse.Namespace) -> None:
    """Print how many times the CPU time of plain steps one of as many replicas takes: interleaved pairs, one thread."""
    torch.set_num_threads(1)
    inputs, config = prepare("cpu", options.data, options.data is None)

    def seconds(step: Callable[[], object], times: int) -> float:
        began = time.process_time()
        for _ in range(times):
            step()
        return time.process_time() - began

    for name in NETWORKS[:3]:
        own = with_network(inputs, name, tiny=False)
        for count in (2, 9, 25):
            plain, stacked = (build(Job(name, form, count, "torch"), own, config)[1] for form in ("trainer", "stacked"))
            seconds(plain, 2)
            seconds(stacked, 1)
            found = sorted(seconds(stacked, 1) / seconds(plain, count) for _ in range(PAIRS))
            spread = f"{found[0]:.2f} to {found[-1]:.2f}, n = {PAIRS}"
            print(f"| {name} | {count} | {statistics.median(found):.2f} ({spread}) |", flush=True)


def report(options: argparse.Namespace) -> None:
    """Print all rows, network by network."""
    results = Results(options.results)
    print(results.held["ceilings"])
    for key, entry in results.held.items():
        if key.startswith("footprint"):
            print(key, {name: value for name, value in entry.items() if name != "key"})
    order = {"trainer": 0, "single": 1, "stacked": 2, "decision": 3}
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
    cpu = commands.add_parser("cpu")
    cpu.add_argument("--data", help="as above")
    cpu.set_defaults(command=on_cpu)
    reports = commands.add_parser("report")
    reports.add_argument("results", type=Path)
    reports.set_defaults(command=report)
    options = parser.parse_args()
    options.command(options)


if __name__ == "__main__":
    main()
