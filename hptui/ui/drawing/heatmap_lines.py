"""A heatmap in characters: the grid of a view to lines of segments, without an app."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from hptui.reading.views.heatmap import Cell, HeatmapGrid
from hptui.record.events import Axis
from hptui.ui.drawing.colours import Palette, readable_on

LABEL_WIDTH = 9
"""of the ticks at the left"""
LEGEND_LINES = 3
"""ticks, names and colour bar below the cells"""
WIDEST_CELL = 10
TALLEST_CELL = 3
SHORTEST_BAR, LONGEST_BAR = 4, 16

_PLAIN = Style()
_DIM = Style(dim=True)
_BOLD = Style(bold=True)


@dataclass(frozen=True)
class Layout:
    """Where the cells lie; sizes in characters. Where there is no room for all, a block of them shares one spot."""

    rows: int
    columns: int
    """of blocks"""
    cell_width: int
    cell_height: int
    block: tuple[int, int] = (1, 1)
    """rows and columns of the grid in one block"""

    def block_at(self, x: int, y: int) -> tuple[int, int] | None:
        """(row, column) of the block under a character; rows are drawn from high to low."""
        column, line = (x - LABEL_WIDTH) // self.cell_width, y // self.cell_height
        inside = x >= LABEL_WIDTH and 0 <= column < self.columns and 0 <= line < self.rows
        return (self.rows - 1 - line, column) if inside else None

    def block_of(self, cell: tuple[int, int] | None) -> tuple[int, int] | None:
        """The block that a cell of the grid lies in."""
        return None if cell is None else (cell[0] // self.block[0], cell[1] // self.block[1])

    def best_in(self, grid: HeatmapGrid, block: tuple[int, int]) -> tuple[int, int]:
        """The cell that stands for a block: the chosen one, else the best, measured before predicted."""
        rows, columns = (
            range(index * size, min((index + 1) * size, length))
            for index, size, length in zip(block, self.block, (len(grid.cells), len(grid.cells[0])), strict=True)
        )
        inside = [(row, column) for row in rows for column in columns]

        def rank(at: tuple[int, int]) -> tuple[bool, bool, float, bool]:
            cell = grid.cells[at[0]][at[1]]
            share = -1.0 if cell.shown is None else share_of(grid, cell.shown)
            return at == grid.chosen, cell.value is not None, share, cell.diverged

        return max(inside, key=rank)


def layout(grid: HeatmapGrid, width: int, height: int) -> Layout | None:
    """The largest cells that fit, as many as fit; None: there is no room for any."""
    wide, high = width - LABEL_WIDTH, height - LEGEND_LINES
    if wide < 1 or high < 1:
        return None
    block = math.ceil(len(grid.cells) / high), math.ceil(len(grid.cells[0]) / wide)
    rows, columns = math.ceil(len(grid.cells) / block[0]), math.ceil(len(grid.cells[0]) / block[1])
    return Layout(rows, columns, min(WIDEST_CELL, wide // columns), min(TALLEST_CELL, high // rows), block)


def cell_at(grid: HeatmapGrid, blocks: Layout, x: int, y: int) -> tuple[int, int] | None:
    """(row, column) of the cell that is drawn at a character."""
    block = blocks.block_at(x, y)
    return None if block is None else blocks.best_in(grid, block)


def heatmap_lines(
    grid: HeatmapGrid, width: int, height: int, palette: Palette, cursor: tuple[int, int] | None = None
) -> list[Strip]:
    """Lines of a heatmap, at most `height` of at most `width` characters: cells, ticks, axis names, colour bar."""
    blocks = layout(grid, width, height)
    if blocks is None:
        return [Strip([Segment("no room here"[: max(width, 0)], _DIM)])]
    lines = []
    for row in reversed(range(blocks.rows)):
        for line in range(blocks.cell_height):
            middle = line == blocks.cell_height // 2
            tick = number(grid.y.values[row * blocks.block[0]]) if grid.y is not None and middle else ""
            segments = [Segment(tick[: LABEL_WIDTH - 1].rjust(LABEL_WIDTH - 1) + " ", _PLAIN)]
            for column in range(blocks.columns):
                block = (row, column)
                best = blocks.best_in(grid, block)
                cell, under_cursor = grid.cells[best[0]][best[1]], block == blocks.block_of(cursor)
                text = _cell_text(grid, cell, best == grid.chosen, blocks.cell_width, palette) if middle else ""
                segments += _cell_segments(grid, cell, text, blocks.cell_width, palette, under_cursor)
            lines.append(Strip(segments))
    lines += [_ticks(grid.x, blocks), _names(grid, blocks, palette), _colour_bar(grid, palette, width)]
    return [line.crop(0, width) for line in lines]


def share_of(grid: HeatmapGrid, value: float) -> float:
    """0 (worst) to 1 (best) among the cells; losses on a logarithmic scale, because one bad cell dwarfs the rest."""
    if grid.low is None or grid.high is None or grid.low == grid.high:
        return 1.0
    low, high = grid.low, grid.high
    if grid.lower_is_better and low > 0:
        low, high, value = math.log(low), math.log(high), math.log(value)
    share = (value - low) / (high - low)
    return 1 - share if grid.lower_is_better else share


def number(value: float) -> str:
    """Three digits, as short as they go: 0.001, 1e-05, 97.3."""
    text = f"{value:.3g}"
    return text.replace("e-0", "e-").replace("e+0", "e")


def cell_number(grid: HeatmapGrid, value: float) -> str:
    """A cell's value, with enough digits to tell the best cell from the worst; shares in percent."""
    factor = 1.0 if grid.lower_is_better else 100.0
    low, high = grid.measured
    spread = (high - low) * factor
    decimals = min(max(1, 2 - math.floor(math.log10(spread))), 6) if spread > 0 else 3
    return f"{factor * value:.{decimals}f}" if factor * value < 1000 else number(value)


