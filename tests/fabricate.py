"""Events, runs and studies made by hand, so that the reading side is tested without training anything."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec

from hptui.config import Layer, StudyConfig, resolve
from hptui.record.events import (
    AnyEvent,
    Axis,
    BatchesTrained,
    CandidateScored,
    CheckpointSaved,
    ClassCounts,
    DecisionStarted,
    EpochCompleted,
    Evaluated,
    HyperparametersChosen,
    RunCompleted,
    RunResumed,
    RunStarted,
)
from hptui.record.predictions import Predictions, write_predictions
from hptui.record.run_writer import RunWriter
from hptui.record.seals import seal_text
from hptui.record.study_directory import Study, create_study
from hptui.record.study_folders import STUDY_FILE

PATIENCE_SECONDS = 240
"""for a condition, on a machine that is busy with other things"""
IMAGES_PER_EPOCH = 100
AXIS = Axis(name="lr", low=0.001, high=0.1, scale="log", values=[0.001, 0.01, 0.1])
CONFUSION = ((45, 5, 0), (4, 32, 4), (0, 2, 8))
"""100 images of three classes of 50, 40 and 10: accuracy 0.85, balanced accuracy (0.9 + 0.8 + 0.8) / 3"""


def configuration(**settings: Any) -> StudyConfig:
    """A small valid configuration: one pair of runs, two epochs."""
    defaults = {"dataset": "digits", "model": "lenet", "epochs": 2, "runs": 1, "search": {"lr": "1e-3:1e-1:log:3"}}
    defaults["strategy"] = "grid"
    return resolve([Layer("test", defaults | settings)]).config


def values(lr: float = 0.001) -> dict[str, float]:
    return {"lr": lr, "weight_decay": 0.0, "momentum": 0.9, "batch_size": 20.0}


def run_started(**changes: Any) -> RunStarted:
    facts: dict[str, Any] = {
        "schema": 1,
        "hptui": "0",
        "arm": "optimized",
        "seed": 0,
        "strategy": "grid",
        "epochs": 2,
        "images_per_epoch": IMAGES_PER_EPOCH,
        "validation_images": 20,
        "test_images": 100,
        "class_names": ["a", "b", "c"],
        "dataset": "made up",
        "model": "lenet",
        "parameters": 7,
        "optimizer": "adam",
        "device": "cpu",
        "searched": [AXIS],
        "values": values(),
        "versions": {"python": "3"},
    }
    return RunStarted(**facts | changes)


def run_resumed(**changes: Any) -> RunResumed:
    facts: dict[str, Any] = {"images_trained": 0, "images_probed": 0, "seconds": 0.0, "decisions": 0, "by_hand": {}}
    facts |= {"epoch": 0, "epochs": 2, "step": 0}
    return RunResumed(**facts | changes)


def decision_started(decision: int = 0, epoch: int = 1, **changes: Any) -> DecisionStarted:
    facts: dict[str, Any] = {
        "step": 0,
        "axes": [AXIS],
        "values": values(),
        "loss": 2.3,
        "accuracy": 0.1,
        "score_name": "loss",
        "score_weights": "averaged",
        "planned": math.prod(len(axis.values) for axis in changes.get("axes", [AXIS])),
    }
    return DecisionStarted(decision=decision, epoch=epoch, **facts | changes)


def candidate_scored(decision: int = 0, candidate: int = 0, lr: float = 0.001, **changes: Any) -> CandidateScored:
    facts: dict[str, Any] = {
        "values": values(lr),
        "score": 1.0,
        "loss": 1.0,
        "accuracy": 0.5,
        "raw_loss": 1.1,
        "raw_accuracy": 0.4,
        "diverged": False,
        "classes": ClassCounts(support=[5, 5], predicted=[4, 6], hits=[3, 4]),
        "images": 20,
        "seconds": 0.5,
    }
    return CandidateScored(decision=decision, candidate=candidate, **facts | changes)


def chosen(decision: int = 0, epoch: int = 1, lr: float = 0.01, **changes: Any) -> HyperparametersChosen:
    facts: dict[str, Any] = {
        "step": 0,
        "candidate": 1,
        "values": values(lr),
        "reason": "lowest",
        "images_probed": 60,
        "seconds": 2.0,
    }
    return HyperparametersChosen(decision=decision, epoch=epoch, **facts | changes)


def batches_trained(epoch: int = 1, batch: int = 5, lr: float = 0.01, **changes: Any) -> BatchesTrained:
    facts: dict[str, Any] = {"batches": 5, "images": IMAGES_PER_EPOCH, "loss": 0.7, "seconds": 1.0}
    step = (epoch - 1) * 5 + batch
    return BatchesTrained(epoch=epoch, batch=batch, step=step, values=values(lr), **facts | changes)


def evaluated(epoch: int = 1, split: str = "test", weights: str = "last", **changes: Any) -> Evaluated:
    facts: dict[str, Any] = {
        "images": 100,
        "loss": 0.4,
        "accuracy": 0.85,
        "confusion": [list(row) for row in CONFUSION],
        "seconds": 0.1,
    }
    return Evaluated(epoch=epoch, step=5 * epoch, split=split, weights=weights, **facts | changes)


def epoch_completed(epoch: int = 1, lr: float = 0.01, **changes: Any) -> EpochCompleted:
    facts: dict[str, Any] = {
        "train_loss": 0.6,
        "delivered": "averaged",
        "images_trained": IMAGES_PER_EPOCH * epoch,
        "images_probed": 60 * epoch,
        "seconds": 4.0 * epoch,
    }
    return EpochCompleted(epoch=epoch, step=5 * epoch, values=values(lr), **facts | changes)


def checkpoint_saved(epoch: int = 1) -> CheckpointSaved:
    return CheckpointSaved(epoch=epoch, step=5 * epoch, file=f"checkpoints/{5 * epoch}.pt")


def run_completed(epoch: int = 2, **changes: Any) -> RunCompleted:
    facts: dict[str, Any] = {
        "delivered": "averaged",
        "validation_loss": 0.3,
        "validation_accuracy": 0.9,
        "test_loss": 0.4,
        "test_accuracy": 0.85,
        "images_trained": IMAGES_PER_EPOCH * epoch,
        "images_probed": 60 * epoch,
        "cost": 1.6,
        "seconds": 4.0 * epoch,
    }
    return RunCompleted(epoch=epoch, step=5 * epoch, **facts | changes)


def decision(number: int, epoch: int) -> list[AnyEvent]:
    """A whole decision over three candidates of 20 images each."""
    scored = [candidate_scored(number, index, lr) for index, lr in enumerate(AXIS.values)]
    return [decision_started(number, epoch), *scored, chosen(number, epoch, images_probed=60 * (number + 1))]


def trained_epoch(epoch: int, test_accuracy: float = 0.85, confusion: Iterable[Iterable[int]] = CONFUSION) -> list[Any]:
    """Training, three evaluations and the end of one epoch; the averaged weights are delivered."""
    matrix = [list(row) for row in confusion]
    return [
        batches_trained(epoch),
        evaluated(epoch, "validation", "last", accuracy=0.7),
        evaluated(epoch, "validation", "averaged", accuracy=0.75),
        evaluated(epoch, "test", "averaged", accuracy=test_accuracy, confusion=matrix),
        epoch_completed(epoch),
        checkpoint_saved(epoch),
    ]


def whole_run(
    arm: str = "optimized",
    seed: int = 0,
    *,
    epochs: int = 2,
    test_accuracy: float = 0.85,
    confusion: Iterable[Iterable[int]] = CONFUSION,
    **end: Any,
) -> list[AnyEvent]:
    """All events of a run that is completed; `end` are fields of its last event."""
    decides = arm == "optimized"
    strategy = "grid" if decides else "fixed"
    events: list[AnyEvent] = [
        run_started(
            arm=arm,
            seed=seed,
            epochs=epochs,
            strategy=strategy,
            searched=[AXIS] if decides else [],
            values=values(0.001 if decides else 0.01),
        )
    ]
    for epoch in range(1, epochs + 1):
        events += decision(epoch - 1, epoch) if decides else []
        events += trained_epoch(epoch, test_accuracy, confusion)
    return [*events, run_completed(epochs, test_accuracy=test_accuracy, **end)]


def ended_early(arm: str, seed: int, *, epochs: int, asked: int, **end: Any) -> list[AnyEvent]:
    """All events of a run whose losses ended it before it had the epochs that were asked for."""
    started, *rest, last = whole_run(arm, seed, epochs=epochs, end_moved=epochs - asked, **end)
    events = [
        msgspec.structs.replace(event, end_moved=epochs - asked)
        if isinstance(event, EpochCompleted) and event.epoch == epochs
        else event
        for event in rest
    ]
    return [msgspec.structs.replace(started, epochs=asked), *events, last]


def make_study(directory: Path, **settings: Any) -> Study:
    """A study of which no run has begun."""
    return create_study(directory, configuration(**settings), "f" * 64, {"baseline": 1.0, "optimized": 1.6})


def edit_study(directory: Path, edit: Callable[[str], str]) -> None:
    """Change what study.toml says, as if it had been written so."""
    path = directory / STUDY_FILE
    path.write_text(seal_text(edit(path.read_text("utf-8").partition("\n")[2])), "utf-8")


def write_run(study: Study, arm: str, seed: int, events: Iterable[AnyEvent]) -> Path:
    """Write `events` to one of the study's runs; return its folder."""
    directory = study.directory / f"{arm}-{seed}"
    study.create_run(arm, seed, directory)  # type: ignore[arg-type]
    with RunWriter(directory) as writer:
        for event in events:
            own = isinstance(event, RunStarted)
            writer.append(msgspec.structs.replace(event, arm=arm, seed=seed) if own else event)
    return directory


