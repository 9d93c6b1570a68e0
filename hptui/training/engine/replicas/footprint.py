"""How many replicas fit the memory of a device, by what one of them takes."""

from __future__ import annotations

import psutil
import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from hptui.training.engine.batch_changes import training_batch
from hptui.training.engine.evaluation import forward_precision, full_precision
from hptui.training.engine.loop import Trainer

SHARE = 0.4
"""of all memory that there is, not of what is free now: a run that is gone on with stacks as many as before"""
COPIES = 8
"""of the weights: themselves, gradients, two moments, averages, and what a step needs beside them"""
MOST = 256
"""beyond 25 nothing is gained for each (measured on an H200)"""


def most_at_once(trainer: Trainer) -> int:
    """Replicas that fit, at least 1; a forward pass is made, so whoever asks puts the training back."""
    weights = sum(weight.nbytes for weight in trainer.state.network.parameters())
    each = COPIES * weights + 2 * _activations(trainer)
    return max(1, min(MOST, int(SHARE * _total(trainer.state.device) / each)))


def _activations(trainer: Trainer) -> int:
    """Bytes that the backward pass of one step needs, beside the weights."""
    state, held = trainer.state, trainer.state.values.held
    own = {weight.untyped_storage().data_ptr() for weight in state.network.parameters()}
    saved: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        if tensor.untyped_storage().data_ptr() not in own:
            saved[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    state.network.train()
    chosen = state.order.next_batch(state.values.batch_size)
    batch = training_batch(trainer.data, chosen, held, state.augmentation, state.step)
    with saved_tensors_hooks(pack, lambda tensor: tensor):
        with forward_precision(trainer.precision, batch.inputs.device):
            output = state.network(batch.inputs)
        trainer.loss_of(full_precision(output), batch, held)
    return sum(saved.values()) + batch.inputs.nbytes


def _total(device: torch.device) -> int:
    return torch.cuda.mem_get_info(device)[1] if device.type == "cuda" else psutil.virtual_memory().total
