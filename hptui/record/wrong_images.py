"""The test images that a run's network gets most wrong, small, so that they can be looked at without the data set.

    RUN/wrong_images.npz    test_indices (n,) int64, in the order of predictions.npz; test_pixels (n, C, H, W) uint8,
                            C = 1 (grey) or 3 (RGB), as the network saw them before normalisation, at most SIDE high
                            and wide

These are images of the data set, maybe of patients: the setting `wrong_images` says how many a study keeps, or none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hptui.errors import RunDirectoryError
from hptui.record.sealed_arrays import read_arrays, write_arrays

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

WRONG_IMAGES_FILE = "wrong_images.npz"
SIDE = 128
"""pixels of the longer side, at most: enough to see what an image is of"""
MOST = 100
"""images of a run, at most"""
MOST_BYTES = 2 * MOST * 3 * SIDE * SIDE
"""more than they take"""


@dataclass(frozen=True)
class WrongPixels:
    """Small pictures of some test images."""

    indices: npt.NDArray[np.int64]
    """(n,) in the split's own order"""
    pixels: npt.NDArray[np.uint8]
    """(n, C, H, W) grey or RGB"""
    _places: dict[int, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_places", {index: place for place, index in enumerate(self.indices.tolist())})

    def of(self, index: int) -> npt.NDArray[np.uint8] | None:
        """One image (C, H, W) by its number in the split; None: it was not kept."""
        place = self._places.get(index)
        return None if place is None else self.pixels[place]


def write_wrong_images(run: Path, kept: WrongPixels, step: int = 0) -> None:
    """Write them, complete or not at all.

    Args:
        run: its directory.
        kept: what is kept.
        step: batches that the run has trained.

    Raises:
        TrainingError: the file cannot be written.
    """
    write_arrays(run, WRONG_IMAGES_FILE, {"test_indices": kept.indices, "test_pixels": kept.pixels}, step)


def read_wrong_images(run: Path) -> WrongPixels | None:
    """What a run has kept; None: nothing (not completed, without a wrong image, not wanted, or by an older hptui).

    Raises:
        RunDirectoryError: the file is there, but damaged or another run's.
    """
    import numpy as np

    def take(archive: Mapping[str, Any]) -> tuple[Any, Any]:
        return np.asarray(archive["test_indices"]), np.asarray(archive["test_pixels"])

    arrays = read_arrays(run, WRONG_IMAGES_FILE, MOST_BYTES, take)
    if arrays is None:
        return None
    indices, pixels = arrays
    if problem := _damage(indices, pixels):
        raise RunDirectoryError(f"{run / WRONG_IMAGES_FILE} is damaged: {problem}.")
    return WrongPixels(indices.astype(np.int64, copy=False), pixels)


def _damage(indices: Any, pixels: Any) -> str:
    """Reason why two arrays are no images; empty if they are."""
    if indices.dtype.kind not in "iu" or pixels.dtype != "uint8":
        return f"numbers of type {indices.dtype}, pixels of type {pixels.dtype}"
    if indices.ndim != 1 or pixels.ndim != 4 or len(indices) != len(pixels):
        return f"{indices.shape} numbers for pixels {pixels.shape}"
    if pixels.shape[1] not in (1, 3) or not 1 <= min(pixels.shape[2:]) <= max(pixels.shape[2:]) <= SIDE:
        return f"images of the shape {pixels.shape[1:]}"
    return ""
