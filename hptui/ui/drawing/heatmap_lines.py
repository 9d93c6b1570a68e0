"""A heatmap in characters: the grid of a view to lines of segments, without an app."""

from __future__ import annotations

import math
from collections.abc import Mapping

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from hptui.reading.views.heatmap_digits import decimals
from hptui.reading.views.heatmap_grid import Cell, HeatmapGrid, Position, lost_words
from hptui.reading.views.passed_over import passed_over_label
from hptui.record.events import Axis
from hptui.ui.drawing.colours import Palette, readable_on
from hptui.ui.drawing.heatmap_layout import Layout, fitted, share_of
from hptui.ui.drawing.heatmap_numbers import Writing, cell_number, fitting, mark_of, number

LEGEND_LINES = 3
"""ticks, names and colour bar below the cells; the signs may need one more"""
SHORTEST_BAR, LONGEST_BAR = 4, 16

_PLAIN = Style()
_DIM = Style(dim=True)
_BOLD = Style(bold=True)


def layout(grid: HeatmapGrid, width: int, height: int, palette: Palette) -> Layout | None:
    """Where the cells lie in so much room, with their legend; None: there is no room for any."""
    left = max(len(number(value)) for value in grid.y.values) + 1 if grid.y is not None else 0
    return fitted(grid, left, width - left, height - LEGEND_LINES - _needs_line(grid, palette, width))


def least_lines(grid: HeatmapGrid, palette: Palette, width: int) -> int:
    """Lines in which every row has one, with the legend."""
    return len(grid.cells) + LEGEND_LINES + _needs_line(grid, palette, width)


def cell_at(grid: HeatmapGrid, blocks: Layout, x: int, y: int) -> Position | None:
    """The cell that is drawn at a character."""
    block = blocks.block_at(x, y)
    return None if block is None else blocks.best_in(grid, block)


def heatmap_lines(
    grid: HeatmapGrid, width: int, height: int, palette: Palette, cursor: Position | None = None
) -> list[Strip]:
    """Lines of a heatmap, at most `height` of at most `width` characters: cells, ticks, axis names, colour bar."""
    blocks = layout(grid, width, height, palette)
    if blocks is None:
        return [Strip([Segment("no room here"[: max(width, 0)], _DIM)])]
    lines = []
    writing = fitting(grid, *blocks.least_cell, palette)
    for row in reversed(range(blocks.rows)):
        first, end = blocks.lines(row)
        middle = (end - first) // 2
        shown = [blocks.best_in(grid, (row, column)) for column in range(blocks.columns)]
        for line in range(end - first):
            tick = number(grid.y.values[row * blocks.block[0]]) if grid.y is not None and line == middle else ""
            segments = [Segment(tick.rjust(blocks.left - 1) + " ", _PLAIN)] if blocks.left else []
            for column, best in enumerate(shown):
                start, stop = blocks.across(column)
                cell, under_cursor = grid.cells[best[0]][best[1]], (row, column) == blocks.block_of(cursor)
                mark = mark_of(cell, best == grid.chosen, palette)
                text = _cell_text(grid, cell, mark, stop - start, line - middle, writing)
                text = text.replace("±", palette.mark("±", "+-"))
                segments += _cell_segments(grid, cell, text, stop - start, palette, under_cursor)
            lines.append(Strip(segments))
    lines += [_ticks(grid.x, blocks), _names(grid, blocks, palette, width), *_colour_bar(grid, palette, width)]
    return [line.crop(0, width) for line in lines]


def _cell_text(grid: HeatmapGrid, cell: Cell, mark: str, width: int, line: int, writing: Writing) -> str:
    """What stands in one line of a cell: 0 is the middle one, -1 that above it."""
    if cell.shown is None:
        return mark * (line == 0)
    if cell.value is None and cell.vague:  # a number would be read as one that somebody knows
        return mark * (line == 0)
    if line == -1 and writing.above:
        return mark
    if line > 0:
        return _below(grid, cell, width, line)
    if line < 0:
        return ""
    mark = "" if writing.above else mark
    shown = writing.number(grid, cell.shown, width - 1 - len(mark))  # numbers of neighbours must not touch
    return mark + shown if shown else mark * (mark != "~")


