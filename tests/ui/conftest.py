"""What tests of screens share: a pilot that asks no widget which has nothing to do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from textual.message_pump import MessagePump
from textual.pilot import Pilot, WaitForScreenTimeout

ROUNDS = 10
"""of asking at most: what is drawn again and again is never idle"""


def is_idle(node: MessagePump) -> bool:
    """Whether it waits for a message, so that it has done all that came of the earlier ones."""
    queue = node._message_queue
    return queue.empty() and any(not waiting.done() for waiting in queue.ready_event._waiters)  # type: ignore[attr-defined]


async def wait_for_busy(pilot: Pilot[None], timeout: float = 30.0) -> bool:
    """Wait until whatever has something to do has done it; as Pilot does, which asks all others too.

    In a form a key that is pressed was more work for the answers of idle widgets than for itself.
    """
    app = pilot.app
    for _ in range(ROUNDS):
        if not app._screen_stack:
            return False
        busy = [node for node in (app, *app.screen.walk_children(with_self=True)) if not is_idle(node)]
        answers = [answer for node in busy if node.call_later((answer := asyncio.Event()).set)]
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


@pytest.fixture(autouse=True, scope="session")
def only_the_busy_answer() -> Iterator[None]:
    """Wait for these alone, in all tests of screens."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Pilot, "_wait_for_screen", wait_for_busy)
        yield
