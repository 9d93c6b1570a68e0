"""Turn one image file into 8-bit pixels of a given size, whatever depth, palette or orientation it has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from hptui.datasets import Pixels
from hptui.datasets._request import one_line
from hptui.errors import DatasetError

_GREY_MODES = {"1", "L", "LA", "La", "I", "F"}


def readable_suffixes() -> set[str]:
    """Lower-case suffixes (".png") of the formats that Pillow can open on this machine."""
    return {suffix for suffix, kind in Image.registered_extensions().items() if kind in Image.OPEN}


def is_grey(path: Path) -> bool:
    """Whether the file is stored as grey; only the header is read, except where there is a palette."""
    try:
        with Image.open(path) as image:
            if image.mode in {"P", "PA"}:
                palette = np.array(image.getpalette("RGB")).reshape(-1, 3)
                return bool((palette == palette[:, :1]).all())
            return image.mode in _GREY_MODES or image.mode.startswith("I;16")
    except Exception as error:  # every format of Pillow has its own ways to fail on a damaged file
        raise _unreadable(path, error) from error


def read_square(path: Path, size: int, *, grey: bool) -> Pixels:
    """Pixels (C, size, size), see `read_stretched`."""
    return read_stretched(path, size, size, grey=grey)


def read_stretched(path: Path, height: int, width: int, *, grey: bool) -> Pixels:
    """Pixels (C, height, width): upright by its EXIF tag, over white where transparent, whatever its proportions.

    Raises:
        DatasetError: the file is damaged, or its pixels have no defined range (32 bit, floating point).
    """
    try:
        with Image.open(path) as image:
            image.draft(None, (2 * width, 2 * height))  # a JPEG is decoded at 1/2, 1/4 or 1/8: several times faster
            upright = _eight_bit(path, image)
            flat = _over_white(upright).convert("L" if grey else "RGB")
            # Pillow's filters widen with the reduction, so this one does not alias.
            values = np.asarray(flat.resize((width, height), Image.Resampling.BICUBIC))
    except DatasetError:
        raise
    except Exception as error:
        raise _unreadable(path, error) from error
    return values[np.newaxis] if grey else values.transpose(2, 0, 1)


def _eight_bit(path: Path, image: Image.Image) -> Image.Image:
    """`image`, upright; 16-bit grey is scaled to 8 bit, because Pillow's own conversion clips it at 255."""
    # PGM (and PNG in older versions of Pillow) of 16 bit come as "I", 32-bit integers.
    sixteen = image.mode.startswith("I;16") or (image.mode == "I" and image.format in {"PNG", "PPM"})
    if image.mode in {"I", "F"} and not sixteen:
        kind = "32-bit" if image.mode == "I" else "floating-point"
        raise DatasetError(f"{path} has {kind} pixels, whose range is not defined; save it with 8 or 16 bit.")
    upright = ImageOps.exif_transpose(image)
    if not sixteen:
        return upright
    levels = np.asarray(upright).astype(np.uint32)
    return Image.fromarray(((levels * 255 + 32767) // 65535).astype(np.uint8))


def _over_white(image: Image.Image) -> Image.Image:
    """Image over white: whatever colour a program left under the transparent parts would show otherwise."""
    if not image.has_transparency_data:
        return image
    opaque = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(opaque, image.convert("RGBA"))


def _unreadable(path: Path, error: Exception) -> DatasetError:
    reason = "no format that Pillow knows" if isinstance(error, UnidentifiedImageError) else one_line(error)
    return DatasetError(f"{path} cannot be read as an image ({reason}); repair it or take it out of the folder.")
