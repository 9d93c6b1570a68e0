"""Mistakes of a user's own network that no error tells: a softmax too many, dropout out of reach, an unsteady answer,
one that says nothing of the image.

Each is found by what the network does with a few images, on a throwaway copy, before anything is trained.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import Node
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from hptui.config import StudyConfig
from hptui.errors import HptuiError, failure_words
from hptui.hyperparameters import hyperparameter
from hptui.registry import without_folder
from hptui.training.constant_answer import never_depends
from hptui.training.engine.building import StudyInputs, build_network, new_state
from hptui.training.engine.outputs import adapter_of
from hptui.training.engine.random_state import seed_all
from hptui.training.engine.values_in_force import ValuesInForce
from hptui.training.unregistered import changing_attributes, untrained_weights

IMAGES = 16
NOTHING, NEARLY_ALL = 0.0, 0.9
"""dropout with which a network has to answer differently in training, if it uses its layers"""
UNSTEADY = 1e-3
"""relative difference of two answers to the same images; a GPU's sums differ by less"""
ALONE = 1e-2
"""relative difference of two answers to an image, alone and among others; a GPU may sum in another precision"""
NAMED = 3
"""weights or tensors in a sentence"""
SUMS_TO_ONE = 1e-5
PASSED_ON = (
    *("View", "UnsafeView", "ReshapeAlias", "Squeeze", "Unsqueeze", "Select", "Slice", "Stack", "Cat", "Clone"),
    *("Alias", "ToCopy", "Unbind", "Permute", "T", "Transpose", "Expand"),
)
"""operations of autograd that leave numbers as they are"""
BOUNDS = {"Relu": "ReLU", "Hardtanh": "a ReLU with an upper end, or hardtanh", "Tanh": "tanh"}
"""operations of autograd after which not every logit is possible"""
DROPOUTS: tuple[Callable[..., Any], ...] = (
    *(F.dropout, F.dropout1d, F.dropout2d, F.dropout3d, F.alpha_dropout, F.feature_alpha_dropout),
    *(torch.dropout, torch.dropout_, torch.feature_dropout, torch.alpha_dropout, torch.feature_alpha_dropout),
)


def network_warnings(inputs: StudyInputs, config: StudyConfig) -> Iterator[str]:
    """What is odd in a study's network, and what is taken of its outputs: one line each."""
    state = new_state(inputs, config, config.seed)
    images = inputs.data.normalise(inputs.data.train.pixels[:IMAGES])
    anew = partial(build_network, inputs.factory, config.model, inputs.data, config.seed + 1)
    trial = NetworkTrial(state.network, state.values, images, config, anew)
    try:
        found = trial.found()
    except (Exception, SystemExit):  # what is wrong for good the steps of the trial tell, which train as it will be
        found = []
    yield from found


