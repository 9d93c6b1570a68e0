"""DICOM files: values in the units that the file defines, dark to bright, whatever its compression."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hptui.datasets._image_header import ImageHeader
from hptui.datasets._unreadable import UnreadableImageError
from hptui.errors import DatasetError, first_line
from hptui.record.intensity import Depth

if TYPE_CHECKING:
    from pydicom import Dataset

Values = npt.NDArray[Any]
SUFFIXES = {".dcm", ".dicom", ".ima"}
INDEX = "dicomdir"
"""name of the list of files on a disc, in lower case; it is DICOM itself"""
MAGIC, MAGIC_AT = b"DICM", 128
_PIXEL_KEYWORDS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
_WINDOWED = 65535.0
"""greatest value of an image within its own window"""
_MAKING_READY = threading.Lock()


@dataclass(frozen=True)
class _Rescale:
    """Way from stored numbers to the file's units."""

    low: float
    high: float
    """what can be stored"""
    slope: float
    intercept: float

    @property
    def ends(self) -> tuple[float, float]:
        """The least and the greatest value that there can be, in units."""
        ends = self.low * self.slope + self.intercept, self.high * self.slope + self.intercept
        return min(ends), max(ends)

    @property
    def depth(self) -> Depth:
        """The narrowest depth that holds every value exactly."""
        low, high = self.ends
        if not (self.slope.is_integer() and self.intercept.is_integer() and np.isfinite(self.low)):
            return "float32"
        if low >= 0:
            return "uint8" if high <= 255 else "uint16" if high <= 65535 else "float32"
        return "int16" if low >= -32768 and high <= 32767 else "float32"


def dicom_header(path: Path, *, own_window: bool) -> ImageHeader:
    """What a DICOM file says of its frames.

    Raises:
        DatasetError: there is no image in it.
    """
    dataset = _read(path, stop_before_pixels=True)
    if "Rows" not in dataset or "Columns" not in dataset:
        kind = dataset.get("Modality") or dataset.file_meta.get("MediaStorageSOPClassUID")
        if kind is None and "SOPClassUID" not in dataset:
            raise UnreadableImageError(path, "is no DICOM file, whatever its name says; take it out.")
        raise UnreadableImageError(
            path, f"is a DICOM file without an image (its kind is {kind or 'unknown'}); take it out."
        )
    colour = _is_colour(dataset)
    if not colour and _rescale(dataset).slope == 0:
        raise UnreadableImageError(
            path, "has a rescale slope of 0, which makes all of its pixels equal; mend or remove it."
        )
    inverted = dataset.get("PhotometricInterpretation") == "MONOCHROME1"
    frames = int(dataset.get("NumberOfFrames") or 1)
    depth: Depth = "uint16" if own_window and not colour else "uint8" if colour else _depth_of_all(dataset, frames)
    padded = not colour and "PixelPaddingValue" in dataset
    channels, sides = 3 if colour else 1, (int(dataset.Rows), int(dataset.Columns))
    return ImageHeader(
        depth,
        channels,
        *sides,
        frames,
        "dicom",
        padded,
        inverted=inverted,
        ends=_ends_of(dataset, own_window) if inverted else None,
        modality=_text(dataset, "Modality"),
        rescaled=any(name in dataset for name in ("RescaleSlope", "RescaleIntercept", "ModalityLUTSequence")),
        patient=_text(dataset, "PatientID"),
    )


def _ends_of(dataset: Dataset, own_window: bool) -> tuple[float, float] | None:
    """What values lie between, if that is known before there are any."""
    ends = (0.0, _WINDOWED) if own_window else _rescale(dataset).ends
    return ends if np.isfinite(ends).all() else None


def _text(dataset: Dataset, keyword: str) -> str:
    """An element as text; empty if it is not there, or says nothing."""
    return str(dataset.get(keyword) or "").strip()


def read_dicom(path: Path, frames: list[int], *, own_window: bool) -> list[Values]:
    """(H, W, C) of some frames.

    Raises:
        DatasetError: there are no pixels, they are compressed in a way that nothing here can decode, or their own
            window is wanted and there is none.
    """
    from pydicom.pixels import pixel_array

    _make_ready()
    dataset = _read(path)
    if not any(keyword in dataset for keyword in _PIXEL_KEYWORDS):
        raise UnreadableImageError(path, "is a DICOM file without pixels; take it out.")
    syntax = dataset.file_meta.TransferSyntaxUID
    try:
        read = [pixel_array(dataset, index=frame) for frame in frames]
    except (RuntimeError, NotImplementedError) as error:
        if not syntax.is_encapsulated:
            raise
        raise DatasetError(
            f"{path} is compressed as {syntax.name}, which cannot be decoded here ({first_line(error)}); decompress "
            "it first: gdcmconv --raw, dcmdjpeg, dcmdjpls and dcmdrle do that."
        ) from error
    if _is_colour(dataset):
        return [_colour(path, dataset, values) for values in read]
    units = [_in_units(path, dataset, values, frame, own_window) for values, frame in zip(read, frames, strict=True)]
    return [values[:, :, np.newaxis] for values in units]


def _read(path: Path, *, stop_before_pixels: bool = False) -> Dataset:
    from pydicom import config, dcmread
    from pydicom.uid import ImplicitVRLittleEndian

    config.settings.reading_validation_mode = config.IGNORE  # a name that breaks a rule would be told on the screen
    dataset = dcmread(path, force=True, stop_before_pixels=stop_before_pixels)
    if "TransferSyntaxUID" not in dataset.file_meta:  # of a file that begins with its data set, as old machines did
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    return dataset


