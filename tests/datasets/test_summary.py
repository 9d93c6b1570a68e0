"""What is said of a data set, and the picture of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hptui.datasets import ImageDataset, Images
from hptui.datasets._sheet import write_sheet
from hptui.datasets._summary import summarize
from hptui.errors import DatasetError
from hptui.record.data_summary import DataSummary, SplitSummary, noticed, overview_words, summary_lines
from hptui.record.intensity import Intensity


def dataset() -> ImageDataset:
    random = np.random.default_rng(0)

    def images(counts: list[int], groups: int | None = None) -> Images:
        labels = np.repeat(np.arange(len(counts)), counts)
        pixels = random.integers(10, 201, (len(labels), 1, 6, 8)).astype(np.uint8)
        named = None if groups is None else np.array([f"p{index % groups}" for index in range(len(labels))])
        return Images(pixels, labels, named)

    train = images([5, 3, 2], groups=4)
    train.pixels[1] = train.pixels[0]  # the same class
    train.pixels[9] = train.pixels[0]  # another one
    train.pixels[4] = 10
    train.pixels[5, 0, 0, 0] = 200
    return ImageDataset("cells", ("a", "b", "c"), train, images([2, 1, 1]), images([1, 2, 0], groups=2), ("a note",))


def test_everything_is_counted() -> None:
    given = dataset()
    found = summarize(given)
    assert found.splits == {
        "train": SplitSummary([5, 3, 2], 4),
        "validation": SplitSummary([1, 2, 0], 2),
        "test": SplitSummary([2, 1, 1]),
    }
    assert (found.channels, found.height, found.width, found.depth) == (1, 6, 8, "uint8")
    pixels = given.train.pixels
    assert (found.lowest, found.highest) == (pixels.min(), pixels.max()) == (10, 200)
    assert (found.mean, found.deviation) == (pytest.approx(pixels.mean()), pytest.approx(pixels.std()))
    assert found.levels == len(set(pixels.ravel().tolist()))
    assert (found.repeated, found.contradictory) == (2, 1)


def test_lines_say_it_in_short() -> None:
    found = summarize(dataset())
    assert overview_words(found).startswith("data cells: 17 images of 6 x 8, grey, uint8, intensities 10 to 200 (mean ")
    assert summary_lines(found)[1:] == [
        "train: 10 images (a 5, b 3, c 2), of 4 groups",
        "validation: 3 images (a 1, b 2, c 0), of 2 groups",
        "test: 4 images (a 2, b 1, c 1)",
        "note: a note",
        "note: 2 training images equal another one, 1 of them of another class",
    ]
    many = DataSummary("x", list("abcd"), {"train": SplitSummary([1, 9, 3, 4])}, 3, 8, 8, "uint8", 0, 1, 0, 0, 2)
    assert summary_lines(many)[1] == "train: 17 images (4 classes, 1 to 9 of each)"
    assert noticed(many) == []


def test_counts_of_other_classes_are_no_summary() -> None:
    with pytest.raises(ValueError, match="not of its classes"):
        DataSummary("x", ["a"], {"train": SplitSummary([1, 2])}, 1, 8, 8, "uint8", 0, 1, 0, 0, 2)


@pytest.mark.parametrize("depth", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_sheet_shows_images_of_each_class_below_its_name(tmp_path: Path, depth: type, channels: int) -> None:
    labels = np.repeat([0, 1], [40, 5])
    pixels = np.zeros((45, channels, 24, 24), depth)
    pixels[labels == 1] = 255
    pixels[0, :, 0, 0] = pixels[44, :, 0, 0] = 128
    images = Images(pixels, labels)
    intensity = Intensity("full", 0, 255, np.dtype(depth).name)  # type: ignore[arg-type]
    write_sheet(ImageDataset("x", ("dark", "bright"), images, images), tmp_path / "sheet.png", intensity)
    drawn = np.asarray(Image.open(tmp_path / "sheet.png").convert("L"))
    assert drawn.shape == (24 + 3 * 100 + 24 + 100, 4 + 12 * 100)
    assert drawn[24 + 50, 54] == 0
    assert drawn[24 + 250, 1154] == 0
    assert drawn[:24].min() < 100, "the name of the class"
    assert drawn[348 + 50, 54] == 255


def test_a_sheet_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    for name in ("none/sheet.png", "sheet.doc"):
        with pytest.raises(DatasetError, match=r"cannot be written .*name a file such as sheet\.png"):
            write_sheet(dataset(), tmp_path / name)
