"""Classes against the rest: which have too few images, or too few patients, to tell anything."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fabricate import two_class_study

from hptui.reading.comparison.by_class import by_class, few_images
from hptui.reading.comparison.measuring import Question
from hptui.reading.studies import follow
from hptui.record.predictions import read_predictions, write_predictions


@pytest.mark.parametrize(
    ("patients", "words"),
    [
        (None, ""),
        (10, ""),
        (3, "Too few test images to tell: benign (30, of 3 groups), malignant (30, of 3 groups)."),
        (1, "Too few test images to tell: benign (30, of 1 group), malignant (30, of 1 group)."),
    ],
)
def test_few_patients_are_few_however_many_images_they_have(tmp_path: Path, patients: int | None, words: str) -> None:
    study = two_class_study(tmp_path / "study", runs=1)
    for run in ("baseline-0", "optimized-0"):
        saved = read_predictions(study.directory / run)
        assert saved is not None
        assert np.bincount(saved.labels).tolist() == [30, 30]
        if patients is not None:
            groups = [f"{label}-{index // 2 % patients}" for index, label in enumerate(saved.labels)]
            saved = replace(saved, groups=np.array(groups))
        write_predictions(study.directory / run, {("final", "test"): saved})
    assert few_images(by_class(follow(study.directory), Question())) == words
