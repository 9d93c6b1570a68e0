"""A completed run's network, put to images that are not part of its study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from hptui.datasets import Pixels
from hptui.errors import ModelError, RunDirectoryError
from hptui.record.intensity import BYTES, Intensity
from hptui.record.task import Task
from hptui.training.engine.building import build_network
from hptui.training.engine.device import resolve_device, use_threads
from hptui.training.engine.device_data import DeviceDataset, DeviceImages
from hptui.training.engine.evaluation import probabilities
from hptui.training.engine.plug_ins import ModelFactory, load_factory, with_arguments
from hptui.training.engine.stored_pixels import stored
from hptui.training.first_weights import first_weights_left_out
from hptui.training.run.checkpoints import load_file, misfit_words
from hptui.training.sole import sole_in_process


@dataclass(frozen=True)
class Predictor:
    """Network and preprocessing of one run."""

    network: nn.Module
    data: DeviceDataset
    """how images are normalised; it holds none of the study"""
    precision: str

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.data.class_names

    @property
    def task(self) -> Task:
        """Whether an image is of one class, or may have several labels."""
        return self.data.task

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W) that the network takes."""
        return (self.data.channels, *self.data.image_shape)

    @property
    def intensity(self) -> Intensity:
        """What brings images to 0..255, and the depth that they need to have."""
        return self.data.intensity

    def predict(self, pixels: Pixels) -> npt.NDArray[np.float32]:
        """(N, classes) probabilities of (N, C, H, W) images of that depth, prepared as in training."""
        images = stored(pixels, self.intensity, self.data.mean.device)
        return probabilities(self.network, self.data, images, self.precision)


@sole_in_process()  # building the network draws its first weights
def load_predictor(
    file: Path,
    model: str,
    model_args: Mapping[str, Any] | None = None,
    *,
    device: str,
    threads: int | None = None,
    precision: str = "float32",
) -> Predictor:
    """Build the network and put the weights of `file` into it.

    Args:
        file: model.pt or best.pt of a completed run.
        model: what --model was, with the path of an own file on this machine.
        model_args: as in --model-args.
        device: as in --device.
        threads: as in --threads.
        precision: of the forward pass.

    Raises:
        RunDirectoryError: the file is damaged, or lacks how images are prepared.
        ModelError: the network is another one by now.
        ConfigError: there is no such model or device.
        TrainingError: a training goes on in this process.
    """
    where = resolve_device(device)
    use_threads(threads)
    saved = _load(file, where)
    shape = (2, saved["channels"], *saved["image_shape"])
    black = torch.zeros(shape, dtype=torch.uint8, device=where)  # for the check that the network takes such images
    names = tuple(saved["class_names"])
    several = saved.get("task") == "multi-label"  # an older hptui knew of one class per image alone
    labels = torch.zeros((2, len(names)) if several else (2,), dtype=torch.int64, device=where)
    images = DeviceImages(black, labels)
    data = DeviceDataset(
        file.parent.name,
        names,
        images,
        images,
        saved["mean"],
        saved["std"],
        fingerprint="",
        intensity=_intensity(file, saved),
    )
    network = _build(with_arguments(load_factory(model), model_args or {}), model, data)
    try:
        network.load_state_dict(saved["network"])
    except RuntimeError as error:
        raise ModelError(f"the weights in {file} do not fit model {model!r}: {misfit_words(error)}.") from error
    return Predictor(network, data, precision)


def _intensity(file: Path, saved: dict[str, Any]) -> Intensity:
    """How intensities are brought to 0..255; a file of an older hptui says nothing, and has 8 bits."""
    try:
        return msgspec.convert(saved["intensity"], Intensity) if "intensity" in saved else BYTES
    except msgspec.ValidationError as error:
        raise RunDirectoryError(f"{file} is damaged: {error}.") from None


def _build(factory: ModelFactory, model: str, data: DeviceDataset) -> nn.Module:
    """The network, whose weights are put into it afterwards: a file that it began with may have gone."""
    try:
        return build_network(factory, model, data, seed=0)
    except ModelError as error:
        if not isinstance(error.__cause__, OSError):
            raise
        with first_weights_left_out():
            return build_network(factory, model, data, seed=0)


def _load(file: Path, device: torch.device) -> dict[str, Any]:
    saved = load_file(file, device)
    if not {"network", "mean", "std", "channels", "image_shape", "class_names"} <= saved.keys():
        raise RunDirectoryError(
            f"{file} was written by an older hptui, which did not store how images are prepared; train the run again."
        )
    return saved
