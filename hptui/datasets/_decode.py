"""One image file, of whatever format and depth: what it says of itself, and its pixels in a given form."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from hptui.datasets import Pixels
from hptui.datasets._deep import (
    ORIENTATION,
    SIDEWAYS,
    as_channels,
    is_standard_tiff,
    pillow_channels,
    pillow_depth,
    read_pillow,
    read_tiff,
    tiff_header,
)
from hptui.datasets._dicom import INDEX, MAGIC, MAGIC_AT, SUFFIXES, dicom_header, read_dicom
from hptui.datasets._eight_bit import is_grey, page_count, read_eight_bit
from hptui.datasets._fit import fitted_channel
from hptui.datasets._image_header import ImageForm, ImageHeader
from hptui.datasets._pages import one_image, page_channels, wanted_pages
from hptui.datasets._request import one_line
from hptui.datasets._unreadable import UnreadableImageError
from hptui.errors import DatasetError
from hptui.opening import open_regular
from hptui.record.intensity import Depth

Image.MAX_IMAGE_PIXELS = None  # Pillow would write a warning on the screen: see _MOST_PIXELS
_MOST_PIXELS = 180_000_000
"""of an image that is decoded: half a gigabyte in colour, and as many threads as there are cores decode at a time"""
_HEAD = 1024
"""bytes that tell what a file is"""
_PICTURES = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"II*\0", b"MM\0*")
"""how PNG, JPEG and TIFF begin"""
_NO_PICTURES = {
    b"version https://git-lfs": "it is a pointer of Git LFS; git lfs pull fetches the image",
    b"PK\x03\x04": "it is a zip archive; unpack it",
    b"<!DOCTYPE": "it is a web page, maybe of a download that failed",
    b"<html": "it is a web page, maybe of a download that failed",
}
"""what lies under the names of images, by how it begins"""
_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_BIG_TIFF = b"MM\0+"
"""a kind that Pillow misreads"""
_VOLUMES = {
    ".nii": "a NIfTI volume",
    ".nii.gz": "a NIfTI volume",
    ".nrrd": "an NRRD volume",
    ".mha": "a MetaImage volume",
    ".mhd": "a MetaImage volume",
    ".mgz": "a FreeSurfer volume",
    ".svs": "a whole-slide image",
    ".ndpi": "a whole-slide image",
    ".mrxs": "a whole-slide image",
}
_OTHERS = {
    ".heic": "an image of a phone (HEIC): convert it to PNG, or to JPEG",
    ".heif": "an image of a phone (HEIF): convert it to PNG, or to JPEG",
    ".svg": "a drawing, not pixels: save it as PNG",
    ".npy": "an array: hand it on by an own function, --dataset path/file.py:function",
    ".npz": "an archive of arrays: medmnist:PATH reads those of MedMNIST, an own function others",
    ".mat": "an array of MATLAB: save it as TIFF, or hand it on by an own function, --dataset path/file.py:function",
    ".h5": "an HDF5 file: hand it on by an own function, --dataset path/file.py:function",
    ".hdf5": "an HDF5 file: hand it on by an own function, --dataset path/file.py:function",
    ".zip": "an archive: unpack it",
    ".czi": "a microscope's file: save its images as TIFF",
    ".lif": "a microscope's file: save its images as TIFF",
    ".nd2": "a microscope's file: save its images as TIFF",
}


@cache
def readable_suffixes() -> frozenset[str]:
    """Lower-case suffixes (".png") of the formats that can be opened on this machine."""
    return frozenset(suffix for suffix, kind in Image.registered_extensions().items() if kind in Image.OPEN) | SUFFIXES


def is_image_file(path: Path) -> bool:
    """Whether a file has the suffix of an image, or is one by its content.

    That is DICOM under any name, as scanners write it (1.2.840.113619), and PNG, JPEG or TIFF where there is no suffix.
    """
    if path.suffix.lower() in readable_suffixes():
        return True
    if foreign_format(path) is not None or path.name.lower() == INDEX:
        return False
    try:
        head = _head(path)
    except OSError:  # a pipe, or what may not be read
        return False
    return _is_dicom(head) or (not path.suffix and head.startswith(_PICTURES))


def foreign_format(path: Path) -> str | None:
    """What an image is that hptui does not read, and what to do; None: nothing is known of its suffix."""
    name = path.name.lower()
    kind = next((kind for suffix, kind in _VOLUMES.items() if name.endswith(suffix)), None)
    if kind is None:
        return _OTHERS.get(path.suffix.lower())
    if "slide" in kind:
        return f"{kind}: cut tiles out of it and save them as PNG or TIFF"
    return (
        f"{kind}: save the slices that matter as TIFF of 16 bits, one file each or as the pages of one (--pages); "
        "nibabel or SimpleITK read it, tifffile writes them"
    )


def read_header(path: Path, *, own_window: bool = False) -> ImageHeader:
    """What a file says of itself; its pixels are not decoded.

    Args:
        path: of a file.
        own_window: see `ImageForm`.

    Raises:
        DatasetError: it cannot be read, or cannot be read without loss.
    """
    try:
        head = _head(path)
        if _is_dicom(head) or path.suffix.lower() in SUFFIXES:
            return dicom_header(path, own_window=own_window)
        if head.startswith(_BIG_TIFF):
            return tiff_header(path)
        try:
            with Image.open(path) as image:
                if image.format != "TIFF" or is_standard_tiff(image):
                    return _pillow_header(path, image, head)
        except UnidentifiedImageError:
            if not head.startswith(_TIFF_STARTS):
                raise
        return tiff_header(path)
    except DatasetError:
        raise
    except Exception as error:  # every format has its own ways to fail on a damaged file
        raise _unreadable(path, error) from error


def read_pixels(path: Path, header: ImageHeader, form: ImageForm) -> Pixels:
    """Pixels (C, H, W) of a file in a given form.

    Raises:
        DatasetError: the file is damaged, or cannot be brought to that form.
    """
    refuse_depth(path, header, form.depth, "the other images have")
    try:
        if header.decoder == "pillow" and header.depth == "uint8":
            with Image.open(path) as image:
                return read_eight_bit(path, image, form)
        return _deep(path, header, form)
    except DatasetError:
        raise
    except Exception as error:
        raise _unreadable(path, error) from error


def unreadable(path: Path) -> UnreadableImageError | None:
    """Why a file cannot be read, whatever it is read for; None: it can, as far as that goes."""
    try:
        header = read_header(path)
        read_pixels(path, header, ImageForm(header.depth, header.channels, 8, 8, pages="first"))
    except UnreadableImageError as error:
        return error
    except DatasetError:  # it can be read, but is not as it should be
        return None
    return None


def refuse_depth(path: Path, header: ImageHeader, depth: Depth, others: str, *, units: bool = True) -> None:
    """Refuse a file whose values cannot be compared with others of that depth.

    Args:
        path: of the file.
        header: of the file.
        depth: of others.
        others: who they are, and a verb.
        units: whether the values of these are in units, if those of the file are.

    Raises:
        DatasetError: one of them has 8 bits and the other more, or one whole numbers and the other none.
    """
    both = {header.depth, depth}
    in_units = units and header.decoder == "dicom" and "uint8" not in both
    if len(both) > 1 and not in_units:
        raise DatasetError(
            f"{path} has pixels of {depth_words(header.depth)}, {others} {depth_words(depth)}: their values "
            "have no common scale. Bring it to that depth."
        )


def depth_words(depth: Depth) -> str:
    """A depth in a reader's words."""
    return {"uint8": "8 bits", "uint16": "16 bits", "int16": "signed 16 bits", "float32": "32 bits"}[depth]


