"""Answers on images of several groups (patients), put together by group: the mean probabilities of its images."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hptui.config.values import BY_HEADER
from hptui.errors import UsageError
from hptui.record.study_folders import shown

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]


class Grouping:
    """Sums by group, which a pattern finds in the names of the images."""

    def __init__(self, pattern: str, folders: Sequence[Path] = ()) -> None:
        """Take a regular expression: the group is what its first brackets hold, or, without any, all that it finds.

        Args:
            pattern: of what it is looked for in an image's name, below whichever of the folders it lies in.
            folders: that were asked for; what they are called themselves is the same for all their images.

        Raises:
            UsageError: it is none.
        """
        if pattern == BY_HEADER:
            raise UsageError(
                f"--per-group {BY_HEADER}: here headers are not asked whom an image is of; write a regular expression "
                "that finds it in the names (hptui evaluate takes it for labelled images)."
            )
        try:
            self._expression = re.compile(pattern)
        except re.error as error:
            raise UsageError(f"--per-group: {pattern!r} is no regular expression ({error}).") from None
        self.pattern = pattern
        self._folders = sorted((f"{shown(folder)}{os.sep}" for folder in folders if folder.is_dir()), key=len)
        self._sums: dict[str, Floats] = {}
        self._images: dict[str, int] = {}

    def add(self, names: Sequence[str], shares: npt.NDArray[np.float32]) -> list[str]:
        """Add the answers (N, classes) on some images; return the names in which there is no group."""
        without = []
        for name, row in zip(names, shares.astype("float64"), strict=True):
            found = self._expression.search(self._below(name))
            group = found[1 if self._expression.groups else 0] if found is not None else None
            if not group:
                without.append(name)
                continue
            self._sums[group] = self._sums[group] + row if group in self._sums else row
            self._images[group] = self._images.get(group, 0) + 1
        return without

    def _below(self, name: str) -> str:
        """Name within the folder that was asked for."""
        return name.removeprefix(next((folder for folder in reversed(self._folders) if name.startswith(folder)), ""))

    @property
    def only(self) -> str | None:
        """The group that all of several images are of, if there is but one."""
        return next(iter(self._sums)) if len(self._sums) == 1 and sum(self._images.values()) > 1 else None

    def means(self) -> Iterator[tuple[str, int, npt.NDArray[np.float32]]]:
        """Group, number of its images and (classes,) mean probabilities, in the order in which they were met."""
        for group, total in self._sums.items():
            images = self._images[group]
            yield group, images, (total / images).astype("float32")
