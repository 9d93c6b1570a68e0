"""Where studies lie, how one is known from outside, and how its name is shown; light enough for the first picture."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import platformdirs

STUDY_FILE = "study.toml"
LOCK, HEARTBEAT = "lock", "heartbeat.json"
"""of whoever writes; a run's folder has them too"""


def shown(path: str | Path) -> str:
    """A file name as it can be printed anywhere: bytes that are no UTF-8 are replaced."""
    return os.fsencode(path).decode("utf-8", "replace")


def holds_study(folder: Path) -> bool:
    """Whether a folder has a study, in whatever state; of one's own that cannot be looked into, it is supposed."""
    try:
        (folder / STUDY_FILE).lstat()
    except PermissionError:
        with contextlib.suppress(OSError):
            return folder.stat().st_uid == os.getuid()
        return False
    except (OSError, ValueError):
        return False
    return True


def studies_folder() -> Path:
    """Where studies are kept unless --out says otherwise."""
    return platformdirs.user_data_path("hptui") / "studies"
