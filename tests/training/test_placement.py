"""Images that stay in main memory come to the device batch by batch, ahead, and are the same to the bit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from hptui.datasets import ImageDataset, Images, _rows
from hptui.datasets._intensity import fit_intensity
from hptui.datasets._rows import PixelRows
from hptui.training.engine import placement as placement_module
from hptui.training.engine.device_data import BatchOrder
from hptui.training.engine.host_pixels import HostPixels
from hptui.training.engine.placement import Placement, placement
from hptui.training.engine.stored_pixels import stored

from .conftest import Prepared, delivered, make_run, stripes
from .test_exactness import assert_same, timeless

Make = Callable[..., Prepared]
CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)
DEPTHS = (np.uint8, np.uint16, np.int16, np.float32)


def trained(prepared: Prepared) -> tuple[list[Any], dict[str, Any]]:
    """Events and weights of a run with two decisions, whose probes jump back and forth among the batches."""
    run, events = make_run(prepared)
    assert run.execute().completed
    return [timeless(event) for event in events], delivered(run)


@pytest.mark.parametrize("depth", DEPTHS)
def test_wherever_images_lie_events_and_weights_are_equal(
    prepare: Make, small_dataset: ImageDataset, monkeypatch: pytest.MonkeyPatch, depth: Any
) -> None:
    def deep(images: Images | None) -> Images | None:
        return None if images is None else replace(images, pixels=(images.pixels * 3.0 + 7).astype(depth))

    parts = {split: deep(getattr(small_dataset, split)) for split in ("train", "test", "validation")}
    settings = {"dataset": replace(small_dataset, **parts), "train_size": 200, "validation_size": 50, "epochs": 1}
    settings |= {"search": {"lr": "1e-3:1e-1:log:2", "rotation": "0:20:lin:2"}}
    on_device = prepare(**settings, images_on="device")
    assert isinstance(on_device.data.train.pixels, Tensor)
    assert on_device.inputs.warnings == ()
    monkeypatch.setattr(_rows, "COPIED", 0)  # 200 of 240 images are a view, then
    for images_on in ("host", "auto"):
        other = prepare(**settings, images_on=images_on)
        assert isinstance(other.data.train.pixels, HostPixels)
        assert other.data.fingerprint == on_device.data.fingerprint
        assert_same(trained(other), trained(on_device))


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("ahead", [False, True])
@pytest.mark.parametrize("view", [False, True])
def test_a_batch_is_what_an_image_on_the_device_would_be(depth: Any, ahead: bool, view: bool) -> None:
    images = stripes(40, 0)
    pixels = (images.pixels * 100.0).astype(depth)
    split = Images(pixels, images.labels)
    intensity = fit_intensity("auto", ImageDataset("x", ("a", "b", "c"), split, split)).intensity
    places = np.random.default_rng(0).permutation(40)[:30]
    rows = PixelRows(pixels, places) if view else pixels[places]
    twin = stored(pixels[places].copy(), intensity, CPU)
    lazy = HostPixels(rows, intensity, CPU, ahead=ahead)
    assert (lazy.shape, len(lazy), lazy.device) == (twin.shape, 30, CPU)
    order = torch.randperm(30)
    for batch in order.split(7):
        assert_same(lazy[batch], twin[batch])
        lazy.expect(batch)  # once more: expected, and asked for
        assert_same(lazy[batch], twin[batch])
        lazy.expect(batch[:2])  # expected, and not asked for
    assert_same(lazy[5:12], twin[5:12])
    assert_same(lazy[25:40], twin[25:40])
    assert_same(stored(rows, intensity, CPU), twin)
    assert np.array_equal(pixels, (images.pixels * 100.0).astype(depth))  # nothing was changed in place


def test_the_batch_that_is_announced_is_the_one_that_comes() -> None:
    order, twin = BatchOrder(50, 3, CPU), BatchOrder(50, 3, CPU)
    for size in (8, 8, 16, 3, 8, 8, 8, 20):
        announced, batch = order.upcoming(size), order.next_batch(size)
        assert announced is None or torch.equal(announced, batch)
        assert torch.equal(batch, twin.next_batch(size))
    assert order.position == 28


def test_an_error_of_the_disk_arrives_where_the_batch_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    lazy = HostPixels(stripes(8, 0).pixels, fit_intensity_of_stripes(), CPU, ahead=True)

    def broken(*_: Any, **__: Any) -> None:
        raise OSError("the disk has gone")

    with monkeypatch.context() as patched:
        patched.setattr(np, "take", broken)
        lazy.expect(slice(0, 4))
        with pytest.raises(OSError, match="the disk has gone"):
            lazy[0:4]
    assert len(lazy[0:4]) == 4


def fit_intensity_of_stripes() -> Any:
    split = stripes(8, 0)
    return fit_intensity("auto", ImageDataset("x", ("a", "b", "c"), split, split)).intensity


@pytest.mark.parametrize(
    ("wanted", "device", "free", "found"),
    [
        ("auto", CPU, 10**9, Placement()),
        ("auto", GPU, 10**9, Placement()),
        ("device", GPU, 10, Placement(whole=True)),
        ("device", CPU, 10, Placement(whole=True)),
    ],
)
def test_images_go_to_the_device_where_they_fit(
    small_dataset: ImageDataset, monkeypatch: pytest.MonkeyPatch, wanted: Any, device: Any, free: int, found: Placement
) -> None:
    monkeypatch.setattr(placement_module, "free_bytes", lambda device: free)
    assert placement(wanted, small_dataset, device) == found


@pytest.mark.parametrize(
    ("wanted", "device", "free", "note"),
    [
        # 360 images of 144 bytes: 52 KB
        (
            "auto",
            GPU,
            60_000,
            "52 KB of images stay in main memory, and each batch is brought ahead: 60 KB are free on cuda:0 "
            "(--images-on device: all there)",
        ),
        (
            "auto",
            CPU,
            50_000,
            "52 KB of images stay on the disk as far as they are mapped, and each batch is brought ahead: 50 KB are "
            "free on cpu (--images-on device: all there)",
        ),
        ("host", GPU, 10**9, "52 KB of images stay in main memory, and each batch is brought ahead (--images-on host)"),
    ],
)
def test_what_does_not_fit_is_brought_ahead_and_said(
    small_dataset: ImageDataset, monkeypatch: pytest.MonkeyPatch, wanted: Any, device: Any, free: int, note: str
) -> None:
    monkeypatch.setattr(placement_module, "free_bytes", lambda device: free)
    assert placement(wanted, small_dataset, device) == Placement(ahead=True, note=note)


def test_it_stands_among_what_the_study_says(prepare: Make) -> None:
    assert prepare(images_on="host").inputs.warnings == (
        "52 KB of images stay on the disk as far as they are mapped, and each batch is brought ahead "
        "(--images-on host)",
    )