def _below(grid: HeatmapGrid, cell: Cell, width: int, line: int) -> str:
    """What is said below a cell's number, where there is room for it: how sure it is; in a single row more."""
    error = cell.told_error
    lines = [f"±{cell_number(grid, error, _error_digits(grid))}"] if error is not None else []
    if grid.y is None and cell.value is not None:
        shows_accuracy = grid.measure in ("accuracy", "raw_accuracy")
        lines += [f"{100 * cell.accuracy:.1f} %"] if cell.accuracy is not None and not shows_accuracy else []
        lines += ["went on"] * cell.went_on
    fits = line <= len(lines) and len(lines[line - 1]) + 1 < width  # in ASCII the sign has two characters
    return lines[line - 1] if fits else ""


def _error_digits(grid: HeatmapGrid) -> int:
    """Decimals of errors: as many as numbers have, and enough for the smallest that is not zero."""
    factor = 1.0 if grid.lower_is_better else 100.0
    errors = [factor * error for _, _, cell in grid.places if (error := cell.told_error) and not cell.vague]
    enough = 1 - math.floor(math.log10(min(errors))) if errors else 0
    return min(max(decimals(grid, factor), enough - 1, 1), 4)


def _cell_segments(
    grid: HeatmapGrid, cell: Cell, text: str, width: int, palette: Palette, under_cursor: bool
) -> list[Segment]:
    """Measured cells are painted; predicted ones are hatched in their colour, with the number on the screen's own."""
    reverse = Style(reverse=True, bold=True) if under_cursor else _PLAIN
    if cell.shown is None:
        style = Style(color="red", bold=True) if cell.diverged and palette.colour else _DIM
        return [Segment(text.center(width), style + reverse)]
    share = share_of(grid, cell.shown)
    if cell.value is None:
        style = Style.parse(f"rgb{_triple(palette.rgb(share))}") if palette.colour else _DIM
        sure, vague = palette.mark("▒", "~"), palette.mark("░", " ")
        hatch = vague if cell.vague else sure if palette.colour else "~"
        left = (width - len(text)) // 2
        ends = (hatch * left, hatch * (width - left - len(text)))
        return [Segment(ends[0], style + reverse), Segment(text, reverse), Segment(ends[1], style + reverse)]
    fill, style = " ", _PLAIN
    if palette.colour:
        background = palette.rgb(share)
        style = Style.parse(f"rgb{_triple(readable_on(background))} on rgb{_triple(background)}")
    elif not text:
        fill = palette.shade(share)
    return [Segment(text.center(width) if text else fill * width, style + reverse)]


def _triple(rgb: tuple[int, int, int]) -> str:
    return f"({rgb[0]},{rgb[1]},{rgb[2]})"


