"""The lock of a directory: the system keeps it for one process, and takes it back when that dies, however it dies.

Some network file systems have no locks, and others keep one on each machine by itself: what a lock says of another
machine is worth something only while it is held.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from hptui.record.study_folders import LOCK

ACQUIRE_SECONDS = 0.3
"""a reader that asks whether a lock is free shares it for an instant, which must not turn a writer away"""
POLL_SECONDS = 0.015
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)
"""what a file system without locks answers"""


class DirectoryLock:
    """The lock of one directory, for whoever writes there."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / LOCK
        self._file = -1
        self.exists = True
        """whether this file system has locks; known once it was asked for one"""

    def acquire(self) -> bool:
        """Take it, or say that another one has it; True too where there are no locks.

        Raises:
            OSError: the directory cannot be written.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        until = time.monotonic() + ACQUIRE_SECONDS
        while not self._try():
            if time.monotonic() >= until:
                return False
            time.sleep(POLL_SECONDS)
        return True

    def _try(self) -> bool:
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            taken = is_under(self._path, file)  # not if it was replaced a moment ago
        except OSError as error:
            if error.errno not in NO_LOCKS:
                os.close(file)
                if isinstance(error, BlockingIOError):
                    return False
                raise
            self.exists, taken = False, True
        if not taken:
            os.close(file)
            return False
        self.release()
        self._file = file
        return True

    def is_mine(self) -> bool:
        """Whether the lock that is held is still that of the directory; one that was removed is made anew."""
        try:
            return is_under(self._path, self._file) or (not self._path.exists() and self._try())
        except OSError:  # the disk is gone, which whoever writes there finds out
            return True

    def release(self) -> None:
        """Let the lock go; nothing if it is not held."""
        if self._file >= 0:
            os.close(self._file)
        self._file = -1


@contextlib.contextmanager
def held_shortly(directory: Path) -> Iterator[None]:
    """Let nobody else into such a block of this directory meanwhile, whoever writes there.

    Where a file system has no such locks there is none: who does not meet anybody there needs none.
    """
    folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def is_locked(directory: Path) -> bool | None:
    """Whether some process holds the lock; None: it cannot be asked for here. Nothing is written."""
    file = open_lock(directory)
    if file is None:
        return None if (directory / LOCK).exists() else False
    try:
        return is_held(file)
    finally:
        os.close(file)


def open_lock(directory: Path) -> int | None:
    """The lock's file, for `is_held`; None where there is none that can be read."""
    with contextlib.suppress(OSError):
        return os.open(directory / LOCK, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    return None


def is_held(file: int) -> bool | None:
    """Whether some process holds this lock, whatever its name is by now; None: there are no locks here."""
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        fcntl.flock(file, fcntl.LOCK_UN)
    except BlockingIOError:
        return True
    except OSError:
        return None
    return False


def replace_lock(directory: Path) -> None:
    """Put a new lock, which is free, in the place of one that somebody holds, and who looks at it will miss."""
    new = directory / f".{LOCK}.{os.getpid()}.partial"
    os.close(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o644))
    new.replace(directory / LOCK)


def is_under(path: Path, file: int) -> bool:
    """Whether this is the file under that name."""
    try:
        return os.path.samestat(path.lstat(), os.fstat(file))
    except FileNotFoundError:
        return False
