"""All studies of a folder, read again and again: what each is, and what it takes up on disk.

What was read is kept as long as nothing changes.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from pathlib import Path

from hptui.reading.study_line import UNREAD, Glances, Stamp, StudyLine, read_line, stamp_of
from hptui.record.contents import size_of
from hptui.record.notes import NOTE_FILE
from hptui.record.presence import HEARTBEAT
from hptui.record.run_directory import CHECKPOINTS, EVENTS_FILE
from hptui.record.steering import STEERING_FILE
from hptui.record.study_folders import STUDY_FILE
from hptui.record.study_names import study_directories

LIVING = ("running", "paused")
"""states of studies whose files are being written"""
SHOW_SECONDS = 0.3
"""between two times that a list is shown while it is read"""


class StudyReader:
    """Reads a folder of studies again and again; only what has changed since, or is being written, is read anew."""

    def __init__(self, folder: Path, beside: Collection[Path] = ()) -> None:
        """`beside`: studies that lie elsewhere, of which there may be more at each read."""
        self.folder = folder
        self._beside = beside
        self._lines: dict[Path, tuple[object, StudyLine]] = {}
        """with what the files of each study were like"""
        self._glances: dict[Path, Glances] = {}
        """by study"""
        self._sizes: dict[Path, tuple[object, int]] = {}
        """bytes, with what the files of each study were like"""

    def read(
        self,
        cancelled: Callable[[], bool] = lambda: False,
        show: Callable[[list[StudyLine]], object] = lambda _: None,
    ) -> list[StudyLine]:
        """One line per study, newest first.

        Args:
            cancelled: asked between studies; those that are left then are as they were, or as yet unread.
            show: called with all lines now and then meanwhile: first what is known at once, then results, then sizes.
        """
        directories = self._directories()
        known = {directory: self._known(directory) for directory in directories}
        newest_first = [line.directory for line in _newest_first(known.values())]
        shown = time.monotonic()
        if any(line.state == UNREAD for line in known.values()):
            show(_newest_first(known.values()))
        for step in (self._line, self._with_size):
            for directory in newest_first:
                if cancelled():
                    return _newest_first(known.values())
                known[directory] = step(known[directory])
                if time.monotonic() - shown >= SHOW_SECONDS:
                    show(_newest_first(known.values()))
                    shown = time.monotonic()
        return _newest_first(known.values())

    def _directories(self) -> list[Path]:
        """The studies of the folder, and those beside it that are there."""
        inside = study_directories(self.folder)
        places = {directory.resolve() for directory in inside}
        elsewhere = {directory.resolve(): None for directory in self._beside if (directory / STUDY_FILE).is_file()}
        return [*inside, *(directory for directory in elsewhere if directory not in places)]

    def _known(self, directory: Path) -> StudyLine:
        """What is known without reading: what was found the last time, or the name and when it was begun."""
        _, line = self._lines.get(directory, (None, None))
        if line is not None:
            return line
        created = 0.0
        with contextlib.suppress(OSError):
            created = (directory / STUDY_FILE).stat().st_mtime
        return StudyLine(directory, created, UNREAD)

    def _line(self, known: StudyLine) -> StudyLine:
        directory = known.directory
        stamp = _stamp(directory)
        before, line = self._lines.get(directory, (None, None))
        if line is not None and stamp == before and line.state not in LIVING:
            return line
        line = replace(read_line(directory, self._glances.setdefault(directory, Glances())), size=known.size)
        self._lines[directory] = (stamp, line)
        return line

    def _with_size(self, line: StudyLine) -> StudyLine:
        """The line with its bytes; of a study that is trained they are counted anew as its logs grow."""
        stamp, _ = self._lines[line.directory]
        before, size = self._sizes.get(line.directory, (None, 0))
        if before is None or stamp != before:
            size = size_of(line.directory)
            self._sizes[line.directory] = (stamp, size)
        line = replace(line, size=size)
        self._lines[line.directory] = (stamp, line)
        return line


def _newest_first(lines: Iterable[StudyLine]) -> list[StudyLine]:
    return sorted(lines, key=lambda line: (line.created, line.directory.name), reverse=True)


def _stamp(directory: Path) -> Stamp:
    """Name, time and size of what the line of a study depends on."""
    paths = [directory / name for name in (STUDY_FILE, STEERING_FILE, NOTE_FILE, HEARTBEAT)]
    with contextlib.suppress(OSError), os.scandir(directory) as entries:
        runs = sorted(entry.path for entry in entries if entry.is_dir())
        paths += [Path(run, name) for run in runs for name in (".", EVENTS_FILE, HEARTBEAT, CHECKPOINTS)]
    return stamp_of(paths)
