"""One training at a time in a process: torch has one stream of random numbers and one number of threads for all of it.

Two that ran side by side would draw from each other's stream: both would end with other weights than their seed means,
and a replay could find neither.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from hptui.errors import TrainingError

_HELD = threading.Lock()


@contextmanager
def sole_in_process() -> Iterator[None]:
    """Hold this process for one training, or for what draws as one does; not even the same thread may do so twice.

    Raises:
        TrainingError: a training goes on in this process; it is not disturbed.
    """
    if not _HELD.acquire(blocking=False):
        raise TrainingError(
            "this process trains a network already, and two would disturb each other's random numbers; "
            "wait until that training has ended, or start this one in a process of its own."
        )
    try:
        yield
    finally:
        _HELD.release()
