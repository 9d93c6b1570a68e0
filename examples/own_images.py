"""Your own images with a table of labels and patients: a toy clinic to try it on, and what to type.

    python examples/own_images.py toy

It draws two hospitals as scanners and people leave them: DICOM files of 12 bits, several of each patient, some with
black and white exchanged, and a table beside them with the image, the diagnosis and the patient. Replace the table by
yours; its columns are found by their usual names, or named with --column image=... label=... group=...
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid

SIDE = 64
WHITEST = 4095
"""of 12 bits"""
COMMANDS = """\
hptui data table:{0}/clinic/labels.csv --image-size 64 --sheet {0}/clinic.png
hptui run --dataset table:{0}/clinic/labels.csv --image-size 64 --model small_resnet --class-weights balanced \
--search lr=1e-4:1e-1:log --set batch_size=8 --runs 2 --epochs 8 --out {0}/study --headless
hptui compare {0}/study --metric auc
hptui evaluate {0}/study/optimized-0 table:{0}/elsewhere/labels.csv --calibrate --plot {0}/elsewhere-figures
hptui predict {0}/study/optimized-0 {0}/elsewhere --per-group '(E[0-9]+)'"""


def draw(random: np.random.Generator, *, ill: bool) -> npt.NDArray[np.float64]:
    """A chest, as far as a toy needs one: (SIDE, SIDE) brightness, with a bright spot where somebody is ill."""
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE - 0.5
    values = 900 + 500 * np.exp(-6 * ((1.6 * x) ** 2 + y**2)) + random.normal(0, 45, (SIDE, SIDE))
    if ill:
        across, down = random.uniform(-0.25, 0.25, 2)
        values += random.uniform(160, 420) * np.exp(-((x - across) ** 2 + (y - down) ** 2) / 0.006)
    return np.asarray(values)


def write(path: Path, values: npt.NDArray[np.float64], patient: str, *, slope: float, inverted: bool) -> None:
    """A file of stored numbers: brightness is slope times them; inverted: what is stored high is dark."""
    stored = np.clip(np.rint(values / slope), 0, WHITEST).astype(np.uint16)
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.PatientID, dataset.Modality = patient, "DX"
    dataset.Rows, dataset.Columns = stored.shape
    dataset.SamplesPerPixel, dataset.PixelRepresentation = 1, 0
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.RescaleSlope, dataset.RescaleIntercept = str(slope), "0"
    dataset.PhotometricInterpretation = "MONOCHROME1" if inverted else "MONOCHROME2"
    dataset.PixelData = (WHITEST - stored if inverted else stored).tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)


def hospital(folder: Path, patients: int, *, initial: str, slope: float, darker: float, seed: int) -> None:
    """Images of some patients, of whom a third is ill, and the table of them."""
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "labels.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["image", "diagnosis", "patient"])
        for number in range(patients):
            patient, ill = f"{initial}{number:03}", number % 3 == 0
            for index in range(random.integers(2, 5)):
                path = folder / "images" / patient / f"{index}.dcm"
                values = draw(random, ill=ill) * darker
                write(path, values, patient, slope=slope, inverted=random.random() < 0.1)
                table.writerow([path.relative_to(folder).as_posix(), "pneumonia" if ill else "normal", patient])


def main() -> None:
    """Draw both hospitals, and print what to type next."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--patients", type=int, default=48, help="of the clinic; elsewhere half as many")
    options = parser.parse_args()
    hospital(options.folder / "clinic", options.patients, initial="C", slope=0.5, darker=1.0, seed=0)
    hospital(options.folder / "elsewhere", options.patients // 2, initial="E", slope=1.0, darker=0.95, seed=1)
    print(COMMANDS.format(options.folder))


if __name__ == "__main__":
    main()
