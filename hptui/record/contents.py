"""What lies in a study's folder: how large it is, what hptui wrote, and what nobody needs any more.

Nothing here follows a link: what one points to is no part of the study.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from hptui.record.commands import COMMANDS
from hptui.record.log_backwards import last_event
from hptui.record.log_end import has_all_epochs
from hptui.record.new_folders import SOURCES
from hptui.record.notes import NOTE_FILE
from hptui.record.predictions import PREDICTIONS_FILE
from hptui.record.presence import HEARTBEAT, LOCK
from hptui.record.run_directory import BEST_FILE, CHECKPOINTS, DAMAGED_EVENTS_FILE, EVENTS_FILE, MODEL_FILE, RUN_FILE
from hptui.record.steering import STEERING_FILE
from hptui.record.study_directory import Study
from hptui.record.study_folders import STUDY_FILE
from hptui.record.wrong_images import WRONG_IMAGES_FILE

EXPORT, REPORT_FILE = "export", "report.html"
"""where figures and page of a study are written unless somebody names another place"""
STUDY_FILES = (STUDY_FILE, STEERING_FILE, NOTE_FILE, REPORT_FILE, LOCK, HEARTBEAT)
STUDY_FOLDERS = (SOURCES, COMMANDS, EXPORT)
RUN_FILES = (
    *(RUN_FILE, EVENTS_FILE, DAMAGED_EVENTS_FILE, MODEL_FILE, BEST_FILE, PREDICTIONS_FILE, WRONG_IMAGES_FILE),
    *(LOCK, HEARTBEAT),
)
RUN_FOLDER = re.compile(r"(baseline|optimized)-\d+")


@dataclass
class Contents:
    """Files of a study's folder with their bytes."""

    own: dict[Path, int] = field(default_factory=dict)
    """written by hptui"""
    foreign: list[Path] = field(default_factory=list)
    """put there by somebody else"""

    @property
    def size(self) -> int:
        """Bytes of what hptui wrote."""
        return sum(self.own.values())


def contents(directory: Path) -> Contents:
    """All files of a study's folder, and links as what they are."""
    found = Contents()
    for path, size in _files(directory):
        if _is_own(path.relative_to(directory).parts):
            found.own[path] = size
        else:
            found.foreign.append(path)
    return found


def size_of(directory: Path) -> int:
    """Bytes of all files in a folder; what cannot be looked at counts nothing."""
    return sum(size for _, size in _files(directory))


def needless(study: Study) -> dict[Path, int]:
    """Files that nobody needs to read, compare, export, predict, replay or resume a study, with their bytes.

    Checkpoints of completed runs are there to add epochs, which can be asked for only while the study is trained. A run
    that was completed with fewer epochs than the study has by now goes on from its checkpoint, and keeps it. So does
    every other run.
    """
    done = {run.name for _, _, run in study.runs() if has_all_epochs(last_event(run), study.config.epochs)}
    found: dict[Path, int] = {}
    for path, size in contents(study.directory).own.items():
        first, *rest = path.relative_to(study.directory).parts
        is_checkpoint = first in done and rest[0] == CHECKPOINTS and len(rest) == 2
        if is_checkpoint or any(map(_is_partial, (first, *rest))):
            found[path] = size
    return found


def _files(directory: Path) -> Iterator[tuple[Path, int]]:
    """Every file below a folder with its bytes; folders that are links are not entered."""
    try:
        with os.scandir(directory) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
    except OSError:  # it has gone meanwhile, or may not be read
        return
    for entry in listed:
        if entry.is_dir(follow_symlinks=False):
            yield from _files(Path(entry.path))
        else:
            try:
                yield Path(entry.path), entry.stat(follow_symlinks=False).st_size
            except OSError:
                continue


def _is_own(parts: tuple[str, ...]) -> bool:
    """Whether hptui writes files of this name, given by its folders within the study."""
    first, *rest = parts
    if _is_partial(first) or first in STUDY_FOLDERS:
        return True
    if not rest:
        return first in STUDY_FILES or first.endswith(".log")
    if RUN_FOLDER.fullmatch(first) is None:
        return False
    if len(rest) == 1:
        return rest[0] in (*RUN_FILES, CHECKPOINTS) or _is_partial(rest[0]) or rest[0].endswith(".log")
    return len(rest) == 2 and rest[0] == CHECKPOINTS


def _is_partial(name: str) -> bool:
    """Whether this is a half-written file that a killed process left."""
    return name.startswith(".") and name.endswith(".partial")
