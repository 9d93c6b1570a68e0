"""All decisions of one run as an animated GIF: one colour scale, one legend and one size in all frames."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import BinaryIO

from PIL import Image

from hptui.export.formats import ThemeName
from hptui.export.heatmaps import HeatmapPanel, heatmap_page, heatmap_panel
from hptui.export.pictures import about, searching
from hptui.export.style import look
from hptui.reading.studies import FollowedRun, FollowedStudy

DPI = 160
"""of a screen, where an animation is seen: 560 pixels wide"""
HEIGHT = 3.6
"""inches of all frames, whether one hyperparameter was searched or two"""
FRAME_MILLISECONDS, LAST_MILLISECONDS = 600, 2000
MANY_FRAMES = 40
"""more of them go by twice as fast"""


def write_animation(
    study: FollowedStudy, run: FollowedRun, theme: ThemeName, go_on: Callable[[], None], file: BinaryIO
) -> None:
    """Write one frame for each decision; they are drawn one after the other, and kept with 256 colours each.

    `go_on` is called before each step, of which a long run has many; what it raises ends the animation.
    """
    frames = list(_frames(study, run, theme, go_on))
    milliseconds = FRAME_MILLISECONDS // (2 if len(frames) > MANY_FRAMES else 1)
    durations = [milliseconds] * (len(frames) - 1) + [LAST_MILLISECONDS]
    first, *others = frames
    first.save(file, "GIF", save_all=True, append_images=others, duration=durations, loop=0)


def _frames(
    study: FollowedStudy, run: FollowedRun, theme: ThemeName, go_on: Callable[[], None]
) -> Iterator[Image.Image]:
    decisions, measured = searching(run), []
    for index in decisions:
        go_on()
        measured.append(heatmap_panel(run.decision(index)))
    panels = _on_one_scale(measured)
    grids = [panel.grid for panel in panels]
    for index, panel in zip(decisions, panels, strict=True):
        go_on()
        with look(theme):  # for one frame at a time: others may draw in between
            subtitle = about(study, run, [index])
            figure = heatmap_page([panel], study.study.name, subtitle, marks=grids, height=HEIGHT)
            drawn = io.BytesIO()
            figure.savefig(drawn, format="png", dpi=DPI)
        with Image.open(drawn) as picture:
            yield picture.convert("RGB").quantize(256, dither=Image.Dither.NONE)


def _on_one_scale(panels: list[HeatmapPanel]) -> list[HeatmapPanel]:
    """Panels whose scale is from the lowest to the highest value of all, so that one colour is one value throughout."""
    lows = [panel.grid.low for panel in panels if panel.grid.low is not None]
    highs = [panel.grid.high for panel in panels if panel.grid.high is not None]
    if not lows or not highs:
        return panels
    return [replace(panel, grid=replace(panel.grid, low=min(lows), high=max(highs))) for panel in panels]
