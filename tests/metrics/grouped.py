"""Made-up answers of a network on several images of each patient, who have something in common."""

from __future__ import annotations

from functools import cache

import numpy as np

from hptui.record.predictions import Predictions


@cache  # a thousand are drawn for every metric
def drawn_patients(seed: int, patients: int, share: float = 0.3) -> Predictions:
    """One to eight images of each of so many patients, who differ in how ill, or how healthy, they look."""
    random = np.random.default_rng(seed)
    images = random.integers(1, 9, patients)
    ill = random.random(patients) < share
    looks = random.normal(0, 1, patients)
    patient = np.repeat(np.arange(patients), images)
    labels = ill[patient].astype(np.int64)
    logit = 1.2 * (2 * labels - 1) + looks[patient] + random.normal(0, 1, len(patient))
    positive = 1 / (1 + np.exp(-0.96 * logit))
    answers = np.stack([1 - positive, positive], 1).astype(np.float32)
    names = np.array([f"p{index:05}" for index in range(patients)])[patient]
    for array in (labels, answers, names):
        array.setflags(write=False)
    return Predictions(labels, answers, names)


def without_groups(predictions: Predictions) -> Predictions:
    """The same images, as if each were of somebody else."""
    return Predictions(predictions.labels, predictions.probabilities)
