"""Image files below a folder, in an order that no file system decides, and an account of all that was left out."""

from __future__ import annotations

import os
from pathlib import Path

from hptui.datasets._decode import foreign_format, is_image_file
from hptui.datasets._dicom import INDEX
from hptui.datasets._request import one_line
from hptui.errors import DatasetError

_JUNK = {"__macosx", "@eadir", "$recycle.bin", "system volume information", "thumbs.db", "desktop.ini"}
"""what systems put into folders, in lower case; names that begin with a dot are hidden as well"""
NO_IMAGE = "in no image format that is read here"
_NAMED = 3
"""files in a line of what was left out"""


class LeftOut:
    """Files and folders that were left out, by the reason."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._by_reason: dict[str, list[Path]] = {}

    def add(self, reason: str, path: Path) -> None:
        """Remember one."""
        self._by_reason.setdefault(reason, []).append(path)

    def unreadable(self, folder: Path) -> str:
        """What a folder without images has instead, and what to do: the end of a sentence."""
        others = [path for path in self._by_reason.get(NO_IMAGE, []) if path.is_relative_to(folder)]
        if not others:
            return ", nor do folders in it"
        suffixes = ", ".join(sorted({"".join(path.suffixes[-2:]) or path.name for path in others})[:_NAMED])
        foreign = next((f"; {path.name} is {kind}" for path in others if (kind := foreign_format(path))), "")
        return f" that can be read here ({suffixes} instead){foreign}"

    @property
    def notes(self) -> tuple[str, ...]:
        """A line for each reason: how many, and the first of them."""
        return tuple(
            f"left out, {reason}: {len(paths)} ({', '.join(self._shown(path) for path in paths[:_NAMED])}"
            f"{', ...' if len(paths) > _NAMED else ''})"
            for reason, paths in sorted(self._by_reason.items())
        )

    def _shown(self, path: Path) -> str:
        return below(self._root, path)


def below(root: Path, path: Path) -> str:
    """Path as it is called within the data set, with / on every system; never an absolute one, which a record keeps."""
    return Path(os.path.relpath(path, root)).as_posix()


def visible(parent: Path, left_out: LeftOut) -> list[Path]:
    """What is in a folder, sorted; hidden things and those of the system are left out.

    Raises:
        DatasetError: it cannot be listed.
    """
    try:
        paths = sorted(parent.iterdir())
    except OSError as error:
        raise DatasetError(f"{parent} cannot be listed ({one_line(error)}).") from error
    seen = []
    for path in paths:
        if path.name.startswith(".") or path.name.lower() in _JUNK:
            left_out.add("hidden", path)
        elif path.name.lower() == INDEX and path.is_file():
            left_out.add("a list of DICOM files", path)
        else:
            seen.append(path)
    return seen


def images_below(folder: Path, left_out: LeftOut, also: str | None = None) -> list[Path]:
    """Image files of a folder and of the folders in it, sorted.

    Args:
        folder: to be searched to the bottom.
        left_out: where all else is noted.
        also: suffix in lower case, such as ".npz", of files that are taken beside the image files.

    Raises:
        DatasetError: a folder cannot be listed, or leads back into itself.
    """
    images: list[Path] = []
    waiting, entered = [folder], {folder.resolve()}
    while waiting:
        for path in visible(waiting.pop(), left_out):
            if path.is_dir():
                place = path.resolve()
                if place in entered:  # a link to a folder above, which would have no end, or to one that was read
                    left_out.add("a link to a folder that is read already", path)
                else:
                    entered.add(place)
                    waiting.append(path)
            elif (also is not None and path.suffix.lower() == also) or is_image_file(path):
                images.append(path)
            else:
                left_out.add(NO_IMAGE, path)
    return sorted(images)