def finished_study(directory: Path, baseline: list[float], optimized: list[float], **settings: Any) -> Study:
    """A study whose runs have these test accuracies, by seed from 0 on."""
    study = make_study(directory, **{"runs": max(len(baseline), len(optimized))} | settings)
    for arm, accuracies in (("baseline", baseline), ("optimized", optimized)):
        for seed, accuracy in enumerate(accuracies):
            events = whole_run(arm, seed, epochs=study.config.epochs, test_accuracy=accuracy)
            write_run(study, arm, seed, events)
    return study


def wait_until(condition: Callable[[], object]) -> None:
    """Look again and again, until it holds; what is waited for has most of the time: a look may read whole logs."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        began = time.monotonic()
        if condition():
            return
        assert time.monotonic() < end, "waited too long"
        time.sleep(max(0.005, 4 * (time.monotonic() - began)))


def environment() -> dict[str, str]:
    """Of another process: it finds hptui whatever its current folder is."""
    return os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[1])}


def python(code: str, *arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run Python code in a process of its own, to its end."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    settings = {"capture_output": True, "text": True, "timeout": PATIENCE_SECONDS, "env": environment()}
    return subprocess.run(command, check=False, **settings | options)


def two_class_study(directory: Path, runs: int = 2, class_names: Iterable[str] = ("benign", "malignant")) -> Study:
    """Finished; each run has predictions of 60 test images, the optimized ones better."""
    import numpy as np

    study = make_study(directory, runs=runs)
    for arm, shift in (("baseline", 1.0), ("optimized", 2.0)):
        for seed in range(runs):
            random = np.random.default_rng(seed)
            labels = np.arange(60) % 2
            positive = 1 / (1 + np.exp(-(random.normal(size=60) + shift * (labels - 0.5))))
            found = Predictions(labels, np.stack([1 - positive, positive], 1).astype(np.float32))
            confusion = np.zeros((2, 2), int)
            np.add.at(confusion, (labels, (positive > 0.5).astype(int)), 1)
            started, *events = whole_run(
                arm, seed, test_accuracy=float(confusion.trace()) / 60, confusion=confusion.tolist()
            )
            started = msgspec.structs.replace(started, class_names=list(class_names))
            run = write_run(study, arm, seed, [started, *events])
            write_predictions(run, {("final", "test"): found})
    return study
