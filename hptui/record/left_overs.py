"""Half-written files that a killed process left, removed by the next writer of the same directory.

Whoever calls this is the only writer there. What others write beside one (a note, a report) is left alone: theirs may
be half written because they are at it.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
from pathlib import Path

from hptui.record.new_folders import SOURCES
from hptui.record.predictions import PREDICTIONS_FILE
from hptui.record.run_directory import BEST_FILE, CHECKPOINTS, DAMAGED_EVENTS_FILE, MODEL_FILE, RUN_FILE
from hptui.record.steering import STEERING_FILE
from hptui.record.study_folders import HEARTBEAT, LOCK, STUDY_FILE
from hptui.record.wrong_images import WRONG_IMAGES_FILE

PARTIAL = re.compile(r"\.(.+)\.\d+\.partial")
STUDY_NAMES = (STUDY_FILE, STEERING_FILE, SOURCES, HEARTBEAT, LOCK)
RUN_NAMES = (
    *(RUN_FILE, DAMAGED_EVENTS_FILE, MODEL_FILE, BEST_FILE, PREDICTIONS_FILE, WRONG_IMAGES_FILE),
    *(HEARTBEAT, LOCK),
)
CHECKPOINT_NAME = re.compile(r"step-\d+\.pt")


def remove_left_overs_of_study(study: Path) -> None:
    """Remove them from a study's folder; its runs are left alone."""
    _remove(study, _any_of(STUDY_NAMES))


def remove_left_overs_of_run(run: Path) -> None:
    """Remove them from a run's folder and its checkpoints."""
    _remove(run, _any_of(RUN_NAMES))
    if not (run / CHECKPOINTS).is_symlink():
        _remove(run / CHECKPOINTS, CHECKPOINT_NAME)


def _any_of(names: tuple[str, ...]) -> re.Pattern[str]:
    """One of these names, or that of a file that told what time it is (hptui.record.life_signs)."""
    return re.compile("|".join([*map(re.escape, names), r"clock\.\d+"]))


def _remove(directory: Path, names: re.Pattern[str]) -> None:
    """Remove half-written files, or folders, that were to get one of these names; no link is followed."""
    own = f".{HEARTBEAT}.{os.getpid()}.partial"  # maybe being written at this moment
    with contextlib.suppress(OSError):  # what cannot be removed takes up room, and does no other harm
        for path in directory.iterdir():
            match = PARTIAL.fullmatch(path.name)
            if match is None or path.name == own or names.fullmatch(match[1]) is None:
                continue
            kind = path.lstat().st_mode
            if stat.S_ISREG(kind):
                path.unlink(missing_ok=True)
            elif stat.S_ISDIR(kind):
                shutil.rmtree(path, ignore_errors=True)
