"""Whom DICOM files are of, by their headers: an export counts its files, and their names say nothing of patients."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from hptui.config.values import BY_HEADER
from hptui.datasets import DatasetRequest
from hptui.datasets._decode import read_header
from hptui.datasets._dicom import patient_id
from hptui.errors import DatasetError

_LOOKED_AT, _FEWEST, _LEAST_EACH = 1_000, 3, 1.5
"""files whose headers are looked at; patients, and images of each on average, from which on they are told"""


def patients(files: Sequence[Path], request: DatasetRequest) -> list[str] | None:
    """The PatientID of each file, where that was asked for.

    Raises:
        DatasetError: a file is not DICOM, or does not say whom it is of.
    """
    if request.group_pattern != BY_HEADER:
        return None
    found = [patient_id(file) if _is_dicom(file) else "" for file in files]
    if others := [file for file, patient in zip(files, found, strict=True) if not patient]:
        raise DatasetError(
            f"--group-pattern {BY_HEADER}: {len(others)} of {len(files)} files have no PatientID in a DICOM header, "
            f"for example {others[0]}."
        )
    return found


def patient_note(files: Sequence[Path], request: DatasetRequest, *, grouped: bool) -> Iterator[str]:
    """A line where headers name patients of several images each, and nobody has said how images are grouped."""
    if grouped or request.group_pattern is not None or not files or not _is_dicom(files[0]):
        return
    looked_at = files[:_LOOKED_AT]
    found = [patient for file in looked_at if (patient := patient_id(file))]
    if len(found) == len(looked_at) and _FEWEST <= len(set(found)) <= len(found) / _LEAST_EACH:
        yield (
            f"the headers of {len(found):,} DICOM files name {len(set(found)):,} patients (PatientID): keep each in "
            f"one split with --group-pattern {BY_HEADER}"
        )


def _is_dicom(file: Path) -> bool:
    try:
        return read_header(file).decoder == "dicom"
    except DatasetError:  # it is told where the file is read
        return False
