"""All decisions of one run as an animated GIF: one legend and one size in all frames, and one colour scale."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import BinaryIO

from PIL import Image

from hptui.export.formats import ThemeName
from hptui.export.heatmaps import HeatmapPanel, heatmap_page, heatmap_panels
from hptui.export.pictures import about, images_per_epoch, searching
from hptui.export.style import look
from hptui.reading.studies import FollowedRun, FollowedStudy
from hptui.reading.views.colour_scale import colour_scale

DPI = 160
"""of a screen, where an animation is seen: 560 pixels wide"""
HEIGHT = 4.4
"""inches of all frames, whether one hyperparameter was searched or two"""
FRAME_MILLISECONDS, LAST_MILLISECONDS = 600, 2000
MANY_FRAMES = 40
"""more of them go by twice as fast"""


def write_animation(
    study: FollowedStudy,
    run: FollowedRun,
    theme: ThemeName,
    go_on: Callable[[], None],
    file: BinaryIO,
    *,
    titles: bool = True,
) -> None:
    """Write one frame for each heatmap of each decision, one after the other, with 256 colours each.

    `go_on` is called before each step, of which a long run has many; what it raises ends the animation.
    """
    frames = list(_frames(study, run, theme, go_on, titles))
    milliseconds = FRAME_MILLISECONDS // (2 if len(frames) > MANY_FRAMES else 1)
    durations = [milliseconds] * (len(frames) - 1) + [LAST_MILLISECONDS]
    first, *others = frames
    first.save(file, "GIF", save_all=True, append_images=others, duration=durations, loop=0)


def _frames(
    study: FollowedStudy, run: FollowedRun, theme: ThemeName, go_on: Callable[[], None], titles: bool
) -> Iterator[Image.Image]:
    decisions, measured = [], []
    for index in searching(run):
        go_on()
        found = heatmap_panels(run.decision(index), images_per_epoch(run))
        measured += found
        decisions += [index] * len(found)
    panels = _on_one_scale(measured)
    for index, panel in zip(decisions, panels, strict=True):
        go_on()
        with look(theme, titles=titles):  # for one frame at a time: others may draw in between
            subtitle = about(study, run, [index])
            figure = heatmap_page([panel], study.study.name, subtitle, beside=panels, height=HEIGHT)
            drawn = io.BytesIO()
            figure.savefig(drawn, format="png", dpi=DPI)
        with Image.open(drawn) as picture:
            yield picture.convert("RGB").quantize(256, dither=Image.Dither.NONE)


def _on_one_scale(panels: list[HeatmapPanel]) -> list[HeatmapPanel]:
    """Panels whose scale is that of the values of all, so that one colour is one value throughout.

    Rounds of one decision have a scale each: their probes differ in length, and so do their scores.
    """
    if any(panel.grid.rounds > 1 for panel in panels):
        return panels
    values = [value for panel in panels for value in panel.grid.measured]
    scale = colour_scale(values, lower_is_better=all(panel.grid.lower_is_better for panel in panels))
    return [replace(panel, grid=replace(panel.grid, shared_scale=scale)) for panel in panels]