def _deep(path: Path, header: ImageHeader, form: ImageForm) -> Pixels:
    """Pixels whose depth is kept: read as they are, joined, resized in floating point, and rounded at their depth."""
    numbers = wanted_pages(path, header.pages, form.pages)
    channels = page_channels(path, form, len(numbers))
    if header.decoder == "dicom":
        read = read_dicom(path, numbers, own_window=form.own_window)
    elif header.decoder == "tiff":
        read = read_tiff(path, numbers)
    else:
        with Image.open(path) as image:
            read = [read_pillow(path, image, number) for number in numbers]
    joined = one_image([as_channels(path, values, channels) for values in read], form.pages)
    sized = np.stack([fitted_channel(channel, form.width, form.height, form.resize) for channel in joined])
    if form.depth == "float32":
        return sized
    limits = np.iinfo(form.depth)
    return np.rint(sized).clip(limits.min, limits.max).astype(form.depth)


def _pillow_header(path: Path, image: Image.Image, head: bytes) -> ImageHeader:
    if image.width * image.height > _MOST_PIXELS:
        raise UnreadableImageError(
            path,
            f"has {image.height:,} x {image.width:,} pixels; at most {_MOST_PIXELS // 10**6} million are decoded here. "
            "Cut it into tiles, or save it smaller.",
        )
    deep = pillow_depth(image, head)
    width, height = image.size[::-1] if image.getexif().get(ORIENTATION, 1) in SIDEWAYS else image.size
    grey = pillow_channels(image, head) == 1 if deep else is_grey(image)
    pages, clear = page_count(image), image.has_transparency_data
    return ImageHeader(deep or "uint8", 1 if grey else 3, height, width, pages, transparent=clear)


def _head(path: Path) -> bytes:
    with open_regular(path) as file:
        return file.read(_HEAD)


def _is_dicom(head: bytes) -> bool:
    return head[MAGIC_AT : MAGIC_AT + len(MAGIC)] == MAGIC


def _unreadable(path: Path, error: Exception) -> DatasetError:
    if foreign := foreign_format(path):
        return DatasetError(f"{path} is {foreign}.")
    reason = _content(path) if isinstance(error, UnidentifiedImageError) else one_line(error)
    return UnreadableImageError(path, f"cannot be read as an image ({reason}); repair it or take it out of the folder.")


def _content(path: Path) -> str:
    """What is in a file that no format is known of."""
    head = _head(path)
    if not head:
        return "it is empty"
    known = (words for begin, words in _NO_PICTURES.items() if head.startswith(begin))
    return next(known, "no format that is known here")
