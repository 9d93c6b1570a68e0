"""How much memory the images of a study take on their way to the device, as a multiple of their pixels."""

from __future__ import annotations

import gc
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torch import Tensor, nn

from hptui.config import Layer, resolve
from hptui.datasets import ImageDataset, Images
from hptui.datasets._prepare import check
from hptui.training import prepare_inputs


class Pooled(nn.Module):
    """Takes next to no memory of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.output = nn.Linear(3, 2)

    def forward(self, images: Tensor) -> Tensor:
        return self.output(images.mean((2, 3)))


SIDE, COUNT = 112, 400
PIXELS = COUNT * 3 * SIDE**2
"""bytes, 15 MB"""


@pytest.fixture
def traced() -> None:
    """What numpy and Python claim is seen; torch's own memory is not, so that of the network does not count."""
    tracemalloc.start()
    yield
    tracemalloc.stop()


def test_a_folder_never_takes_more_than_twice_its_pixels(
    tmp_path: Path, traced: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(0)
    for number in range(COUNT):
        path = tmp_path / "ab"[number % 2] / f"{number}.jpg"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(random.integers(0, 256, (SIDE, SIDE, 3), np.uint8)).save(path, quality=50)
    settings = {"dataset": f"folder:{tmp_path}", "image_size": SIDE, "device": "cpu", "threads": 1}
    config = resolve([Layer("test", settings | {"set": {"batch_size": 8}})]).config
    prepare_inputs(config, factory=Pooled)  # imports
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    inputs = prepare_inputs(config, factory=Pooled)
    assert inputs.data.train.pixels.shape[1:] == (3, SIDE, SIDE)
    assert (
        tracemalloc.get_traced_memory()[1] - before
    ) / PIXELS < 2.2  # a decoded set and its copy by splits, and no set of eight-byte numbers


@pytest.mark.parametrize("depth", [np.uint8, np.uint16, np.int16])
def test_own_arrays_are_not_copied_to_a_cpu(depth: type, traced: None) -> None:
    random = np.random.default_rng(0)
    splits = [
        Images(random.integers(0, 256, (COUNT, 3, SIDE, SIDE), np.uint8).astype(depth), np.arange(COUNT) % 2)
        for _ in range(3)
    ]
    given = check(ImageDataset("x", ("a", "b"), *splits))
    config = resolve([Layer("test", {"device": "cpu", "threads": 1, "set": {"batch_size": 8}})]).config
    prepare_inputs(config, dataset=given, factory=Pooled)  # imports
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    inputs = prepare_inputs(config, dataset=given, factory=Pooled)
    taken = (tracemalloc.get_traced_memory()[1] - before) / PIXELS
    assert taken < 1.2  # pieces of one, which has been three sets of 8 bytes
    array = given.train.pixels
    assert inputs.data.train.pixels.data_ptr() == array.ctypes.data
