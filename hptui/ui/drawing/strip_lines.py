"""The two lines at the top of the dashboard, fitted to a width: state and place, progress, load of the machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text

from hptui.ui.drawing.colours import Palette
from hptui.ui.drawing.gauges import Part, bar, sparkline
from hptui.ui.drawing.literal import literal
from hptui.ui.load import Gauge

GRAPH_COLUMNS = ((150, 16), (120, 10), (70, 5), (0, 0))
"""from so wide a strip on, a graph has so many cells"""
TWO_ABREAST = 120
"""cells from which on two gauges stand side by side"""
BAR_CELLS = (6, 60)
"""smallest and largest bar"""
GAP = "  "


@dataclass(frozen=True)
class Watched:
    """A gauge now, and what it was in the seconds before."""

    gauge: Gauge
    history: Sequence[float]


@dataclass(frozen=True)
class Standing:
    """Where a study stands."""

    state: str
    """a sign and a word"""
    run: str
    place: str
    """epoch and batch, or decision and candidate"""
    name: str
    """of the study"""
    parts: tuple[Part, ...]
    """its runs, as parts of the bar"""
    done: float
    """share of the work of all runs"""
    time: str
    rate: str
    """empty where nothing is trained"""
    cost: str
    gauges: tuple[Watched, ...]
    held: str = ""
    """that the values are somebody's, and how that ends; empty while the strategy chooses"""
    delivered: str = ""
    """the epoch that would be delivered; empty where it is the newest"""


def strip_lines(standing: Standing, width: int, palette: Palette, state_style: Style) -> Text:
    """Two lines of at most `width` cells."""
    right = _gauge_lines(standing.gauges, width, palette)
    room = width - (right[0].cell_len + len(GAP) if right else 0)
    left = (_first(standing, room, palette, state_style), _second(standing, room, palette))
    if not right:
        return Text("\n").join(left)
    for line in left:
        line.pad_right(max(room - line.cell_len, 0))
        line.append(GAP)
    return Text("\n").join([left[0] + right[0], left[1] + right[1]])


def _first(standing: Standing, room: int, palette: Palette, state_style: Style) -> Text:
    rest = next((words for words in _orders(standing, palette) if cell_len(standing.state + words) <= room), "")
    rest = rest or [*_orders(standing, palette)][-1]
    if cell_len(standing.state + rest + GAP) + 1 < room:  # of less of the name its ellipsis would cut what is before it
        rest = GAP.join([rest, literal(standing.name)])
    line = Text.assemble((standing.state, state_style), rest)
    line.truncate(room, overflow="crop" if palette.ascii else "ellipsis")
    return line


def _orders(standing: Standing, palette: Palette) -> Iterator[str]:
    """What follows the state, the longest first; a delivered epoch is marked as on the learning curves, or goes ahead:
    cut, it would be another one.
    """
    held = [standing.held] if standing.held else []
    if not standing.delivered:
        yield literal(GAP.join(["", standing.run, standing.place, *held]))
        return
    short = standing.delivered.replace("delivers", palette.mark("◆", "@"))
    yield literal(GAP.join(["", standing.run, standing.place, *held, standing.delivered]))
    yield literal(GAP.join(["", standing.run, standing.place, *held, short]))
    yield literal(GAP.join(["", standing.run, short, standing.place, *held]))


def _second(standing: Standing, room: int, palette: Palette) -> Text:
    """The bar takes what the numbers leave; where that is too little, the last of these go."""
    numbers = [words for words in (standing.time, standing.rate, standing.cost) if words]
    share = f" {standing.done:4.0%}"
    smallest, largest = BAR_CELLS
    while numbers and len(share + GAP.join(["", *numbers])) + smallest > room:
        numbers.pop()
    words = share + GAP.join(["", *numbers])
    cells = min(max(room - len(words), 0), largest)
    line = bar(standing.parts, cells, palette) + Text(words)
    line.truncate(room)
    return line


def _gauge_lines(gauges: Sequence[Watched], width: int, palette: Palette) -> list[Text]:
    """Two lines of one length: as many gauges as there is room for, the first ones before the others."""
    graph = next(cells for least, cells in GRAPH_COLUMNS if width >= least)
    if not graph or not gauges:
        return []
    abreast = 2 if width >= TWO_ABREAST and len(gauges) > 2 else 1
    rows = [gauges[:abreast], gauges[abreast : 2 * abreast]]
    names = [max((len(row[at].gauge.name) for row in rows if at < len(row)), default=0) for at in range(abreast)]
    words = [max((len(row[at].gauge.words) for row in rows if at < len(row)), default=0) for at in range(abreast)]
    words = [max(cells, len("100%")) for cells in words]  # numbers that grow must not shift what stands before them
    return [
        Text(GAP.join(_gauge(row, at, names[at], graph, words[at], palette) for at in range(abreast))) for row in rows
    ]


def _gauge(row: Sequence[Watched], at: int, name: int, graph: int, words: int, palette: Palette) -> str:
    if at >= len(row):
        return " " * (name + graph + words + 2)
    shown = row[at]
    return f"{shown.gauge.name:<{name}} {sparkline(shown.history, graph, palette)} {shown.gauge.words:>{words}}"
