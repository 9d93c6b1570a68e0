"""Temperature scaling against a search by brute force."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from hptui.training.calibration import calibrated_losses


def logits(
    count: int = 300, classes: int = 4, sharpness: float = 3.0, seed: int = 0
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mostly right, by a margin that `sharpness` scales."""
    made = torch.Generator().manual_seed(seed)
    labels = torch.randint(classes, (count,), generator=made)
    noise = torch.randn((count, classes), generator=made)
    return sharpness * (noise + 1.5 * F.one_hot(labels, classes)), labels


@pytest.mark.parametrize("sharpness", [0.01, 0.3, 1.0, 3.0, 30.0, 500.0])
def test_no_temperature_gives_less(sharpness: float) -> None:
    found, labels = logits(sharpness=sharpness)
    tried = [float(F.cross_entropy(found * 10**power, labels)) for power in np.linspace(-4, 3, 1401)]
    assert float(calibrated_losses(found, labels).mean()) == pytest.approx(min(tried), rel=1e-4)


def test_how_sure_a_network_is_makes_no_difference() -> None:
    one, labels = logits(sharpness=1.0)
    expected = calibrated_losses(one, labels).numpy()
    for sharpness in (0.1, 20.0):
        found = calibrated_losses(sharpness * one + 7.0, labels).numpy()
        np.testing.assert_allclose(found, expected, rtol=1e-2, atol=1e-3)


def test_a_network_that_knows_nothing_is_as_good_as_guessing() -> None:
    _, labels = logits()
    assert float(calibrated_losses(torch.zeros(300, 4), labels).mean()) == pytest.approx(math.log(4))
    wrong = 10 * torch.randn((300, 4), generator=torch.Generator().manual_seed(5))
    assert float(calibrated_losses(wrong, labels).mean()) <= math.log(4) + 1e-3


def test_one_image_and_one_that_is_always_right() -> None:
    found = calibrated_losses(torch.tensor([[2.0, 0.0]]), torch.tensor([0]))
    assert float(found[0]) == pytest.approx(0.0, abs=1e-3)


def test_logits_that_are_not_finite_stay_so() -> None:
    found, labels = logits()
    found[3, 1] = math.nan
    assert torch.isnan(calibrated_losses(found, labels)).sum() == 1
