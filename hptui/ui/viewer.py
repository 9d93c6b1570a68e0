"""What of a study is looked at, and reading on in its logs; no widget, so that it is tested without an app."""

from __future__ import annotations

import time
from pathlib import Path

from hptui.errors import RunDirectoryError, told
from hptui.reading.run_state import Decision
from hptui.reading.studies import FollowedRun, FollowedStudy
from hptui.record.log_backwards import last_event
from hptui.record.presence import is_written
from hptui.record.study_directory import open_study
from hptui.ui.drawing.colours import Palette
from hptui.ui.panels import Scene

ENDED_SECONDS = 1.0
"""between two looks at runs that have ended: only epochs that are added let them go on"""


class Viewer:
    """Follows all runs of a study; the run and the decision looked at are the newest until somebody chooses."""

    def __init__(self, directory: Path) -> None:
        self.followed = FollowedStudy(open_study(directory))
        self._run: FollowedRun | None = None
        """that was chosen"""
        self._newest: FollowedRun | None = None
        """that is looked at where none was chosen"""
        self._decision: int | None = None
        self._next = 0
        """the run whose turn it is to be read, after the one that is looked at"""
        self._look_at_ended = 0.0
        """when runs that have ended are to be looked at again"""
        self._damaged: set[str] = set()
        """runs that are read no further"""
        self.problems: dict[str, str] = {}
        """by run: why its log cannot be read, or could not"""
        # looked up before the logs are read, so that the screen does not go from run to run meanwhile
        self._written = {run.name: _last_time(run) for run in self.followed.runs}

    @property
    def run(self) -> FollowedRun:
        """The run that is looked at: the chosen one, else the one that was written last.

        Where several are at work, it stays with one of them until that one ends.
        """
        if self._run is not None:
            return self._run
        if self._newest is None or not _is_at_work(self._newest):
            self._newest = self._written_last()
        return self._newest

    def _written_last(self) -> FollowedRun:
        return max(self.followed.runs, key=lambda run: max(run.state.time, self._written[run.name]))

    def scene(self, palette: Palette) -> Scene:
        """What the panels show now."""
        run = self.run
        newest = len(run.state.decisions) - 1
        index = newest if self._decision is None else min(self._decision, newest)
        following = self._decision is None or newest < 0
        return Scene(self.followed, run, self._decide(run, index) if newest >= 0 else None, following, palette)

    def _decide(self, run: FollowedRun, index: int) -> Decision:
        """An earlier decision is read again; where that fails, it is shown without its candidates."""
        try:
            return run.decision(index)
        except (RunDirectoryError, OSError) as error:
            self.problems[run.name] = told(error)
            return run.state.decisions[index]

    def read_on(self, seconds: float) -> bool:
        """Read what is new, the run that is looked at first, for about so long; whether one has more to read."""
        until = time.monotonic() + seconds
        runs, looked_at = self.followed.runs, self.run
        turns = [looked_at, *(run for run in runs[self._next :] + runs[: self._next] if run is not looked_at)]
        if time.monotonic() < self._look_at_ended:
            turns = [run for run in turns if run.state.completed is None or run.reader.behind]
        else:
            self._look_at_ended = time.monotonic() + ENDED_SECONDS
        for run in turns:
            if run.name not in self._damaged:
                self._refresh(run, until - time.monotonic())
            if time.monotonic() > until:  # a slow disk: the others have their turn at the next look
                self._next = (runs.index(run) + 1) % len(runs)
                break
        readable = (run.reader for run in runs if run.name not in self._damaged)
        return any(reader.behind or not reader.asked for reader in readable)

    def _refresh(self, run: FollowedRun, seconds: float) -> None:
        try:
            run.refresh(seconds)
        except RunDirectoryError as error:  # the other runs can be looked at all the same
            self.problems[run.name] = str(error)
            self._damaged.add(run.name)
        except OSError as error:  # maybe the network is back at the next look
            self.problems[run.name] = told(error)

    def look_at(self, name: str) -> bool:
        """Look at a run; False if it has not begun."""
        run = next(run for run in self.followed.runs if run.name == name)
        if run.state.started is not None:
            self._run, self._decision = run, None
        return run.state.started is not None

    def look(self, step: int) -> None:
        """Look at the run so many later; beyond the last one, at whichever is written."""
        runs = [run for run in self.followed.runs if run.state.started is not None]
        if self.run in runs:
            index = max(runs.index(self.run) + step, 0)
            self._run, self._decision = (runs[index] if index < len(runs) else None), None

    def go(self, step: int) -> None:
        """Go to the decision so many later; the run stays too, though another one may begin meanwhile."""
        newest = len(self.run.state.decisions) - 1
        if newest >= 0:
            now = newest if self._decision is None else self._decision
            self._run, self._decision = self.run, min(max(now + step, 0), newest)

    def follow(self) -> None:
        """The newest decision of the newest run, as they come."""
        self._run = self._newest = self._decision = None


def _is_at_work(run: FollowedRun) -> bool:
    """Whether somebody trains it, and it is not at its end."""
    return run.state.completed is None and is_written(run.directory)


def _last_time(run: FollowedRun) -> float:
    """When its log was last written; 0 where there is none, or where reading will tell what is wrong with it."""
    try:
        last = last_event(run.directory)
    except (RunDirectoryError, OSError):
        return 0.0
    return last.time if last is not None else 0.0
