"""Panels of the dashboard: one file each, with its own CSS and keys; `__all__` names the one Panel class.

A panel only reads the scene it is shown; it asks for changes by posting messages, which the dashboard answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual.widget import Widget

from hptui.reading.run_state import Decision, RunState
from hptui.reading.studies import FollowedRun, FollowedStudy
from hptui.ui.drawing.colours import Palette


@dataclass(frozen=True)
class Scene:
    """What the dashboard shows at one moment."""

    study: FollowedStudy
    run: FollowedRun
    """the run that is looked at"""
    decision: Decision | None
    """the decision that is looked at; None: the run has made none yet"""
    following: bool
    """the newest decision is shown as it comes; False: somebody went back to an earlier one"""
    palette: Palette

    @property
    def partner(self) -> RunState | None:
        """The baseline run of the same seed, for overlays; None if the run looked at is a baseline, or has none."""
        if self.run.arm == "baseline":
            return None
        same = (run.state for run in self.study.runs if run.arm == "baseline" and run.seed == self.run.seed)
        return next(same, None)

    def arm(self, name: str) -> list[RunState]:
        """States of the begun runs of one arm."""
        return [run.state for run in self.study.runs if run.arm == name and run.state.started is not None]


class Panel(Widget, can_focus=True):
    """One part of the dashboard; it can be shown full screen."""

    heading: ClassVar[str] = ""
    """on its border, and on its tab in a small terminal"""
    place: ClassVar[int] = 0
    """order on the screen"""

    def on_mount(self) -> None:
        """Name the panel on its border."""
        self.border_title = self.heading

    def show(self, scene: Scene) -> None:
        """Take in a new scene; called up to ten times a second, so it must be cheap if nothing has changed."""
        raise NotImplementedError(f"{type(self).__name__} shows nothing")
