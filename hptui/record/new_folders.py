"""A folder for a study that does not exist yet: a free name among the user's studies, or an --out that may be used."""

from __future__ import annotations

import os
import time
from pathlib import Path

from hptui.config import FIELDS, StudyConfig
from hptui.errors import RunDirectoryError
from hptui.record.study_folders import HEARTBEAT, LOCK, holds_study, studies_folder

SOURCES = "sources"
"""in a study's folder, the copies of the user's own files"""


def new_directory(config: StudyConfig) -> Path:
    """A folder for a new study, not made yet: --out, or a new name among the user's studies.

    Raises:
        RunDirectoryError: --out exists and is not an empty folder, or no folder can be made there.
    """
    if config.out is None:
        label = config.dataset.partition(":")[0].rpartition("/")[2].removesuffix(".py")
        stem = f"{time.strftime('%Y%m%d-%H%M%S')}-{label}-{config.strategy.rpartition(':')[2]}"
        names = (stem if number == 1 else f"{stem}-{number}" for number in range(1, 1000))
        return next(path for name in names if not (path := studies_folder() / name).exists())
    directory = Path(config.out).expanduser()
    try:
        if directory.exists():
            refuse_used(directory)
        existing = next(place for place in (directory, *directory.absolute().parents) if place.exists())
        if not existing.is_dir() or not os.access(existing, os.W_OK):
            raise RunDirectoryError(f"cannot write in {existing}; choose another --out.")
    except OSError as error:
        raise RunDirectoryError(f"cannot use {directory}: {error.strerror}.") from None
    return directory


def refuse_used(directory: Path) -> None:
    """Raise RunDirectoryError unless this is an empty folder, or one with no more in it than a killed start leaves."""
    if holds_study(directory):
        raise RunDirectoryError(
            f"{directory} already holds a study; go on with it (hptui resume), or choose another --out."
        )
    names = {path.name for path in directory.iterdir()} if directory.is_dir() else {"a file"}
    if LOCK in names and _are_copies(directory / SOURCES):
        names.discard(SOURCES)  # the start was killed between these and study.toml
    if not all(map(_is_left_over, names)):
        raise RunDirectoryError(f"{directory} is not an empty folder; choose another --out.")


def _are_copies(sources: Path) -> bool:
    """Whether nothing is in there but what a start copies, FIELD/.../FILE.py: only that may be removed."""
    inside = [path.relative_to(sources) for path in sources.rglob("*") if not path.is_dir()]
    return all(len(path.parts) > 1 and path.parts[0] in FIELDS and path.suffix == ".py" for path in inside)


def _is_left_over(name: str) -> bool:
    return name in (LOCK, HEARTBEAT) or (name.startswith(".") and name.endswith(".partial"))
