"""What this process may use of its machine: cores and memory, within the limits of its container (cgroup v2)."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

import psutil

ROOT = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")


def usable_cores() -> int:
    """Cores that this process may use, at least 1: a share of one core, as a container may have, counts as one."""
    ours = getattr(os, "process_cpu_count", None)  # of Python 3.13
    if ours is not None:
        cores = ours() or 1
    else:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    shares = (_cores(group) for group in _groups())
    return max(1, min([cores, *(math.floor(share) for share in shares if share is not None)]))


def free_memory() -> int:
    """Bytes of main memory that this process could still take."""
    left = (_left(group) for group in _groups())
    free: int = psutil.virtual_memory().available
    return max(0, min([free, *(one for one in left if one is not None)]))


def _groups() -> Iterator[Path]:
    """The group of this process, and those around it; each may be limited."""
    try:
        lines = OWN.read_text("utf-8").splitlines()
    except (OSError, ValueError):
        return
    own = next((line.removeprefix("0::/") for line in lines if line.startswith("0::/")), None)
    if own is None or ".." in own:  # of a machine without, or beyond what is seen from here
        own = ""
    group = ROOT / own
    yield from (group, *(parent for parent in group.parents if parent.is_relative_to(ROOT)))


def _cores(group: Path) -> float | None:
    """Cores that a group may use; None: as many as there are."""
    words = _words(group / "cpu.max")
    if len(words) != 2 or not all(word.isdecimal() for word in words) or words[1] == "0":
        return None
    return int(words[0]) / int(words[1])


def _left(group: Path) -> int | None:
    """Bytes that a group may still take; None: there is no limit. Cached files are given up where room is short."""
    limit, used = _words(group / "memory.max"), _words(group / "memory.current")
    if len(limit) != 1 or not limit[0].isdecimal() or len(used) != 1 or not used[0].isdecimal():
        return None
    stat = _words(group / "memory.stat")
    cached = dict(zip(stat[::2], stat[1::2], strict=False)).get("inactive_file", "0")
    return int(limit[0]) - int(used[0]) + (int(cached) if cached.isdecimal() else 0)


def _words(file: Path) -> list[str]:
    try:
        return file.read_text("ascii").split()
    except (OSError, ValueError):
        return []
