"""One file of images (.npy): written image by image by several threads, and there as a whole or not at all."""

from __future__ import annotations

import fcntl
import io
import mmap
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from hptui.datasets import Pixels
from hptui.headway import tell
from hptui.opening import open_regular
from hptui.record.locks import NO_LOCKS, is_under

POLL_SECONDS = 0.1
ABANDONED = 24 * 3600.0
"""seconds after which nobody writes a file any more, where the file system has no locks that would tell"""
_FORMATS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
_UNRESERVED = getattr(mmap, "MAP_NORESERVE", 0x4000 if os.uname().sysname == "Linux" else 0)
"""no memory is set aside for changes that nobody makes: the file may be larger than all of it"""


class PixelFile:
    """A file under another name until it is published; whoever else writes it meanwhile is waited for."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = -1
        self._begin = self._image = 0
        self._published = False

    def __enter__(self) -> Self:
        """Open it.

        Raises:
            OSError: the disk does not take it.
        """
        while not self._open():
            tell("waiting for another process that decodes these images")
            time.sleep(POLL_SECONDS)
        return self

    def _open(self) -> bool:
        """Whether it is this process's to write."""
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            if not (_lock(file) and is_under(self._path, file)):  # another one writes it, or published it a moment ago
                os.close(file)
                return False
        except BaseException:
            os.close(file)
            raise
        self._file = file
        return True

    def claim(self, shape: tuple[int, ...], depth: str) -> None:
        """Have room for (N, C, H, W) images set aside, so that a full disk is noticed before the work.

        Raises:
            OSError: there is no room.
        """
        header = io.BytesIO()
        facts = {"descr": np.dtype(depth).str, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(header, facts)
        self._begin = header.tell()
        self._image = int(np.prod(shape[1:], dtype=np.int64)) * np.dtype(depth).itemsize
        os.ftruncate(self._file, 0)
        os.posix_fallocate(self._file, 0, self._begin + shape[0] * self._image)
        os.pwrite(self._file, header.getvalue(), 0)

    def write(self, index: int, image: Pixels) -> None:
        """Put an image (C, H, W), contiguous, into its place; from any thread.

        Raises:
            OSError: the disk does not take it.
        """
        content, at = image.data.cast("B"), self._begin + index * self._image
        while content:
            written = os.pwrite(self._file, content, at)
            content, at = content[written:], at + written

    def publish(self, path: Path) -> None:
        """Give the file its name, once all of it is on the disk: after a power loss there are no black images in it."""
        os.fsync(self._file)
        self._path.replace(path)
        self._published = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._published:
            self._path.unlink(missing_ok=True)
        os.close(self._file)


def mapped(path: Path) -> Pixels:
    """Images of a published file: read when they are looked at, and changes stay within this process.

    Raises:
        OSError: it cannot be read.
        ValueError: it is damaged.
    """
    with open_regular(path) as file:
        read_header = _FORMATS.get(np.lib.format.read_magic(file))
        if read_header is None:
            raise ValueError("this is an array of another format")
        shape, _, dtype = read_header(file)
        begin = file.tell()
        flags = mmap.MAP_PRIVATE | _UNRESERVED
        content = mmap.mmap(file.fileno(), 0, flags=flags, prot=mmap.PROT_READ | mmap.PROT_WRITE)
    return np.ndarray(shape, dtype, content, begin)  # ValueError (TypeError, where it is short)


def is_abandoned(path: Path) -> bool:
    """Whether whoever wrote a file that is not published has gone."""
    try:
        file = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return os.fstat(file).st_mtime < time.time() - ABANDONED
    finally:
        os.close(file)
    return True


def _lock(file: int) -> bool:
    """Whether nobody else has it; where there are no locks, everybody has."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
    return True