class NetworkTrial:
    """One network with a few images."""

    def __init__(
        self,
        network: nn.Module,
        values: ValuesInForce,
        images: Tensor,
        config: StudyConfig,
        anew: Callable[[], nn.Module],
    ) -> None:
        self._network, self._values, self._images, self._config, self._anew = network, values, images, config, anew
        self._model = f"model {without_folder(config.model)!r}"
        self._is_finite = True
        """whether its first answer was"""
        self._is_steady = True

    def found(self) -> list[str]:
        """Sentences on what should make its owner look at its code."""
        self._network.eval()
        lines = [*self._last_activation(), *(list(self._unsteady()) or self._alone())]
        self._network.train()
        lines += [*self._dropout(), *(list(self._unregistered()) or self._rebuilt()), *self._constant()]
        return [*adapter_of(self._network).words, *lines]

    def _answer(self) -> Tensor:
        output: Tensor = self._network(self._images.clone())  # own code may change what it is given
        return output

    def _last_activation(self) -> Iterator[str]:
        output = self._answer()
        self._is_finite = bool(output.isfinite().all())
        if not self._is_finite:
            yield (
                f"{self._model} answers training images with numbers that are not finite (NaN or infinity) before any "
                "training: nothing can be learned from them"
            )
        elif kind := _bound(output):
            yield (
                f"{self._model} ends in {kind}, and the loss has a softmax or sigmoid of its own: no answer can be as "
                "sure as it should, so it learns worse than it could: return what comes before it (logits)"
            )
        elif kind := _activation(output):
            self._network.train()
            in_training = _activation(self._answer())
            self._network.eval()
            if in_training:
                yield (
                    f"{self._model} ends in {kind}, and the loss has one of its own, so it learns worse than it could: "
                    "return what comes before it (logits)"
                )
            else:
                yield (
                    f"{self._model} ends in {kind} in evaluation alone, and losses have one of their own, so what is "
                    "told of validation and test images is off: return logits there too"
                )

    def _unsteady(self) -> Iterator[str]:
        with torch.no_grad():
            first, second = self._answer().detach(), self._answer().detach()
        difference = float((first - second).abs().max())
        if difference > UNSTEADY * max(float(first.abs().max()), 1e-6):
            self._is_steady = False
            yield (
                f"the evaluation of {self._model} is not repeatable: the same images get other answers the second time "
                f"(up to {difference:.2g} apart), so scores are partly luck; does it draw random numbers in evaluation "
                "(F.dropout without training=self.training)?"
            )

    def _alone(self) -> Iterator[str]:
        """What is wrong with the answer to a single image: the last of a split, or one that is predicted."""
        with torch.no_grad():
            among = self._answer()[:1].detach()
            try:
                alone: Tensor = self._network(self._images[:1].clone()).detach()
            except Exception as error:
                yield (
                    f"{self._model} cannot answer a single image ({failure_words(error)}), which the last of a split "
                    "or one that is predicted may be: does it squeeze (x.squeeze() takes the batch too; x.flatten(1))?"
                )
                return
        if float((among - alone).abs().max()) > ALONE * max(float(among.abs().max()), 1e-6):
            yield (
                f"what {self._model} answers in evaluation depends on the other images of a batch: alone, an image "
                "gets another answer, so what is told of validation and test images holds for their batches only (a "
                "mean over the batch, or nn.BatchNorm with track_running_stats=False?)"
            )

    def _dropout(self) -> Iterator[str]:
        reachable = not hyperparameter("dropout").problem(self._values)
        if reachable:
            self._values.set({"dropout": NOTHING})
        without, rates = self._trained_answer()
        if not without.isfinite().all() and self._is_finite:
            yield (
                f"{self._model} answers training images with numbers that are not finite (NaN or infinity) in training "
                "alone: nothing can be learned from them"
            )
        if rates:
            shown = ", ".join(f"{rate:g}" for rate in sorted(rates))
            yield (
                f"{self._model} drops by a function (F.dropout, {shown}), which a value of dropout does not reach: "
                "make it a layer (nn.Dropout)"
            )
        if reachable and "dropout" in {*self._config.space, *self._config.set}:
            self._values.set({"dropout": NEARLY_ALL})
            with_much, _ = self._trained_answer()
            if torch.equal(without, with_much):
                yield f"dropout changes nothing: {self._model} has layers of it (nn.Dropout), and does not use them"

    def _unregistered(self) -> Iterator[str]:
        if weights := untrained_weights(self._answer(), self._network):
            shapes = ", ".join(" x ".join(map(str, weight.shape)) for weight in weights[:NAMED])
            yield (
                f"the answer of {self._model} depends on {len(weights)} weights that are not trained, and may be in no "
                f"file of it ({shapes}): are layers in a plain list, which nn.ModuleList should hold, or tensors "
                "that are no nn.Parameter?"
            )
        if names := changing_attributes(self._network, self._answer):
            yield (
                f"{self._model} changes a tensor of its own in forward ({', '.join(names[:NAMED])}) that is in no "
                "checkpoint and no file of it, so it answers otherwise after resume and in predict: make it a buffer "
                "(register_buffer)"
            )

    def _rebuilt(self) -> Iterator[str]:
        """What the answer depends on that is in no file: predict builds the network anew, and has its weights alone."""
        if not (self._is_finite and self._is_steady):
            return
        try:
            other = self._anew()
            other.load_state_dict(self._network.state_dict())
        except (HptuiError, RuntimeError):  # its file says so where it is read
            return
        self._network.eval()
        other.eval()
        with torch.no_grad():
            before, after = self._answer().detach(), other(self._images.clone()).detach()
        self._network.train()
        difference = float((before - after).abs().max())
        if difference > UNSTEADY * max(float(before.abs().max()), 1e-6):
            yield (
                f"{self._model}, built anew with the same weights, answers otherwise (up to {difference:.2g} apart), "
                "as it would in predict: something that its answer depends on is in no file of it (random numbers "
                "drawn in __init__, or what forward changes, that are neither nn.Parameter nor in a persistent buffer)"
            )

    def _constant(self) -> Iterator[str]:
        """An answer that says nothing of the image; last, because the network is no longer what it was."""
        if self._is_finite and never_depends(self._network, self._images):
            yield (
                f"{self._model} gives every image the same answer, before and after a few steps of training: nothing "
                "can be learned. Does its forward use the image, and does each layer let it through (a ReLU that is "
                "always at zero, a weight that is and stays zero, a bias alone)?"
            )

    def _trained_answer(self) -> tuple[Tensor, set[float]]:
        """The answer in training, with the same random numbers each time, and the rates of functional dropout."""
        seed_all(self._config.seed)
        with torch.no_grad(), _DropoutCalls() as calls:
            return self._answer(), calls.rates


class _DropoutCalls(TorchFunctionMode):
    """Notes with which rates functions of dropout are called, by layers or by the network's own code."""

    def __init__(self) -> None:
        super().__init__()
        self.rates: set[float] = set()

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        named = dict(kwargs or {})
        if func in DROPOUTS:
            rate = named.get("p", args[1] if len(args) > 1 else 0.5)
            active = named.get("training", named.get("train", args[2] if len(args) > 2 else True))
            if active and rate > 0:
                self.rates.add(float(rate))
        return func(*args, **named)


def _activation(output: Tensor) -> str:
    """What an answer of probabilities ends in, by its last operation or its sums; empty: these are logits."""
    names = set(_last_operations(output.grad_fn))
    kinds = [kind for kind in ("softmax", "sigmoid") if f"{kind.title()}Backward0" in names]
    values = output.detach().double()
    adds_up = bool((values >= 0).all()) and bool((values.sum(1) - 1).abs().max() < SUMS_TO_ONE)
    return (kinds or ["softmax"])[0] if kinds or adds_up else ""


def _bound(output: Tensor) -> str:
    """What keeps all logits above zero, or within bounds; empty: nothing does."""
    names = set(_last_operations(output.grad_fn))
    return next((words for operation, words in BOUNDS.items() if names and names <= {f"{operation}Backward0"}), "")


def _last_operations(node: Node | None) -> Iterator[str]:
    """Names of autograd's operations that an output comes from, behind those that leave numbers as they are."""
    if node is None:
        return
    name = node.name()
    if name.partition("Backward")[0] in PASSED_ON:
        for before, _ in node.next_functions:
            yield from _last_operations(before)
    else:
        yield name
