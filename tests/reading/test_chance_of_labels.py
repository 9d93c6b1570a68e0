"""Words on networks that tell of several labels per image, and tell nothing, or call nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hptui.reading import chance_of_labels
from hptui.reading.chance_of_labels import labels_at_chance
from hptui.record.class_counts import ClassCounts
from hptui.record.predictions import PREDICTIONS_FILE, Predictions

CALLED = ClassCounts([40, 20], [38, 10], [30, 8], 100)
NOT_CALLED = ClassCounts([40, 20], [0, 0], [0, 0], 100)


def with_predictions(folder: Path, monkeypatch: pytest.MonkeyPatch, *, better: float) -> Path:
    random = np.random.default_rng(0)
    labels = (random.random((100, 2)) < 0.4).astype(np.int64)
    shares = 1 / (1 + np.exp(2 - random.normal(better * labels, 1.0)))
    answers = Predictions(labels, shares.astype(np.float32))
    (folder / PREDICTIONS_FILE).touch()
    monkeypatch.setattr(chance_of_labels, "read_predictions", lambda *_: answers)
    return folder


def test_a_network_that_ranks_and_calls_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = with_predictions(tmp_path, monkeypatch, better=2.0)
    assert labels_at_chance(CALLED, folder, "", "") == ""
    assert labels_at_chance(CALLED, None, "", "") == ""


def test_labels_that_are_ranked_and_not_called_are_no_guessing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = labels_at_chance(NOT_CALLED, with_predictions(tmp_path, monkeypatch, better=2.0), "with weights", "")
    assert words.startswith("no validation image is called with a label, although it ranks them better than guessing")
    assert "train longer or with weights" in words


def test_labels_that_are_not_ranked_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = labels_at_chance(CALLED, with_predictions(tmp_path, monkeypatch, better=0.0), "", "Try a smaller rate.")
    assert words.startswith("the network ranks the labels no better than guessing (mean AUC 0.")
    assert words.endswith("Try a smaller rate.")


def test_without_predictions_only_the_calls_are_known() -> None:
    words = labels_at_chance(NOT_CALLED, None, "", "")
    assert words.startswith("no validation image is called with a label: probabilities are below one half.")
