"""Line charts in characters: lists of Text lines, drawn with plotext and free of any background colour.

plotext has one master figure for the whole process: call `chart` from the UI thread only.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Literal

from rich.color import Color
from rich.style import Style
from rich.text import Text

from hptui.ui.drawing.chart_ticks import ValueFormat, epoch_ticks, value_ticks
from hptui.ui.drawing.colours import Palette, Rgb
from hptui.ui.drawing.literal import literal

BASELINE: Rgb = (213, 94, 0)
OPTIMIZED: Rgb = (0, 114, 178)
SCHEDULED: Rgb = (0, 158, 115)
"""vermilion, blue and green of Okabe and Ito: told apart by colour-blind eyes, readable on black and on white"""

LEAST_WIDTH, LEAST_HEIGHT = 20, 5
MARK_COLUMNS = 8
"""from one mark on a fine line to the next at least: without colour (a capture of the screen) they tell lines apart"""
FRAME_LINES = 2
"""the x axis and its ticks"""

_PLAIN = str.maketrans("│─┌┐└┘├┤┬┴┼╴╵╶╷░▒▓█▲▼●○×·", "|-+++++++++-|-|.:*#^vo.x.")


@dataclass(frozen=True)
class Series:
    """Values over epochs."""

    label: str
    """in the legend, shown literally; empty: not in the legend"""
    points: tuple[tuple[float, float], ...]
    style: Literal["line", "steps", "dots", "dashed"] = "line"
    """line: sloping from point to point; steps: a value that holds around its point, half way to the next ones;
    dashed: one that holds until the next point; dots: single points"""
    colour: Rgb | None = None
    """None: the colour of ordinary text"""
    marker: str = "●"
    """for dots, and for lines where colour or fine lines are missing; a fine line has one now and then"""


@dataclass(frozen=True)
class Band:
    """An area between low and high over epochs."""

    label: str
    points: tuple[tuple[float, float, float], ...]
    """(epoch, low, high)"""
    colour: Rgb | None = None
    marker: str = "░"


@dataclass(frozen=True)
class _Frame:
    """Where values fall on the canvas."""

    columns: int
    x: tuple[float, float]
    y: tuple[float, float]
    """in the scale drawn: exponents of ten on a log axis"""
    log_y: bool

    def share(self, value: float) -> float:
        """0 at the bottom, 1 at the top."""
        low, high = self.y
        return ((math.log10(value) if self.log_y else value) - low) / (high - low)

    def samples(self, first: float, last: float) -> list[float]:
        """The epochs at the centres of the columns from `first` to `last`, both included."""
        low, high = self.x
        step = (high - low) / max(self.columns - 1, 1)
        inner = (low + column * step for column in range(self.columns))
        return [first, *(epoch for epoch in inner if first < epoch < last), *([last] if last > first else [])]


def chart(
    series: Sequence[Series | Band],
    *,
    width: int,
    height: int,
    log_y: bool = False,
    epochs: Sequence[float] = (),
    x_label: str = "epoch",
    y_format: ValueFormat = "number",
    palette: Palette,
) -> list[Text]:
    """Exactly `height` lines of exactly `width` cells, later series over earlier ones; `epochs` lie within the axis."""
    if width < LEAST_WIDTH or height < LEAST_HEIGHT:
        return _message("too small", width, height)
    shown = [kept for part in series if (kept := _drawable(part, log_y)).points]
    if not shown:
        return _message("no data yet", width, height)
    epochs = [*epochs, *(point[0] for part in shown for point in part.points)]
    values = [value for part in shown for point in part.points for value in point[1:]]
    ticks = value_ticks(min(values), max(values), height - FRAME_LINES, log=log_y, form=y_format)
    labels = max((len(label) for _, label in ticks.labels), default=0)
    # the name of the x axis stands in the corner under the labels, if these leave enough of the width
    corner = literal(x_label, palette) if max(labels, len(x_label)) <= width // 3 else ""
    margin = max(labels, len(corner)) if labels <= width // 2 else 0
    around = 0 if min(epochs) < max(epochs) else 1
    x = (min(epochs) - around, max(epochs) + around)
    frame = _Frame(width - margin - 1, x, (ticks.low, ticks.high), log_y)
    figure = _figure(width, height)
    # plotext's own log axis stops at the smallest and largest exponents; shares of the height never do
    span = ticks.high - ticks.low
    figure.ruler("y").ticks(
        [(position - ticks.low) / span for position, _ in ticks.labels] if margin else [],
        [label.rjust(margin) for _, label in ticks.labels] if margin else [],
    ).lim(0, 1)
    marks = epoch_ticks(min(epochs), max(epochs), frame.columns)
    figure.ruler("x").ticks(marks, [str(mark) for mark in marks]).lim(*x)
    for part in shown:
        _draw(figure, part, frame, palette)
    return _lines(figure.build().string(), corner, width, height, palette)


def _drawable(part: Series | Band, log_y: bool) -> Series | Band:
    """A part without what the axis cannot show; on a log axis that is zero and less."""
    if isinstance(part, Series):
        return replace(part, points=tuple((x, _within(y, log_y)) for x, y in part.points if y > 0 or not log_y))
    kept = (point for point in part.points if point[2] > 0 or not log_y)
    area = ((x, low if low > 0 or not log_y else high, high) for x, low, high in kept)
    return replace(part, points=tuple((x, _within(low, log_y), _within(high, log_y)) for x, low, high in area))


def _within(value: float, log_y: bool) -> float:
    """So far from the ends of what a float can hold that differences and ratios still can be computed."""
    return min(max(value, 1e-280 if log_y else -1e280), 1e280)


def _figure(width: int, height: int) -> Any:
    """The master figure, empty. Its own themes would paint backgrounds and stop at the size of the terminal."""
    import plotext  # type: ignore[import-untyped]  # 0.15 s, so not before there is something to draw

    plotext.terminal.limit(False, False)
    figure = plotext.figure.clear()
    figure.plot_size(width, height)
    figure.theme("colorless")
    figure.axes(False, axis="x", side="upper")
    figure.axes(False, axis="y", side="right")
    return figure


def _draw(figure: Any, part: Series | Band, frame: _Frame, palette: Palette) -> None:
    import plotext

    fine = isinstance(part, Series) and _is_fine(part, palette)
    glyph = "braille" if fine and len(part.points) > 1 else _glyph(part)
    marker = plotext.marker(glyph, part.colour if palette.colour else None)
    if isinstance(part, Band):
        epochs = frame.samples(part.points[0][0], part.points[-1][0])
        low, high = ([frame.share(_between(part.points, epoch, side)) for epoch in epochs] for side in (1, 2))
        signal = figure.signal(epochs, low, marker=marker)
        signal.fill(figure.signal(epochs, high, marker=marker))
    elif part.style == "dashed":
        epochs = frame.samples(part.points[0][0], part.points[-1][0])[::2]
        signal = figure.signal(epochs, [frame.share(_held(part.points, epoch)) for epoch in epochs], marker=marker)
    else:
        points = _staircase(part.points) if part.style == "steps" else part.points
        signal = figure.signal(
            [epoch for epoch, _ in points], [frame.share(value) for _, value in points], marker=marker
        )
        signal.lines(part.style != "dots")
    figure.draw(signal)
    if fine and isinstance(part, Series):
        marks = _marked(part.points, frame)
        marker = plotext.marker(_glyph(part), part.colour)
        figure.draw(figure.signal([x for x, _ in marks], [frame.share(y) for _, y in marks], marker=marker))


def _marked(points: Sequence[tuple[float, float]], frame: _Frame) -> list[tuple[float, float]]:
    """Points of a fine line that get a mark: from the last one backwards, so many columns apart."""
    least = MARK_COLUMNS * (frame.x[1] - frame.x[0]) / max(frame.columns, 1)
    marked: list[tuple[float, float]] = []
    for point in reversed(points):
        if not marked or marked[-1][0] - point[0] >= least:
            marked.append(point)
    return marked


def _is_fine(part: Series, palette: Palette) -> bool:
    """Lines of small dots (braille) are told apart by colour alone."""
    return part.style in ("line", "steps") and palette.colour and not palette.ascii


def _glyph(part: Series | Band) -> str:
    return "─" if isinstance(part, Series) and part.style == "dashed" else part.marker[:1] or "●"


def _staircase(points: Sequence[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """Corners of the line whose values hold around their points, and change half way between two of them."""
    corners = [points[0]]
    for (before, old), (after, new) in pairwise(points):
        half = (before + after) / 2
        corners += [(half, old), (half, new)]
    return (*corners, points[-1])


def _held(points: Sequence[tuple[float, float]], epoch: float) -> float:
    """The last value not after `epoch`."""
    return next(value for start, value in reversed(points) if start <= epoch)


def _between(points: Sequence[tuple[float, float, float]], epoch: float, side: int) -> float:
    """Value on the straight line between two neighbours."""
    for before, after in pairwise(points):
        if before[0] <= epoch <= after[0] and after[0] > before[0]:
            share = (epoch - before[0]) / (after[0] - before[0])
            return before[side] * (1 - share) + after[side] * share
    return points[0][side]


def _lines(drawn: str, corner: str, width: int, height: int, palette: Palette) -> list[Text]:
    rows = [Text.from_ansi(_plain(row) if palette.ascii else row) for row in drawn.split("\n")[:height]]
    if corner and not rows[-1].plain[: len(corner)].strip():
        rows[-1] = Text(corner) + rows[-1][len(corner) :]
    return [_fit(row, width) for row in rows]


def _fit(line: Text, width: int) -> Text:
    line.no_wrap = True
    line.truncate(width, overflow="crop", pad=True)
    return line


def _message(words: str, width: int, height: int) -> list[Text]:
    return [_fit(Text(words if row == (height - 1) // 2 else ""), max(width, 0)) for row in range(height)]


def _plain(text: str) -> str:
    """ASCII in place of the signs that charts are made of."""
    return "".join(sign if sign.isascii() else "*" for sign in text.translate(_PLAIN))


def legend(series: Sequence[Series | Band], *, width: int, palette: Palette, log_y: bool = False) -> list[Text]:
    """A sign and the label of each labelled series, in as many lines of `width` cells as it takes."""
    lines: list[Text] = []
    for entry in _entries(series, palette, log_y):
        if lines and lines[-1].cell_len + 2 + entry.cell_len <= width:
            lines[-1].append("  ").append_text(entry)
        else:
            lines.append(entry)
    return [_fit(line, width) for line in lines]


def _entries(series: Sequence[Series | Band], palette: Palette, log_y: bool) -> Iterator[Text]:
    for part in series:
        if not part.label or not part.points:
            continue
        fine = isinstance(part, Series) and _is_fine(part, palette)
        dashed = isinstance(part, Series) and part.style == "dashed"
        sample = f"⠤{_glyph(part)}⠤" if fine else "─ ─" if dashed else _glyph(part)
        sign = _plain(sample) if palette.ascii else sample
        colour = part.colour if palette.colour else None
        style = Style(color=Color.from_rgb(*colour)) if colour else Style()
        missing = log_y and any(point[-1] <= 0 for point in part.points)
        note = " (0: off the log axis)" if missing else ""
        yield Text.assemble((sign, style), f" {literal(part.label, palette)}{note}")
