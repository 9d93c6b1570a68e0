"""Files that are replaced, complete or not at all, and files that grow; never through a link.

A folder may be a link that somebody made on purpose. A file that is one, in a study that was received or in a folder
that others can write to, would have hptui write into some other file of whoever runs it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


@contextlib.contextmanager
def replacing(path: Path, *, durable: bool = True) -> Iterator[BinaryIO]:
    """A file to write and read; after the block it takes the place of `path`: a reader sees the old or the new one.

    Args:
        path: the file.
        durable: whether it has to be there after a power loss, too; that takes a flush of the disk.
    """
    # A name per process: a half-written file of a killed process is overwritten, never met by another writer.
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.unlink(missing_ok=True)
        with partial.open("xb+") as file:  # never through a link that somebody put there
            yield file
            file.flush()
            if durable:
                os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def replace_file(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Write `content` so that a reader sees the old file or the new one, never half of it; see `replacing`."""
    with replacing(path, durable=durable) as file:
        file.write(content)


def open_to_append(path: Path) -> int:
    """Descriptor of a file that grows at its end, made if it is not there; see `require_sole`.

    Raises:
        OSError: it is a link or no file, or cannot be written.
    """
    require_sole(path)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o644)


def require_sole(path: Path) -> None:
    """See to it that what is written into this file in place goes into no other one.

    A file with a second name, as in a backup of hard links, is replaced by a copy: to refuse it would cost whoever
    keeps such backups the training; to go on in it would change the backup, or what else the other name is of.

    Raises:
        OSError: it is a link or no file; the message says what to do.
    """
    try:
        status = path.lstat()
    except FileNotFoundError:
        return
    if stat.S_ISLNK(status.st_mode):
        words = "it is a link, through which hptui writes nothing; put the file itself there"
        raise OSError(errno.ELOOP, words, str(path))
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):  # to open a folder fails by itself
        raise OSError(errno.EINVAL, "it is no file", str(path))
    if stat.S_ISREG(status.st_mode) and status.st_nlink > 1:
        with path.open("rb") as before, replacing(path) as copy:
            shutil.copyfileobj(before, copy)
