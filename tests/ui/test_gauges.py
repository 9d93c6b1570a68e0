"""Bars and small graphs, by their text alone."""

from __future__ import annotations

import pytest

from hptui.ui.drawing.colours import Palette
from hptui.ui.drawing.gauges import Part, bar, sparkline

ASCII = Palette(ascii=True)


def test_a_graph_shows_the_newest_at_the_right() -> None:
    assert sparkline([0.0, 0.5, 1.0], 5, Palette()) == "  ▁▅█"
    assert sparkline([0.0, 0.5, 1.0], 2, Palette()) == "▅█"
    assert sparkline([0.0, 0.5, 1.0], 5, ASCII) == "  _=#"
    assert sparkline([-1.0, 7.0], 2, Palette()) == "▁█"
    assert sparkline([0.5], 0, Palette()) == ""


@pytest.mark.parametrize(
    ("parts", "width", "drawn"),
    [
        ([Part(1, 0.5)], 10, "━━━━━─────"),
        ([Part(1, 0.55)], 10, "━━━━━╸────"),
        ([Part(1, 0.001)], 10, "╸─────────"),  # begun
        ([Part(1, 0.999)], 10, "━━━━━━━━━╸"),  # not done
        ([Part(1, 1)], 10, "━━━━━━━━━━"),
        ([Part(1, 1), Part(3, 0)], 9, "━━ ──────"),
        ([Part(1, 1), Part(1, 1), Part(1, 0), Part(1, 0)], 10, "━━━━━─────"),  # too many for gaps
        ([Part(0, 0)], 4, "────"),
        ([], 4, "────"),
        ([Part(1, 1)], 0, ""),
    ],
)
def test_a_bar_shows_what_is_done_of_every_part(parts: list[Part], width: int, drawn: str) -> None:
    assert bar(parts, width, Palette()).plain == drawn
    plain = drawn.translate(str.maketrans("━╸─", "#=-"))
    assert bar(parts, width, ASCII).plain == plain


def test_parts_have_their_colours_where_there_is_colour() -> None:
    parts = [Part(1, 1, (213, 94, 0)), Part(1, 0.5, (0, 114, 178))]
    colours = [span.style.color.triplet for span in bar(parts, 21, Palette()).spans if span.style.color]
    assert colours == [(213, 94, 0), (0, 114, 178)]
    assert all(not span.style.color for span in bar(parts, 21, Palette(colour=False)).spans)
