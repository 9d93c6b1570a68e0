"""One writer per directory, and how others see that it lives: by a lock on its own machine, by its heartbeat elsewhere.

    DIRECTORY/lock              held while somebody writes; the system takes it back when the process dies
              heartbeat.json    who writes; written anew every few seconds (hptui.record.life_signs)

On the writer's machine the lock alone tells, at once and without any clock. From other machines it tells only as long
as it is held; if it is free, that may be because their locks are not shared, so the heartbeat is looked at. Who wants
to write where a heartbeat of another machine is left waits to see whether it changes. Who is sure that it does not
live takes over by force (hptui.record.takeover): a writer that lives after all finds its lock replaced, and ends.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType

import msgspec

from hptui.errors import RunDirectoryError, TrainingError
from hptui.record.life_signs import (
    BEAT_SECONDS,
    LOST_AFTER_SECONDS,
    OLD_SECONDS,
    Heartbeat,
    age,
    beats,
    boot_id,
    is_old,
    read_heartbeat,
    unchanged_seconds,
    write_heartbeat,
)
from hptui.record.locks import DirectoryLock, is_locked
from hptui.record.study_folders import HEARTBEAT, LOCK
from hptui.record.write_errors import cannot_write

__all__ = [
    "HEARTBEAT",
    "LOCK",
    "Heartbeat",
    "Presence",
    "await_silence",
    "holder",
    "is_written",
    "kept_from_writers",
    "places_of",
    "read_heartbeat",
    "refuse_if_written",
]

POLL_SECONDS = 0.25
DYING_SECONDS = 10.0
"""for the system to take the lock back from a process that was killed; with gigabytes of memory it takes a while"""
LAST_DATE = 4e9
"""seconds since 1970: what is said to be later is not said to be that late"""
SETTLE_SECONDS = 0.5
"""without locks: two that begin at once see after this whose heartbeat stayed"""


class Presence:
    """Hold a directory for writing while the `with` block lasts.

    Raises:
        RunDirectoryError: on entry, if another process holds it or the directory cannot be written.
    """

    def __init__(self, directory: Path, *, with_runs: bool = True) -> None:
        """`with_runs`: of a study, nobody may write its runs either."""
        self._directory, self._with_runs = directory, with_runs
        self._lock = DirectoryLock(directory)
        self._sign = Heartbeat(os.getpid(), socket.gethostname(), time.time(), boot_id(), secrets.token_hex(8))
        self._successor = ""
        """who took over, in words; empty: nobody"""
        self._looked = time.monotonic()
        self._looking = threading.Lock()
        self._leave = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="hptui-heartbeat", daemon=True)

    def __enter__(self) -> Presence:
        _acquire(self._lock, self._directory)
        try:
            await_silence(self._directory, with_runs=self._with_runs)
            self._begin()
        except BaseException:
            self._lock.release()
            raise
        self._thread.start()
        return self

    def _begin(self) -> None:
        try:
            write_heartbeat(self._directory, self._sign)
        except OSError as error:
            if not os.access(self._directory, os.W_OK):
                raise RunDirectoryError(cannot_write(self._directory, error)) from None
            # a full disk stops the training with a message of its own; the heartbeat must not hide it
        if not self._lock.exists:
            time.sleep(SETTLE_SECONDS)
            if not self._is_mine():
                raise _held(self._directory)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._leave.set()
        self._thread.join()
        with contextlib.suppress(OSError):
            if self._is_mine():
                (self._directory / HEARTBEAT).unlink(missing_ok=True)
        self._lock.release()

    def require_held(self) -> None:
        """Raise TrainingError if another process took over: from then on nothing may be written here."""
        if time.monotonic() - self._looked >= LOST_AFTER_SECONDS:  # this process was suspended, or its disk stood still
            self._look()
        if self._successor:
            raise TrainingError(
                f"{self._directory} was taken over by {self._successor} (hptui resume --force); this training ends."
            )

    def _look(self) -> None:
        with self._looking:
            self._looked = time.monotonic()
            if not self._successor and not self._is_mine():
                beat = read_heartbeat(self._directory)
                self._successor = beat.writer if beat is not None else "another process"

    def _is_mine(self) -> bool:
        beat = read_heartbeat(self._directory)
        is_others = beat is not None and beat.token != self._sign.token
        return not is_others and (not self._lock.exists or self._lock.is_mine())

    def _beat(self) -> None:
        while not self._leave.wait(BEAT_SECONDS):
            self._look()
            if self._successor:
                return
            self._sign = msgspec.structs.replace(self._sign, time=time.time(), beat=self._sign.beat + 1)
            with contextlib.suppress(OSError):
                write_heartbeat(self._directory, self._sign)


def _acquire(lock: DirectoryLock, directory: Path) -> None:
    until = time.monotonic() + DYING_SECONDS
    try:
        while not (free := lock.acquire()) and _is_dying(directory) and time.monotonic() < until:
            pass  # it waits for a moment each time
    except OSError as error:
        raise RunDirectoryError(cannot_write(directory, error)) from None
    if not free:
        raise _held(directory)


def _is_dying(directory: Path) -> bool:
    beat = read_heartbeat(directory)
    return beat is not None and beat.is_dying


@contextlib.contextmanager
def kept_from_writers(directory: Path) -> Iterator[None]:
    """Let nobody begin to write in a directory while the block lasts, without writing there.

    Raises:
        RunDirectoryError: on entry, if somebody writes there, or the directory cannot be written.
    """
    refuse_if_written(directory)
    lock = DirectoryLock(directory)
    _acquire(lock, directory)
    try:
        await_silence(directory)
        yield
    finally:
        lock.release()


def refuse_if_written(directory: Path) -> None:
    """Raise RunDirectoryError if a living process seems to write here, before anything slow is begun."""
    if is_written(directory):
        raise _held(directory)


def is_written(directory: Path) -> bool:
    """Whether a living process writes here. It takes no time, and may err on other machines until it is asked again."""
    locked, beat = is_locked(directory), read_heartbeat(directory)
    if locked or beat is None:
        return bool(locked) and not (beat is not None and beat.is_dying)
    if locked is False and beat.is_here:
        return False
    return beats(directory)


def await_silence(directory: Path, tell: Callable[[str], object] | None = None, *, with_runs: bool = True) -> None:
    """Wait until it is sure that no heartbeat of another machine changes, in a study or in its runs.

    Args:
        directory: of a study or of a run.
        tell: called with one line if it is going to take a while.
        with_runs: of a study; else its runs may be at work.

    Raises:
        RunDirectoryError: one does.
    """
    places = [place for place in (places_of(directory) if with_runs else [directory]) if _is_doubtful(place)]
    if places and tell is not None:
        beat = read_heartbeat(places[0])
        whose = beat.writer if beat is not None else "another process"
        tell(f"{whose} may still train this; waiting {LOST_AFTER_SECONDS:.0f} s for a sign of life ...")
    began = {place: _beat_of(place) for place in places}
    absent: set[Path] = set()
    while places:
        for place in list(places):
            now = _beat_of(place)
            if now is not None and now != began[place]:
                raise _held(place)
            # one that is not there now and the next time, too, was removed by a writer that left
            if (now is None and place in absent) or unchanged_seconds(place) >= LOST_AFTER_SECONDS:
                places.remove(place)
            (absent.add if now is None else absent.discard)(place)
        if places:
            time.sleep(POLL_SECONDS)


def places_of(directory: Path) -> list[Path]:
    """A study or a run, and the runs in it."""
    runs = {path.parent for name in (HEARTBEAT, LOCK) for path in directory.glob(f"*/{name}")}
    return [directory, *sorted(run for run in runs if not run.is_symlink())]


def _beat_of(directory: Path) -> tuple[str, int, float] | None:
    beat = read_heartbeat(directory)
    return None if beat is None else (beat.token, beat.beat, beat.time)


def _is_doubtful(directory: Path) -> bool:
    """Whether there is a heartbeat of which only time can tell whether it is that of a living process."""
    beat = read_heartbeat(directory)
    if beat is None or is_old(directory, beat) or unchanged_seconds(directory) >= LOST_AFTER_SECONDS:
        return False
    return not (beat.is_here and _has_locks(directory))


def _has_locks(directory: Path) -> bool:
    return is_locked(directory) is not None


def _held(directory: Path) -> RunDirectoryError:
    beat = read_heartbeat(directory)
    if beat is None:
        return RunDirectoryError(f"{directory} is being written by another process.")
    end = "stop that one first" if beat.is_here else "stop that one first, or take it over: hptui resume --force"
    return RunDirectoryError(f"{directory} is being written by {holder(directory)}; {end}.")


def holder(directory: Path) -> str:
    """Whoever writes, and when it last showed that it lives, in words."""
    beat = read_heartbeat(directory)
    if beat is None:
        return "another process"
    seconds = age(directory)
    written = min(max(time.time() - seconds, 0.0), LAST_DATE)
    date = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(written))
    last = f"{max(seconds, 0):.0f} s ago" if -1 < seconds < OLD_SECONDS else date
    return f"{beat.writer} (last sign of life {last})"
