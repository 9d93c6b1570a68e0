"""A panel alone in a small app."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.pilot import Pilot
from waiting import screen_text

from hptui.reading.studies import FollowedStudy
from hptui.ui.drawing.colours import Palette
from hptui.ui.panels import Panel, Scene


class Host(App[None]):
    """One panel that fills the screen."""

    CSS = "Panel { border: round white; }"

    def __init__(self, panel: Panel) -> None:
        super().__init__()
        self.panel = panel

    def compose(self) -> ComposeResult:
        yield self.panel


def screen(panel: Panel) -> list[str]:
    """What the panel shows now, with its border."""
    size = panel.outer_size
    return [strip.text for strip in panel.render_lines(Region(0, 0, size.width, size.height))]


def whole(pilot: Pilot[None]) -> list[str]:
    """What the terminal shows now, with the widgets within the panel."""
    return screen_text(pilot.app).split("\n")


def piloted(panel: Panel, script: Callable[[Pilot[None]], Awaitable[None]], size: tuple[int, int] = (80, 24)) -> None:
    async def main() -> None:
        app = Host(panel)
        async with app.run_test(size=size) as pilot:
            panel.focus()
            await pilot.pause()
            await script(pilot)

    asyncio.run(main())


def shown(panel: Panel, scene: Scene, size: tuple[int, int] = (80, 24)) -> list[str]:
    """Lines after one scene."""
    found: list[str] = []

    async def script(pilot: Pilot[None]) -> None:
        panel.show(scene)
        await pilot.pause()
        found.extend(screen(panel))

    piloted(panel, script, size)
    assert [len(row) for row in found] == [size[0]] * size[1]
    return found


def make_scene(followed: FollowedStudy, name: str = "optimized-0", **palette: Any) -> Scene:
    run = next(run for run in followed.runs if run.name == name)
    decisions = run.state.decisions
    return Scene(followed, run, decisions[-1] if decisions else None, True, Palette(**palette))
