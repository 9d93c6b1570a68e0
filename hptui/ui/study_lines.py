"""Studies as lines of a table: read from their folders without folding long logs, and fitted to a terminal."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.cells import cell_len, chop_cells, set_cell_size

from hptui.reading.run_state import RunState
from hptui.reading.studies import FollowedRun, FollowedStudy, study_directories
from hptui.record.events import RunCompleted, RunFailed, RunStopped
from hptui.record.presence import HEARTBEAT, is_written
from hptui.record.run_directory import EVENTS_FILE
from hptui.record.run_reader import RunReader, last_event
from hptui.record.study_directory import STUDY_FILE, open_study
from hptui.ui.drawing.literal import literal

COLUMNS = ("study", "state", "runs", "data", "model", "strategy", "begun")
LEAST = (11, 8, 4, 5, 5, 8, 11)
"""columns of text below which none is cut; a terminal that is narrower still scrolls"""
UNREADABLE = "unreadable"
LIVING = ("running", "paused")
COLORED = (*LIVING, "finished", "failed", "lost", UNREADABLE)
"""states with a colour of their own"""
SLICE_SECONDS = 0.2

Cells = tuple[str, ...]


@dataclass(frozen=True)
class StudyLine:
    """One study as the list shows it."""

    directory: Path
    created: float
    state: str
    runs: str = ""
    data: str = ""
    model: str = ""
    strategy: str = ""
    about: str = ""
    """the settings in a few words, or why it cannot be read"""

    @property
    def key(self) -> str:
        return str(self.directory)

    def cells(self) -> Cells:
        """What stands in the columns; of an unreadable study the reason, across all that follow its state."""
        begun = time.strftime("%m-%d %H:%M", time.localtime(self.created))
        name = literal(self.directory.name)
        if self.state == UNREADABLE:
            return (name, self.state, self.about.replace(f"{literal(self.key)}{os.sep}", "").replace("\n", " "))
        return (name, self.state, self.runs, literal(self.data), literal(self.model), literal(self.strategy), begun)

    def matches(self, words: list[str]) -> bool:
        """Whether each word occurs in name, state, data or model."""
        text = " ".join((self.directory.name, self.state, self.data, self.model)).lower()
        return all(word in text for word in words)


class StudyReader:
    """Reads a folder of studies again and again; only what has changed since, or is being written, is read anew."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lines: dict[Path, tuple[object, StudyLine]] = {}
        self._living: dict[Path, FollowedStudy] = {}

    def read(self, cancelled: Callable[[], bool] = lambda: False) -> list[StudyLine]:
        """One line per study, newest first; some are missing if it was cancelled."""
        directories = study_directories(self.folder)
        lines = [self._line(directory, cancelled) for directory in directories if not cancelled()]
        return sorted(lines, key=lambda line: line.created, reverse=True)

    def _line(self, directory: Path, cancelled: Callable[[], bool]) -> StudyLine:
        stamp = _stamp(directory)
        before, line = self._lines.get(directory, (None, None))
        if line is not None and stamp == before and line.state not in LIVING:
            return line
        followed = self._living.pop(directory, None)
        try:
            followed = followed or FollowedStudy(open_study(directory))
            for run in followed.runs:
                if not cancelled():
                    _glance(run, cancelled)
            line = _line_of(followed)
        except Exception as error:  # one damaged study must not hide the others
            line = StudyLine(directory, stamp[0][1] / 1e9 if stamp else 0.0, UNREADABLE, about=literal(str(error)))
        if line.state in LIVING and followed is not None:
            self._living[directory] = followed
        if not cancelled():
            self._lines[directory] = (stamp, line)
        return line


def _stamp(directory: Path) -> list[tuple[str, int, int]]:
    """Name, time and size of what the state of a study depends on."""
    logs = [path for name in (EVENTS_FILE, HEARTBEAT) for path in sorted(directory.glob(f"*/{name}"))]
    stamp = []
    for path in (directory / STUDY_FILE, directory / HEARTBEAT, *logs):
        with contextlib.suppress(OSError):
            stat = path.stat()
            stamp.append((str(path), stat.st_mtime_ns, stat.st_size))
    return stamp


def _glance(run: FollowedRun, cancelled: Callable[[], bool]) -> None:
    """Read as much as the state needs: of a run that has ended its last event, of another one its whole log."""
    last = None if is_written(run.directory) else last_event(run.directory)
    if isinstance(last, (RunCompleted, RunFailed, RunStopped)):
        run.reader, run.state = RunReader(run.directory), RunState()
        run.state.apply(last)
        return
    if run.state.started is None:  # it had ended at the last glance, and goes on
        run.state = RunState()
    whole = False
    while not whole and not cancelled():
        begun = time.monotonic()
        run.refresh(SLICE_SECONDS)
        whole = time.monotonic() - begun < SLICE_SECONDS


def _line_of(followed: FollowedStudy) -> StudyLine:
    study, config = followed.study, followed.study.config
    finished = sum(run.status == "finished" for run in followed.runs)
    about = f"{config.strategy} against {config.baseline}, {config.optimizer}, {config.epochs} epochs"
    return StudyLine(
        directory=study.directory,
        created=study.created,
        state=followed.status,
        runs=f"{finished}/{len(followed.runs)}",
        data=config.dataset,
        model=config.model,
        strategy=config.strategy,
        about=literal(f"{config.dataset}, {config.model}, {about}"),
    )


def column_widths(rows: list[Cells], room: int) -> list[int]:
    """Widths of the columns: those of their content; where room lacks, whichever has most to spare gives way."""
    whole = [COLUMNS, *(row for row in rows if len(row) == len(COLUMNS))]
    widths = [max(map(cell_len, column)) for column in zip(*whole, strict=True)]
    for index in (0, 1):  # an unreadable study has these two alone
        widths[index] = max(widths[index], *(cell_len(row[index]) for row in [*rows, COLUMNS]))
    while sum(widths) + len(widths) > room:
        spare = [width - least for width, least in zip(widths, LEAST, strict=True)]
        if max(spare) <= 0:
            break
        widths[spare.index(max(spare))] -= 1
    return widths


def fitted(row: Cells, widths: list[int]) -> list[str]:
    """The cells cut to their columns; a last cell that has no neighbours goes on across the rest."""
    cut = [_cut(cell, width) for cell, width in zip(row, widths, strict=False)]
    if len(row) == len(widths):
        return cut
    first = len(row) - 1
    rest = _cut(row[first], sum(widths[first:]) + len(widths) - 1 - first)
    pieces = []
    for width in widths[first:]:
        piece = next(iter(chop_cells(rest, width + 1)), "")
        pieces.append(piece)
        rest = rest[len(piece) :]
    return [*cut[:first], *pieces]


def _cut(text: str, width: int) -> str:
    return text if cell_len(text) <= width else set_cell_size(text, width - 1) + "…"
