"""Keys one after another: the next is handed on when all that the one before brought about is done.

Textual puts a key into the queue of the widget that has the focus when it arrives. What a key does is done later, by
messages to other widgets: the focus moves, a screen opens, a field is shown. So of keys that come in one burst (over a
slow line, or from `tmux send-keys Tab 5`) the second would still go to the widget that the first one leaves.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from textual import events

if TYPE_CHECKING:
    from textual.app import App
    from textual.message_pump import MessagePump
    from textual.widget import Widget

PATIENCE_SECONDS = 10.0
"""after this long a key waits no longer for a widget that is still busy with the one before"""
DRAWING_SECONDS = 0.005
"""between two looks while something waits for the screen to be drawn, as the focus of a panel that is not shown yet"""
CLEAN_ROUNDS = 2
"""in a row, in which nobody had anything left to do: in the first, somebody may have been in the middle of something"""


class KeysInTurn:
    """Holds keys back and hands them on in their order."""

    def __init__(self, app: App[None], hand_on: Callable[[events.Event], Awaitable[None]]) -> None:
        """Hand events on by `hand_on`, which is called in the app's own task."""
        self._app, self._hand_on = app, hand_on
        self._waiting: deque[events.Event] = deque()
        self._task: asyncio.Task[None] | None = None

    def put(self, event: events.Event) -> None:
        """Take an event, to be handed on in its turn."""
        self._waiting.append(event)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work(), name="keys in turn")

    async def _work(self) -> None:
        while self._waiting:
            event = self._waiting.popleft()
            is_typed = self._is_typed(event)
            self._app.call_later(self._hand_on, event)
            await _passed(self._app)
            if not is_typed:
                with suppress(TimeoutError):
                    async with asyncio.timeout(PATIENCE_SECONDS):
                        await self._quiet()

    def _is_typed(self, event: events.Event) -> bool:
        """Whether the focused widget takes the key as text: a next one waits behind it in the same queue."""
        focused = self._app.focused
        if focused is None or not isinstance(event, events.Key):
            return False
        return focused.check_consume_key(event.key, event.character)

    async def _quiet(self) -> None:
        """Wait until nobody has anything left to do but to draw: that is done once for all keys of a burst."""
        clean = 0
        while clean < CLEAN_ROUNDS:
            # a worker that was started takes its first step, as far as opening a screen
            await asyncio.sleep(DRAWING_SECONDS if self._drawing_is_awaited() else 0)
            for pump in self._on_the_way():
                await _passed(pump)
            clean = 0 if self._somebody_is_busy() or self._drawing_is_awaited() else clean + 1

    def _on_the_way(self) -> list[MessagePump]:
        """Whoever a key comes by, from the focused widget up to the app, in this order."""
        if not self._app.screen_stack:
            return []  # the app is closing
        screen = self._app.screen
        first: Widget = screen.focused or screen
        return [pump for pump in first.ancestors_with_self if pump.is_running]

    def _drawing_is_awaited(self) -> bool:
        return bool(self._app.screen_stack) and bool(self._app.screen._callbacks)

    def _somebody_is_busy(self) -> bool:
        if not self._app.screen_stack:
            return False
        screen = self._app.screen
        pumps: list[MessagePump] = [self._app, screen, *screen.walk_children()]
        return any(pump.message_queue_size for pump in pumps)


async def _passed(pump: MessagePump) -> None:
    """Wait until it has done what waits for it already; not if it takes nothing any more."""
    passed = asyncio.Event()
    if pump.call_later(passed.set):
        await passed.wait()
