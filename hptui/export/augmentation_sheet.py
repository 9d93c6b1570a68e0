"""A sheet of augmented images: a row for each augmentation, with some draws of some images beside the originals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hptui.errors import RunDirectoryError
from hptui.export.style import SMALL, WIDE, look, new_figure
from hptui.hyperparameters import title
from hptui.record.files import replacing
from hptui.record.write_errors import cannot_write

Bytes = npt.NDArray[np.uint8]
Augmented = Mapping[str, Sequence[tuple[float, Bytes]]]
"""by name of the hyperparameter, values with (draws, N, H, W, C) images each"""
NAMES, ABOVE, HEADING = 1.1, 0.14, 0.45
"""inches: of the words beside a row, of those above it, and of those above all"""


def write_augmentation_sheet(path: Path, originals: Bytes, augmented: Augmented, dataset: str) -> None:
    """Draw the sheet into a PNG file.

    Raises:
        RunDirectoryError: it cannot be written.
    """
    try:
        with look(), replacing(path) as file:
            augmentation_figure(originals, augmented, dataset).savefig(file, format="png")
    except OSError as error:
        raise RunDirectoryError(cannot_write(path, error, then="draw it again")) from None


def augmentation_figure(originals: Bytes, augmented: Augmented, dataset: str) -> Figure:
    """Figure with each original (N, H, W, C) at the left of its draws; C is 1 or 3."""
    count, height, width = originals.shape[:3]
    most = max(sum(len(images) for _, images in values) for values in augmented.values())
    columns = count * (1 + most)
    row_height = (WIDE - NAMES) / columns * height / width + ABOVE
    inches = len(augmented) * row_height + HEADING
    figure = new_figure(WIDE, inches, dataset, "training images, augmented; above each the value in force")
    cells = figure.subplots(len(augmented), columns, squeeze=False)
    for row, (name, values) in zip(cells, augmented.items(), strict=True):
        row[0].set_ylabel(title(name).replace(" (", "\n("), rotation=0, ha="right", va="center", fontsize=SMALL)
        for number, (original, panels) in enumerate(zip(originals, np.split(row, count), strict=True)):
            drawn = [(f"{value:g}", image[number]) for value, images in values for image in images]
            for panel, (words, image) in zip(panels, [("original", original), *drawn], strict=True):
                _draw(panel, image, words)
    return figure


def _draw(panel: Axes, image: Bytes, words: str) -> None:
    """Pixels as they are, without frame and ticks."""
    grey = image.shape[2] == 1
    panel.imshow(image[:, :, 0] if grey else image, cmap="gray" if grey else None, vmin=0, vmax=255)
    panel.set_title(words, fontsize=SMALL - 1, pad=1)
    panel.set_xticks([])
    panel.set_yticks([])
    panel.spines[:].set_visible(False)
