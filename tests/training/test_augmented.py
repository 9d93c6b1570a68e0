"""Examples of augmented images, and the sheet that is drawn of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from hptui.cli.augmentation_sheet import draw_augmentations
from hptui.datasets import ImageDataset, Images
from hptui.errors import RunDirectoryError
from hptui.export.augmentation_sheet import augmentation_figure
from hptui.export.style import look
from hptui.hyperparameters import hyperparameters
from hptui.training.augmented import DRAWS, SHOWN, augmented_examples

from .conftest import stripes


def colours(count: int, seed: int) -> Images:
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, (count, 3, 10, 14), dtype=np.uint8)
    return Images(pixels, np.arange(count) % 3)


@pytest.fixture
def coloured() -> ImageDataset:
    return ImageDataset("coloured", ("a", "b", "c"), colours(60, 0), colours(9, 1), colours(9, 2))


def test_examples_are_of_all_that_change_images_in_two_values_of_their_ranges(coloured: ImageDataset) -> None:
    found = augmented_examples(coloured)
    expected = [name for name, known in hyperparameters().items() if known.if_named]
    assert list(found.augmented) == ["augmentation", *expected]
    assert [value for value, _ in found.augmented["rotation"]] == [10, 20]
    assert [value for value, _ in found.augmented["horizontal_flip"]] == [0.5]
    for values in found.augmented.values():
        assert sum(len(images) for _, images in values) == DRAWS
        assert {images.shape[1:] for _, images in values} == {(SHOWN, 10, 14, 3)}


def test_originals_are_the_pixels_of_the_data_set_one_of_each_class(coloured: ImageDataset) -> None:
    found = augmented_examples(coloured)
    assert np.array_equal(found.originals, coloured.train.pixels[:SHOWN].transpose(0, 2, 3, 1))
    ((_, flipped),) = found.augmented["horizontal_flip"]
    turned = 0
    for draw in flipped:
        for image, original in zip(draw, found.originals, strict=True):
            assert any(np.array_equal(image, one) for one in (original, original[:, ::-1]))
            turned += not np.array_equal(image, original)
    assert 0 < turned < DRAWS * SHOWN


def test_equal_seeds_give_equal_examples_and_draws_differ(small_dataset: ImageDataset) -> None:
    one, again, other = (augmented_examples(small_dataset, seed) for seed in (0, 0, 1))
    for name, values in one.augmented.items():
        for (_, images), (_, same) in zip(values, again.augmented[name], strict=True):
            assert np.array_equal(images, same)
    ((_, weak), (_, strong)), ((_, other_weak), _) = one.augmented["rotation"], other.augmented["rotation"]
    assert not np.array_equal(weak[0], weak[1])
    assert not np.array_equal(weak, other_weak)
    assert strong.shape == (DRAWS // 2, SHOWN, 12, 12, 1)


def test_a_class_without_many_images_is_enough() -> None:
    few = ImageDataset("few", ("a", "b"), stripes(3, 0, classes=2), stripes(2, 1, classes=2), stripes(2, 2, classes=2))
    assert augmented_examples(few).originals.shape == (SHOWN, 12, 12, 1)


def test_the_sheet_has_a_named_row_for_each_and_the_values_above(coloured: ImageDataset) -> None:
    examples = augmented_examples(coloured)
    with look():
        figure: Figure = augmentation_figure(examples.originals, examples.augmented, coloured.name)
    panels = figure.axes
    assert len(panels) == len(examples.augmented) * SHOWN * (1 + DRAWS)
    rows = [panel.get_ylabel() for panel in panels[:: SHOWN * (1 + DRAWS)]]
    assert rows[:4] == ["augmentation strength", "horizontal flip\n(probability)", "vertical flip\n(probability)",
                        "rotation\n(degrees)"]  # fmt: skip
    third = panels[3 * SHOWN * (1 + DRAWS) :]
    assert [panel.get_title() for panel in third[: 1 + DRAWS]] == ["original", "10", "10", "20", "20"]
    assert np.array_equal(third[0].get_images()[0].get_array(), examples.originals[0])


def test_it_is_written_as_png_and_a_folder_that_is_not_there_is_told(coloured: ImageDataset, tmp_path: Path) -> None:
    draw_augmentations(coloured, tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as drawn:
        assert drawn.format == "PNG"
        assert drawn.width == 2100
    with pytest.raises(RunDirectoryError, match="nowhere"):
        draw_augmentations(coloured, tmp_path / "nowhere" / "sheet.png")
