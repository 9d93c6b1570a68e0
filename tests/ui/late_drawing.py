"""When an app without a terminal draws: when a test waits for its screen or looks at it, once for each state of it.

Textual draws every change all the same, and throws it away: that was a quarter of what a test of the dashboard cost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest
from textual._compositor import Compositor
from textual._context import active_app, visible_screen_stack
from textual.app import App
from textual.message_pump import MessagePump
from textual.screen import Screen
from textual.strip import Strip

RENDER = Compositor.render_update
STRIPS = Compositor.render_strips
LOOKS: dict[tuple[Compositor, tuple[Screen[Any], ...]], list[Strip]] = {}
"""by screen, and what stands behind it: all of its lines, until any screen changes"""


def is_idle(node: MessagePump) -> bool:
    """Whether it waits for a message, so that it has done all that came of the earlier ones."""
    queue = node._message_queue
    return queue.empty() and any(not waiting.done() for waiting in queue.ready_event._waiters)  # type: ignore[attr-defined]


def busy(app: App[Any]) -> list[MessagePump]:
    """What has something to do, of the app and its topmost screen."""
    return [node for node in (app, *app.screen.walk_children(with_self=True)) if not is_idle(node)]


def behind() -> tuple[Screen[Any], ...]:
    """What shows through the screen that is looked at."""
    return tuple(visible_screen_stack.get(()))


def at_rest(screens: Iterable[Screen[Any]]) -> bool:
    """Whether all that has changed on them has been handed on to be drawn."""
    return all(
        not (screen._dirty_widgets or screen._layout_required or screen._scroll_required or screen._repaint_required)
        and all(map(is_idle, screen.walk_children(with_self=True)))
        for screen in screens
    )


def whole(compositor: Compositor) -> list[Strip]:
    """All lines as they are now; nothing is left to draw then."""
    lines = STRIPS(compositor)
    LOOKS[compositor, behind()] = lines
    compositor._dirty_regions.clear()
    return lines


def look(compositor: Compositor, size: Any = None) -> list[Strip]:
    """All lines: the same as at the last look where nothing has changed, as for who waits for words on the screen."""
    seen = LOOKS.get((compositor, behind()))
    app = active_app.get(None)
    if size is not None or app is None or not app._running:
        return STRIPS(compositor, size)
    shown = [screen for screen in app.screen_stack if screen._compositor is compositor]
    if seen is None or not shown or not at_rest([*shown, *behind()]):
        return list(whole(compositor))
    return list(seen)


def render_later(compositor: Compositor, full: bool = False, **how: Any) -> object:
    """Leave what has changed to `drawing`; whoever asks for all of the screen makes a picture of it."""
    return RENDER(compositor, full, **how) if full else None


def drawing(app: App[Any]) -> list[asyncio.Event]:
    """An answer to wait for, where something has changed since the screen was drawn; what fails there ends the app."""
    screen = app.screen
    compositor = screen._compositor
    if not compositor._dirty_regions:
        return []
    drawn = asyncio.Event()

    def draw() -> None:
        if compositor.size.region in compositor._dirty_regions:
            visible_screen_stack.set(app._background_screens)
            whole(compositor)
        else:
            RENDER(compositor, screen_stack=app._background_screens)
        drawn.set()

    return [drawn] if screen.call_later(draw) else []


def forgetting(change: Any) -> Any:
    """The same change of a screen; what was seen before is forgotten."""

    def changed(*arguments: Any) -> Any:
        LOOKS.clear()
        return change(*arguments)

    return changed


def draw_late(patch: pytest.MonkeyPatch) -> None:
    """Have every app without a terminal do so."""
    patch.setattr(Compositor, "render_update", render_later)
    patch.setattr(Compositor, "render_strips", look)
    for change in ("update_widgets", "reflow", "reflow_visible"):
        patch.setattr(Compositor, change, forgetting(getattr(Compositor, change)))
