"""The generators that a training draws from without owning them."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch

from hptui.training.engine.random_state import random_state, restore_random_state, seed_all

CPU = torch.device("cpu")


def drawn() -> list[float]:
    """From all three; of Python's and NumPy's normal numbers every other one is kept for the next time."""
    own = [random.random() for _ in range(700)] + [random.gauss(0, 1)]
    return [*own, *np.random.rand(700), np.random.randn(), *torch.rand(700).tolist()]


def written_as_numbers(state: dict[str, Any]) -> dict[str, Any]:
    """As older checkpoints have it."""
    version, internal, gauss_next = state["python"]
    return state | {"python": (version, internal.tolist(), gauss_next)}


@pytest.mark.parametrize("as_kept", [lambda state: state, written_as_numbers], ids=["now", "older"])
def test_what_is_drawn_is_drawn_again(as_kept: Any) -> None:
    seed_all(3)
    drawn()
    state = as_kept(random_state(CPU))
    first = drawn()
    assert drawn() != first
    restore_random_state(state, CPU)
    assert drawn() == first


def test_a_seed_is_torchs_own() -> None:
    torch.manual_seed(11)
    expected = torch.rand(9)
    seed_all(11)
    assert torch.equal(torch.rand(9), expected)