def _ticks(axis: Axis, blocks: Layout) -> Strip:
    """Ticks, as many as there is room for, each centred under its column."""
    end = blocks.left + blocks.wide
    line = [" "] * end
    free = 0
    for column, value in enumerate(axis.values[:: blocks.block[1]]):
        tick = number(value)
        first, after = blocks.across(column)
        start = max(0, min(blocks.left + first + (after - first - len(tick)) // 2, end - len(tick)))
        if start >= free:
            line[start : start + len(tick)] = tick
            free = start + len(tick) + 1
    return Strip([Segment("".join(line).rstrip(), _PLAIN)])


def _names(grid: HeatmapGrid, blocks: Layout, palette: Palette, width: int) -> Strip:
    """What is on the axes, and the one value of what is not, if there is room for it."""
    text = f"{palette.mark('→', '>')} {grid.x.name} ({grid.x.scale})"
    if grid.y is not None:
        text += f"   {palette.mark('↑', '^')} {grid.y.name} ({grid.y.scale})"
    if blocks.block != (1, 1):
        text += f"   best of {blocks.block[0]} x {blocks.block[1]} cells each"
    fixed = f"   at {_values(grid.fixed)}" if grid.fixed else ""
    text += fixed if blocks.left + len(text) + len(fixed) <= width else ""
    return Strip([Segment(" " * blocks.left + text, _BOLD)])


def _values(values: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {number(value)}" for name, value in values.items())


def _colour_bar(grid: HeatmapGrid, palette: Palette, width: int) -> list[Strip]:
    """The colours with their ends, and what the signs mean: beside them, or in a line of their own."""
    if grid.scale is None:
        return [Strip([Segment(_signs(grid, palette, width), _DIM)])]
    left, right = _ends(grid, palette)
    around = len(left) + len(right) + 4
    own_line = _needs_line(grid, palette, width)
    signs = _signs(grid, palette, width if own_line else width - around - SHORTEST_BAR)
    length = max(SHORTEST_BAR, min(LONGEST_BAR, width - around - len(signs) * (not own_line)))
    steps = [index / (length - 1) for index in range(length)]
    if palette.colour:
        bar = [Segment(" ", Style.parse(f"on rgb{_triple(palette.rgb(step))}")) for step in steps]
    else:
        bar = [Segment("".join(palette.shade(step) for step in steps))]
    line = [Segment(f"{left} "), *bar, Segment(f" {right}  ")]
    return [Strip(line), Strip([Segment(signs, _DIM)])] if own_line else [Strip([*line, Segment(signs, _DIM)])]


def _ends(grid: HeatmapGrid, palette: Palette) -> tuple[str, str]:
    """Worst and best value of the colours; what lies beyond has the colour of that end."""
    if grid.scale is None:
        return "", ""
    above, below = palette.mark("≥", ">="), palette.mark("≤", "<=")
    worse, better = (above, below) if grid.lower_is_better else (below, above)
    beyond = grid.beyond
    left = worse * bool(beyond.worse or beyond.predicted_worse) + cell_number(grid, grid.scale.worst)
    return left, better * bool(beyond.predicted_better) + cell_number(grid, grid.scale.best)


def _needs_line(grid: HeatmapGrid, palette: Palette, width: int) -> bool:
    """Whether the signs have no room beside the shortest colour bar."""
    room = width - sum(map(len, _ends(grid, palette))) - 4 - SHORTEST_BAR
    return grid.scale is not None and len(_signs(grid, palette, room)) > room


def _signs(grid: HeatmapGrid, palette: Palette, room: int) -> str:
    """What the signs mean, only of those that occur; shorter where there is less room."""
    cells = [cell for _, _, cell in grid.places]
    occur = {
        f"{palette.mark('◆', '@')} chosen": grid.chosen is not None,
        f"! {passed_over_label(cells)}": any(cell.passed_over for cell in cells),
        f"{palette.mark('½', '/')} some left out": any(cell.hides_left_out for cell in cells),
        "~ predicted": any(cell.value is None and cell.predicted is not None and not cell.vague for cell in cells),
        "? hardly known": any(cell.value is None and cell.vague for cell in cells),
        f"{palette.mark('±', '+-')} against chosen": grid.is_paired and len(grid.cells) == 1,
        f"{palette.mark('×', 'x')} {lost_words(cells)}": any(cell.diverged for cell in cells),
        f"{palette.mark('·', '.')} not measured": any(cell.shown is None and not cell.diverged for cell in cells),
    }
    words = [sign for sign, does in occur.items() if does]
    short = " ".join(words).replace("not measured", "empty")
    return next((signs for signs in ("  ".join(words), " ".join(words)) if len(signs) <= room), short)
