"""Trainings that are killed a thousand times; not a test, run by hand (a quarter of an hour on an idle core):

    TMPDIR=/dev/shm python tests/benchmarks/kills.py --kills 1000

Every strategy that the registry finds, on every network, with dropout and augmentation, saves a checkpoint every few
steps, and is killed (SIGKILL), resumed, killed again, until it has come to its end:

- time: after a random time;
- disk: before or after a change of the disk (a file made, renamed, removed, flushed), or within a line of the log;
- checkpoint: within a piece of a checkpoint, or of a network;
- probe: before a step of a probe.

At the end networks, predictions and facts (but for their times) have to be those of an undisturbed run, to the bit.
Each life is a fork of one process that has imported torch, so it costs no start.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import itertools
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import sklearn.datasets  # noqa: F401 (here once, and not in every life)
import torch
import torch._dynamo  # the same: every optimizer imports it
from torch import nn

from hptui import registry
from hptui.config import Layer, StudyConfig, resolve
from hptui.reading.run_state import state_of
from hptui.record.localizing import localized
from hptui.record.predictions import Model, read_predictions
from hptui.record.run_directory import BEST_FILE, MODEL_FILE
from hptui.record.run_reader import RunReader
from hptui.record.study_directory import open_study
from hptui.training import Control, start_study, train_study
from hptui.training.engine.loop import Trainer
from hptui.training.inputs import prepare_inputs
from hptui.training.run import checkpoints, probing
from hptui.training.study import PreparedStudy

KINDS = ("time", "disk", "checkpoint", "probe")
HANGS = 300
"""seconds after which a life is ended"""
SHARE = 0.25
"""of an undisturbed run that a life lasts at most, by whatever its kind counts"""
RUN = "optimized-0"
SETTINGS: dict[str, Any] = {
    "dataset": "digits",
    "train_size": 120,
    "validation_size": 50,
    "test_size": 30,
    "image_size": 16,
    "threads": 1,
    "device": "cpu",
    "runs": 1,
    "baseline": "none",
    "epochs": 2,
    "log_every": 4,
    "checkpoint_every": "3steps",
    "set": {"batch_size": 20, "dropout": 0.2, "augmentation": 0.3},
}
OWN: dict[str, dict[str, Any]] = {
    "adaptive": {"epochs": 6, "budget": 4.0, "search": {"lr": "1e-3:1e-1:log:2", "dropout": "0:0.5:lin:2"}},
    "fixed": {"epochs": 4},
    "grid": {"horizon": 0.4, "greed_check": 2, "search": {"lr": "1e-3:1e-1:log:2", "dropout": "0:0.5:lin:2"}},
    "pbt": {"epochs": 3, "search": {"lr": "1e-3:1e-1:log:2"}},
}
"""what a strategy needs to decide something in so few steps; one that is not named decides with its defaults"""
PREDICTED: tuple[tuple[Model, str], ...] = tuple(itertools.product(("final", "best"), ("validation", "test")))
PRELOADED = ("datasets", "models", "optimizers", "losses", "schedules", "strategies", "hyperparameters")
TINY = f"{__file__}:TinyNet"
OPTIMIZERS = ({"optimizer": "adam"}, {"optimizer": "sgd", "schedule": "cosine"}, {"optimizer": "adamw"})


@dataclass(frozen=True)
class Scenario:
    """What is trained."""

    strategy: str
    settings: dict[str, Any]

    @property
    def config(self) -> StudyConfig:
        return resolve([Layer("kills", self.settings)]).config


class TinyNet(nn.Module):
    """A network with BatchNorm, dropout, and a buffer that is not saved with it."""

    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(in_channels, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.dropout = nn.Dropout(0.3)
        self.output = nn.Linear(4, num_classes)
        self.register_buffer("seen", torch.zeros(1), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) -> (B, classes)."""
        if self.training:
            self.seen += len(x)
        x = torch.relu(self.norm(self.convolution(x)))
        logits: torch.Tensor = self.output(self.dropout(x.mean((2, 3)) + x.amax((2, 3))))
        return logits


def preload() -> None:
    """Import what every life would import for itself."""
    for folder in PRELOADED:
        for name in registry.names(folder):
            registry.load(folder, name)


def scenarios() -> Iterator[Scenario]:
    """All strategies in turns, another optimizer each time, without end; every eighth turn has a larger network."""
    models = [part for name in registry.names("models") for part in (*[TINY] * 7, name)]
    for optimizer, model in zip(itertools.cycle(OPTIMIZERS), itertools.cycle(models), strict=False):
        for strategy in registry.names("strategies"):
            own = OWN.get(strategy, {})
            yield Scenario(strategy, SETTINGS | optimizer | {"model": model, "strategy": strategy} | own)


