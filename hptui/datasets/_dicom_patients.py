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
    """The PatientID of each file, where that was asked for, or is what a run went by and all files have one.

    Raises:
        DatasetError: it was asked for, and a file is not DICOM, or does not say whom it is of.
    """
    offered = request.group_pattern is None and request.run_pattern == BY_HEADER
    if request.group_pattern != BY_HEADER and not offered:
        return None
    found = [patient_id(file) if _is_dicom(file) else "" for file in files]
    if others := [file for file, patient in zip(files, found, strict=True) if not patient]:
        if offered:
            return None
        raise DatasetError(
            f"--group-pattern {BY_HEADER}: {len(others)} of {len(files)} files have no PatientID in a DICOM header, "
            f"for example {others[0]}."
        )
    return found


def patient_note(
    files: Sequence[Path], request: DatasetRequest, known: Sequence[str] | None, *, grouped: bool
) -> Iterator[str]:
    """A line on the patients that headers name: which of them a run's pattern makes groups, or that some could be.

    Args:
        files: of all images.
        request: with what was said of groups.
        known: see `patients`.
        grouped: whether images have groups by something else.
    """
    if known is not None and request.group_pattern is None and not grouped:
        yield (
            f"the run's --group-pattern {BY_HEADER} fits here: {len(set(known)):,} groups such as {known[0]!r} for "
            f"{len(known):,} images."
        )
        return
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
