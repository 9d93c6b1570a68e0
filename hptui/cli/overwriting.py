"""What a command writes where it is told to, which must not be what it reads: `--out *.png` names the first image."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hptui.errors import RunDirectoryError, UsageError
from hptui.opening import open_regular
from hptui.record.files import replace_file
from hptui.record.write_errors import cannot_write

if TYPE_CHECKING:
    from hptui.datasets import ImageDataset


def refuse_other_table(flag: str, path: Path, headings: Sequence[str]) -> None:
    """Refuse to replace a file that is no table which the same command has written before.

    Args:
        flag: that names it.
        path: of the table.
        headings: with one of which such a table begins.

    Raises:
        UsageError: it is another file.
    """
    if not path.exists():
        return
    try:
        with open_regular(path) as file:
            begin = file.read(max(map(len, headings))).decode("utf-8", "replace")
    except OSError:
        return  # writing says why
    if begin and not any(begin.startswith(heading) for heading in headings):
        raise UsageError(
            f"{flag}: {path} is there, and was not written by this command; name another file, or remove it."
        )


def refuse_own_image(flag: str, path: Path, spec: str, dataset: ImageDataset) -> None:
    """Refuse to replace an image of a data set.

    Args:
        flag: that names it.
        path: that is to be written.
        spec: as --dataset.
        dataset: that it names.

    Raises:
        UsageError: it is one.
    """
    argument = Path(spec.partition(":")[2] or spec).expanduser().resolve()
    root = argument if argument.is_dir() else argument.parent
    name = Path(os.path.relpath(path.resolve(), root)).as_posix()
    for images in (dataset.train, dataset.validation, dataset.test):
        if images is not None and images.names is not None and name in images.names:
            raise UsageError(f"{flag}: {path} is an image of this data set; name another file.")


def write_answers(path: Path, lines: Iterable[str]) -> None:
    """Write a table whole, or leave what was there; raise RunDirectoryError where it cannot be written."""
    content = "".join(lines).encode()
    try:
        replace_file(path, content)
    except OSError as error:
        words = cannot_write(path, error, then="try again", instead="name another file")
        raise RunDirectoryError(words) from None
