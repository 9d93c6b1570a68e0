"""`adaptive` chooses by any --score: each kind from end to end, with groups, with several labels, and across stops."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hptui.datasets import ImageDataset, Images
from hptui.metrics.classification import LOWER_IS_BETTER
from hptui.metrics.evidence import Evidence
from hptui.record.events import CandidateScored, DecisionStarted, HyperparametersChosen
from hptui.record.run_directory import MODEL_FILE
from hptui.strategies import Measurement
from hptui.training import train
from hptui.training.run.checkpoints import load_file
from hptui.training.run.scoring import Scoring

from .conftest import NormDropNet, Prepared, make_run
from .test_damage import facts
from .test_exactness import assert_same
from .test_pending import new_run, steps_of

Make = Callable[..., Prepared]
SCORES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "auc": "AUC",
    "f1": "F1",
    "average_precision": "average precision",
    "brier": "Brier score",
    "quadratic_kappa": "quadratic kappa",
}
ADAPTIVE: dict[str, Any] = {"strategy": "adaptive", "epochs": 2, "budget": 8.0}


@pytest.mark.parametrize("score", SCORES)
def test_adaptive_chooses_by_any_score(prepare: Make, score: str) -> None:
    run, events = make_run(prepare(**ADAPTIVE, score=score))
    assert run.execute().completed
    scored = [event for event in events if isinstance(event, CandidateScored) and not event.diverged]
    started = [event for event in events if isinstance(event, DecisionStarted)]
    chosen = [event for event in events if isinstance(event, HyperparametersChosen) and event.candidate is not None]
    assert scored
    assert chosen
    assert {event.score_name for event in started} == {score}
    for event in chosen:
        of_decision = [one for one in scored if one.decision == event.decision]
        taken = next(one for one in of_decision if one.candidate == event.candidate)
        assert taken.score is not None
        told = f"{taken.score:.4g}" if score in LOWER_IS_BETTER else f"{100 - 100 * taken.score:.2f} %"
        assert f"{SCORES[score]} {told}" in event.reason
        assert len(event.score_errors) == len(event.paired_errors) >= len(of_decision)
        assert event.score_errors[event.candidate] == 0
    assert any(event.score_error for event in scored)
    assert any(event.score_error != event.loss_error for event in scored)


def test_what_a_score_says_decides_and_not_the_loss(prepare: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same candidates, of which one has by far the worst losses and the best AUC."""
    measure = Scoring.measure

    def turned(self: Scoring, *arguments: Any) -> tuple[Measurement, Any]:
        found, classes = measure(self, *arguments)
        liked = found.values["lr"] == pytest.approx(0.01)
        score = 0.3 if liked == (self.score == "auc") else 0.5
        evidence = None if found.evidence is None else Evidence(np.full(9, score), resampled=True)
        losses = np.full_like(found.losses, 0.5 if liked else 0.3)
        return replace(
            found, score=score, loss=float(losses[0]), losses=losses, evidence=evidence, diverged=False
        ), classes

    monkeypatch.setattr(Scoring, "measure", turned)
    settings: dict[str, Any] = {"search": {"lr": "1e-3:1e-1:log:3"}, "set": {"batch_size": 20, "lr": 1e-3}}
    rates = {}
    for score in ("auc", "loss"):
        run, events = make_run(prepare(**ADAPTIVE, **settings, score=score))
        assert run.execute().completed
        chosen = [event for event in events if isinstance(event, HyperparametersChosen)]
        rates[score] = chosen[0].values["lr"]
    assert rates == {"auc": pytest.approx(0.01), "loss": pytest.approx(1e-3)}


@pytest.mark.parametrize("score", ["loss", "accuracy", "auc"])
def test_images_of_one_patient_are_no_independent_evidence(
    prepare: Make, small_dataset: ImageDataset, score: str
) -> None:
    """Every validation image ten times, of six patients: their errors are those of six, and of images far smaller."""
    assert small_dataset.validation is not None
    few = small_dataset.validation.take(np.repeat(np.arange(6), 10))
    errors = {}
    for what, groups in (("patients", np.repeat(list("abcdef"), 10)), ("images", None)):
        dataset = replace(small_dataset, validation=Images(few.pixels, few.labels, groups))
        made = prepare(NormDropNet, dataset, **ADAPTIVE, score=score, allow_overlap=True)
        run, events = make_run(made)
        assert run.execute().completed
        first = next(event for event in events if isinstance(event, CandidateScored))
        errors[what] = first.loss_error if score == "loss" else first.score_error
    assert errors["images"]
    assert errors["patients"]
    if score == "auc":
        assert errors["patients"] > 2 * errors["images"]
    else:
        assert errors["patients"] == pytest.approx(errors["images"] * np.sqrt(59 / 5), rel=1e-3)


@pytest.mark.parametrize("score", ["auc", "exact_match", "f1", "accuracy"])
def test_several_labels_have_scores_too(score: str) -> None:
    random = np.random.default_rng(0)

    def drawn(images: int) -> Images:
        labels = (random.random((images, 3)) < 0.4).astype(np.int64)
        pixels = random.integers(0, 90, (images, 1, 28, 28), dtype=np.uint8)
        for index in range(3):
            pixels[labels[:, index] == 1, 0, 9 * index : 9 * index + 6] += 70
        return Images(pixels, labels)

    data = ImageDataset("chest", ("edema", "mass", "hernia"), drawn(200), drawn(40), drawn(60))
    settings: dict[str, Any] = {"set": {"batch_size": 20}, "search": {"lr": "1e-4:1e-2:log:5"}, "threads": 1}
    done = train(dataset=data, model="lenet", **ADAPTIVE, **settings, score=score)
    scored = [event for event in done.events if isinstance(event, CandidateScored)]
    assert any(event.score_error for event in scored)


@pytest.mark.parametrize("score", ["auc", "accuracy"])
def test_a_stop_within_a_decision_changes_no_bit_of_it(
    prepare: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, score: str
) -> None:
    """Resamples are drawn from the run's own seed: scores, errors and choice are those of a run that nobody stops."""
    made = prepare(**ADAPTIVE, score=score)
    whole, stopped = new_run(tmp_path / "whole"), new_run(tmp_path / "stopped")
    assert steps_of(made, whole, monkeypatch)[0]
    slots = 0
    while not steps_of(made, stopped, monkeypatch, 29)[0]:
        slots += 1
        assert slots < 100
    assert slots > 3
    assert_same(load_file(stopped / MODEL_FILE), load_file(whole / MODEL_FILE))
    kinds = ("CandidateScored", "HyperparametersChosen")
    found, wanted = ([one for one in facts(run) if one["event"] in kinds] for run in (stopped, whole))
    assert found == wanted
    assert any(one.get("score_errors") for one in found)