def _cell_text(grid: HeatmapGrid, cell: Cell, chosen: bool, width: int, palette: Palette) -> str:
    if cell.diverged:
        return palette.mark("×", "x")
    if cell.shown is None:
        return palette.mark("·", ".")
    mark = palette.mark("◆", "@") if chosen else "~" if cell.value is None else ""
    shown = cell_number(grid, cell.shown)
    if len(shown) + len(mark) < width:  # numbers of neighbours must not touch
        return mark + shown
    return mark if chosen else ""


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
        hatch = palette.mark("▒", "~") if palette.colour else "~"
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
    line = [" "] * (LABEL_WIDTH + blocks.columns * blocks.cell_width + LABEL_WIDTH)
    free = 0
    for column, value in enumerate(axis.values[:: blocks.block[1]]):
        tick = number(value)
        start = max(0, LABEL_WIDTH + column * blocks.cell_width + (blocks.cell_width - len(tick)) // 2)
        if start >= free:
            line[start : start + len(tick)] = tick
            free = start + len(tick) + 1
    return Strip([Segment("".join(line).rstrip(), _PLAIN)])


def _names(grid: HeatmapGrid, blocks: Layout, palette: Palette) -> Strip:
    right, up = palette.mark("→", ">"), palette.mark("↑", "^")
    text = f"{right} {grid.x.name} ({grid.x.scale})"
    if grid.y is not None:
        text += f"   {up} {grid.y.name} ({grid.y.scale})"
    if blocks.block != (1, 1):
        text += f"   best of {blocks.block[0]} x {blocks.block[1]} cells each"
    return Strip([Segment(" " * LABEL_WIDTH + text, _BOLD)])


def _colour_bar(grid: HeatmapGrid, palette: Palette, width: int) -> Strip:
    words = _signs(grid, palette)
    signs = "  ".join(words)
    if grid.low is None or grid.high is None:
        return Strip([Segment(signs, _DIM)])
    worst, best = (grid.high, grid.low) if grid.lower_is_better else (grid.low, grid.high)
    left, right = cell_number(grid, worst), cell_number(grid, best)
    around = len(left) + len(right) + 4
    if around + SHORTEST_BAR + len(signs) > width:
        signs = " ".join(words).replace("not measured", "empty")
    length = max(SHORTEST_BAR, min(LONGEST_BAR, width - around - len(signs)))
    steps = [index / (length - 1) for index in range(length)]
    if palette.colour:
        bar = [Segment(" ", Style.parse(f"on rgb{_triple(palette.rgb(step))}")) for step in steps]
    else:
        bar = [Segment("".join(palette.shade(step) for step in steps))]
    return Strip([Segment(f"{left} "), *bar, Segment(f" {right}  "), Segment(signs, _DIM)])


def _signs(grid: HeatmapGrid, palette: Palette) -> list[str]:
    """What the signs mean; only of those that occur."""
    cells = [cell for row in grid.cells for cell in row]
    occur = {
        f"{palette.mark('◆', '@')} chosen": grid.chosen is not None,
        "~ predicted": any(cell.value is None and cell.predicted is not None for cell in cells),
        f"{palette.mark('×', 'x')} diverged": any(cell.diverged for cell in cells),
        f"{palette.mark('·', '.')} not measured": any(cell.shown is None and not cell.diverged for cell in cells),
    }
    return [words for words, does in occur.items() if does]
