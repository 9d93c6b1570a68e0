"""Signs of life of whoever writes in a directory: a small file, written anew every few seconds, and how it is judged.

    DIRECTORY/heartbeat.json

Clocks of two machines differ, so none is compared with another. Whoever looks again and again goes by change: a file
that was written anew is that of a living process, one that has stayed the same for long is not. Whoever looks once
compares when the file was written with the time of a file made just now in the same place: one clock, the file
server's, told both.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import msgspec

from hptui.parsing import parse_json, ready
from hptui.record.files import replace_file
from hptui.record.study_folders import HEARTBEAT

BEAT_SECONDS = 3.0
LOST_AFTER_SECONDS = 15.0
"""importing torch or writing to a slow disk may hold a heartbeat up for some seconds"""
OLD_SECONDS = 3600.0
"""what both the writer's clock and the file's own call so old needs no second look"""
CLOCK_SECONDS = 60.0
"""for so long a file server's clock is known once it was asked"""
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
LONGEST_HOST = 255
HEARTBEAT_BYTES = 4096
"""more than any is long"""


@ready
class Heartbeat(msgspec.Struct, frozen=True):
    """Sign of life: who writes."""

    pid: int
    host: str
    time: float
    """seconds since 1970, UTC, by the writer's clock"""
    boot: str = ""
    """what the writer's kernel calls the time since it was started; containers of one machine share it. Empty: it does
    not say, or an older hptui wrote this"""
    token: str = ""
    """of one writer and no other; empty: an older hptui wrote this"""
    beat: int = 0
    """how many there were before"""

    @property
    def is_here(self) -> bool:
        """Whether it is of this machine, whose locks tell who lives."""
        if self.boot and boot_id():
            return self.boot == boot_id()
        return self.host == socket.gethostname()

    @property
    def is_dying(self) -> bool:
        """Whether the process was killed and the system has yet to take back what it held, which can take a second."""
        if not self.is_here:
            return False
        try:
            state = Path(f"/proc/{self.pid}/stat").read_bytes().rpartition(b") ")[2][:1]
        except OSError:
            return False
        return state in (b"Z", b"X")

    @property
    def writer(self) -> str:
        """Words that can be printed, whoever wrote them."""
        host = "".join(sign if sign.isprintable() else "?" for sign in self.host[:LONGEST_HOST])
        return f"process {self.pid} on {host}"


@cache
def boot_id() -> str:
    """What the kernel calls the time since it was started; empty where it does not say."""
    with contextlib.suppress(OSError):
        return BOOT_ID.read_text("ascii", "replace").strip()
    return ""


def read_heartbeat(directory: Path) -> Heartbeat | None:
    """The last sign of life; None if there is none or it cannot be read."""
    content = _content(directory)
    return _decoded(content) if content is not None else None


def _decoded(content: bytes) -> Heartbeat | None:
    try:
        beat: Heartbeat = parse_json(content, Heartbeat)
    except msgspec.DecodeError:
        return None
    return beat


def _content(directory: Path) -> bytes | None:
    try:
        file = os.open(directory / HEARTBEAT, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return os.read(file, HEARTBEAT_BYTES)
    except OSError:
        return None
    finally:
        os.close(file)


def write_heartbeat(directory: Path, heartbeat: Heartbeat) -> None:
    """Put it in the place of the one before. After a power loss nobody asks for it: it is not flushed to the disk.

    Raises:
        OSError: it cannot be written.
    """
    replace_file(directory / HEARTBEAT, msgspec.json.encode(heartbeat), durable=False)


@dataclass
class _Sight:
    """What a heartbeat was when it was looked at."""

    content: bytes
    since: float
    """of this process's clock, which only goes forward"""
    changed: bool
    """it was another one before"""


_sights: dict[Path, _Sight] = {}
_clocks: dict[int, tuple[float, float]] = {}
"""by file system: how far its clock is ahead of this process's, and when that was found"""
_threads = threading.Lock()


def unchanged_seconds(directory: Path) -> float:
    """How long this process has seen a heartbeat stay as it is; 0 where it is looked at for the first time."""
    return time.monotonic() - _look(directory).since


def _look(directory: Path) -> _Sight:
    content, now = _content(directory) or b"", time.monotonic()
    with _threads:
        sight = _sights.get(directory)
        if sight is None or sight.content != content:
            sight = _sights[directory] = _Sight(content, now, changed=sight is not None and bool(content))
        return sight


def beats(directory: Path) -> bool:
    """Whether the heartbeat seems to be that of a living process, by change, or at the first look by its age."""
    sight = _look(directory)
    if not sight.content or time.monotonic() - sight.since >= LOST_AFTER_SECONDS:
        return False
    return sight.changed or abs(age(directory)) < LOST_AFTER_SECONDS


def is_old(directory: Path, beat: Heartbeat) -> bool:
    """Whether nobody need wait to see that this heartbeat stays as it is: it has for long, whichever clock one asks."""
    return min(age(directory), time.time() - beat.time) >= OLD_SECONDS


def age(directory: Path) -> float:
    """Seconds since the heartbeat was written, by the clock of its file system; infinity if there is none."""
    try:
        written = (directory / HEARTBEAT).lstat().st_mtime
    except OSError:
        return float("inf")
    return _file_system_time(directory) - written


def _file_system_time(directory: Path) -> float:
    """Time by the clock that dates files here; this machine's where nothing may be written."""
    try:
        device = directory.stat().st_dev
        ahead, found = _clocks.get(device, (0.0, float("-inf")))
        if time.monotonic() - found >= CLOCK_SECONDS:
            ahead = _date_of_new_file(directory) - time.monotonic()
            _clocks[device] = ahead, time.monotonic()
    except OSError:
        return time.time()
    return ahead + time.monotonic()


def _date_of_new_file(directory: Path) -> float:
    """Date of a file that is made, and gone again."""
    with contextlib.suppress(OSError, AttributeError):  # one without a name, where system and file system have such
        file = os.open(directory, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        try:
            return os.fstat(file).st_mtime
        finally:
            os.close(file)
    path = directory / f".clock.{os.getpid()}.{time.monotonic_ns()}.partial"
    path.touch(0o600, exist_ok=False)
    try:
        os.utime(path)  # to the server's time: how a server dates a file that it creates is its own affair
        return path.stat().st_mtime
    finally:
        path.unlink()
