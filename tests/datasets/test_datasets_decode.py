"""One image file: depth, transparency, palette, orientation and size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hptui.datasets import Pixels
from hptui.datasets._decode import read_header, read_pixels
from hptui.datasets._image_header import ImageForm
from hptui.errors import DatasetError

RAMP = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)


def is_grey(path: Path) -> bool:
    return read_header(path).channels == 1


def read_square(path: Path, size: int, *, grey: bool) -> Pixels:
    header = read_header(path)
    return read_pixels(path, header, ImageForm(header.depth, 1 if grey else 3, size, size))


def save(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


@pytest.mark.parametrize("suffix", ["png", "tif", "pgm"])
def test_16_bit_grey_keeps_every_level(tmp_path: Path, suffix: str) -> None:
    path = save(tmp_path / f"deep.{suffix}", Image.fromarray(RAMP))
    assert is_grey(path)
    read = read_square(path, 8, grey=True)
    assert read.dtype == np.uint16
    assert np.array_equal(read[0], RAMP)
    coloured = read_square(path, 8, grey=False)
    assert np.array_equal(coloured, np.repeat(read, 3, axis=0))


def test_big_endian_16_bit_grey_is_read(tmp_path: Path) -> None:
    path = tmp_path / "deep.tif"
    Image.frombytes("I;16B", (8, 8), RAMP.astype(">u2").tobytes()).save(path)
    assert np.array_equal(read_square(path, 8, grey=True)[0], RAMP)


def test_transparent_parts_become_white(tmp_path: Path) -> None:
    rgba = Image.new("RGBA", (4, 4), (200, 0, 0, 0))
    rgba.paste((10, 20, 30, 255), (0, 0, 2, 4))
    path = save(tmp_path / "clear.png", rgba)
    assert not is_grey(path)
    assert read_square(path, 4, grey=False)[:, 0].T.tolist() == [[10, 20, 30]] * 2 + [[255] * 3] * 2
    grey = Image.new("LA", (4, 4), (7, 0))
    grey.paste((9, 255), (0, 0, 2, 4))
    path = save(tmp_path / "clear_grey.png", grey)
    assert is_grey(path)
    assert read_square(path, 4, grey=True)[0, 0].tolist() == [9, 9, 255, 255]


@pytest.mark.parametrize(("colours", "grey"), [([0, 0, 0, 90, 90, 90], True), ([0, 0, 0, 90, 80, 90], False)])
@pytest.mark.parametrize("suffix", ["png", "gif", "bmp"])
def test_palettes_are_looked_up(tmp_path: Path, colours: list[int], grey: bool, suffix: str) -> None:
    image = Image.fromarray(np.array([[0, 1], [1, 0]], np.uint8)).convert("P")
    image.putpalette(colours)
    path = save(tmp_path / f"palette.{suffix}", image)
    assert is_grey(path) == grey
    read = read_square(path, 2, grey=grey)
    assert read[:, 0, 1].tolist() == ([90] if grey else [90, 80, 90])


def test_a_transparent_palette_entry_becomes_white(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1]], np.uint8)).convert("P")
    image.putpalette([0, 0, 0, 200, 100, 0])
    path = save(tmp_path / "palette.png", image, transparency=bytes([0, 255]))
    assert read_square(path, 2, grey=False)[:, 0].T.tolist() == [[255, 255, 255], [200, 100, 0]]


def test_one_bit_images_use_the_whole_range(tmp_path: Path) -> None:
    path = save(tmp_path / "bit.png", Image.fromarray(np.array([[False, True]] * 2)))
    assert is_grey(path)
    assert read_square(path, 2, grey=True)[0].tolist() == [[0, 255]] * 2


def test_cmyk_becomes_rgb(tmp_path: Path) -> None:
    path = save(tmp_path / "print.jpg", Image.new("CMYK", (16, 16), (0, 255, 255, 0)), quality=95)
    assert not is_grey(path)
    red, green, blue = read_square(path, 4, grey=False).mean((1, 2))
    assert red > 240
    assert green < 15
    assert blue < 15


@pytest.mark.parametrize(("tag", "dark"), [(1, "left"), (3, "right"), (6, "top"), (8, "bottom")])
@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
def test_the_exif_orientation_is_applied(tmp_path: Path, tag: int, dark: str, suffix: str) -> None:
    image = Image.new("L", (64, 64), 255)
    image.paste(0, (0, 0, 32, 64))  # stored with the left half dark
    exif = Image.Exif()
    exif[0x0112] = tag
    read = read_square(save(tmp_path / f"turned.{suffix}", image, exif=exif), 4, grey=True)[0]
    halves = {"left": read[:, :2], "right": read[:, 2:], "top": read[:2], "bottom": read[2:]}
    assert min(halves, key=lambda half: float(halves[half].mean())) == dark


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_reduction_is_antialiased(tmp_path: Path, suffix: str) -> None:
    """Stripes of one pixel become an even grey; a filter without antialiasing would pick some of them."""
    stripes = np.zeros((512, 512), np.uint8)
    stripes[:, ::2] = 255
    path = save(tmp_path / f"stripes.{suffix}", Image.fromarray(stripes))
    inner = read_square(path, 15, grey=True)[0, 1:-1, 1:-1]
    assert inner == pytest.approx(127.5, abs=4)


def test_any_shape_becomes_a_square(tmp_path: Path) -> None:
    path = save(tmp_path / "wide.png", Image.new("RGB", (50, 9), (1, 2, 3)))
    read = read_square(path, 6, grey=False)
    assert read.shape == (3, 6, 6)
    assert read.dtype == np.uint8
    assert [int(channel.max()) for channel in read] == [1, 2, 3]


def test_a_file_that_is_no_image_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bad.png"
    path.write_bytes(b"hello")
    for attempt in (lambda: is_grey(path), lambda: read_square(path, 4, grey=True)):
        with pytest.raises(DatasetError, match=r"bad\.png cannot be read as an image \(no format"):
            attempt()


def test_an_image_of_more_pixels_than_are_decoded_is_refused_with_its_size(tmp_path: Path) -> None:
    """No pixel of it is looked at, and no warning of Pillow's is written (tests fail on one)."""
    size = (20_000, 10_000)
    path = save(tmp_path / "slide.png", Image.new("1", size))
    with pytest.raises(DatasetError, match=r"slide\.png has 10,000 x 20,000 pixels; at most 180 million .* Cut it"):
        is_grey(path)
    assert is_grey(save(tmp_path / "large.png", Image.new("1", (10_000, 10_000))))
