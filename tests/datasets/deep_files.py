"""Image files of more than 8 bits, written for tests: values that a conversion to 8 bits would merge."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

Values = npt.NDArray[Any]
SOFT_TISSUE = np.arange(1040, 1040 + 64, dtype=np.uint16).reshape(8, 8)
"""64 neighbouring levels of 65,536: 8 bits would leave one or two"""


def write_dicom(path: Path, values: Values, **elements: Any) -> Path:
    """Write a grey or RGB DICOM file as a scanner would, with further elements by their keywords."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = CTImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.file_meta.TransferSyntaxUID = elements.pop("TransferSyntaxUID", ExplicitVRLittleEndian)
    dataset.SOPClassUID, dataset.SOPInstanceUID = CTImageStorage, dataset.file_meta.MediaStorageSOPInstanceUID
    dataset.PatientID, dataset.Modality = "P1", "CT"
    colour = values.ndim == 3 and values.shape[2] == 3
    if values.ndim == 3 and not colour:
        dataset.NumberOfFrames = values.shape[0]
    dataset.Rows, dataset.Columns = values.shape[:2] if colour else values.shape[-2:]
    dataset.SamplesPerPixel = 3 if colour else 1
    if colour:
        dataset.PlanarConfiguration = 0
    dataset.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    dataset.BitsAllocated = 8 * values.dtype.itemsize
    dataset.BitsStored = dataset.BitsAllocated
    dataset.PixelRepresentation = int(values.dtype.kind == "i")
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    dataset.HighBit = dataset.BitsStored - 1
    if "PixelData" not in elements:
        dataset.PixelData = values.tobytes()
        dataset["PixelData"].VR = "OB" if dataset.BitsAllocated == 8 else "OW"
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return path


def items(*datasets: dict[str, Any]) -> Sequence:
    """A sequence of data sets, each by its keywords."""
    made = []
    for elements in datasets:
        dataset = Dataset()
        for keyword, value in elements.items():
            setattr(dataset, keyword, value)
        made.append(dataset)
    return Sequence(made)
