"""Whom DICOM files are of, by their headers: an export counts its files, and their names say nothing of patients."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from hptui.config.values import BY_HEADER
from hptui.datasets import DatasetRequest
from hptui.datasets._image_header import ImageHeader
from hptui.errors import DatasetError

_FEWEST, _LEAST_EACH = 3, 1.5
"""patients, and images of each on average, from which on they are told"""


def patients(files: Sequence[Path], headers: Sequence[ImageHeader], request: DatasetRequest) -> list[str] | None:
    """The PatientID of each file, where that was asked for, or is what a run went by and all files have one.

    Raises:
        DatasetError: it was asked for, and a file is not DICOM, or does not say whom it is of.
    """
    offered = request.group_pattern is None and request.run_pattern == BY_HEADER
    if request.group_pattern != BY_HEADER and not offered:
        return None
    if others := [file for file, header in zip(files, headers, strict=True) if not header.patient]:
        if offered:
            return None
        raise DatasetError(
            f"--group-pattern {BY_HEADER}: {len(others)} of {len(files)} files have no PatientID in a DICOM header, "
            f"for example {others[0]}."
        )
    return [header.patient for header in headers]


def patient_note(
    headers: Sequence[ImageHeader], request: DatasetRequest, known: Sequence[str] | None, *, grouped: bool
) -> Iterator[str]:
    """A line on the patients that headers name: which of them a run's pattern makes groups, or that some could be.

    Args:
        headers: of all images.
        request: with what was said of groups.
        known: see `patients`.
        grouped: whether images have groups by something else.
    """
    if grouped or request.group_pattern is not None or not headers:
        return
    if known is not None:
        yield (
            f"the run's --group-pattern {BY_HEADER} fits here: {len(set(known)):,} groups such as {known[0]!r} for "
            f"{len(known):,} images."
        )
        return
    found = [header.patient for header in headers if header.patient]
    if len(found) == len(headers) and _FEWEST <= len(set(found)) <= len(found) / _LEAST_EACH:
        yield (
            f"the headers of {len(found):,} DICOM files name {len(set(found)):,} patients (PatientID): keep each in "
            f"one split with --group-pattern {BY_HEADER}"
        )
