"""How much memory the images of a study take on their way to the device, as a multiple of their pixels."""

from __future__ import annotations

import gc
import tracemalloc
from pathlib import Path

import numpy as np
import platformdirs
import pytest
from PIL import Image
from torch import Tensor, nn

from hptui.config import Layer, resolve
from hptui.datasets import ImageDataset, Images, _decoded_cache, _rows
from hptui.datasets._check import check
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
    yield
    tracemalloc.stop()


def begin_tracing() -> int:
    """See from here on what is claimed; bytes so far. It makes all that goes before, imports too, twice as slow."""
    gc.collect()
    tracemalloc.start()
    return tracemalloc.get_traced_memory()[0]


@pytest.mark.parametrize(("keep", "most"), [("never", 1.7), ("large", 0.7)])
def test_a_folder_is_decoded_once_and_copied_nowhere(
    tmp_path: Path, traced: None, monkeypatch: pytest.MonkeyPatch, keep: str, most: float
) -> None:
    """Into memory, or into a file that is mapped: the system takes that memory back when it needs it."""
    monkeypatch.setattr(_rows, "COPIED", 0)
    monkeypatch.setattr(_rows, "PIECE", 1 << 20)
    monkeypatch.setattr(_decoded_cache, "LARGE", 1)
    random = np.random.default_rng(0)
    for number in range(COUNT):
        path = tmp_path / "ab"[number % 2] / f"{number}.jpg"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(random.integers(0, 256, (SIDE, SIDE, 3), np.uint8)).save(path, quality=50)
    settings = {
        "dataset": f"folder:{tmp_path}",
        "image_size": SIDE,
        "device": "cpu",
        "threads": 1,
        "keep_decoded": keep,
    }
    config = resolve([Layer("test", {"strategy": "grid"} | settings | {"set": {"batch_size": 8}})]).config
    prepare_inputs(config, factory=Pooled)  # imports
    for path in platformdirs.user_cache_path("hptui").rglob("*.npy"):
        path.unlink()
    begin_tracing()
    for _ in range(2):  # the first start, and a later one
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        inputs = prepare_inputs(config, factory=Pooled)
        assert inputs.data.train.pixels.shape[1:] == (3, SIDE, SIDE)
        assert (tracemalloc.get_traced_memory()[1] - before) / PIXELS < most
        del inputs
        gc.collect()


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
    before = begin_tracing()
    inputs = prepare_inputs(config, dataset=given, factory=Pooled)
    taken = (tracemalloc.get_traced_memory()[1] - before) / PIXELS
    assert taken < 1.2  # pieces of one, which has been three sets of 8 bytes
    array = given.train.pixels
    assert inputs.data.train.pixels.data_ptr() == array.ctypes.data
