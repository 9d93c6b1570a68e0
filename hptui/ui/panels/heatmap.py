"""The signature panel: the grid of one decision, cells filling in as candidates are scored."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.strip import Strip

from hptui.reading.views import MEASURES, HeatmapGrid, Measure, heatmap, measured
from hptui.ui.drawing.heatmap_lines import cell_at, heatmap_lines, layout
from hptui.ui.drawing.literal import literal
from hptui.ui.panels import LookAtDecision, Panel, Scene, Span, UseCell

__all__ = ["HeatmapPanel"]

HEADER_LINES = 1
KEYS = "h l decision, f follow, c cursor, a axes, v value"
CURSOR_KEYS = "hjkl cell, enter uses it, c cursor off, v value"


class HeatmapPanel(Panel):
    """Arrows go through the decisions; with a cursor (c, or a click) they go from cell to cell."""

    heading = "Epoch heatmap"
    order = 10
    span = Span(columns=3, rows=4)

    DEFAULT_CSS = """
    HeatmapPanel { height: 1fr; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "sideways(-1)", "Earlier decision, cell to the left", show=False),
        Binding("right,l", "sideways(1)", "Later decision, cell to the right", show=False),
        Binding("up,k", "vertically(1)", "Cell above", show=False),
        Binding("down,j", "vertically(-1)", "Cell below", show=False),
        Binding("f", "follow", "Follow the newest decision", show=False),
        Binding("c", "cursor", "Cursor on the cells", show=False),
        Binding("escape", "cursor_off", "Cursor off", show=False),
        Binding("enter", "use_cell", "Use the cell's values", show=False, key_display="enter"),
        Binding("a", "next_axes", "Other axes", show=False),
        Binding("v", "next_measure", "Other value", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._scene: Scene | None = None
        self._grid: HeatmapGrid | None = None
        self._lines: list[Strip] = []
        self._drawn: object = None
        self._cursor: tuple[int, int] | None = None
        self._measure: Measure = "score"
        self._pair = 0

    def show(self, scene: Scene) -> None:
        decision = scene.decision
        seen = (
            scene.run.name,
            decision and (decision.started.decision, decision.started.time),
            len(decision.candidates) if decision else 0,
            decision is not None and decision.chosen is not None,
            len(scene.run.state.decisions),
            scene.following,
            scene.palette,
            self._cursor,
            self._measure,
            self._pair,
            self.size,
            self.has_focus,
        )
        if seen == self._drawn:
            return
        self._drawn, self._scene = seen, scene
        self._grid = self._make_grid(scene)
        self._keep_cursor_inside()
        self.border_subtitle = CURSOR_KEYS if self._cursor is not None else KEYS
        before, self._lines = self._lines, self._draw(scene)
        if len(before) != len(self._lines):
            self.refresh()
            return
        for y, (old, new) in enumerate(zip(before, self._lines, strict=True)):
            if old != new:  # over a slow line every cell counts
                self.refresh(Region(0, y, self.size.width, 1))

    def _keep_cursor_inside(self) -> None:
        """Another decision may have fewer cells, or none."""
        if self._cursor is not None:
            cells = self._grid.cells if self._grid is not None else ()
            row, column = min(self._cursor[0], len(cells) - 1), min(self._cursor[1], len(cells[0]) - 1 if cells else 0)
            self._cursor = (row, column) if cells else None

    def _make_grid(self, scene: Scene) -> HeatmapGrid | None:
        decision = scene.decision
        if decision is None or not decision.started.axes:
            return None
        x, y = self._axes([axis.name for axis in decision.started.axes])
        return heatmap(decision, x, y, self._measure)

    def _axes(self, names: list[str]) -> tuple[str, str | None]:
        """The shown pair: the first name upwards and the second across, then every other pair."""
        if len(names) == 1:
            return names[0], None
        pairs = [(x, y) for y in names for x in names if x != y]
        return pairs[self._pair % len(pairs)]

    def _draw(self, scene: Scene) -> list[Strip]:
        width, height = self.size
        if self._grid is None or scene.decision is None:
            what = "baseline: nothing is searched" if scene.run.arm == "baseline" else "no decision yet"
            return [Strip.blank(0)] if width == 0 else _text_lines(f"{scene.run.name}: {what}", width)
        header = self._header(scene, self._grid)
        body = heatmap_lines(self._grid, width, height - HEADER_LINES, scene.palette, self._cursor)
        return [*_text_lines(header, width)[:HEADER_LINES], *body]

    def _header(self, scene: Scene, grid: HeatmapGrid) -> str:
        assert scene.decision is not None
        if self._cursor is not None:
            return self._cell_words(grid)
        total = len(scene.run.state.decisions)
        better = "low is good" if grid.lower_is_better else "high is good, %"
        chosen = scene.decision.chosen
        what = f"{grid.measure}, {better}"
        if chosen is not None and not scene.decision.candidates:
            what = literal(chosen.reason, scene.palette)  # by hand, or by a strategy that tried nothing
        follows = "" if scene.following else " | f follows"
        return f"decision {grid.decision + 1}/{total} for epoch {grid.epoch} | {what}{follows}"

    def _cell_words(self, grid: HeatmapGrid) -> str:
        """Measured value, and exact values of the hyperparameters, under the cursor."""
        assert self._cursor is not None
        row, column = self._cursor
        cell = grid.cells[row][column]
        values = self._cell_values(grid)
        for digits in range(6, 2, -1):  # as exact as there is room for
            found = "diverged" if cell.diverged else f"{grid.measure} undefined" if cell.candidates else "not measured"
            if cell.predicted is not None and cell.value is None:
                found = f"{grid.measure} {cell.predicted:.{digits}g} predicted, not measured"
            if cell.value is not None:
                found = f"{grid.measure} {cell.value:.{digits}g}"
            words = f"{found} | {', '.join(f'{name} {value:.{digits}g}' for name, value in values.items())}"
            if len(words) <= self.size.width:
                break
        return words

    def _cell_values(self, grid: HeatmapGrid) -> dict[str, float]:
        """The axes' values there; of further hyperparameters, those of the best candidate in the cell."""
        assert self._cursor is not None
        assert self._scene is not None
        row, column = self._cursor
        values = {grid.x.name: grid.x.values[column]} | ({grid.y.name: grid.y.values[row]} if grid.y else {})
        decision = self._scene.decision
        inside = (
            [c for c in decision.candidates if c.candidate in grid.cells[row][column].candidates] if decision else []
        )
        found = [(value, c) for c in inside if not c.diverged and (value := measured(c, grid.measure)) is not None]
        if found and decision is not None:
            best = min if grid.lower_is_better else max
            _, candidate = best(found, key=lambda pair: pair[0])
            values = {axis.name: candidate.values[axis.name] for axis in decision.started.axes}
        return values

    def render_line(self, y: int) -> Strip:
        """One prepared line: drawing costs the training next to nothing."""
        line = self._lines[y] if y < len(self._lines) else Strip.blank(self.size.width)
        return line.adjust_cell_length(self.size.width, self.rich_style).apply_style(self.rich_style)

    def redraw(self) -> None:
        """Show the same scene with what was changed in this panel."""
        if self._scene is not None:
            self.show(self._scene)

    def on_resize(self) -> None:
        self.redraw()

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on a cell."""
        offset = event.get_content_offset(self)
        if offset is None or self._grid is None:
            return
        place = layout(self._grid, self.size.width, self.size.height - HEADER_LINES)
        cell = cell_at(self._grid, place, offset.x, offset.y - HEADER_LINES) if place else None
        if cell is not None:
            self._cursor = cell
            self.redraw()

    def action_sideways(self, step: int) -> None:
        if self._cursor is None:
            self.post_message(LookAtDecision(step))
        else:
            self._move(0, step)

    def action_vertically(self, step: int) -> None:
        if self._cursor is None:
            self.action_cursor()
        else:
            self._move(step, 0)

    def _move(self, rows: int, columns: int) -> None:
        assert self._cursor is not None
        if self._grid is not None:
            row = min(max(self._cursor[0] + rows, 0), len(self._grid.cells) - 1)
            column = min(max(self._cursor[1] + columns, 0), len(self._grid.cells[0]) - 1)
            self._cursor = (row, column)
            self.redraw()

    def action_follow(self) -> None:
        self.post_message(LookAtDecision(None))

    def action_cursor(self) -> None:
        """Show the cursor on the chosen cell, or take it away."""
        if self._cursor is not None or self._grid is None:
            self._cursor = None
        else:
            self._cursor = self._grid.chosen or (0, 0)
        self.redraw()

    def action_cursor_off(self) -> None:
        self._cursor = None
        self.redraw()

    def action_use_cell(self) -> None:
        if self._cursor is None:
            self.action_cursor()
        elif self._grid is not None:
            self.post_message(UseCell(self._cell_values(self._grid)))

    def action_next_axes(self) -> None:
        decision = self._scene.decision if self._scene is not None else None
        if decision is None or len(decision.started.axes) < 2:
            self.notify("one hyperparameter is searched: there are no other axes")
            return
        self._pair += 1
        self._cursor = None
        self.redraw()

    def action_next_measure(self) -> None:
        self._measure = MEASURES[(MEASURES.index(self._measure) + 1) % len(MEASURES)]
        self.redraw()


def _text_lines(text: str, width: int) -> list[Strip]:
    return [Strip([Segment(text[:width])])]
