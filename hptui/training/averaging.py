"""An average of the weights over the last steps, kept beside the training (Polyak and Juditsky 1992).

Averaging takes the noise of large rates out of every candidate alike, so that progress decides which is best.
torch.optim.swa_utils.AveragedModel does the same but reads its step counter back from the device at every
update, which makes a GPU wait; and it copies the module, where tensors are enough.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class AveragedWeights:
    """Plain mean over the first steps, then exponential with a window of `window` steps.

    Floating-point buffers (BatchNorm's statistics) are averaged with the weights; whole-number buffers follow
    the network.
    """

    def __init__(self, network: nn.Module) -> None:
        tensors = dict(network.named_parameters()) | dict(network.named_buffers())
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

    def state(self) -> dict[str, object]:
        return {"steps": self._steps, "average": self._average}

    @torch.no_grad()
    def restore(self, state: dict[str, object]) -> None:
        steps, average = state["steps"], state["average"]
        assert isinstance(steps, int)
        assert isinstance(average, list)
        self._steps = steps
        torch._foreach_copy_(self._average, average)
