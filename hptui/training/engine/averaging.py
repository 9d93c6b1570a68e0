"""An average of the weights over the last steps, kept beside the training (Polyak and Juditsky 1992).

Averaging takes the noise of large rates out of every candidate alike, so that progress decides which is best.
torch.optim.swa_utils.AveragedModel does the same but reads its step counter back from the device at every
update, which makes a GPU wait; and it copies the module, where tensors are enough.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

STATISTICS = ("running_mean", "running_var")


class AveragedWeights:
    """Plain mean over the first steps, then exponential with a window of `window` steps.

    BatchNorm's running statistics are averaged with the weights; all other buffers follow the network.
    """

    def __init__(self, network: nn.Module) -> None:
        statistics = {name: b for name, b in network.named_buffers() if name.endswith(STATISTICS)}
        tensors = dict(network.named_parameters()) | statistics
        smooth = {name: tensor.detach() for name, tensor in tensors.items() if tensor.is_floating_point()}
        self._names = list(smooth)
        self._live = list(smooth.values())
        self._average = [tensor.clone() for tensor in self._live]
        self._steps = 0

    @torch.no_grad()
    def update(self, window: float) -> None:
        """Take in the weights after one more step."""
        self._steps += 1
        # Weight 1/t for the newest of t is a plain mean; from t = window on it stays at 1/window.
        torch._foreach_lerp_(self._average, self._live, 1.0 / min(self._steps, max(window, 1.0)))

    def tensors(self) -> dict[str, Tensor]:
        """The averages by name, for torch.func.functional_call; not copies."""
        return dict(zip(self._names, self._average, strict=True))

    @contextmanager
    @torch.no_grad()
    def in_force(self) -> Iterator[None]:
        """Put the averages into the network while the block lasts."""
        own = [tensor.clone() for tensor in self._live]
        torch._foreach_copy_(self._live, self._average)
        try:
            yield
        finally:
            torch._foreach_copy_(self._live, own)

    def state(self) -> dict[str, object]:
        return {"steps": self._steps, "average": self._average}

    @torch.no_grad()
    def restore(self, state: dict[str, object]) -> None:
        steps, average = state["steps"], state["average"]
        assert isinstance(steps, int)
        assert isinstance(average, list)
        self._steps = steps
        torch._foreach_copy_(self._average, average)
