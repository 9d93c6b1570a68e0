"""Studies as a list shows them: state, progress and results from the ends of their logs, and what they take up on disk.

Nothing here folds a log: of 20 runs of any length it takes some milliseconds, and is kept as long as nothing changes.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from hptui.config import Arm, StudyConfig
from hptui.errors import told
from hptui.reading.comparison.arms import Summary, summarize
from hptui.reading.comparison.differences import Difference, student_difference
from hptui.reading.glance import RunGlance, glance
from hptui.reading.studies import Status, status_of
from hptui.record.contents import size_of
from hptui.record.notes import NOTE_FILE, read_note
from hptui.record.presence import HEARTBEAT, is_written
from hptui.record.run_directory import CHECKPOINTS, EVENTS_FILE
from hptui.record.study_directory import STEERING_FILE, STUDY_FILE, Study, open_study
from hptui.record.study_names import study_directories

State = Status | Literal["unreadable", "..."]
UNREADABLE: State = "unreadable"
UNREAD: State = "..."
"""not looked at yet"""
LIVING = ("running", "paused")
SHOW_SECONDS = 0.3
"""between two times that a list is shown while it is read"""


@dataclass(frozen=True)
class StudyResults:
    """Test accuracies of the completed runs, delivered weights, as fractions."""

    baseline: Summary
    optimized: Summary
    difference: Difference
    """optimized minus baseline by pairs of one seed, with Student's interval: that of `hptui compare`"""


@dataclass(frozen=True)
class StudyLine:
    """One study as the list shows it."""

    directory: Path
    created: float
    """seconds since 1970, UTC"""
    state: State
    config: StudyConfig | None = None
    """None: it cannot be read, or has not been"""
    problem: str = ""
    """why it cannot be read"""
    run_status: tuple[tuple[str, Status], ...] = ()
    """of every planned run, by its name"""
    epochs: int = 0
    """completed in all runs together"""
    results: StudyResults | None = None
    note: str = ""
    size: int | None = None
    """bytes on disk; None: not counted yet"""
    kept: int = 0
    """bytes that the runs are expected to keep once all are finished; 0: an older hptui did not plan it"""

    @property
    def key(self) -> str:
        return str(self.directory)

    @property
    def runs(self) -> int:
        """Runs that are planned."""
        return len(self.run_status)

    @property
    def finished(self) -> int:
        return sum(status == "finished" for _, status in self.run_status)

    @property
    def planned_epochs(self) -> int:
        """Epochs of all planned runs together."""
        return self.runs * self.config.epochs if self.config is not None else 0

    @property
    def done(self) -> float | None:
        """Share of the planned epochs that is trained."""
        return min(self.epochs / self.planned_epochs, 1.0) if self.planned_epochs else None

    def matches(self, words: Iterable[str]) -> bool:
        """Whether each of these words, in small letters, occurs in name, state, settings or note."""
        config = self.config
        named = (config.dataset, config.model, config.strategy, config.optimizer) if config is not None else ()
        text = " ".join((self.directory.name, self.state, *named, self.note)).lower()
        return all(word in text for word in words)


Sizes = dict[Path, tuple[object, int]]


class StudyReader:
    """Reads a folder of studies again and again; only what has changed since, or is being written, is read anew."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lines: dict[Path, tuple[object, StudyLine]] = {}
        self._sizes: Sizes = {}

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
        directories = study_directories(self.folder)
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
        line = replace(read_line(directory), size=known.size)
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


def read_line(directory: Path) -> StudyLine:
    """One study, whatever is wrong with it; without its size."""
    try:
        return _line_of(directory, open_study(directory))
    except Exception as error:  # one damaged study must not hide the others
        created = 0.0
        with contextlib.suppress(OSError):
            created = (directory / STUDY_FILE).stat().st_mtime
        return StudyLine(directory, created, UNREADABLE, problem=told(error), note=read_note(directory))


def _line_of(directory: Path, study: Study) -> StudyLine:
    glances = [(arm, seed, path.name, glance(path)) for arm, seed, path in study.runs()]
    written = is_written(study.directory)
    return StudyLine(
        directory=directory,
        created=study.created,
        state=status_of({seen.status for *_, seen in glances}, written=written),
        config=study.config,
        run_status=tuple((name, seen.status) for _, _, name, seen in glances),
        epochs=sum(seen.epochs for *_, seen in glances),
        results=_results([(arm, seed, seen) for arm, seed, _, seen in glances]),
        note=read_note(directory),
        kept=len(glances) * study.disk.kept if study.disk is not None else 0,
    )


def _results(glances: Sequence[tuple[Arm, int, RunGlance]]) -> StudyResults:
    accuracies: dict[Arm, dict[int, float]] = {"baseline": {}, "optimized": {}}
    for arm, seed, seen in glances:
        if seen.test_accuracy is not None:
            accuracies[arm][seed] = seen.test_accuracy
    baseline, optimized = accuracies["baseline"], accuracies["optimized"]
    return StudyResults(
        summarize(baseline.values()), summarize(optimized.values()), student_difference(baseline, optimized)
    )


def _newest_first(lines: Iterable[StudyLine]) -> list[StudyLine]:
    return sorted(lines, key=lambda line: (line.created, line.directory.name), reverse=True)


def _stamp(directory: Path) -> list[tuple[str, int, int]]:
    """Name, time and size of what the line of a study depends on."""
    paths = [directory / name for name in (STUDY_FILE, STEERING_FILE, NOTE_FILE, HEARTBEAT)]
    with contextlib.suppress(OSError), os.scandir(directory) as entries:
        runs = sorted(entry.path for entry in entries if entry.is_dir())
        paths += [Path(run, name) for run in runs for name in (".", EVENTS_FILE, HEARTBEAT, CHECKPOINTS)]
    stamp = []
    for path in paths:
        with contextlib.suppress(OSError):
            stat = path.stat()
            stamp.append((str(path), stat.st_mtime_ns, stat.st_size))
    return stamp
