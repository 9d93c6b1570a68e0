"""The images that a completed run gets most wrong, with the pictures of them that it kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hptui.errors import RunDirectoryError
from hptui.metrics.wrong import most_wrong_images
from hptui.reading.outcomes import final_predictions
from hptui.reading.studies import FollowedRun
from hptui.reading.wrong_images import WrongImage, most_wrong
from hptui.record.wrong_images import MOST, WRONG_IMAGES_FILE, read_wrong_images

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Pixels = npt.NDArray[np.uint8]


UNREADABLE_IMAGES = f"{WRONG_IMAGES_FILE} cannot be read, or is another run's"


@dataclass(frozen=True)
class ShownImage:
    """One image that was called by another class."""

    wrong: WrongImage
    pixels: Pixels
    """(C, H, W) grey or RGB"""


@dataclass(frozen=True)
class WrongSheet:
    """Images of one run, the surest first."""

    images: Sequence[ShownImage] = ()
    called_otherwise: int = 0
    """test images that were called by another class, whether they are here or not"""
    tested: int = 0
    """test images; 0: not known"""
    why_none: str = ""
    """the end of a sentence that begins with the run's name, where there is no image"""

    @property
    def counts(self) -> str:
        """How many are shown, of how many that are wrong, of how many."""
        share = f"{self.called_otherwise:,} of {self.tested:,} test images called by another class"
        return share if len(self.images) == self.called_otherwise else f"{share}, the {len(self.images)} surest"


def wrong_sheet(run: FollowedRun) -> WrongSheet:
    """Pictures that a run kept; a run that kept none says why."""
    started = run.state.started
    if run.state.completed is None or started is None:
        return WrongSheet(why_none="is not completed: the test images that it calls by another class come then")
    predictions = final_predictions(run)
    if isinstance(predictions, str):
        return WrongSheet(why_none=f"shows none: {predictions}")
    if len(started.class_names) != predictions.classes:
        return WrongSheet(why_none="shows none: its predictions are of other classes than its log")
    wrong = most_wrong_images(predictions, len(predictions))
    images: list[ShownImage] = []
    why = "called no test image by another class"
    if len(wrong):
        images, why = _kept(run, most_wrong(predictions, started.class_names, MOST))
    return WrongSheet(images, len(wrong), len(predictions), why)


def _kept(run: FollowedRun, wrong: Sequence[WrongImage]) -> tuple[list[ShownImage], str]:
    """Images of which there is a picture, and why there is none."""
    try:
        kept = read_wrong_images(run.directory)
    except (RunDirectoryError, OSError):
        return [], f"shows none: {UNREADABLE_IMAGES}"
    if kept is None:
        return [], "kept no pictures of its test images (wrong_images = 0, or an older hptui)"
    pairs = ((one, kept.of(one.index)) for one in wrong)
    images = [ShownImage(one, pixels) for one, pixels in pairs if pixels is not None]
    return images, "" if images else f"shows none: {WRONG_IMAGES_FILE} is not of its predictions"
