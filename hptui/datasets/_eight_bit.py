"""Image files of at most 8 bits, as Pillow reads them: palettes, transparency and orientation are taken care of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from hptui.datasets._fit import fitted
from hptui.datasets._image_header import ImageForm
from hptui.datasets._pages import one_image, page_channels, wanted_pages
from hptui.errors import DatasetError

_SUBFILE = 254
"""tag of TIFF that says what a page is of"""
_GREY_MODES = {"1", "L", "LA", "La"}


def is_grey(image: Image.Image) -> bool:
    """Whether an image is stored as grey; no pixels are read, except where there is a palette."""
    if image.mode in {"P", "PA"}:
        palette = np.array(image.getpalette("RGB")).reshape(-1, 3)
        return bool((palette == palette[:, :1]).all())
    return image.mode in _GREY_MODES


def page_count(image: Image.Image) -> int:
    """Pages or frames; one of a photograph with its preview (MPO), and of an image with smaller copies of it."""
    if image.format == "MPO":
        return 1
    count = int(getattr(image, "n_frames", 1))
    return 1 if count > 1 and image.format == "TIFF" and _is_pyramid(image, count) else count


def _is_pyramid(image: Image.Image, count: int) -> bool:
    """Whether all further pages of a TIFF are smaller copies of the first, which is left open."""
    reduced = True
    for number in range(1, count):
        image.seek(number)
        tags: Any = image.tag_v2  # type: ignore[attr-defined]
        if not (reduced := bool(tags.get(_SUBFILE, 0) & 1)):
            break
    image.seek(0)
    return reduced


def read_eight_bit(path: Path, image: Image.Image, form: ImageForm) -> npt.NDArray[np.uint8]:
    """Pixels (C, H, W) of an open image: upright by its EXIF tag, over white where transparent."""
    pages = wanted_pages(path, page_count(image), form.pages)
    channels = page_channels(path, form, len(pages))
    if channels not in {1, 3}:
        raise DatasetError(f"{path} is grey or RGB; the other images have {channels} channels.")
    joined = one_image([_page(image, number, "L" if channels == 1 else "RGB", form) for number in pages], form.pages)
    return joined if joined.dtype == np.uint8 else np.rint(joined).astype(np.uint8)


def _page(image: Image.Image, number: int, mode: str, form: ImageForm) -> npt.NDArray[np.uint8]:
    if number:
        image.seek(number)
    if form.resize != "crop":  # a JPEG is decoded at 1/2, 1/4 or 1/8: several times faster
        image.draft(None, (2 * form.width, 2 * form.height))
    flat = _over_white(ImageOps.exif_transpose(image)).convert(mode)
    values = np.asarray(fitted(flat, form.width, form.height, form.resize))
    return values[np.newaxis] if mode == "L" else values.transpose(2, 0, 1)


def _over_white(image: Image.Image) -> Image.Image:
    """Image over white: whatever colour a program left under the transparent parts would show otherwise."""
    if not image.has_transparency_data:
        return image
    opaque = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(opaque, image.convert("RGBA"))
