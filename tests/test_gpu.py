"""A study on a GPU, in processes that may see it; skipped where there is none."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("strategy", ["grid", "adaptive", "pbt"])
def test_a_study_trains_on_the_gpu(
    gpu_environment: dict[str, str], tmp_path: Path, strategy: str, precision: str
) -> None:
    def hptui(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "hptui", *words],
            env=gpu_environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    study = str(tmp_path / "study")
    search = ["--search", "lr=1e-3:1e-1:log:3", "--search", "augmentation=0:0.5:lin:2"]
    options = ["--dataset", "digits", "--model", "small_resnet", "--epochs", "4", "--runs", "1", "--device", "cuda"]
    hptui("run", "--headless", "--strategy", strategy, *search, *options, "--precision", precision, "--out", study)
    found = json.loads(hptui("compare", study, "--json"))
    assert found["optimized"]["test_accuracy"]["mean"] > 0.2
    started = (tmp_path / "study" / "optimized-0" / "events.jsonl").read_text().splitlines()[0]
    assert "cuda:0" in started


@pytest.mark.parametrize("replicas", ["stacked", "auto"])
@pytest.mark.parametrize("model", ["dtu_cnn", "small_resnet"])
def test_candidates_are_trained_side_by_side(
    gpu_environment: dict[str, str], tmp_path: Path, model: str, replicas: str
) -> None:
    """In two stacks, those without dropout apart; by a measurement perhaps one after another, and then it says why."""
    search = ["--search", "lr=1e-3:1e-1:log:4", "--search", "dropout=0:0.4:lin:3", "--search", "augmentation=0:1:lin:2"]
    options = ["--epochs", "2", "--runs", "1", "--baseline", "none", "--device", "cuda", "--replicas", replicas]
    command = ["run", "--headless", "--dataset", "digits", "--model", model, "--strategy", "grid", *search, *options]
    done = subprocess.run(
        [sys.executable, "-m", "hptui", *command, "--out", str(tmp_path / "study")],
        env=gpu_environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "study" / "optimized-0" / "events.jsonl").read_text().splitlines()
    chosen = [event for event in map(json.loads, lines) if event["event"] == "HyperparametersChosen"]
    assert len(chosen) == 2
    for one in chosen:
        if replicas == "stacked":
            assert (one["stacked"], one["not_stacked"]) == (24, "")
        else:
            assert one["stacked"] == 24 or " ms one after another, and " in one["not_stacked"]


BROUGHT_AHEAD = """
import numpy as np, torch
from hptui.datasets._rows import PixelRows
from hptui.record.intensity import Intensity
from hptui.training.engine.host_pixels import HostPixels
from hptui.training.engine.stored_pixels import stored

device = torch.device("cuda", 0)
for depth in ("uint8", "uint16", "int16", "float32"):
    pixels = np.random.default_rng(0).integers(0, 255, (500, 3, 64, 64)).astype(depth)
    intensity = Intensity("minmax", 3.0, 250.0, depth)
    there = stored(pixels[::-1].copy(), intensity, device)
    ahead = HostPixels(PixelRows(pixels, np.arange(500)[::-1]), intensity, device, ahead=True)
    order = torch.randperm(500)
    batches = list(order.split(32))
    for batch, following in zip(batches, [*batches[1:], batches[0]]):
        arrived = ahead[batch]
        ahead.expect(following)
        busy = torch.randn(2000, 2000, device=device) @ torch.randn(2000, 2000, device=device)
        assert arrived.device == device
        assert torch.equal(arrived, there[batch.to(device)]), depth
"""


def test_batches_that_are_brought_ahead_are_equal_to_the_bit(gpu_environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BROUGHT_AHEAD], env=gpu_environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_study_trains_with_its_images_in_main_memory(gpu_environment: dict[str, str], tmp_path: Path) -> None:
    command = ["run", "--headless", "--dataset", "digits", "--model", "lenet", "--epochs", "2", "--runs", "1"]
    options = ["--device", "cuda", "--images-on", "host", "--baseline", "none", "--out", str(tmp_path / "study")]
    done = subprocess.run(
        [sys.executable, "-m", "hptui", *command, *options],
        env=gpu_environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "of images stay in main memory, and each batch is brought ahead (--images-on host)" in done.stderr
