"""Advice on the run that is looked at: what its panels may have no room for, and what cannot be read."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from hptui.ui.drawing.literal import literal
from hptui.ui.panels import Panel, Scene
from hptui.ui.screens.dialogs import FullTextDialog, Questions
from hptui.ui.viewer import Viewer


class Advice:
    """Collects what the panels advise, and shows all of it in full."""

    def __init__(self, viewer: Viewer, panels: Sequence[Panel], questions: Questions) -> None:
        self._viewer, self._panels, self._questions = viewer, panels, questions
        self.was_given = False
        """whether there was any: a key that comes and goes with every decision costs the training more than it says"""

    def look_for(self, scene: Scene) -> None:
        """Remember whether there is any."""
        self.was_given = self.was_given or bool(self._collect(scene))

    def _collect(self, scene: Scene) -> list[tuple[str, tuple[str, ...]]]:
        """What each panel has to say, by its heading, and what cannot be read."""
        said = [(panel.heading, panel.advice(scene)) for panel in self._panels]
        unreadable = tuple(f"{run}: {problem}" for run, problem in self._viewer.problems.items())
        return [(heading, lines) for heading, lines in [*said, ("Cannot be read", unreadable)] if lines]

    async def show(self, scene: Scene) -> None:
        """Show all advice, whatever the panels have room for; in a worker."""
        sections = [
            Text("\n\n").join(
                [Text(heading, "bold"), *(Text(literal(one)) for line in lines for one in line.splitlines())]
            )
            for heading, lines in self._collect(scene) or [("Nothing now", ("What was advised before is over.",))]
        ]
        await self._questions.ask(FullTextDialog(f"Advice on {self._viewer.run.name}", Text("\n\n\n").join(sections)))
