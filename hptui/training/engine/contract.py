"""What a network's constructor gets, and what the network has to take: the contract with a user's own code."""

from __future__ import annotations

import inspect
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor, nn

from hptui.errors import HptuiError, ModelError, failure_words
from hptui.training.engine.device_data import DeviceDataset
from hptui.training.engine.outputs import as_colour
from hptui.training.engine.plug_ins import ModelFactory

CONTRACT = (
    "A model's constructor gets those of in_channels, num_classes and image_size (height, width) that it names, and "
    "what --model-args gives it."
)
LARGER = (32, 48, 64, 96, 128, 160, 224, 299)
"""sides of images that are tried to find out whether those of the data are too small"""


def offered(factory: ModelFactory, name: str, data: DeviceDataset) -> dict[str, Any]:
    """Arguments that a constructor names, of those that hptui knows; what --model-args gives it is left to it.

    Raises:
        ModelError: it wants others, which have no default.
    """
    given = getattr(factory, "keywords", {})
    known = {
        "in_channels": data.mean.shape[1],  # as the images are normalised: grey ones perhaps to three channels
        "num_classes": len(data.class_names),
        "image_size": data.image_shape,
    }
    left = {key: value for key, value in known.items() if key not in given}
    parameters = _parameters(factory)
    wanted = {parameter.name for parameter in parameters}
    anything = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
    if unknown := [] if anything else [key for key in given if key not in wanted]:
        takes = f"it takes {', '.join(sorted(wanted))}" if wanted else "it takes none"
        raise ModelError(f"model {name!r} has no argument {unknown[0]!r} (model_args): {takes}.")
    missing = [one.name for one in parameters if _has_to_be_given(one) and one.name not in {*left, *given}]
    if missing:
        arguments = " ".join(f"--model-args {key}=..." for key in missing)
        raise ModelError(
            f"model {name!r} cannot be built: its constructor wants {' and '.join(missing)}, which hptui does not "
            f"know. {CONTRACT} Give them with {arguments}"
        )
    return left if anything else {key: value for key, value in left.items() if key in wanted}


def _parameters(factory: ModelFactory) -> list[inspect.Parameter]:
    if getattr(factory, "__init__", None) is nn.Module.__init__:  # it takes whatever it is given, and refuses it
        return []
    try:
        signature = inspect.signature(factory)
    except ValueError:  # it is given arguments that it does not take
        signature = inspect.signature(getattr(factory, "func", factory))
    return list(signature.parameters.values())


def _has_to_be_given(parameter: inspect.Parameter) -> bool:
    by_name = parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    return by_name and parameter.default is parameter.empty


def fit_to_images(network: nn.Module, name: str, data: DeviceDataset) -> None:
    """Put two images to a network: where it takes none of one channel, but of three, grey ones are given as three.

    Raises:
        ModelError: it takes none of either, or answers with something else than logits.
    """
    network.eval()  # a trial in training mode would move BatchNorm's statistics and draw from dropout
    images = data.normalise(data.train.pixels[:2])
    problem = _problem(network, images.clone())  # own code may change what it is given
    if problem is None:
        return
    forms = {problem: images}
    if images.shape[1] == 1:
        colour = images.repeat(1, 3, 1, 1)
        if (as_three := _problem(network, colour)) is None:
            as_colour(network)
            return
        forms = {as_three: colour, problem: images}
    sizes = {error: _larger(network, form) for error, form in forms.items()}
    problem, larger = next(((error, side) for error, side in sizes.items() if side), (problem, None))
    sides = "x".join(str(side) for side in images.shape[1:])
    advice = f"They are too small: it takes {larger} x {larger}; use --image-size {larger}."
    advice = advice if larger else _advice(network)
    raise ModelError(f"model {name!r} does not take images of {sides}: {failure_words(problem)}. {advice}") from problem


def _advice(network: nn.Module) -> str:
    """What may be wrong with a network that takes no images at all."""
    depths = {weight.dtype for weight in network.parameters()} - {torch.float32}
    if depths:
        depth = str(depths.pop()).removeprefix("torch.")
        return f"Images are float32, and weights of it {depth}: network.float(), or convert the images in forward()."
    required = [one.name for one in inspect.signature(network.forward).parameters.values() if _has_to_be_given(one)]
    if len(required) > 1:
        return f"Its forward() is given the images alone, not {', '.join(required[1:])}."
    return CONTRACT


def _problem(network: nn.Module, images: Tensor) -> BaseException | None:
    """Why a network does not take such images; what it answers is another question, and raised."""
    try:
        with torch.no_grad():
            network(images)
    except HptuiError:
        raise
    except (Exception, SystemExit) as error:
        return error
    return None


def too_small_to_train(network: nn.Module, data: DeviceDataset) -> str:
    """What to do where a network takes such images in evaluation, but only larger ones in training; else nothing."""
    network.train()
    images = data.normalise(data.train.pixels[:2])
    if _problem(network, images.clone()) is None or (larger := _larger(network, images)) is None:
        return ""
    return f". Images are too small: in training it takes {larger} x {larger}; use --image-size {larger}."


def _larger(network: nn.Module, images: Tensor) -> int | None:
    """The smallest larger side of images of as many channels that a network takes; None if it takes none."""
    for side in (side for side in LARGER if side > max(images.shape[2:])):
        with suppress(HptuiError):  # it takes them, and what it answers is told another time
            if _problem(network, images.new_zeros(len(images), images.shape[1], side, side)) is not None:
                continue
        return side
    return None
