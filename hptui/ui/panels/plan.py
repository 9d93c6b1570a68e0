"""What the run that is looked at will still decide, and why it chose what is in force."""

from __future__ import annotations

import textwrap

from rich.text import Text

from hptui.reading.plan import coming_lines
from hptui.reading.run_result import delivery_words, length_words, search_words
from hptui.reading.run_state import RunState
from hptui.reading.studies import FollowedRun
from hptui.ui.drawing.literal import literal
from hptui.ui.panels import Panel, Scene, Span

__all__ = ["PlanPanel"]

MOST_REASONS = 50
"""more than a panel has room for"""


class PlanPanel(Panel):
    """The next decision first; nothing is cut in the middle of a line, but later lines may have no room."""

    heading = "Plan"
    order = 60
    span = Span(columns=3, rows=1)
    wide_span = Span(columns=3, rows=2)

    DEFAULT_CSS = """
    PlanPanel { height: 1fr; }
    """

    def change_key(self, scene: Scene) -> object:
        return (scene.run.name, *_lines(scene), scene.palette)

    def watch_drawn_from(self) -> None:
        self.border_subtitle = Text(self.scene.run.name) if self.scene is not None else ""
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
    """What comes, with what is delivered and why the last choice was made behind the first line; at the end the choices
    before, backwards.
    """
    first, *later = coming_lines(scene.study, scene.run) or _nothing(scene)
    newest, before = _why(scene.run.state)[:1], _why(scene.run.state)[1:]
    state, rule = scene.run.state, scene.study.study.config.deliver
    result = (length_words(state), delivery_words(state, rule), search_words(state))
    return [first, *_given_back(scene.run), *filter(None, result), *newest, *later, *before]


def _given_back(run: FollowedRun) -> list[str]:
    """The key that ends what somebody chose, while there is a run that it ends it in."""
    return ["u: the strategy chooses again"] if run.state.by_hand and run.status in ("running", "paused") else []


def _nothing(scene: Scene) -> list[str]:
    """Why the run decides nothing; beside a baseline what the other run of the pair will decide, and its cost."""
    name, decisions = scene.run.name, len(scene.run.state.decisions)
    if scene.run.arm != "baseline":
        return [f"{name}: no plan was recorded" + f"; {decisions} decisions so far" * bool(decisions)]
    other = scene.optimized
    coming = coming_lines(scene.study, other) if other is not None and not other.state.completed else []
    if other is None or not coming:
        return [f"{name}: baseline, nothing is decided"]
    cost = scene.study.study.planned_cost.get(other.arm, 1.0)
    return [f"{name}: baseline, nothing is decided. {other.name}:", *coming, f"cost about {cost:.2f} plain trainings"]


def _why(state: RunState) -> list[str]:
    """Reasons of the choices, the newest first."""
    chosen = [decision.chosen for decision in reversed(state.decisions) if decision.chosen is not None]
    return [f"chosen for epoch {one.epoch}: {one.reason}" for one in chosen[:MOST_REASONS]]
