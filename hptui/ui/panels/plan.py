"""What the run that is looked at will still decide, and why it chose what is in force."""

from __future__ import annotations

import textwrap

from rich.text import Text

from hptui.reading.plan import coming_lines
from hptui.reading.run_state import RunState
from hptui.ui.drawing.literal import literal
from hptui.ui.panels import Panel, Scene, Span

__all__ = ["PlanPanel"]


class PlanPanel(Panel):
    """The next decision first; nothing is cut in the middle of a line, but later lines may have no room."""

    heading = "Plan"
    order = 60
    span = Span(columns=3, rows=1)

    DEFAULT_CSS = """
    PlanPanel { height: 1fr; }
    """

    def change_key(self, scene: Scene) -> object:
        return (*_lines(scene), scene.palette)

    def watch_drawn_from(self) -> None:
        self.refresh()

    def render(self) -> Text:
        if self.scene is None:
            return Text()
        width, palette = max(self.size.width, 1), self.scene.palette
        indented = [
            textwrap.wrap(literal(line, palette), width, subsequent_indent="  ", break_on_hyphens=False)
            for line in _lines(self.scene)
        ]
        return Text("\n".join(line for lines in indented for line in lines), no_wrap=True)


def _lines(scene: Scene) -> list[str]:
    """What comes, with why the last choice was made behind the first line."""
    first, *later = coming_lines(scene.study, scene.run) or [_nothing(scene)]
    return [first, *_why(scene.run.state), *later]


def _nothing(scene: Scene) -> str:
    if scene.run.arm == "baseline":
        return f"{scene.run.name}: baseline, nothing is decided"
    if not scene.run.state.decisions:
        return f"{scene.run.name}: no plan was recorded"
    return f"{scene.run.name}: no plan was recorded; {len(scene.run.state.decisions)} decisions so far"


def _why(state: RunState) -> list[str]:
    chosen = [decision.chosen for decision in state.decisions if decision.chosen is not None]
    return [f"chosen for epoch {chosen[-1].epoch}: {chosen[-1].reason}"] if chosen else []
