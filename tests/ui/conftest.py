"""What tests of screens share: a pilot that asks no widget which has nothing to do, apps that draw when it matters.

And one reading of each style sheet: every app would parse those of its widgets again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from textual.app import App
from textual.cache import LRUCache
from textual.css.stylesheet import Stylesheet
from textual.pilot import Pilot, WaitForScreenTimeout

from .late_drawing import busy, draw_late, drawing

ROUNDS = 10
"""of asking at most: what is drawn again and again is never idle"""


async def wait_for_busy(pilot: Pilot[None], timeout: float = 30.0) -> bool:
    """Wait until whatever has something to do has done it; as Pilot does, which asks all others too.

    In a form a key that is pressed was more work for the answers of idle widgets than for itself.
    """
    app = pilot.app
    for _ in range(ROUNDS):
        if not app._screen_stack:
            return False
        answers = [answer for node in busy(app) if node.call_later((answer := asyncio.Event()).set)]
        if not answers:
            answers = drawing(app)
        if not answers:
            return True
        if not await have_come(answers, app._exception_event, timeout):
            return False
    return True


async def have_come(answers: list[asyncio.Event], failure: asyncio.Event, timeout: float) -> bool:
    """Wait for all of them, or for the end of the app."""
    done = asyncio.gather(*(answer.wait() for answer in answers))
    broken = asyncio.ensure_future(failure.wait())
    await asyncio.wait([done, broken], timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    broken.cancel()
    done.cancel()
    if not all(answer.is_set() for answer in answers) and not failure.is_set():
        raise WaitForScreenTimeout("some widgets do not answer")
    return not failure.is_set()


SHUT_DOWN = App._shutdown


async def shut_down(app: App[Any]) -> None:
    """Draw what has changed last, then end the app."""
    if app._running and app._exception is None and app._screen_stack:
        await have_come(drawing(app), app._exception_event, 30.0)
    await SHUT_DOWN(app)


PARSE = Stylesheet.parse
SHEETS = 1024
PARSED: dict[frozenset[tuple[str, str]], LRUCache[tuple[Any, ...], Any]] = {}
"""rules by the colours of a theme, and by their text and place"""


def parse_once(sheet: Stylesheet) -> None:
    """Take from an earlier app what it has parsed: rules are only read."""
    own = sheet._parse_cache
    sheet._parse_cache = PARSED.setdefault(frozenset(sheet._variables.items()), LRUCache(SHEETS))
    try:
        PARSE(sheet)
    finally:
        sheet._parse_cache = own


@pytest.fixture(autouse=True, scope="session")
def only_what_matters() -> Iterator[None]:
    """Have the busy alone answer, draw when somebody waits for the screen, and parse once, in all tests of screens."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Pilot, "_wait_for_screen", wait_for_busy)
        draw_late(patch)
        patch.setattr(App, "_shutdown", shut_down)
        patch.setattr(Stylesheet, "parse", parse_once)
        yield