def _is_colour(dataset: Dataset) -> bool:
    palette = dataset.get("PhotometricInterpretation") == "PALETTE COLOR"
    return bool(palette or dataset.get("SamplesPerPixel", 1) == 3)


def _colour(path: Path, dataset: Dataset, values: Values) -> Values:
    """(H, W, 3) uint8."""
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        from pydicom.pixels import apply_color_lut

        values = apply_color_lut(values, dataset)[:, :, :3]
        if values.dtype == np.uint16:  # the table's entries fill their bits
            values = values >> (int(dataset.RedPaletteColorLookupTableDescriptor[2]) - 8)
    elif int(dataset.BitsStored) > 8:
        raise DatasetError(
            f"{path} has colours of {dataset.BitsStored} bits; of DICOM files 8 bits a colour are read. Save it as PNG "
            "or TIFF, whose colours may have 16."
        )
    return values.astype(np.uint8)


def _in_units(path: Path, dataset: Dataset, stored: Values, frame: int, own_window: bool) -> Values:
    """(H, W) in units, or within the file's own window in 0..65535; MONOCHROME1 is turned dark to bright.

    Padding is as dark as the darkest pixel of the image: it is no value, and would stretch the range.
    """
    from pydicom.pixels import apply_modality_lut, apply_voi_lut

    rescale = _rescale(dataset, frame)
    if "ModalityLUTSequence" in dataset:
        values = apply_modality_lut(stored, dataset).astype(np.float64)
    else:
        values = stored * rescale.slope + rescale.intercept
    low, high = rescale.ends
    inverted = dataset.get("PhotometricInterpretation") == "MONOCHROME1"
    padding = _is_padding(dataset, stored)
    if padding.any() and not padding.all():
        image = values[~padding]
        values = np.where(padding, image.max() if inverted else image.min(), values)
    if own_window:
        if "WindowCenter" not in dataset and "VOILUTSequence" not in dataset:
            raise DatasetError(
                f"{path} has no VOI window, which --intensity voi takes: leave it out, or train with another rule, "
                "such as window:CENTRE:WIDTH."
            )
        if "VOILUTSequence" in dataset:
            low, high = 0.0, float(2 ** int(dataset.VOILUTSequence[0].LUTDescriptor[2]) - 1)
            values = values.astype(stored.dtype)
        values = (apply_voi_lut(values, dataset) - low) * (_WINDOWED / (high - low))
        low, high = 0.0, _WINDOWED
        values = np.clip(values, low, high)
    if not inverted:
        return np.asarray(values)
    if not np.isfinite([low, high]).all():  # numbers of floating point can be any: those of the image are its ends
        low, high = values.min(), values.max()
    return np.asarray(low + high - values)


def _is_padding(dataset: Dataset, stored: Values) -> npt.NDArray[np.bool_]:
    """Pixels beside the image, such as those around a round field: their number may be far from all others."""
    value = dataset.get("PixelPaddingValue")
    if value is None:
        return np.zeros(stored.shape, np.bool_)
    ends = sorted((int(value), int(dataset.get("PixelPaddingRangeLimit", value))))
    return np.asarray((stored >= ends[0]) & (stored <= ends[1]))


def _rescale(dataset: Dataset, frame: int = 0) -> _Rescale:
    if "FloatPixelData" in dataset or "DoubleFloatPixelData" in dataset or "BitsStored" not in dataset:
        return _Rescale(-np.inf, np.inf, 1.0, 0.0)
    if "ModalityLUTSequence" in dataset:
        bits = int(dataset.ModalityLUTSequence[0].LUTDescriptor[2])
        return _Rescale(0.0, 2.0**bits - 1, 1.0, 0.0)
    bits, signed = int(dataset.BitsStored), dataset.get("PixelRepresentation", 0) == 1
    low = -(2.0 ** (bits - 1)) if signed else 0.0
    holder = _transformation(dataset, frame)
    slope, intercept = holder.get("RescaleSlope"), holder.get("RescaleIntercept")
    return _Rescale(
        low, low + 2.0**bits - 1, 1.0 if slope is None else float(slope), 0.0 if intercept is None else float(intercept)
    )


def _depth_of_all(dataset: Dataset, frames: int) -> Depth:
    """The narrowest depth that holds every frame, of which each may have a rescale of its own, as in PET."""
    own = frames if "PerFrameFunctionalGroupsSequence" in dataset else 1
    depths = {_rescale(dataset, frame).depth for frame in range(own)}
    return depths.pop() if len(depths) == 1 else "float32"


def _transformation(dataset: Dataset, frame: int) -> Dataset:
    """Where the rescale stands: in the data set, or in an enhanced one with its frames."""
    frames = dataset.get("PerFrameFunctionalGroupsSequence") or ()
    shared = dataset.get("SharedFunctionalGroupsSequence") or ()
    for group in (*frames[frame : frame + 1], *shared[:1]):
        if "PixelValueTransformationSequence" in group:
            found: Dataset = group.PixelValueTransformationSequence[0]
            return found
    return dataset


def _make_ready() -> None:
    """Let pydicom decode by imagecodecs what its own decoders cannot, once in a process."""
    from pydicom.pixels.decoders import base

    from hptui.datasets import _dicom_codecs

    with _MAKING_READY:  # pydicom says that this is not safe in threads
        for uid in _dicom_codecs.DECODER_DEPENDENCIES:
            decoder = base.get_decoder(uid)
            if _dicom_codecs.LABEL not in decoder.available_plugins:
                decoder.add_plugin(_dicom_codecs.LABEL, (_dicom_codecs.__name__, "decode_frame"))
