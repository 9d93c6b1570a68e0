"""Files that are read, whoever wrote them: regular ones alone, without waiting, and no more of them than makes sense.

Anything may lie under a name that hptui reads: a pipe that nobody writes holds a reader up for ever, a device has no
end, a folder is no file. All of that is told as an OSError with words for the user, like a file that may not be read.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

SETTINGS_BYTES = 4 << 20
"""more than any file of settings has: decisions before each of 100,000 epochs take a quarter of it"""
PIECE = 1 << 16
"""bytes that are read at a time"""


def open_regular(path: Path) -> BinaryIO:
    """A regular file, open to be read from its beginning.

    Raises:
        OSError: it is not there, may not be read, or is something else; `strerror` says which.
    """
    file, mode = _opened(path)
    if not stat.S_ISREG(mode):
        file.close()
        kind = "a pipe" if stat.S_ISFIFO(mode) else "a device"
        raise OSError(errno.EINVAL, f"it is {kind}, not a file", str(path))
    return file


def _opened(path: Path) -> tuple[BinaryIO, int]:
    """What lies there, open, and its mode; only a folder is refused."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe waits for no writer
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISDIR(mode):
        os.close(descriptor)
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    return os.fdopen(descriptor, "rb"), mode


def read_file(path: Path, most: int = SETTINGS_BYTES) -> bytes:
    """All of a regular file.

    Raises:
        OSError: see `open_regular`, or it is larger than `most` bytes.
    """
    with open_regular(path) as file:
        return _bounded(file, path, most)


def _bounded(file: BinaryIO, path: Path, most: int) -> bytes:
    content = bytearray()  # one call to read so much would take the memory for it, however small the file is
    while len(content) <= most and (piece := file.read(PIECE)):
        content += piece
    if len(content) > most:
        raise OSError(errno.EFBIG, f"it is larger than {most >> 20} MB", str(path))
    return bytes(content)


def read_text(path: Path, most: int = SETTINGS_BYTES) -> str:
    """All of a regular file of UTF-8, its lines ending as those of this system do.

    Raises:
        OSError: see `read_file`.
        ValueError: it is no UTF-8; the message names the line.
    """
    return _decoded(read_file(path, most))


def read_given_text(path: Path, most: int = SETTINGS_BYTES) -> str:
    """Read what the user named, which may be a pipe that something is written into: `hptui run <(...)`."""
    file, mode = _opened(path)
    with file:
        os.set_blocking(file.fileno(), True)
        content = _bounded(file, path, most)
    if stat.S_ISFIFO(mode) and not content:
        raise OSError(errno.EINVAL, "it is a pipe that nobody writes into", str(path))
    return _decoded(content).removeprefix("\ufeff")  # Windows editors begin a file with a mark


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(f"line {line} holds a byte that is no UTF-8, 0x{content[error.start]:02x}") from None
