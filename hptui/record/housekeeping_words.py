"""What is said before studies are deleted or cleaned, on screen and command line: what goes, and how many bytes."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from hptui.errors import RunDirectoryError
from hptui.record.contents import contents, needless
from hptui.record.housekeeping import require_own
from hptui.record.presence import is_written, refuse_if_written
from hptui.record.run_directory import RUN_FILE
from hptui.record.sizes import in_bytes
from hptui.record.study_directory import Study, open_study
from hptui.record.study_folders import shown

LARGE = 1_000_000_000
"""bytes"""
NAMED = 8
"""studies that are named one by one; of more the number"""


def disk_words(study: Study) -> str:
    """What a study will keep on the disk, and how much of it is free; empty if that was not planned."""
    if study.disk is None:
        return ""
    runs = len(study.runs())
    try:
        free = f"; {in_bytes(shutil.disk_usage(study.directory).free)} are free"
    except OSError:
        free = ""
    return (
        f"keeps about {in_bytes(study.disk.kept)} a run, {in_bytes(runs * study.disk.kept)} in all; "
        f"until it is finished also checkpoints, about {in_bytes(study.disk.checkpoint)} a run{free}"
    )


def disk_notice(directory: Path) -> str:
    """What a study will keep on the disk, where that is so much that nobody should have to ask; else nothing."""
    try:
        study = open_study(directory)
        free = shutil.disk_usage(directory).free
    except (RunDirectoryError, OSError):
        return ""
    if study.disk is None:
        return ""
    most = len(study.runs()) * (study.disk.kept + study.disk.checkpoint) + study.disk.checkpoint
    return disk_words(study) if most > LARGE or most > free / 2 else ""


def delete_question(directories: Sequence[Path]) -> tuple[str, list[Path]]:
    """What deleting these studies would take away, and those that can be deleted."""
    lines, concerned, total = [], [], 0
    for directory in directories:
        try:
            require_own(directory)
            refuse_if_written(directory)
        except RunDirectoryError as error:
            lines.append(f"not {directory.name}: {error}")
            continue
        found = contents(directory)
        runs = len({path.parent for path in found.own if path.name == RUN_FILE})
        words = f"{shown(directory.name)}: {runs} run{'s' * (runs != 1)}, {in_bytes(found.size)}"
        if found.foreign:
            some = ", ".join(str(path.relative_to(directory)) for path in found.foreign[:3])
            more = f" and {len(found.foreign) - 3} more" if len(found.foreign) > 3 else ""
            words += f"; {shown(some)}{more}, not of hptui, stay in the folder"
        lines.append(words)
        concerned.append(directory)
        total += found.size
    head = f"Delete {_studies(concerned)} for good, {in_bytes(total)}?" if concerned else "nothing to delete"
    return "\n".join([head, *_few(lines)]), concerned


def clean_question(directories: Sequence[Path]) -> tuple[str, list[Path]]:
    """What cleaning these studies would remove, and those in which there is something to remove."""
    lines, concerned, total = [], [], 0
    for directory in directories:
        try:
            require_own(directory)
            if is_written(directory):
                lines.append(f"not {shown(directory.name)}: it is trained now")
                continue
            size = sum(needless(open_study(directory)).values())
        except RunDirectoryError as error:
            lines.append(f"not {shown(directory.name)}: {error}")
            continue
        if size:
            lines.append(f"{shown(directory.name)}: {in_bytes(size)}")
            concerned.append(directory)
            total += size
    if not concerned:
        return "\n".join(["nothing to clean: no finished run keeps a checkpoint", *_few(lines)]), []
    head = [
        f"Remove {in_bytes(total)} of checkpoints of finished runs from {_studies(concerned)}?",
        "Reading, compare, export, report, predict and replay do without them. Unfinished runs keep theirs;",
        "to a study that is resumed later no epochs can be added once those of its finished runs are gone.",
    ]
    return "\n".join([*head, *_few(lines)]), concerned


def _studies(directories: Sequence[Path]) -> str:
    return "1 study" if len(directories) == 1 else f"{len(directories)} studies"


def _few(lines: Sequence[str]) -> list[str]:
    return [*lines[:NAMED], *([f"and {len(lines) - NAMED} more"] if len(lines) > NAMED else [])]
