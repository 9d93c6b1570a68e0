"""Files of more than 8 bits, of many channels or of several pages keep all that is in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from deep_files import SOFT_TISSUE
from PIL import Image

from hptui.datasets import DatasetRequest, ImageDataset, Pixels
from hptui.datasets._decode import is_image_file, read_header
from hptui.datasets._files import decode_files
from hptui.datasets._joining import without_files
from hptui.datasets.folder import folder
from hptui.errors import DatasetError

RGB16 = np.stack([SOFT_TISSUE, SOFT_TISSUE * 3, 60000 - SOFT_TISSUE], -1)


def read(*paths: Path, size: int = 8, **wishes: Any) -> Pixels:
    return decode_files(paths, DatasetRequest(image_size=size, **wishes)).pixels


def notes(*paths: Path, **wishes: Any) -> str:
    return "\n".join(without_files(decode_files(paths, DatasetRequest(**wishes)).notes)[0])


@pytest.mark.parametrize("suffix", ["png", "tif", "jp2"])
def test_12_bits_within_16_are_not_merged(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"ct.{suffix}"
    if suffix == "jp2":
        path.write_bytes(imagecodecs.jpeg2k_encode(SOFT_TISSUE, level=0))
    else:
        Image.fromarray(SOFT_TISSUE).save(path)
    pixels = read(path)
    assert pixels.dtype == np.uint16
    assert np.array_equal(pixels[0, 0], SOFT_TISSUE)


@pytest.mark.parametrize(
    ("values", "depth"),
    [
        (SOFT_TISSUE.astype(np.int16) - 2000, np.int16),
        (SOFT_TISSUE.astype(np.int32) * 1000, np.float32),
        (SOFT_TISSUE.astype(np.uint32) + 2**20, np.float32),
        ((SOFT_TISSUE / 65535).astype(np.float32), np.float32),
        (SOFT_TISSUE / 1024, np.float32),
    ],
)
def test_signed_wide_and_floating_tiff_keeps_its_values(tmp_path: Path, values: np.ndarray, depth: type) -> None:
    tifffile.imwrite(tmp_path / "x.tif", values)
    pixels = read(tmp_path / "x.tif")
    assert pixels.dtype == depth
    assert np.array_equal(pixels[0, 0], values.astype(depth))


def test_tiff_with_values_that_are_no_numbers_is_refused(tmp_path: Path) -> None:
    values = SOFT_TISSUE.astype(np.float32)
    values[3, 4] = np.nan
    tifffile.imwrite(tmp_path / "x.tif", values)
    with pytest.raises(DatasetError, match=r"x\.tif has values that are no finite numbers"):
        read(tmp_path / "x.tif")


@pytest.mark.parametrize("beside", [np.finfo(np.float32).min, 1e38])
def test_numbers_that_stand_for_nothing_there_are_refused(tmp_path: Path, beside: float) -> None:
    values = SOFT_TISSUE.astype(np.float32)
    values[0] = beside
    tifffile.imwrite(tmp_path / "x.tif", values)
    with pytest.raises(DatasetError, match=r"x\.tif has values such as -?[13].*, which stand for pixels beside the im"):
        read(tmp_path / "x.tif")


def test_colour_of_16_bits_is_not_cut_to_8(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(imagecodecs.png_encode(RGB16))
    (tmp_path / "x.jp2").write_bytes(imagecodecs.jpeg2k_encode(RGB16, level=0))
    tifffile.imwrite(tmp_path / "x.tif", RGB16, photometric="rgb", compression="lzw", predictor=True)
    tifffile.imwrite(tmp_path / "planes.tif", RGB16.transpose(2, 0, 1), photometric="rgb", planarconfig="separate")
    for name in ("x.png", "x.jp2", "x.tif", "planes.tif"):
        pixels = read(tmp_path / name)
        assert pixels.dtype == np.uint16, name
        assert np.array_equal(pixels[0], RGB16.transpose(2, 0, 1)), name


def test_a_colour_ppm_of_16_bits_keeps_every_level_and_its_maximum_is_white(tmp_path: Path) -> None:
    (tmp_path / "x.ppm").write_bytes(b"P6\n# a comment\n8 8\n65535\n" + RGB16.astype(">u2").tobytes())
    assert np.array_equal(read(tmp_path / "x.ppm")[0], RGB16.transpose(2, 0, 1))
    small = RGB16 >> 4
    (tmp_path / "y.ppm").write_bytes(b"P6 8 8 4095\n" + small.astype(">u2").tobytes())
    grey = Image.fromarray(small[:, :, 0].astype(np.int32), "I")
    (tmp_path / "y.pgm").write_bytes(b"P5 8 8 4095\n" + np.asarray(grey).astype(">u2").tobytes())
    colour = read(tmp_path / "y.ppm")[0]
    assert np.abs(colour - small.transpose(2, 0, 1) * (65535 / 4095)).max() <= 0.5
    assert np.abs(colour[0].astype(int) - read(tmp_path / "y.pgm")[0, 0]).max() <= 1  # as Pillow has it for grey


def test_transparent_parts_of_16_bits_become_white(tmp_path: Path) -> None:
    opaque = np.full((8, 8, 1), 65535, np.uint16)
    opaque[:4] = 0
    (tmp_path / "x.png").write_bytes(imagecodecs.png_encode(np.concatenate([RGB16, opaque], -1)))
    pixels = read(tmp_path / "x.png")[0]
    assert (pixels[:, :4] == 65535).all()
    assert np.array_equal(pixels[:, 4:], RGB16[4:].transpose(2, 0, 1))


@pytest.mark.parametrize("multiplied", [True, False])
def test_transparency_of_16_bits_is_told_and_not_counted_twice(tmp_path: Path, multiplied: bool) -> None:
    """TIFF says whether its colours were multiplied by it already, as most programs of layers write them."""
    half = np.full((8, 8, 1), 32768, np.uint16)
    colours = np.rint(RGB16 * (32768 / 65535)).astype(np.uint16) if multiplied else RGB16
    kind = ["ASSOCALPHA" if multiplied else "UNASSALPHA"]
    tifffile.imwrite(tmp_path / "x.tif", np.concatenate([colours, half], -1), photometric="rgb", extrasamples=kind)
    expected = (RGB16 * (32768 / 65535) + 65535 * (1 - 32768 / 65535)).transpose(2, 0, 1)
    assert np.abs(read(tmp_path / "x.tif")[0] - expected).max() <= 1
    assert "1 of 1 image files have an alpha channel" in notes(tmp_path / "x.tif")


def test_grey_of_16_bits_with_transparency_is_grey(tmp_path: Path) -> None:
    opaque = np.full_like(SOFT_TISSUE, 65535)
    (tmp_path / "x.png").write_bytes(imagecodecs.png_encode(np.stack([SOFT_TISSUE, opaque], -1)))
    assert np.array_equal(read(tmp_path / "x.png"), SOFT_TISSUE[np.newaxis, np.newaxis])


def test_12_bits_of_jpeg_2000_are_not_stretched(tmp_path: Path) -> None:
    (tmp_path / "x.jp2").write_bytes(imagecodecs.jpeg2k_encode(SOFT_TISSUE, level=0, bitspersample=12))
    assert np.array_equal(read(tmp_path / "x.jp2")[0, 0], SOFT_TISSUE)


@pytest.mark.parametrize("compression", [None, "lzw", "deflate", "zstd", "lzma", "packbits"])
@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
def test_every_way_to_write_a_tiff_gives_the_same(
    tmp_path: Path, compression: str | None, byteorder: str, big: bool
) -> None:
    tifffile.imwrite(tmp_path / "x.tif", SOFT_TISSUE, compression=compression, byteorder=byteorder, bigtiff=big)
    assert np.array_equal(read(tmp_path / "x.tif")[0, 0], SOFT_TISSUE)


def test_a_tiff_where_white_is_zero_is_turned_round(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "x.tif", SOFT_TISSUE, photometric="miniswhite")
    assert np.array_equal(read(tmp_path / "x.tif")[0, 0], 65535 - SOFT_TISSUE)


@pytest.mark.parametrize("tag", range(1, 9))
def test_the_orientation_of_deep_files_is_applied(tmp_path: Path, tag: int) -> None:
    """As Pillow does it with 8 bits."""
    small = (SOFT_TISSUE - 1040).astype(np.uint8)
    Image.fromarray(small).save(tmp_path / "small.tif", tiffinfo={274: tag})
    tifffile.imwrite(tmp_path / "deep.tif", SOFT_TISSUE, extratags=[(274, 3, 1, tag, False)])
    assert np.array_equal(read(tmp_path / "deep.tif") - 1040, read(tmp_path / "small.tif"))


@pytest.mark.parametrize("channels", [2, 4, 5, 16])
@pytest.mark.parametrize("planes", ["contig", "separate"])
@pytest.mark.parametrize("depth", [np.uint8, np.uint16, np.float32])
def test_channels_of_any_meaning_are_all_read(tmp_path: Path, channels: int, planes: str, depth: type) -> None:
    values = np.arange(8 * 8 * channels, dtype=depth).reshape(8, 8, channels)
    stored = values if planes == "contig" else values.transpose(2, 0, 1)
    tifffile.imwrite(
        tmp_path / "x.tif",
        stored,
        photometric="minisblack",
        planarconfig=planes,
        extrasamples=["unspecified"] * (channels - 1),
    )
    pixels = read(tmp_path / "x.tif")
    assert pixels.dtype == depth
    assert np.array_equal(pixels[0], values.transpose(2, 0, 1))


def test_more_than_16_channels_or_different_ones_are_refused(tmp_path: Path) -> None:
    for count in (2, 5, 17):
        values = np.zeros((8, 8, count), np.uint16)
        tifffile.imwrite(tmp_path / f"{count}.tif", values, photometric="minisblack", planarconfig="contig")
    with pytest.raises(DatasetError, match="an image of 17 channels; at most 16"):
        read(tmp_path / "17.tif")
    with pytest.raises(DatasetError, match=r"2\.tif has 2 channels and .*5\.tif 5; all images need the same"):
        read(tmp_path / "2.tif", tmp_path / "5.tif")


def test_images_of_8_and_of_16_bits_are_refused_together(tmp_path: Path) -> None:
    Image.fromarray(SOFT_TISSUE).save(tmp_path / "deep.png")
    Image.fromarray(SOFT_TISSUE.astype(np.uint8)).save(tmp_path / "small.png")
    with pytest.raises(DatasetError, match=r"1 of 16 bits \(such as .*deep\.png\) and 1 of 8 bits \(such as .*small"):
        read(tmp_path / "deep.png", tmp_path / "small.png")


def test_reduction_of_deep_images_is_antialiased_and_adds_no_values(tmp_path: Path) -> None:
    stripes = np.full((512, 512), 1000, np.int16)
    stripes[:, ::2] = -1000
    tifffile.imwrite(tmp_path / "x.tif", stripes)
    pixels = read(tmp_path / "x.tif", size=15)
    assert pixels[0, 0, 1:-1, 1:-1] == pytest.approx(0, abs=40)
    edge = np.full((16, 16), -1000, np.int16)
    edge[:, 8:] = 1000
    tifffile.imwrite(tmp_path / "edge.tif", edge)
    larger = read(tmp_path / "edge.tif", size=31)
    assert (larger.min(), larger.max()) == (-1000, 1000)  # a cubic filter alone would overshoot


def pages_file(path: Path, depth: type = np.uint8, count: int = 6) -> Path:
    """A page for each of 10, 20, 30, ..."""
    pages = [np.full((8, 8), 10 * (number + 1), depth) for number in range(count)]
    tifffile.imwrite(path, np.stack(pages), photometric="minisblack")
    return path


@pytest.mark.parametrize("depth", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize(
    ("pages", "values"),
    [
        ("first", [10]),
        ("middle", [40]),
        ("last", [60]),
        ("3", [30]),
        ("all", [10, 20, 30, 40, 50, 60]),
        ("mean", [35]),
        ("max", [60]),
    ],
)
def test_pages_are_as_the_user_says(tmp_path: Path, depth: type, pages: str, values: list[int]) -> None:
    path = pages_file(tmp_path / "x.tif", depth)
    pixels = read(path, pages=pages)
    assert pixels[0, :, 0, 0].tolist() == values
    assert "1 of 1 image files have 6 pages or frames; taken:" in notes(path, pages=pages)


@pytest.mark.parametrize("suffix", ["tif", "gif"])
def test_several_pages_are_refused_until_somebody_says_which(tmp_path: Path, suffix: str) -> None:
    pages = [Image.fromarray(np.full((8, 8), 9 * number, np.uint8)) for number in range(1, 4)]
    path = tmp_path / f"x.{suffix}"
    pages[0].save(path, save_all=True, append_images=pages[1:])
    with pytest.raises(DatasetError, match=rf"x\.{suffix} has 3 pages \(frames\); say which are the image: --pages"):
        read(path)
    assert read(path, pages="2")[0, 0, 0, 0] == 18


def test_pages_that_are_not_there_or_do_not_match_are_told(tmp_path: Path) -> None:
    six, four = pages_file(tmp_path / "six.tif"), pages_file(tmp_path / "four.tif", count=4)
    with pytest.raises(DatasetError, match=r"four\.tif has 4 pages; there is no page 5"):
        read(six, four, pages="5")
    with pytest.raises(DatasetError, match=r"six\.tif has 6 pages and .*four\.tif 4"):
        read(six, four, pages="all")


def test_the_stacks_of_imagej_have_all_their_pages(tmp_path: Path) -> None:
    stack = np.arange(3 * 64, dtype=np.uint16).reshape(3, 8, 8)
    tifffile.imwrite(tmp_path / "x.tif", stack, imagej=True)
    assert np.array_equal(read(tmp_path / "x.tif", pages="all")[0], stack)


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
@pytest.mark.parametrize("inside", [False, True])
def test_smaller_copies_in_a_pyramid_are_no_pages(tmp_path: Path, depth: type, inside: bool) -> None:
    values = np.arange(64 * 64).reshape(64, 64).astype(depth)
    with tifffile.TiffWriter(tmp_path / "x.tif") as file:
        file.write(values, subifds=2 if inside else 0)
        for step in (2, 4):
            file.write(values[::step, ::step], subfiletype=1)
    assert read_header(tmp_path / "x.tif").pages == 1
    assert np.array_equal(decode_files([tmp_path / "x.tif"], DatasetRequest(image_size=64)).pixels[0, 0], values)
    with tifffile.TiffWriter(tmp_path / "y.tif") as file:  # not all that follows is a copy: which are the image?
        for kind in (0, 1, 0):
            file.write(values, subfiletype=kind)
    assert read_header(tmp_path / "y.tif").pages == 3
    tifffile.imwrite(tmp_path / "z.ome.tif", np.stack([values] * 3), metadata={"axes": "CYX"}, ome=True)
    assert read_header(tmp_path / "z.ome.tif").pages == 3


def test_grey_among_rgb_is_told(tmp_path: Path) -> None:
    Image.new("L", (8, 8), 7).save(tmp_path / "grey.png")
    Image.new("RGB", (8, 8), (1, 2, 3)).save(tmp_path / "colour.png")
    assert read(tmp_path / "grey.png", tmp_path / "colour.png")[:, :, 0, 0].tolist() == [[7, 7, 7], [1, 2, 3]]
    assert "1 of 2 image files are grey and the others RGB" in notes(tmp_path / "grey.png", tmp_path / "colour.png")


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_proportions_are_changed_or_kept_as_the_user_says(tmp_path: Path, depth: type) -> None:
    """A disc of half the height in an image twice as wide as high."""
    y, x = np.mgrid[:40, :80]
    disc = np.where((y - 19.5) ** 2 + (x - 39.5) ** 2 < 100, 200, 50).astype(depth)
    path = tmp_path / "wide.png"
    Image.fromarray(disc).save(path)
    wide = {}
    for how in ("stretch", "pad", "crop"):
        bright = read(path, size=40, resize=how)[0, 0] > 125
        wide[how] = (int(bright.any(0).sum()), int(bright.any(1).sum()))
    assert wide == {"stretch": (10, 20), "pad": (10, 10), "crop": (20, 20)}
    padded = read(path, size=40, resize="pad")[0, 0]
    assert (padded[:10] == (0 if depth == np.uint8 else 50)).all()  # black, or the darkest of the image
    assert "40 x 80 pixels were stretched to squares" in notes(path)
    assert "were given black bars" in notes(path, resize="pad")
    assert "lost their ends" in notes(path, resize="crop")


def test_square_images_have_nothing_to_tell(tmp_path: Path) -> None:
    Image.new("L", (9, 9)).save(tmp_path / "x.png")
    assert notes(tmp_path / "x.png") == ""


def test_what_the_files_are_is_told_apart_from_the_notes(tmp_path: Path) -> None:
    paths = [tmp_path / f"{index}.png" for index in range(4)]
    for path, size, mode in zip(paths, [(9, 9), (9, 9), (30, 20), (9, 9)], ["L", "L", "RGB", "L"], strict=True):
        Image.new(mode, size).save(path)

    def files(*paths: Path, **wishes: Any) -> str:
        return without_files(decode_files(paths, DatasetRequest(**wishes)).notes)[1]

    assert files(*paths) == (
        "4 of 9 x 9 to 20 x 30 pixels (2 sizes, 3 are 9 x 9), 8 bits, grey and RGB; brought to 64 x 64"
    )
    assert files(paths[0], image_size=9) == "1 of 9 x 9 pixels, 8 bits, grey"
    assert without_files(("a note",)) == (("a note",), "")


def test_volumes_are_named_with_what_to_do(tmp_path: Path) -> None:
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        (tmp_path / label / "x.nii.gz").write_bytes(b"\x1f\x8b")
    with pytest.raises(DatasetError, match=r"x\.nii\.gz is a NIfTI volume: save the slices"):
        folder(DatasetRequest(argument=str(tmp_path)))
    assert not is_image_file(tmp_path / "a" / "x.nii.gz")
    with pytest.raises(DatasetError, match=r"x\.nii\.gz is a NIfTI volume"):
        read(tmp_path / "a" / "x.nii.gz")


def test_a_folder_hands_on_depth_and_notes(tmp_path: Path) -> None:
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        for number in range(4):
            deep = np.full((8, 10), 1000 + number, np.uint16)
            Image.fromarray(deep).save(tmp_path / label / f"{number}.png")
    dataset: ImageDataset = folder(DatasetRequest(argument=str(tmp_path), image_size=8))
    assert dataset.train.pixels.dtype == dataset.test.pixels.dtype == np.uint16
    assert set(np.unique(dataset.train.pixels)) <= {1000, 1001, 1002, 1003}
    assert any("stretched" in note for note in dataset.notes)
