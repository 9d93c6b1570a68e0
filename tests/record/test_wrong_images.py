"""The test images that a run gets most wrong on disk: the same pixels back, none that were not kept, damage told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hptui.errors import RunDirectoryError, TrainingError
from hptui.record.run_directory import RunFile, create_run
from hptui.record.wrong_images import SIDE, WRONG_IMAGES_FILE, WrongPixels, read_wrong_images, write_wrong_images


def three(channels: int = 1) -> WrongPixels:
    pixels = np.random.default_rng(channels).integers(0, 256, (3, channels, 5, 7), dtype=np.uint8)
    return WrongPixels(np.array([40, 2, 11]), pixels)


@pytest.mark.parametrize("channels", [1, 3])
def test_images_come_back_by_their_number(tmp_path: Path, channels: int) -> None:
    assert read_wrong_images(tmp_path) is None
    written = three(channels)
    write_wrong_images(tmp_path, written)
    found = read_wrong_images(tmp_path)
    assert found is not None
    assert found.pixels.dtype == np.uint8
    for place, index in enumerate((40, 2, 11)):
        assert np.array_equal(found.of(index), written.pixels[place])  # type: ignore[arg-type]
    assert found.of(3) is None
    assert [path.name for path in tmp_path.iterdir()] == [WRONG_IMAGES_FILE]


def test_the_images_of_another_run_are_refused(tmp_path: Path) -> None:
    for seed in (0, 1):
        create_run(tmp_path / str(seed), RunFile(1, "0", "optimized", seed, {}, "x"))
    write_wrong_images(tmp_path / "0", three())
    (tmp_path / "0" / WRONG_IMAGES_FILE).rename(tmp_path / "1" / WRONG_IMAGES_FILE)
    with pytest.raises(RunDirectoryError, match=r"is the file of optimized-0 at step 0, not of optimized-1"):
        read_wrong_images(tmp_path / "1")


@pytest.mark.parametrize(
    ("arrays", "problem"),
    [
        ({"test_indices": np.zeros(3), "test_pixels": three().pixels}, "numbers of type float64"),
        ({"test_indices": np.arange(3), "test_pixels": np.zeros((3, 1, 5, 7))}, "pixels of type float64"),
        ({"test_indices": np.arange(2), "test_pixels": three().pixels}, r"\(2,\) numbers for pixels"),
        ({"test_indices": np.arange(3), "test_pixels": np.zeros((3, 2, 5, 7), np.uint8)}, r"shape \(2, 5, 7\)"),
        ({"test_indices": np.arange(1), "test_pixels": np.zeros((1, 1, SIDE + 1, 2), np.uint8)}, r"shape \(1, 129, 2"),
        ({"test_indices": np.arange(1), "test_pixels": np.zeros((1, 1, 0, 2), np.uint8)}, r"shape \(1, 0, 2"),
        ({"test_indices": np.arange(1), "test_pixels": np.zeros((1, 3, 9000, 1000), np.uint8)}, "more than 9 MB"),
        ({"test_indices": np.arange(1)}, "cannot be read"),
    ],
)
def test_what_is_no_images_is_told(tmp_path: Path, arrays: dict[str, np.ndarray], problem: str) -> None:
    np.savez_compressed(tmp_path / WRONG_IMAGES_FILE, **arrays)
    with pytest.raises(RunDirectoryError, match=problem):
        read_wrong_images(tmp_path)


def test_a_disk_that_does_not_take_them_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TrainingError, match=r"cannot write .*wrong_images\.npz"):
        write_wrong_images(tmp_path / "file", three())
