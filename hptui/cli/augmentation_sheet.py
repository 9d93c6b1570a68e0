"""A picture of what each augmentation does to the images of a data set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hptui.datasets import ImageDataset


def draw_augmentations(dataset: ImageDataset, path: Path) -> None:
    """Draw training images of `dataset`, which has validation images, into the PNG file `path`.

    Raises:
        RunDirectoryError: it cannot be written.
    """
    from hptui.export.augmentation_sheet import write_augmentation_sheet
    from hptui.training.augmented import augmented_examples

    examples = augmented_examples(dataset)
    write_augmentation_sheet(path, examples.originals, examples.augmented, dataset.name)
