"""Why something cannot be written, in words: what, where, and what to do about it."""

from __future__ import annotations

import errno
import os
import pwd
import shutil
from pathlib import Path

from hptui.errors import RunDirectoryError
from hptui.record.sizes import in_bytes

FULL = {errno.ENOSPC: "no space left on device", errno.EDQUOT: "the disk quota is used up"}
REFUSED = (errno.EACCES, errno.EPERM)


def cannot_write(path: Path, error: OSError, needed: int = 0, *, then: str = "resume", instead: str = "") -> str:
    """A sentence for an error of one line.

    Args:
        path: what was to be written, or the folder.
        error: what the system said.
        needed: bytes, as far as they are known; 0: they are not.
        then: what to do once it can be written, in one word or a few.
        instead: what to do where it never can be, if that is not to copy the study.
    """
    instead = instead or f"copy the study elsewhere and {then} there"
    folder, what = _nearest_folder(path), f"in {path}" if path.is_dir() else path
    if error.errno in FULL:
        return f"{FULL[error.errno]}: {path}; {_room(folder, needed)}make room and {then}."
    if error.errno == errno.EROFS:
        return f"cannot write {what}: the file system is mounted read-only; {instead}."
    if error.errno in REFUSED:
        return f"cannot write {what}: {_not_permitted(path, folder, then, instead)}."
    return f"cannot write {what}: {error.strerror or error}."


def require_room(path: Path, needed: int) -> None:
    """Raise RunDirectoryError if so many bytes cannot be written there: better told before a training than in it."""
    try:
        free = shutil.disk_usage(_nearest_folder(path)).free
    except OSError:  # it will be told where it is written
        return
    if free < needed:
        raise RunDirectoryError(cannot_write(path, OSError(errno.ENOSPC, ""), needed, then="start again"))


def _room(folder: Path, needed: int) -> str:
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return f"{in_bytes(needed)} needed; " if needed else ""
    return f"{in_bytes(needed)} needed, {in_bytes(free)} free; " if needed else f"{in_bytes(free)} free; "


def _not_permitted(path: Path, folder: Path, then: str, instead: str) -> str:
    """What stands in the way: the folder, or the file itself."""
    is_folder = folder == path or not os.access(folder, os.W_OK | os.X_OK)
    what, name = (folder, "its folder" if folder != path else "it") if is_folder else (path, "it")
    try:
        stat = what.stat()
    except OSError:
        return f"permission denied; {instead}"
    if stat.st_uid == os.geteuid():
        return f"{name} is read-only; make it writable (chmod u+w {what}) and {then}"
    return f"{name} belongs to {_user(stat.st_uid)}; {instead}"


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:  # a container's user may have a number and no name
        return f"user {number}"


def _nearest_folder(path: Path) -> Path:
    """The path itself or the folder above it, whichever is there."""
    return next((place for place in (path, *path.absolute().parents) if place.is_dir()), Path("/"))
