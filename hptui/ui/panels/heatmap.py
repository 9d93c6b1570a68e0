"""The signature panel: the grid of one decision, cells filling in as candidates are scored."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.reactive import Reactive, reactive
from textual.strip import Strip

from hptui.reading.run_state import Decision
from hptui.reading.views.heatmap import heatmap, heatmap_pairs
from hptui.reading.views.heatmap_grid import MEASURES, HeatmapGrid, Measure, Position
from hptui.reading.views.passed_over import passed_over_meaning
from hptui.reading.views.probe_rounds import probe_rounds
from hptui.ui.drawing.heatmap_companions import companion_lines
from hptui.ui.drawing.heatmap_lines import cell_at, heatmap_lines, layout
from hptui.ui.drawing.heatmap_words import (
    cell_beside,
    cell_values,
    cell_words,
    decision_words,
    in_lines,
    reason_words,
    round_line,
)
from hptui.ui.drawing.literal import in_the_middle, literal
from hptui.ui.panels import LookAtDecision, Panel, Scene, Span, UseCell, key_hints

__all__ = ["HeatmapPanel"]

REASON_LINES = 3
"""that the reason of a choice may take, where the cells have room enough without them"""
LEAST_BODY = 8
"""lines of cells and legend"""
KEYS = "h l rounds, f follow, c cursor, a axes, v value"
CURSOR_KEYS = "hjkl cell, enter uses it, c cursor off, v value"


class View(NamedTuple):
    """What somebody chose to see of a decision."""

    measure: Measure = "score"
    axes: tuple[str, str] | None = None
    """across and upwards; None: as the decision has them. A round that did not try these has its own"""
    cursor: Position | None = None
    round: int | None = None
    """of the decision; None: its last one, as they come"""


class HeatmapPanel(Panel):
    """Arrows go through the rounds of the decisions; with a cursor (c, or a click) they go from cell to cell."""

    heading = "Epoch heatmap"
    short_heading = "Heatmap"
    order = 10
    span = Span(columns=3, rows=4)
    wide_span = Span(columns=3, rows=5)

    DEFAULT_CSS = """
    HeatmapPanel { height: 1fr; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "sideways(-1)", "Earlier round or decision, cell to the left", show=False),
        Binding("right,l", "sideways(1)", "Later round or decision, cell to the right", show=False),
        Binding("up,k", "vertically(1)", "Cell above", show=False),
        Binding("down,j", "vertically(-1)", "Cell below", show=False),
        Binding("f", "follow", "Follow the newest decision", show=False),
        Binding("c", "cursor", "Cursor on the cells", show=False),
        Binding("escape", "cursor_off", "Cursor off", show=False),
        Binding(
            "enter",
            "use_cell",
            "Use the cell's values",
            show=False,
            key_display="enter",
            tooltip="(while the run trains)",
        ),
        Binding("a", "next_axes", "Other axes", show=False),
        Binding("v", "next_measure", "Other value", show=False),
    ]

    drawn_from: Reactive[object] = reactive(None, init=False, repaint=False)  # lines are repainted one by one
    view: Reactive[View] = reactive(View, init=False, repaint=False)

    def __init__(self) -> None:
        super().__init__()
        self._grid: HeatmapGrid | None = None
        self._lines: list[Strip] = []
        self._header = 0
        """lines above the cells"""
        self._body = 0
        """lines of the heatmap that is looked at"""

    def shows_nothing(self, scene: Scene) -> bool:
        return not scene.run.state.decisions

    def advice(self, scene: Scene) -> tuple[str, ...]:
        """What the mark of cells that were not chosen, though they look as good or better, means."""
        grid, decision = self._grid, scene.decision  # as it was drawn: another one is work for nothing
        if grid is None or decision is None or decision.chosen is None or grid.decision != decision.started.decision:
            return ()
        return tuple(passed_over_meaning((cell for _, _, cell in grid.places), decision.chosen.reason))

    def change_key(self, scene: Scene) -> object:
        decision = scene.decision
        return (
            scene.run.name,
            decision and (decision.started.decision, decision.started.time),
            len(decision.candidates) if decision else 0,
            decision is not None and decision.chosen is not None,
            len(scene.run.state.decisions),
            scene.following,
            scene.palette,
        )

    def watch_drawn_from(self) -> None:
        self._draw()

    def watch_view(self) -> None:
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        """Prepare all lines, and repaint those that have changed."""
        if self.scene is None:
            return
        self._grid = _grid(self.scene, self.view)
        at = self.view.cursor
        if at is not None:  # another decision may have fewer cells, or none
            inside = cell_beside(self._grid, at) if self._grid is not None and self._grid.cells else None
            self.set_reactive(HeatmapPanel.view, self.view._replace(cursor=inside))
        self.border_subtitle = key_hints(CURSOR_KEYS if self.view.cursor is not None else KEYS)
        before, self._lines = self._lines, self._picture(self.scene)
        if len(before) != len(self._lines):
            self.refresh()
            return
        for y, (old, new) in enumerate(zip(before, self._lines, strict=True)):
            if old != new:  # over a slow line every cell counts
                self.refresh(Region(0, y, self.size.width, 1))

    def _picture(self, scene: Scene) -> list[Strip]:
        width, height = self.size
        grid, decision = self._grid, scene.decision
        if grid is None or decision is None:
            words = in_the_middle(scene.nothing_yet("the heatmap"), width, height)
            return [Strip([Segment(line, Style(dim=True))]) for line in words]
        started = scene.run.state.started
        if self.view.cursor is not None:
            told = cell_words(grid, decision, self.view.cursor, width)
            header = in_lines(told.replace("±", scene.palette.mark("±", "+-")), width, REASON_LINES)
        else:
            header = [decision_words(grid, decision, len(scene.run.state.decisions), scene.palette)]
            header[0] += "" if scene.following and self.view.round is None else " | f follows"
        images = started.images_per_epoch if started is not None else 0
        header += in_lines(round_line(grid, images), width, REASON_LINES)
        room = min(max(height - len(header) - LEAST_BODY, 0), REASON_LINES)
        header += in_lines(literal(reason_words(decision), scene.palette), width, room)
        self._header = len(header)
        below = companion_lines(decision, grid, width, height - self._header, scene.palette, images)
        self._body = height - self._header - len(below)
        body = heatmap_lines(grid, width, self._body, scene.palette, self.view.cursor)
        return [*(Strip([Segment(line[:width])]) for line in header), *body, *below]

    def render_line(self, y: int) -> Strip:
        """One prepared line: drawing costs the training next to nothing."""
        line = self._lines[y] if y < len(self._lines) else Strip.blank(self.size.width)
        return line.adjust_cell_length(self.size.width, self.rich_style).apply_style(self.rich_style)

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on a cell."""
        offset = event.get_content_offset(self)
        if offset is None or self._grid is None or self.scene is None:
            return
        palette = self.scene.palette
        blocks = layout(self._grid, self.size.width, self._body, palette)
        cell = cell_at(self._grid, blocks, offset.x, offset.y - self._header) if blocks else None
        if cell is not None:
            self._put_cursor(cell)

    def _put_cursor(self, at: Position | None) -> None:
        """Show the cursor on a cell; None takes it away."""
        self.view = self.view._replace(cursor=at)
        self.refresh_bindings()  # Esc takes the cursor away, or leads to the list

    def action_sideways(self, step: int) -> None:
        if self._grid is None:
            self.post_message(LookAtDecision(step))
        elif self.view.cursor is not None:
            self._put_cursor(cell_beside(self._grid, self.view.cursor, columns=step))
        else:
            self._go(self._grid, step)

    def _go(self, grid: HeatmapGrid, step: int) -> None:
        """Go to the round before or after, which may be one of another decision."""
        last = grid.rounds - 1
        number = (last if self.view.round is None else min(self.view.round, last)) + step
        if 0 <= number <= last:
            self.view = self.view._replace(round=None if number == last else number)
        elif self.scene is not None and 0 <= grid.decision + step < len(self.scene.run.state.decisions):
            self.set_reactive(HeatmapPanel.view, self.view._replace(round=0 if step > 0 else None))
            self.post_message(LookAtDecision(step))

    def action_vertically(self, step: int) -> None:
        if self.view.cursor is None:
            self.action_cursor()
        elif self._grid is not None:
            self._put_cursor(cell_beside(self._grid, self.view.cursor, rows=step))

    def action_follow(self) -> None:
        self.view = self.view._replace(round=None)
        self.post_message(LookAtDecision(None))

    def action_cursor(self) -> None:
        """Show the cursor on the chosen cell, or take it away."""
        if self.view.cursor is not None or self._grid is None:
            self._put_cursor(None)
        else:
            self._put_cursor(self._grid.chosen or (0, 0))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Esc means something here only while there is a cursor."""
        return self.view.cursor is not None if action == "cursor_off" else super().check_action(action, parameters)

    def action_cursor_off(self) -> None:
        self._put_cursor(None)

    def action_use_cell(self) -> None:
        if self.view.cursor is None:
            self.action_cursor()
        elif self._grid is not None and self.scene is not None and self.scene.decision is not None:
            self.post_message(UseCell(cell_values(self._grid, self.scene.decision, self.view.cursor)))

    def action_next_axes(self) -> None:
        decision = self.scene.decision if self.scene is not None else None
        pairs = _pairs(decision, self.view) if self._grid is not None and decision is not None else []
        if len(pairs) < 2:
            self.notify("one hyperparameter has several values here: there are no other axes")
            return
        shown = pairs.index(self.view.axes) if self.view.axes in pairs else 0
        after = (shown + 1) % len(pairs)
        self.view = self.view._replace(axes=pairs[after] if after else None, cursor=None)

    def action_next_measure(self) -> None:
        after = MEASURES[(MEASURES.index(self.view.measure) + 1) % len(MEASURES)]
        self.view = self.view._replace(measure=after)


def _grid(scene: Scene, view: View) -> HeatmapGrid | None:
    """The grid of the round and the pair of hyperparameters that are looked at."""
    decision = scene.decision
    if decision is None or not decision.started.axes:
        return None
    number = _round(decision, view)
    if view.axes is not None and view.axes in _pairs(decision, view):
        return heatmap(decision, *view.axes, view.measure, number)
    return heatmap(decision, measure=view.measure, number=number)


def _round(decision: Decision, view: View) -> int | None:
    """The round that is looked at; another decision may have fewer."""
    if view.round is None:
        return None
    last = len(probe_rounds(decision)) - 1
    return min(view.round, last) if last >= 0 else None


def _pairs(decision: Decision, view: View) -> list[tuple[str, str]]:
    return heatmap_pairs(decision, _round(decision, view))
