"""A decoder for pydicom: compressed pixels by imagecodecs, which hptui has for TIFF and PNG already.

Without it pydicom would need a plug-in for each kind of JPEG beyond 8 bits. Its form is that of pydicom's own plug-ins.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np
from pydicom import uid

if TYPE_CHECKING:
    from pydicom.pixels.decoders.base import DecodeRunner

LABEL = "imagecodecs"
_DECODE: dict[str, Callable[[bytes], Any]] = {
    uid.JPEGExtended12Bit: imagecodecs.jpeg8_decode,
    uid.JPEGLossless: imagecodecs.ljpeg_decode,
    uid.JPEGLosslessSV1: imagecodecs.ljpeg_decode,
    uid.JPEGLSLossless: imagecodecs.jpegls_decode,
    uid.JPEGLSNearLossless: imagecodecs.jpegls_decode,
    uid.JPEG2000Lossless: imagecodecs.jpeg2k_decode,
    uid.JPEG2000: imagecodecs.jpeg2k_decode,
}
DECODER_DEPENDENCIES = dict.fromkeys(_DECODE, ("imagecodecs",))


def is_available(syntax: str) -> bool:
    """Whether frames of a transfer syntax can be decoded."""
    return syntax in _DECODE


def decode_frame(compressed: bytes, runner: DecodeRunner) -> bytes:
    """Pixels of one frame, row by row, a pixel's colours beside each other."""
    decode = _DECODE[runner.transfer_syntax]
    values = decode(compressed)
    runner.set_option("planar_configuration", 0)
    runner.set_option("bits_allocated", 8 * values.dtype.itemsize)
    return np.ascontiguousarray(values).astype(values.dtype.newbyteorder("<")).tobytes()
