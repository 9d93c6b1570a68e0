"""Whether all words of a picture can be read."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text


def labels(figure: Figure) -> Iterator[Text]:
    """All words that are to be seen; a ticker also keeps labels beyond the ends of its axis."""
    for text in figure.findobj(Text):
        if isinstance(text, Text) and text.get_visible() and text.get_text().strip():
            yield text


def outside(axes: Axes) -> set[Text]:
    (left, right), (bottom, top) = sorted(axes.get_xlim()), sorted(axes.get_ylim())
    ticks = [tick for tick in axes.xaxis.get_major_ticks() if not left <= tick.get_loc() <= right]
    ticks += [tick for tick in axes.yaxis.get_major_ticks() if not bottom <= tick.get_loc() <= top]
    return {label for tick in ticks for label in (tick.label1, tick.label2)}


def assert_readable(figure: Figure) -> None:
    """Within the picture, and no two over each other."""
    figure.draw_without_rendering()
    beyond = {text for axes in figure.axes for text in outside(axes)}
    boxes = [(text, text.get_window_extent()) for text in labels(figure) if text not in beyond]
    width, height = figure.bbox.width, figure.bbox.height
    for text, box in boxes:
        assert -1 <= box.x0 <= box.x1 <= width + 1, f"cut: {text.get_text()!r}"
        assert -1 <= box.y0 <= box.y1 <= height + 1, f"cut: {text.get_text()!r}"
    for (text, box), (other, place) in combinations(boxes, 2):
        apart = box.x1 <= place.x0 + 1 or place.x1 <= box.x0 + 1 or box.y1 <= place.y0 + 1 or place.y1 <= box.y0 + 1
        assert apart, f"{text.get_text()!r} over {other.get_text()!r}"
