"""What a network answers, as one logit per class, whatever form its own code gives it.

A hook on the user's own network, not a module around it: the names of its weights stay as they are, and a network that
answers with one tensor of one logit per class is left as it is, to the bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from hptui.errors import ModelError
from hptui.record.task import Task

NAMES = ("logits", "logit", "out", "output", "outputs", "prediction", "predictions", "pred", "y_pred", "scores")
"""of the answer, among several that have names; the first that is there"""


class OutputAdapter:
    """Forward hook that takes from a network's answer what the training needs, and remembers what it took."""

    def __init__(self, model: str, data: str, class_names: Sequence[str], task: Task = "single-label") -> None:
        self._model, self._data, self._class_names, self._task = model, data, class_names, task
        self._told: dict[str, str] = {}
        """words by what they are about"""

    def __call__(self, network: nn.Module, arguments: tuple[Any, ...], output: Any) -> Tensor | None:
        batch = len(arguments[0])
        if isinstance(output, Tensor) and tuple(output.shape) == (batch, self._classes):
            return None
        return self._logits(self.pick(output, batch, training=network.training), batch)

    @property
    def words(self) -> list[str]:
        """Sentences on what was taken of what there was."""
        return list(self._told.values())

    def tell(self, about: str, words: str) -> None:
        """Remember what else was done to fit network and images, said of the model."""
        self._told[about] = f"model {self._model!r} {words}"

    def pick(self, output: Any, batch: int, *, training: bool = False) -> Tensor:
        """The one tensor of an answer that has the logits; raise ModelError where there is none, or no telling which.

        Args:
            output: of the network.
            batch: how many images it was given.
            training: whether it is in training, where some answer with more.
        """
        if isinstance(output, Tensor):
            if not self._fits(output, batch):
                raise ModelError(self._misfit(tuple(output.shape), batch))
            return output
        named = dict(_named(output))
        fitting = [name for name, part in named.items() if isinstance(part, Tensor) and self._fits(part, batch)]
        whole = [name for name in fitting if self._is_whole(named[name], batch)]
        fitting = whole or fitting
        if not fitting:
            shapes = {name: tuple(part.shape) for name, part in named.items() if isinstance(part, Tensor)}
            has = ", ".join(f"{name} {shape}" for name, shape in shapes.items()) or type(output).__name__
            raise ModelError(self._misfit(has, batch))
        known = [name for name in NAMES if name in fitting]
        if not known and len(fitting) > 1 and isinstance(output, Mapping):
            raise ModelError(
                f"model {self._model!r} answers with {', '.join(fitting)}, which all have one number per class; "
                f"call the one that is to be used 'logits'."
            )
        name = (known or fitting)[0]
        if len(named) > 1 and "picked" not in self._told:
            where = " in training" if training else ""
            self._told["picked"] = (
                f"model {self._model!r} has {len(named)} outputs{where}: {name} is used, the others are left out"
            )
        picked: Tensor = named[name]
        return picked

    @property
    def _classes(self) -> int:
        return len(self._class_names)

    def _is_whole(self, part: Tensor, batch: int) -> bool:
        """Whether it has a number for each class, perhaps with sides of 1 pixel behind."""
        return part.dim() > 1 and part.shape[:2] == (batch, self._classes) and part[0, 0].numel() == 1

    def _fits(self, part: Tensor, batch: int) -> bool:
        one_logit = self._task == "single-label" and self._classes == 2 and part.numel() == batch == len(part)
        return part.dim() > 0 and part.is_floating_point() and (one_logit or self._is_whole(part, batch))

    def _logits(self, part: Tensor, batch: int) -> Tensor:
        if self._is_whole(part, batch):
            return part.reshape(batch, self._classes)
        self._told["one logit"] = (
            f"model {self._model!r} has one logit for two classes: that of {self._class_names[1]!r} against "
            f"{self._class_names[0]!r}"
        )
        logit = part.reshape(batch)
        return torch.stack((torch.zeros_like(logit), logit), 1)  # softmax of (0, z) is sigmoid(z)

    def _misfit(self, shape: Any, batch: int) -> str:
        kinds = "classes" if self._task == "single-label" else "labels, one logit each"
        return (
            f"model {self._model!r} answers {batch} images with {shape}; {self._data} has {self._classes} {kinds}, "
            f"so it has to be {(batch, self._classes)}. "
            "Its constructor gets their number as num_classes, if it names that; else try --model-args."
        )


def _named(output: Any) -> Iterator[tuple[str, Any]]:
    """Parts of an answer by name; those of a list or tuple by their place, from "the first" on."""
    if isinstance(output, Mapping):
        yield from ((str(name), part) for name, part in output.items())
    elif isinstance(fields := getattr(output, "_fields", None), tuple):
        yield from zip(fields, output, strict=True)
    elif isinstance(output, (tuple, list)):
        places = ("the first", "the second", "the third")
        for index, part in enumerate(output):
            yield places[index] if index < len(places) else f"number {index + 1}", part
    elif hasattr(output, "logits"):
        yield "logits", output.logits


def as_colour(network: nn.Module) -> None:
    """Give a network that takes three channels each grey image three times."""

    def repeated(module: nn.Module, arguments: tuple[Any, ...]) -> tuple[Any, ...]:  # noqa: ARG001
        return (arguments[0].repeat(1, 3, 1, 1), *arguments[1:])

    network.register_forward_pre_hook(repeated)
    adapter_of(network).tell("colour", "takes three channels: each grey image is given to it three times")


def adapter_of(network: nn.Module) -> OutputAdapter:
    """What takes the logits of a network that `build_network` has built."""
    return next(hook for hook in network._forward_hooks.values() if isinstance(hook, OutputAdapter))
