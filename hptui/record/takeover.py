"""A study taken away from whoever holds it, because somebody is sure that it is not trained there any more.

A holder that lives after all finds its lock replaced at its next sign of life, and ends (hptui.record.presence).
"""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Callable
from pathlib import Path

from hptui.errors import RunDirectoryError
from hptui.record.life_signs import (
    BEAT_SECONDS,
    LOST_AFTER_SECONDS,
    Heartbeat,
    beats,
    boot_id,
    read_heartbeat,
    write_heartbeat,
)
from hptui.record.locks import is_held, is_locked, open_lock, replace_lock
from hptui.record.presence import holder, places_of
from hptui.record.study_folders import HEARTBEAT
from hptui.record.write_errors import cannot_write

POLL_SECONDS = 0.25


def take_over(directory: Path, tell: Callable[[str], object], *, with_runs: bool = True) -> None:
    """Make a study and its runs free for a new writer, whoever holds them now, and say who that is.

    A writer that lives notices, and leaves; that is waited for, but not for ever.

    Args:
        directory: of the study.
        tell: called with a line for each of them.
        with_runs: of a study; else its runs may be at work, and are left alone.

    Raises:
        RunDirectoryError: the directory cannot be written.
    """
    sign = Heartbeat(os.getpid(), socket.gethostname(), time.time(), boot_id(), secrets.token_hex(8))
    left: list[tuple[Path, int | None, float]] = []
    for place in places_of(directory) if with_runs else [directory]:
        locked = is_locked(place)
        if read_heartbeat(place) is None and not locked:
            continue
        tell(f"taking over {place.name} from {holder(place)}")
        until = time.monotonic() + _patience(place)
        file = open_lock(place) if locked else None
        try:
            replace_lock(place)
            write_heartbeat(place, sign)
        except OSError as error:
            raise RunDirectoryError(cannot_write(place, error)) from None
        left.append((place, file, until))
    for place, file, until in left:
        while time.monotonic() < until and not (file is not None and is_held(file) is False):
            time.sleep(POLL_SECONDS)
        if file is not None:
            os.close(file)
        (place / HEARTBEAT).unlink(missing_ok=True)


def _patience(directory: Path) -> float:
    """Seconds in which whoever writes here, as far as it lives, has seen that it may not any more."""
    locked, beat = is_locked(directory), read_heartbeat(directory)
    if locked:
        return LOST_AFTER_SECONDS  # most of the time it leaves, and its lock with it, long before
    is_gone = beat is None or (locked is False and beat.is_here) or not beats(directory)
    return 0.0 if is_gone else 2 * BEAT_SECONDS
