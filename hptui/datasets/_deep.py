"""Image files of more than 8 bits, or of other channels than grey and RGB: PNG, TIFF, JPEG 2000 and what Pillow has."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from hptui.datasets._finite import no_numbers
from hptui.datasets._image_header import ImageHeader
from hptui.errors import DatasetError
from hptui.record.intensity import Depth

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage

Values = npt.NDArray[Any]
ORIENTATION = 0x0112
"""tag of TIFF and EXIF"""
SIDEWAYS = (5, 6, 7, 8)
"""its values for which rows are columns"""
_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)  # of ITU-R 601, as Pillow has it
_DEPTHS: dict[str, Depth] = {"uint8": "uint8", "uint16": "uint16", "int16": "int16", "bool": "uint8", "int8": "int16"}
_J2K_START = b"\xff\x4f\xff\x51"
_MULTIPLIED, _ALPHA = 1, (1, 2)  # what TIFF's tag ExtraSamples says of transparency


def pillow_depth(image: Image.Image, head: bytes) -> Depth | None:
    """Depth of an open file, if it is more than the 8 bits that Pillow reads without loss."""
    if image.format == "PNG" and head[24:25] == b"\x10":
        return "uint16"
    if image.format == "JPEG2000" and (begin := head.find(_J2K_START)) >= 0 and (head[begin + 42] & 0x7F) > 7:
        return "uint16"
    if image.format == "PPM" and image.mode == "RGB" and _maximum(image) > 255:
        return "uint16"
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PPM"):
        return "uint16"  # of a PGM, Pillow brings its own maximum to that of 16 bits
    return "float32" if image.mode in {"I", "F"} else None


def _maximum(image: Image.Image) -> int:
    """Largest value of a colour PPM, which its decoder is told last."""
    tiles: Any = image.tile  # type: ignore[attr-defined]
    return int(tiles[0].args[-1])


def _colour_ppm(path: Path, image: Image.Image) -> Values:
    """(H, W, 3) of an open PPM of more than 8 bits, its maximum brought to that of 16, as Pillow does it with a PGM."""
    tiles: Any = image.tile  # type: ignore[attr-defined]
    values = np.frombuffer(path.read_bytes(), ">u2", 3 * image.width * image.height, tiles[0].offset)
    brought = np.rint(values.reshape(image.height, image.width, 3) * (65535 / _maximum(image)))
    return brought.clip(0, 65535).astype(np.uint16)


def pillow_channels(image: Image.Image, head: bytes) -> int:
    """Channels of an open file, transparency aside."""
    if image.format == "PNG":  # Pillow calls grey of 16 bits with transparency RGBA
        return 3 if head[25] & 2 else 1
    return 3 if image.mode in {"RGB", "RGBA"} else 1


def read_pillow(path: Path, image: Image.Image, number: int) -> Values:
    """(H, W, C) of a page of an open file, upright and over white."""
    if number:
        image.seek(number)
    if image.format == "JPEG2000" or (image.format == "PNG" and not image.mode.startswith("I")):
        # Pillow cuts colour to 8 bits, and stretches grey of 12 bits to 16
        import imagecodecs

        decode = imagecodecs.png_decode if image.format == "PNG" else imagecodecs.jpeg2k_decode
        values = decode(path.read_bytes())
    elif image.format == "PPM" and image.mode == "RGB":
        values = _colour_ppm(path, image)
    else:
        values = np.asarray(image)
    values = values if values.ndim == 3 else values[:, :, np.newaxis]
    if values.shape[2] in {2, 4}:
        values = _over_white(values)
    return upright(values, image.getexif().get(ORIENTATION, 1))


def is_standard_tiff(image: Image.Image) -> bool:
    """Whether Pillow reads an open TIFF without loss: at most 8 bits, and no channels of unknown meaning."""
    tags: Any = image.tag_v2  # type: ignore[attr-defined]
    extra = [kind for kind in tags.get(338, ()) if kind not in _ALPHA]
    return max(tags.get(258, (1,))) <= 8 and tags.get(339, (1,))[0] == 1 and not extra


def tiff_header(path: Path) -> ImageHeader:
    """What a TIFF says of its first page, and how many there are."""
    import tifffile

    with tifffile.TiffFile(path) as file:
        page = _first(file)
        height, width, channels = _shape(page)
        depth, pages = _tiff_depth(path, page), _page_count(file)
        return ImageHeader(depth, channels, height, width, pages, "tiff", transparent=_has_alpha(page))


def read_tiff(path: Path, numbers: list[int]) -> list[Values]:
    """(H, W, C) of some pages, upright and over white."""
    import tifffile

    with tifffile.TiffFile(path) as file:
        page = _first(file)
        _tiff_depth(path, page)
        if len(file.pages) > max(numbers):
            raw = [file.pages[number].asarray() for number in numbers]
        else:  # ImageJ writes large stacks with the header of the first page alone
            raw = list(file.series[0].asarray().reshape(-1, *page.shape)[numbers])
        return [_tiff_values(page, values) for values in raw]


def upright(values: Values, orientation: object) -> Values:
    """(H, W, C) turned as TIFF's and EXIF's tag Orientation says."""
    if orientation in SIDEWAYS:
        values = values.swapaxes(0, 1)
    if orientation in {3, 4, 7, 8}:
        values = values[::-1]
    return values[:, ::-1] if orientation in {2, 3, 6, 7} else values


def as_channels(path: Path, values: Values, channels: int) -> npt.NDArray[np.float32]:
    """(C, H, W) float32 of (H, W, C): grey three times, or the luminance of RGB, where others are so."""
    found = values.astype(np.float32)
    if found.shape[2] == 1 and channels == 3:
        found = np.repeat(found, 3, axis=2)
    elif found.shape[2] == 3 and channels == 1:
        found = (found @ _LUMINANCE)[:, :, np.newaxis]
    if found.shape[2] != channels:
        raise DatasetError(f"{path} has {found.shape[2]} channels, where {channels} are needed.")
    if problem := no_numbers(found):
        raise DatasetError(f"{path} has {problem}.")
    return found.transpose(2, 0, 1)


def _first(file: TiffFile) -> TiffPage:
    return file.pages.first


def _page_count(file: TiffFile) -> int:
    series = file.series[0]
    inside = series.size // max(1, file.pages.first.size)
    pages = len(file.pages)
    if all(getattr(file.pages[number], "is_reduced", False) for number in range(1, pages)):
        pages = 1  # with smaller copies of it
    return int(max(pages, inside))


def _shape(page: TiffPage) -> tuple[int, int, int]:
    """Height and width as they are seen, and channels without transparency."""
    sides = (page.imagelength, page.imagewidth)
    height, width = sides[::-1] if _orientation(page) in SIDEWAYS else sides
    return height, width, page.samplesperpixel - _has_alpha(page)


def _has_alpha(page: TiffPage) -> bool:
    return page.samplesperpixel in {2, 4} and any(int(kind) in _ALPHA for kind in page.extrasamples)


def _orientation(page: TiffPage) -> object:
    tag = page.tags.get(274)
    return 1 if tag is None else int(tag.value)


def _tiff_depth(path: Path, page: TiffPage) -> Depth:
    if page.dtype is None or page.dtype.kind not in "iufb" or page.is_volumetric:
        raise DatasetError(f"{path} holds {page.dtype or 'no'} pixels, which are no image.")
    return _DEPTHS.get(page.dtype.name, "float32")


def _tiff_values(page: TiffPage, values: Values) -> Values:
    if values.ndim == 2:
        values = values[:, :, np.newaxis]
    elif page.axes.startswith("S"):  # a plane for each channel
        values = values.transpose(1, 2, 0)
    if page.photometric == 0 and values.dtype.kind == "u":  # MINISWHITE
        values = np.array((1 << page.bitspersample) - 1, values.dtype) - values
    if _has_alpha(page):
        values = _over_white(values, multiplied=int(page.extrasamples[0]) == _MULTIPLIED)
    return upright(values, _orientation(page))


def _over_white(values: Values, *, multiplied: bool = False) -> Values:
    """The last of (H, W, C) is transparency, by which the others may be multiplied already."""
    white = float(np.iinfo(values.dtype).max) if values.dtype.kind in "iu" else 1.0
    share = values[:, :, -1:].astype(np.float32) / white
    seen = values[:, :, :-1].astype(np.float32) if multiplied else values[:, :, :-1] * share
    mixed: Values = seen + white * (1 - share)
    return mixed
