"""Keys that arrive together."""

from __future__ import annotations

import asyncio

from textual import events
from textual.app import App, ComposeResult

from hptui.ui.widgets.field import Field


class Host(App[None]):
    def compose(self) -> ComposeResult:
        yield Field("0.001", select_on_focus=False)


def test_keys_that_a_slow_line_delivers_together_keep_their_order() -> None:
    async def main() -> None:
        app = Host()
        async with app.run_test() as pilot:
            await pilot.pause()
            for key in [*["backspace"] * 5, "1", "2", "left", "3", "end", "4", "home", "delete"]:
                app.post_message(events.Key(key, key if len(key) == 1 else None))
            for _ in range(200):
                await pilot.pause()
                if app.query_one(Field).value == "324":
                    return
            raise AssertionError(app.query_one(Field).value)

    asyncio.run(main())
