"""Studies whose runs saved predictions made by hand, and whose logs say the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from fabricate import make_study, whole_run, write_run
from numpy.random import Generator

from hptui.metrics import calls, classification
from hptui.record.predictions import Predictions, write_predictions
from hptui.record.study_directory import Study


def answers(random: Generator, labels: np.ndarray, classes: int, skill: float) -> Predictions:
    """A network that is right the more often the larger `skill` is."""
    logits = random.normal(size=(len(labels), classes))
    logits[np.arange(len(labels)), labels] += skill
    shares = np.exp(logits)
    return Predictions(labels.astype(np.int64), (shares / shares.sum(1, keepdims=True)).astype(np.float32))


def answered_study(
    directory: Path,
    baseline: Sequence[float],
    optimized: Sequence[float],
    *,
    class_names: Sequence[str] = ("healthy", "ill"),
    images: int = 200,
    save: bool = True,
    per_group: int = 1,
    **settings: Any,
) -> Study:
    """A finished study, its runs of these skills by seed.

    `save`: the predictions too; `per_group`: images of each patient, with one label; 1: nothing is known of them.
    """
    study = make_study(directory, **{"runs": max(len(baseline), len(optimized))} | settings)
    random, classes = np.random.default_rng(0), len(class_names)
    labels = {split: random.integers(0, classes, images) for split in ("validation", "test")}
    patients = None if per_group == 1 else np.char.add("p", (np.arange(images) // per_group).astype(str))
    labels = {split: one[np.arange(images) // per_group] for split, one in labels.items()}
    for arm, skills in (("baseline", baseline), ("optimized", optimized)):
        for seed, skill in enumerate(skills):
            found = {
                (model, split): replace(answers(random, labels[split], classes, skill), groups=patients)
                for model in ("final", "best")
                for split in labels
            }
            _write(study, arm, seed, class_names, found[("final", "test")])
            if save:
                write_predictions(study.directory / f"{arm}-{seed}", found)  # type: ignore[arg-type]
    return study


def _write(study: Study, arm: str, seed: int, class_names: Sequence[str], found: Predictions) -> None:
    matrix = calls.confusion(found).tolist()
    accuracy = classification.metric("accuracy", found)
    assert accuracy is not None
    cost = 1.0 if arm == "baseline" else 1.6
    first, *rest = whole_run(arm, seed, epochs=study.config.epochs, test_accuracy=accuracy, confusion=matrix, cost=cost)
    facts = {"class_names": list(class_names), "test_images": len(found)}
    write_run(study, arm, seed, [msgspec.structs.replace(first, **facts), *rest])
