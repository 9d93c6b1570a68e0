"""One writer per directory, and a sign of life that others can read: a lock and a heartbeat.

The lock keeps two writers apart and is released by the system when a process dies. It says nothing to another
machine that sees the same folder, so the holder also rewrites `heartbeat.json` every second; a reader takes
silence for a lost writer.

filelock and psutil (20 ms together) are imported where they are used: the screen is painted before that.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import msgspec

from hptui.errors import RunDirectoryError
from hptui.opening import read_file
from hptui.parsing import parse_json
from hptui.record.files import replace_file

LOCK = "lock"
HEARTBEAT = "heartbeat.json"
BEAT_SECONDS = 1.0
LOST_AFTER_SECONDS = 15.0
"""importing torch or writing to a slow disk may hold a heartbeat up for some seconds"""
LOCK_SECONDS = 0.3
"""a reader that tries whether a lock is free holds it for an instant, which must not turn a writer away"""


class Heartbeat(msgspec.Struct, frozen=True):
    """Sign of life: who writes, and when it last said so."""

    pid: int
    host: str
    time: float
    """seconds since 1970, UTC"""


class Presence:
    """Hold a directory for writing while the `with` block lasts.

    Raises:
        RunDirectoryError: on entry, if another process holds it or the directory cannot be written.
    """

    def __init__(self, directory: Path) -> None:
        import filelock

        self._directory = directory
        self._lock = filelock.FileLock(directory / LOCK, thread_local=False)
        self._leave = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="hptui-heartbeat", daemon=True)

    def __enter__(self) -> Presence:
        import filelock

        try:
            self._lock.acquire(timeout=LOCK_SECONDS, poll_interval=LOCK_SECONDS / 20)
        except filelock.Timeout:
            raise _held(self._directory) from None
        except OSError as error:
            raise RunDirectoryError(f"cannot write in {self._directory}: {error.strerror}.") from None
        self._write()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._leave.set()
        self._thread.join()
        (self._directory / HEARTBEAT).unlink(missing_ok=True)
        self._lock.release()

    def _beat(self) -> None:
        while not self._leave.wait(BEAT_SECONDS):
            self._write()

    def _write(self) -> None:
        beat = Heartbeat(pid=os.getpid(), host=socket.gethostname(), time=time.time())
        # a full disk stops the training with a message of its own; the heartbeat must not hide it
        with contextlib.suppress(OSError):
            replace_file(self._directory / HEARTBEAT, msgspec.json.encode(beat))


@contextlib.contextmanager
def kept_from_writers(directory: Path) -> Iterator[None]:
    """Let nobody begin to write in a directory while the block lasts, without writing there.

    Raises:
        RunDirectoryError: on entry, if somebody writes there, or the directory cannot be written.
    """
    import filelock

    refuse_if_written(directory)
    lock = filelock.FileLock(directory / LOCK, thread_local=False)
    try:
        lock.acquire(timeout=LOCK_SECONDS, poll_interval=LOCK_SECONDS / 20)
    except filelock.Timeout:
        raise _held(directory) from None
    except OSError as error:
        raise RunDirectoryError(f"cannot write in {directory}: {error.strerror}.") from None
    try:
        yield
    finally:
        lock.release()


def refuse_if_written(directory: Path) -> None:
    """Raise RunDirectoryError if a living process writes here, before anything slow is begun."""
    if is_written(directory):
        raise _held(directory)


def is_written(directory: Path) -> bool:
    """Whether a living process writes here: its heartbeat is fresh and, on this machine, it lives."""
    beat = read_heartbeat(directory)
    if beat is None:
        return False
    if time.time() - beat.time >= LOST_AFTER_SECONDS:
        return False
    import psutil

    if beat.host != socket.gethostname() or psutil.pid_exists(beat.pid):
        return True
    return _is_locked(directory)  # a container of this host's name counts its processes by itself


def _is_locked(directory: Path) -> bool:
    """Whether a process of this machine holds the lock; only its death or its end releases it."""
    if not (directory / LOCK).exists():
        return False
    import filelock

    try:
        with filelock.FileLock(directory / LOCK, thread_local=False).acquire(blocking=False):
            return False
    except filelock.Timeout:
        return True
    except OSError:  # a folder that may only be read: the process that wrote here is gone
        return False


def read_heartbeat(directory: Path) -> Heartbeat | None:
    """The last sign of life; None if there is none or it cannot be read."""
    try:
        beat: Heartbeat = parse_json(read_file(directory / HEARTBEAT), Heartbeat)
    except (OSError, msgspec.DecodeError):
        return None
    return beat


def _held(directory: Path) -> RunDirectoryError:
    beat = read_heartbeat(directory)
    holder = "another process" if beat is None else f"process {beat.pid} on {beat.host}; stop that one first"
    return RunDirectoryError(f"{directory} is being written by {holder}.")
