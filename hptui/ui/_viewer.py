"""What of a study is looked at, and reading on in its logs; no widget, so that it is tested without an app."""

from __future__ import annotations

import time
from pathlib import Path

from hptui.errors import RunDirectoryError
from hptui.run_directory import last_event
from hptui.studies import FollowedRun, FollowedStudy
from hptui.study_directory import open_study
from hptui.ui.colours import Palette
from hptui.ui.panels import Scene


class Viewer:
    """Follows all runs of a study; the run and the decision looked at are the newest until somebody chooses."""

    def __init__(self, directory: Path) -> None:
        self.followed = FollowedStudy(open_study(directory))
        self._run: FollowedRun | None = None
        self._decision: int | None = None
        self._held = False
        """whether the run is looked at only because somebody went back through its decisions"""
        self.problems: dict[str, str] = {}
        """by run: why its log is read no further"""
        # told before the logs are read, so that the screen does not go from run to run meanwhile
        self._written = {run.name: _last_time(run) for run in self.followed.runs}

    @property
    def run(self) -> FollowedRun:
        """The run that is looked at: the chosen one, else the one that was written last."""
        if self._run is not None:
            return self._run
        return max(self.followed.runs, key=lambda run: max(run.state.time, self._written[run.name]))

    def scene(self, palette: Palette) -> Scene:
        """What the panels show now."""
        run = self.run
        newest = len(run.state.decisions) - 1
        index = newest if self._decision is None else min(self._decision, newest)
        following = self._decision is None or newest < 0
        return Scene(self.followed, run, run.decision(index) if newest >= 0 else None, following, palette)

    def read_on(self, seconds: float) -> bool:
        """Read what is new, the run that is looked at first, for about so long; whether there is more to read."""
        until = time.monotonic() + seconds
        looked_at = self.run
        for run in sorted(self.followed.runs, key=lambda run: run is not looked_at):
            if run.name in self.problems:
                continue
            try:
                run.refresh(until - time.monotonic())
            except (RunDirectoryError, OSError) as error:  # the other runs can be looked at all the same
                self.problems[run.name] = str(error)
            if time.monotonic() > until:
                return True
        return False

    def look_at(self, name: str) -> None:
        """Look at a run, if it has begun."""
        run = next(run for run in self.followed.runs if run.name == name)
        if run.state.started is not None:
            self._run, self._decision, self._held = run, None, False

    def look(self, step: int) -> None:
        """Look at the run so many later; beyond the last one, at whichever is written."""
        runs = [run for run in self.followed.runs if run.state.started is not None]
        if self.run in runs:
            index = runs.index(self.run) + step
            self._run, self._decision = (runs[index] if 0 <= index < len(runs) else None), None
            self._held = False

    def go(self, step: int) -> None:
        """Go to the decision so many later; the run stays too, though another one may begin meanwhile."""
        newest = len(self.run.state.decisions) - 1
        if newest >= 0:
            now = newest if self._decision is None else self._decision
            self._held = self._held or self._run is None
            self._run, self._decision = self.run, min(max(now + step, 0), newest)

    def follow(self) -> None:
        """The newest decision as it comes, and the newest run unless one was chosen."""
        self._run = None if self._held else self._run
        self._decision, self._held = None, False


def _last_time(run: FollowedRun) -> float:
    """When its log was last written; 0 where there is none, or where reading will tell what is wrong with it."""
    try:
        last = last_event(run.directory)
    except RunDirectoryError:
        return 0.0
    return last.time if last is not None else 0.0
