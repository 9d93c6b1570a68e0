"""What the dashboard says once: which logs cannot be read, what was refused, and what calls for attention."""

from __future__ import annotations

from collections import Counter
from typing import Any

from textual.screen import Screen

from hptui.reading.alerts import AlertFinder
from hptui.reading.studies import Status
from hptui.ui.messages import Alerted
from hptui.ui.viewer import Viewer

PROBLEM_SECONDS = 15
"""that a notice stays; the log panel has what was refused, and the advice what cannot be read"""


class Notices:
    """Looks through a study for what is new, and has `screen` show it."""

    def __init__(self, screen: Screen[Any], viewer: Viewer, *, awaited: bool) -> None:
        """`awaited`: the study's training has begun just now, and whoever looks is told of its end."""
        self._screen, self._viewer = screen, viewer
        self._told_warnings = False
        self._unreadable: set[str] = set()
        """runs of which it was said"""
        self._looked_through: dict[str, int] = {}
        """refusals by run"""
        self._refusals: Counter[tuple[str, str, str]] = Counter()
        """by run, who asked, and the reason"""
        self._told: Counter[tuple[str, str]] = Counter()
        """how often somebody was refused something for a reason: once for all runs at work that refuse it"""
        self._knows_old = False
        """all logs were read, so that what is refused from now on is news"""
        self._alerts = AlertFinder(viewer.followed, awaited=awaited)

    def show_new(self, *, behind: bool) -> None:
        """Show what came since the last time; while a log is `behind`, its refusals are of old."""
        if not behind:  # until then nobody knows whether it goes on
            self._show_warnings()
        self._show_problems()
        self._show_refusals(behind)

    def show_alerts(self, status: Status) -> None:
        """Have the app call attention to what came since the last time; once all logs are read, `status` is theirs."""
        for alert in self._alerts.find(status):
            self._screen.post_message(Alerted(alert))

    def _show_warnings(self) -> None:
        """What the trial before the training found, while the training goes on; the report has it for good."""
        if self._told_warnings:
            return
        self._told_warnings = True
        if any(run.state.completed is None for run in self._viewer.followed.runs):
            for line in self._viewer.followed.study.warnings:
                self._screen.notify(
                    line, title="found before training", severity="warning", timeout=PROBLEM_SECONDS, markup=False
                )

    def _show_problems(self) -> None:
        problems = self._viewer.problems
        for run in problems.keys() - self._unreadable:
            self._unreadable.add(run)
            title = f"{run} is shown as far as it can be read"
            self._screen.notify(problems[run], title=title, severity="error", timeout=PROBLEM_SECONDS, markup=False)

    def _show_refusals(self, behind: bool) -> None:
        """What was refused since the screen was opened; the log panel has them all."""
        for run in self._viewer.followed.runs:
            if not (refused := run.state.refused):  # of most runs nothing was, and this is looked at again and again
                continue
            for event in refused[self._looked_through.get(run.name, 0) :]:
                self._refusals[run.name, event.by, event.reason] += 1
                is_new = self._refusals[run.name, event.by, event.reason] > self._told[event.by, event.reason]
                self._told[event.by, event.reason] += is_new
                if is_new and self._knows_old:
                    self._screen.notify(
                        event.reason, title="refused", severity="warning", timeout=PROBLEM_SECONDS, markup=False
                    )
            self._looked_through[run.name] = len(refused)
        self._knows_old = self._knows_old or not behind
