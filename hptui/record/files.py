"""Files that are replaced, complete or not at all."""

from __future__ import annotations

import contextlib
import os
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
