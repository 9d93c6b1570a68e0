"""Candidates that fail: what needs more memory than there is, or raises, is told and never chosen; training goes on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

from hptui.errors import HptuiError, TrainingError, failure_words
from hptui.space import describe
from hptui.strategies import Choice, Measurement
from hptui.training.engine.state import TrainingState
from hptui.training.run.control import StopRequested


class CandidateFailed(Exception):
    """A candidate cannot be trained, or not be evaluated; the message is for people."""


@contextmanager
def failing() -> Iterator[None]:
    """Take whatever own code, torch or the memory raises within the block for a failure of the candidate."""
    try:
        yield
    except (HptuiError, StopRequested):
        raise
    except Exception as error:
        raise CandidateFailed(failure_words(error)) from error


def free_memory(state: TrainingState) -> None:
    """Give back what a failed step left on the device: gradients, and blocks that are cached in its sizes."""
    state.optimizer.zero_grad(set_to_none=True)
    if state.device.type == "cuda":
        torch.cuda.empty_cache()


def refuse_failed(choice: Choice, measured: Sequence[Measurement], strategy: str) -> None:
    """Raise TrainingError where all candidates failed, so that nothing was found, or one that failed is chosen."""
    if measured and all(one.failed for one in measured):
        first = measured[0]
        raise TrainingError(
            f"all {len(measured)} candidates of a decision failed, so there is nothing to choose from; the first, "
            f"{describe(first.candidate.values)}: {first.failed}."
        )
    if choice.candidate is not None and (failed := measured[choice.candidate].failed):
        raise TrainingError(f"strategy {strategy} chooses candidate {choice.candidate}, which failed: {failed}.")
