"""How tests of screens wait: for a condition, and without work for the screen that they wait for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from fabricate import PATIENCE_SECONDS
from textual.app import App
from textual.pilot import Pilot
from textual.widget import Widget


def screen_text(app: App[object]) -> str:
    """What the terminal shows."""
    return "\n".join("".join(part.text for part in strip) for strip in app.screen._compositor.render_strips())


async def until(pilot: Pilot[None], condition: Callable[[], object], what: str = "") -> None:
    """Look again and again, until it holds.

    `Pilot.pause` would have every widget answer each time: in a form more work than what is waited for.
    """
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end, f"waited too long for {what}; the screen shows:\n{screen_text(pilot.app)}"
        await asyncio.sleep(0.01)


async def click(pilot: Pilot[None], target: str | type[Widget] | Widget, **how: Any) -> None:
    """Click where it is once everything has its place: Pilot looks where it is before it waits for that."""
    await pilot.pause()
    await pilot.click(target, **how)