@dataclass
class Trap:
    """Counts what a life does, and kills it at the chosen moment."""

    kind: str = ""
    at: int = 0
    """which of these moments it is, from 1; 0: it only counts"""
    share: float = 0.5
    """of a write that is done; below 0.5 another change is not"""
    counts: Counter[str] = field(default_factory=Counter)
    probing: bool = False

    def passes(self, kind: str) -> bool:
        """Count one more moment; False: this is the one."""
        self.counts[kind] += 1
        return (kind, self.counts[kind]) != (self.kind, self.at)

    def change(self, do: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """A change of the disk."""
        deadly = not self.passes("disk")
        if deadly and self.share < 0.5:
            die()
        result = do(*arguments, **named)
        if deadly:
            die()
        return result

    def write(self, kind: str, do: Callable[[bytes], int], piece: bytes, flush: Callable[[], object]) -> int:
        """A write, which may be torn."""
        if self.passes(kind):
            return do(piece)
        do(piece[: int(len(piece) * self.share)])
        flush()
        die()
        raise AssertionError


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def spring(trap: Trap) -> None:
    """Put the trap into this process, which will not be used for anything else."""
    for name in ("fsync", "replace", "rename", "unlink", "ftruncate", "mkdir"):
        original = getattr(os, name)
        setattr(os, name, lambda *a, _do=original, **k: trap.change(_do, *a, **k))
    write, opened, piece = os.write, io.open, checkpoints._Disk.write
    probe, step = probing.Prober._probe, Trainer.step

    def torn(file: int, line: bytes) -> int:
        return trap.write("disk", lambda part: write(file, part), line, int)

    def torn_piece(disk: Any, part: bytes) -> int:
        return trap.write("checkpoint", lambda some: piece(disk, some), bytes(part), disk.flush)

    def creating(path: Any, mode: str = "r", *a: Any, **k: Any) -> Any:
        return trap.change(opened, path, mode, *a, **k) if set(mode) & set("wxa") else opened(path, mode, *a, **k)

    def in_probe(*a: Any, **k: Any) -> Any:
        trap.probing = True
        try:
            return probe(*a, **k)
        finally:
            trap.probing = False

    def stepping(trainer: Trainer) -> Any:
        if trap.probing and not trap.passes("probe"):
            die()
        return step(trainer)

    os.write, io.open, checkpoints._Disk.write = torn, creating, torn_piece  # type: ignore[assignment]
    probing.Prober._probe, Trainer.step = in_probe, stepping  # type: ignore[method-assign,assignment]


def fork(do: Callable[[], object], errors: Path) -> int:
    """Do something in a process of its own, whose exit code is 0 if it was done; its number."""
    child = os.fork()
    if child:
        return child
    code = 1
    signal.alarm(HANGS)
    try:
        do()
        code = 0
    except BaseException:
        errors.write_text(traceback.format_exc(), "utf-8")
    finally:
        os._exit(code)


def train(folder: Path, scenario: Scenario, trap: Trap, counts: Path | None = None) -> None:
    """One life of a study: begun, or gone on with as `hptui resume` does."""
    began = time.monotonic()
    spring(trap)
    if (folder / "study.toml").exists():
        study = open_study(folder)
        config = localized(study)
        prepared = PreparedStudy(study, config, prepare_inputs(config))
    else:
        prepared = start_study(scenario.config, folder)
    if not train_study(prepared, Control()):
        raise RuntimeError("it is not completed")
    if counts is not None:
        counts.write_text(json.dumps(dict(trap.counts) | {"time": time.monotonic() - began}))


def outcome(folder: Path) -> list[Any]:
    """Networks, predictions, and facts without their times."""
    directory = folder / RUN
    state = state_of(RunReader(directory).read())
    facts: list[Any] = [state.completed]
    for one in state.decisions:
        facts += [one.started, *one.candidates, one.predicted, one.repeated, one.chosen]
    for epoch in state.epochs:
        facts += [*epoch.evaluations.values(), epoch.completed]
    networks = [checkpoints.load_file(directory / name) for name in (MODEL_FILE, BEST_FILE)]
    predictions = [read_predictions(directory, model, split) for model, split in PREDICTED]
    arrays = [(one.labels, one.probabilities) if one is not None else None for one in predictions]
    return [[timeless(fact) for fact in facts], networks, arrays]


def timeless(fact: Any) -> Any:
    plain = msgspec.to_builtins(fact)
    return {key: value for key, value in plain.items() if key not in ("time", "seconds")} if plain else plain


def difference(one: Any, other: Any, where: str = "") -> str:
    """Where two outcomes differ first; empty: nowhere."""
    if type(one) is not type(other):
        return f"{where}: {type(one).__name__}, {type(other).__name__}"
    if isinstance(one, torch.Tensor):
        return "" if one.dtype == other.dtype and torch.equal(one, other) else where
    if isinstance(one, np.ndarray):
        return "" if np.array_equal(one, other) else where
    if isinstance(one, (dict, list, tuple)):
        if len(one) != len(other) or (isinstance(one, dict) and one.keys() != other.keys()):
            return f"{where}: {len(one)} and {len(other)} entries"
        keys = one.keys() if isinstance(one, dict) else range(len(one))
        return next((found for key in keys if (found := difference(one[key], other[key], f"{where}.{key}"))), "")
    return "" if one == other else f"{where}: {one}, {other}"


@dataclass
class Tally:
    """What came of it."""

    kills: Counter[tuple[str, str]] = field(default_factory=Counter)
    """by strategy and kind"""
    studies: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    """differences, and lives that ended with an error"""

    @property
    def total(self) -> int:
        return sum(self.kills.values())


def undisturbed(scenario: Scenario, folder: Path) -> tuple[list[Any], dict[str, float]]:
    """Outcome of a run that nobody kills, and how many moments of each kind it has."""
    counts, errors = folder / "counts.json", folder / "errors.txt"
    child = fork(lambda: train(folder / "whole", scenario, Trap(), counts), errors)
    if os.waitpid(child, 0)[1]:
        raise RuntimeError(errors.read_text("utf-8"))
    return outcome(folder / "whole"), json.loads(counts.read_text())


def kill_until_done(
    scenario: Scenario, folder: Path, counts: dict[str, float], draw: random.Random, tally: Tally, most: int
) -> str:
    """Kill a study until it has come to its end; what went wrong, if something did."""
    errors, kinds = folder / "errors.txt", [kind for kind in KINDS if counts.get(kind)]
    for life in itertools.count():
        kind = draw.choice(kinds) if life < most else "none"
        last = SHARE * counts.get(kind, 0)
        trap = Trap(kind, 1 + int(draw.random() * last), draw.random())
        child = fork(lambda trap=trap: train(folder / "killed", scenario, trap), errors)  # type: ignore[misc]
        try:
            if kind == "time":
                time.sleep(draw.random() * last)
                os.kill(child, signal.SIGKILL)  # it is there until it is waited for
            status = os.waitpid(child, 0)[1]
        except KeyboardInterrupt:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise
        if status == 0:
            return ""
        if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
            return errors.read_text("utf-8") if errors.exists() else f"life {life} hangs"
        tally.kills[scenario.strategy, kind] += 1
    raise AssertionError


def attack(kills: int, of_one: int, seed: int, folder: Path, tally: Tally) -> None:
    """Kill studies, each so often at most, until so many kills are done."""
    draw, known = random.Random(seed), {}
    for number, scenario in enumerate(scenarios()):
        if tally.total >= kills:
            return
        key = json.dumps(scenario.settings)
        place = folder / str(number)
        place.mkdir()
        if key not in known:
            known[key] = undisturbed(scenario, place)
        whole, counts = known[key]
        most = min(of_one, kills - tally.total)
        fault = kill_until_done(scenario, place, counts, draw, tally, most)
        fault = fault or difference(whole, outcome(place / "killed"))
        tally.studies[scenario.strategy] += 1
        if fault:
            tally.faults.append(f"{place}, {key}: {fault}")
        else:
            shutil.rmtree(place)
        print(f"{tally.total} kills, {sum(tally.studies.values())} studies, {len(tally.faults)} differ", flush=True)


def main() -> int:
    """Print a table of the kills, and what differs; of those so far where it is interrupted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--most", type=int, default=12, help="kills of one study; then it may come to its end")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    preload()
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="hptui-kills-"))
    os.environ["XDG_DATA_HOME"] = os.environ["XDG_STATE_HOME"] = str(folder)
    tally = Tally()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where a shell started it in the background
    with contextlib.suppress(KeyboardInterrupt):
        attack(options.kills, options.most, options.seed, folder, tally)
    print(f"\n{'strategy':<12}{'studies':>8}" + "".join(f"{kind:>12}" for kind in KINDS))
    for strategy, studies in sorted(tally.studies.items()):
        print(f"{strategy:<12}{studies:>8}" + "".join(f"{tally.kills[strategy, kind]:>12}" for kind in KINDS))
    seconds = time.monotonic() - began
    each = seconds / max(tally.total, 1)
    print(f"{tally.total} kills in {seconds:.0f} s, {each:.2f} s each; {len(tally.faults)} differ")
    for fault in tally.faults:
        print(fault, file=sys.stderr)
    if not tally.faults:
        shutil.rmtree(folder)
    return bool(tally.faults)


if __name__ == "__main__":
    sys.exit(main())
