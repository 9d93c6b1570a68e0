"""What a decoder is told, and what it tells about a file before it is decoded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hptui.datasets import Resize
from hptui.record.intensity import Depth


@dataclass(frozen=True)
class ImageHeader:
    """What is known of a file without its pixels."""

    depth: Depth
    channels: int
    """of a page: 1 grey, 3 colour, or another number of unknown meaning"""
    height: int
    width: int
    pages: int = 1
    decoder: Literal["pillow", "tiff", "dicom"] = "pillow"
    """what reads it; values of DICOM are in units that the file defines, whatever its depth"""
    padded: bool = False
    """whether a number stands for pixels beside the image"""
    transparent: bool = False
    """whether parts of it may be, as of PNG with an alpha channel"""
    inverted: bool = False
    """whether it is stored bright to dark (MONOCHROME1)"""
    ends: tuple[float, float] | None = None
    """of DICOM that is stored so: the least and the greatest value that there can be, between which it is turned round;
    None: of floating point, which has none but those of the image"""
    modality: str = ""
    """of DICOM: CT, MR, DX, ...; empty: it does not say"""
    rescaled: bool = False
    """whether it says how stored numbers become units"""
    patient: str = ""
    """whom it is of (PatientID), where it is DICOM and says so"""


@dataclass(frozen=True)
class ImageForm:
    """What every image of a data set is brought to."""

    depth: Depth
    channels: int
    height: int
    width: int
    resize: Resize = "stretch"
    pages: str | None = None
    own_window: bool = False
    """apply the VOI window of each DICOM file; values then fill 16 bits"""
